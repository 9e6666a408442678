"""Warm workers for many submissions: replaced in time, and tested by a canary before they go.

A canary is a submission that is known to be right, the reference solution. It is graded on the
same worker after the others: should one of them have harmed the worker, the canary loses points,
and staff is told which grades not to trust.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from autograder.asking import judging
from autograder.catalog import CODE_GROUPS
from autograder.host.child import SandboxError
from autograder.host.sandbox import Sandbox
from autograder.messages import number
from autograder.rubric import Entry, Rubric
from autograder.submissions.reading import Submission

RENEW_AFTER = 25  # submissions


@dataclass(frozen=True)
class Verdict:
    """What a canary said of a worker, and whose grades that concerns."""

    said: str
    is_well: bool
    submissions: tuple[str, ...]

    def __str__(self) -> str:
        if self.is_well:
            return self.said
        return f"{self.said}: do not trust the grades of {', '.join(self.submissions)}; grade again"


class Workers:
    """Hands out a warm sandbox for each submission; a context manager.

    The worker is replaced after ``renew_after`` submissions, and after any whose process died,
    hung or sent nonsense. ``on_verdict`` hears of each worker that goes.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        rubric: Rubric,
        canary: Submission | None,
        on_verdict: Callable[[Verdict], None] = lambda _: None,
        renew_after: int = RENEW_AFTER,
    ) -> None:
        self.sandbox, self._rubric, self._canary = sandbox, rubric, canary
        self._on_verdict, self._renew_after = on_verdict, renew_after
        self._served: list[str] = []

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *exception: object) -> None:
        if exception[0] is None:
            self.retire()
        self.sandbox.close()

    @contextmanager
    def serving(self, name: str) -> Iterator[Sandbox]:
        """Lend the sandbox for one submission."""
        if self.sandbox.anomalies or len(self._served) >= self._renew_after:
            self.retire()
            self.sandbox.renew()
        self._served.append(name)
        yield self.sandbox

    def retire(self) -> None:
        """Grade the canary on the present worker, if it has served anybody, and tell.

        Without walls there is nobody but one's own code to be told of.
        """
        if self._served and self._canary and self.sandbox.tier != "none":
            said, is_well = self._ask_canary(self._canary)
            self._on_verdict(Verdict(said, is_well, tuple(self._served)))
        self._served = []

    def _ask_canary(self, canary: Submission) -> tuple[str, bool]:
        try:
            grade = judging.grade(canary, self._rubric, self.sandbox, is_asked)
        except SandboxError as error:
            return f"the reference could not be graded on this worker: {error}", False
        for result in grade.results:
            if result.outcome == "grader_error":  # the worker is gone
                said = f"the reference could not be graded on this worker: {result.said}"
                return said, False
        lost = dict.fromkeys(r.check for r in grade.results if r.outcome != "passed")
        if lost:
            return f"the reference failed {', '.join(lost)} on the same worker", False
        return f"the reference got {number(grade.points)} of {number(grade.points)} points", True


def is_asked(entry: Entry) -> bool:
    """Leave out runs."""
    return entry.check.split(".")[0] in CODE_GROUPS
