"""How a grading and a grade are shown, by every command that makes one."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from tools.shared.console import Bar, out, print_table, spinner
from tools.shared.options import PLACES
from tools.shared.table import Table

if TYPE_CHECKING:
    from autograder.options import Event
    from autograder.results import CheckResult, Grade

WAITING = {
    "warming": "starting the worker behind its walls",
    "canary": "grading the reference on the same worker",
}
RubricFile = Annotated[
    Path | None,
    Option("--rubric", metavar="FILE", rich_help_panel=PLACES, help="Another rubric.toml."),
]
Exact = Annotated[
    bool, Option("--exact", help="Count all test images instead of stopping when it is certain.")
]


def prepare(progress: Progress) -> None:
    """Import what grading needs, and fit this process to it."""
    progress.wait("warming")
    from autograder.grading import fit_process

    fit_process()


class Progress:
    """Shows a grading as it goes on: events become a spinner, then a bar; a context manager."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._open = ExitStack()
        self._bar: Bar | None = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Show nothing until the next event."""
        self._open.close()
        self._bar = None

    def wait(self, kind: str) -> None:
        """Show that something goes on whose length is not known."""
        self.close()
        self._open.enter_context(spinner(WAITING[kind]))

    def __call__(self, event: Event) -> None:
        """Take an event."""
        if event.kind in WAITING:
            self.wait(event.kind)
            return
        if self._bar is None:
            self._open.close()
            self._bar = self._open.enter_context(Bar(self._name, event.total))
        self._bar.move_to(event.done, event.text)


def group_table(grade: Grade) -> Table:
    """One row a group: points, and the checks that did not pass."""
    from autograder.messages import number
    from autograder.plain_text import one_line
    from autograder.results import total

    rows: list[tuple[str, ...]] = []
    for group, results in grade.groups.items():
        earned, points = total(r.earned for r in results), total(r.points for r in results)
        rows.append((group, one_line(not_passed(results)), number(earned), number(points)))
    return Table(("Group", "Checks", "Points", "of"), rows, left=2)


def not_passed(results: list[CheckResult]) -> str:
    """Name the checks that did not pass, by outcome; a check that fails twice is named once."""
    from autograder.messages import WORDS

    outcomes = dict.fromkeys(result.outcome for result in results)
    if len(outcomes) == 1:
        return f"all {WORDS[results[0].outcome].lower()}"
    parts = []
    for outcome in outcomes:
        if outcome != "passed":
            of_it = [result for result in results if result.outcome == outcome]
            public = {result.name for result in of_it if result.visibility == "public"}
            names = [r.name if r.name in public else f"{r.name} (hidden inputs)" for r in of_it]
            parts.append(f"{WORDS[outcome].lower()}: {', '.join(dict.fromkeys(names))}")
    return "; ".join(parts)


def print_grade(title: str, grade: Grade) -> None:
    """Print the groups and the sum on stdout."""
    from autograder.messages import summary
    from autograder.plain_text import harmless

    print_table(title, group_table(grade))
    out.print(summary(grade), markup=False)
    for problem in grade.problems:
        out.print(f"note: {harmless(problem)}", markup=False)


def print_walls(grade: Grade) -> None:
    """Print what stood between the code and this computer, and whether the worker stayed well."""
    note = "; lab3 doctor tells why" if grade.tier == "none" else ""
    out.print(f"walls: {', '.join(grade.walls)}{note}", markup=False)
    if grade.canary:
        out.print(f"canary: {grade.canary}", markup=False)
