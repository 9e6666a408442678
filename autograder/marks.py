"""A student's mark: the points of the grade, less what lateness takes."""

from decimal import ROUND_HALF_UP, Decimal

from autograder.course.counting import Counted
from autograder.results import Grade, exact

HUNDREDTH = Decimal("0.01")


def final_mark(grade: Grade, counted: Counted) -> Decimal:
    """Return the mark of what counts, derived anew each time and rounded once."""
    return rounded(exact(grade.earned) * (1 - counted.lost))


def rounded(mark: Decimal) -> Decimal:
    """Return a mark in hundredths."""
    return mark.quantize(HUNDREDTH, rounding=ROUND_HALF_UP)
