"""The mark of what counts: exact, derived anew each time, and rounded once."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from autograder.course.counting import counted
from autograder.course.settings import Late, Settings
from autograder.marks import final_mark
from tests.making.classes import DEADLINE, attempt, index
from tests.making.grades import grade, result


def mark(points: float, percent: str, **fields: object) -> str:
    """The mark of somebody who was two days late."""
    settings = Settings(deadline=DEADLINE, late=Late(percent=Decimal(percent)))
    handed_in = index(attempt("a", late_h=48))
    (one,) = counted(settings.model_copy(update=fields), handed_in, Path("/submissions"))
    return str(final_mark(grade(result(points=points, outcome="passed")), one))


@pytest.mark.parametrize(
    ("points", "percent", "expected"),
    [
        (4.1, "0", "4.10"),
        (4.1, "10", "3.28"),
        (0.125, "0", "0.13"),  # a half goes up
        (86.25, "2.5", "81.94"),  # 81.9375
        (100, "33.35", "33.30"),
        (100, "80", "0.00"),
    ],
)
def test_what_lateness_takes_is_taken_of_decimals(
    points: float, percent: str, expected: str
) -> None:
    assert mark(points, percent) == expected


def test_another_deadline_changes_the_mark_at_once() -> None:
    moved = {"extensions": {"ada": DEADLINE + timedelta(days=1)}}
    assert (mark(100, "10"), mark(100, "10", **moved)) == ("80.00", "90.00")
    assert mark(100, "10", grace=timedelta(days=2)) == "100.00"
