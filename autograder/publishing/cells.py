"""What is marked: a cell for each check, and one for each section of the report."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from autograder import rubric
from autograder.course.folder import Course
from autograder.results import CheckResult, exact
from autograder.rubric import Rubric

LATER = "later_checks"  # has the points of checks that a gradebook is older than


@dataclass(frozen=True)
class Cells:
    """Cells by their names, with what they are worth: of checks, and of the report's sections."""

    checks: Mapping[str, Decimal]
    sections: Mapping[str, Decimal]

    @property
    def code_total(self) -> Decimal:
        return sum(self.checks.values(), Decimal())

    @property
    def report_total(self) -> Decimal:
        return sum(self.sections.values(), Decimal())


def cell_of(check: str) -> str:
    """Return what the cell of a check is called: formgrader finds none that has a dot in it."""
    return check.replace(".", "-")


@cache
def kit_rubric() -> Rubric:
    """Return the kit's rubric, which has every check there is."""
    names = rubric.names_in(rubric.RUBRIC)
    return rubric.load(rubric.RUBRIC, names)


def rubric_of(course: Course) -> Rubric:
    """Return the rubric of a course; raise RubricError where it can't be used."""
    kit = kit_rubric()
    names = list(dict.fromkeys(entry.check for entry in kit.entries))
    path = course.settings.rubric
    return kit if path is None else rubric.load(path, names)


def cells_of(course: Course) -> Cells:
    """Return the cells of a course, worth what its rubric says; checks are those of the kit."""
    own = rubric_of(course)
    checks = dict.fromkeys((cell_of(entry.check) for entry in kit_rubric().entries), Decimal())
    for entry in own.entries:
        checks[cell_of(entry.check)] += exact(entry.points)
    report = own.document.report or kit_rubric().document.report
    sections = report.model_dump() if report else {}
    return Cells(checks, {name: exact(points) for name, points in sections.items()})


def scores(results: Iterable[CheckResult], known: Collection[str]) -> dict[str, Decimal | None]:
    """Return what the checks of a grade earned, by cell; None where staff has to decide.

    A check that has no cell among ``known`` counts in ``LATER``.
    """
    earned: dict[str, Decimal | None] = dict.fromkeys((*known, LATER), Decimal())
    for result in results:
        cell = cell_of(result.check)
        cell = cell if cell in known else LATER
        before, is_open = earned[cell], result.outcome == "grader_error"
        earned[cell] = None if before is None or is_open else before + exact(result.earned)
    return earned
