"""A grade in the formats that others read."""
