"""Grading many submissions: independent items on all cores or on a cluster, stored as they come."""
