"""A class as data: the course folder, its students, and what they handed in."""
