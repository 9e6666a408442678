"""The errors of the lab that a person can put right."""


class LabError(Exception):
    """Something is wrong that the user can put right; the text names the value and the remedy."""
