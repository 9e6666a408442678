"""One submission as data: archives, entries, and what of them counts."""
