"""Doing runs, without a command line."""
