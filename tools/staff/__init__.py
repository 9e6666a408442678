"""Commands for teaching assistants: each parses, calls and prints."""
