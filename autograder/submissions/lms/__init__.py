"""Finding students and what they handed in, in whatever shape an LMS gives."""
