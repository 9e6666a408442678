"""The checks of one submission in a session of pytest that somebody started."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from autograder.asking.judging import trial_of, with_needs
from autograder.asking.plugin import Checks, key_of
from autograder.grading import fit_process, load_rubric
from autograder.host.sandbox import Sandbox
from autograder.measuring import Counting
from autograder.messages import describe, number
from autograder.options import SYSTEM_DATA
from autograder.results import CheckResult
from autograder.rubric import Entry
from autograder.submissions.reading import open_submission


class Session(Checks):
    """A pytest plugin: asks one submission, and tells pytest of each verdict.

    What a chosen check builds on is run as well. Raises LabError when nothing can be graded.
    """

    def __init__(self, path: Path, rubric: Path | None) -> None:
        super().__init__()
        self._open = ExitStack()
        fit_process()
        self._rubric = load_rubric(rubric)
        self._entries = {(e.check, e.visibility): e for e in self._rubric.entries}
        self._submission = self._open.enter_context(open_submission(path))
        self._sandbox = self._open.enter_context(Sandbox())
        counting = Counting(SYSTEM_DATA)
        self._trial = self._open.enter_context(
            trial_of(self._submission, self._rubric, self._sandbox, counting=counting)
        )
        self._sandbox.wait_until_ready()  # pytest tells first of all which walls stand

    def pytest_report_header(self) -> list[str]:
        walls = ", ".join(self._sandbox.walls)
        return [f"submission: {self._submission.name}, behind walls: {walls}"]

    @pytest.hookimpl(wrapper=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Iterator[None]:
        """Put what the chosen checks build on before them, in the rubric's order."""
        by_key = {key_of(item): item for item in items if key_of(item) in self._entries}
        yield
        chosen = {self._entries[key] for item in items if (key := key_of(item)) in self._entries}
        needed = with_needs(self._rubric, chosen.__contains__)
        items[:] = [by_key[entry.check, entry.visibility] for entry in needed]

    def pytest_runtestloop(self) -> None:  # type: ignore[override]
        """Leave the loop to pytest."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self.present = self._trial, self._entry(item)

    def _entry(self, item: pytest.Item) -> Entry:
        return self._entries[key_of(item)]

    def tell(self, result: CheckResult) -> None:
        """Fail what did not pass, unless it waits for something else, which is skipped."""
        if result.outcome != "passed" and not result.is_waiting:
            pytest.fail(describe(result), pytrace=False)
        if result.is_waiting:
            pytest.skip(f"it waits for {result.waits_for}")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        results = self._trial.results
        earned, points = sum(r.earned for r in results), sum(r.points for r in results)
        terminalreporter.write_line(f"{number(earned)} of {number(points)} points")

    def pytest_unconfigure(self) -> None:
        self._open.close()
