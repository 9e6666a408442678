"""What grades many submissions, wherever it does: on this computer or on others."""

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self

from autograder.batch.orders import Message
from autograder.grades.items import Facts, Graded, Item
from autograder.host.child import KILLED
from autograder.submissions.budgets import IDLE
from lab3.errors import LabError


class NoGraderError(LabError):
    """Nothing can grade here, or nothing any more; the text says why and what to do."""


class Pool(Protocol):
    """Grades items, several at once; a context manager.

    What goes wrong with one (its process dies, its code's is killed, its worker isn't well, it runs
    out of time by the clock) is graded once more, alone, when all others are through, and that
    counts. So every item gets exactly one grade, and no item harms another.
    """

    @property
    def facts(self) -> Facts:
        """What its grades rest on."""

    def grade(self, items: Sequence[Item]) -> Iterator[Message]:
        """Grade items, and yield what happens as it comes; raise NoGraderError when nobody can."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def differences(first: Facts, other: Facts) -> Iterator[tuple[str, str, str]]:
    """Yield what the grades of two would rest on and what differs."""
    facts: Mapping[str, tuple[str, str]] = {
        "version of the kit": (first.kit, other.kit),
        "content of the kit": (first.sources_sha256, other.sources_sha256),
        "rubric": (first.rubric.sha256, other.rubric.sha256),
        "key": (first.rubric.asked_sha256, other.rubric.asked_sha256),
        "PyTorch": (first.torch, other.torch),
        "INT8 engine": (first.engine, other.engine),
    }
    for name, (one, two) in facts.items():
        if one != two:
            yield name, one, two


def why_again(graded: Graded) -> str:
    """Say why a grade should not count yet; empty where it should."""
    grade = graded.grade
    if {result.outcome for result in grade.results} == {"grader_error"}:
        return grade.results[0].said
    if not grade.is_canary_well:
        return grade.canary.partition(":")[0]
    for result in grade.results:
        if result.by_clock:
            return "it waited until its time was over, which on a loaded computer may be no fault"
        for text in (result.said, *(seen.got for seen in result.observations)):
            if KILLED in text or IDLE in text:
                return text
    return ""
