"""A class's grades beside earlier ones: whose marks changed, and why. Nothing is graded."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from autograder.changes import Change, Standing, changes, differences
from autograder.grades.storing import Store
from autograder.results import Grade
from lab3.errors import LabError

NEW, GONE = "not graded before", "no grade any more"


class NoGradesError(LabError):
    """There is nothing to compare with; the text says what was looked for."""


@dataclass(frozen=True)
class Comparison:
    """What a student earned beside an earlier grade; None where there is none.

    ``differences`` are the conditions that are others, whether they changed a mark or not.
    """

    folder: str
    before: Standing | None
    after: Standing | None
    changes: tuple[Change, ...]
    differences: tuple[str, ...]

    @property
    def is_changed(self) -> bool:
        return bool(self.changes) or self.before is None or self.after is None

    @property
    def why(self) -> tuple[str, ...]:
        """What changed the marks of all checks together."""
        if self.before is None or self.after is None:
            return (NEW if self.before is None else GONE,)
        return tuple(dict.fromkeys(reason for change in self.changes for reason in change.why))


def compare(folder: str, before: Grade | None, after: Grade | None) -> Comparison:
    """Compare two grades of one student."""
    totals = (total_of(before), total_of(after))
    if before is None or after is None:
        return Comparison(folder, *totals, (), ())
    return Comparison(folder, *totals, changes(before, after), differences(before, after))


def total_of(grade: Grade | None) -> Standing | None:
    return None if grade is None else Standing(grade.earned, grade.points)


def require_grades(store: Store, remedy: str) -> None:
    """Raise NoGradesError for a folder that holds no grades."""
    if not any(store.folders()):
        raise NoGradesError(f"{store.top} holds no grades: {remedy}")


def with_folder(store: Store, old: Store, folders: Iterable[str]) -> Iterator[Comparison]:
    """Compare with a copy of the grades."""
    for folder in folders:
        before, after = old.grade(folder), store.grade(folder)
        if before is not None or after is not None:
            yield compare(folder, before, after)


def with_previous(store: Store, folders: Iterable[str]) -> Iterator[Comparison]:
    """Compare with the grade that each student had before, as far as there was one."""
    for folder in folders:
        after, before = store.grade(folder), store.before(folder)
        if after is not None and before is not None:
            yield compare(folder, before[1], after)
