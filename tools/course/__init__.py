"""Commands for instructors: each parses, calls and prints."""
