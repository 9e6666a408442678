"""Reference results: a plan of runs, done to its end, and what is published of it."""
