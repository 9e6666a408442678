"""Collecting: from what an LMS gives to private copies and the index of a course."""
