"""Commands for students: each parses, calls and prints."""
