"""Small submissions with known verdicts: the wrong ones fail exactly their checks, the right none.

``wrong`` and ``right`` hold the submissions, each told as a few changes of the solution.
"""
