"""What grading a class shows while it goes on, and at its end."""

from __future__ import annotations

import json
from types import TracebackType
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from autograder.messages import number
from autograder.plain_text import harmless
from tools.shared.console import err, out, print_table, say
from tools.shared.table import Table

if TYPE_CHECKING:
    from autograder.batch.items import Item, Message
    from autograder.batch.items import Progress as Step
    from autograder.results import Grade


class Board:
    """One line for the class and one for each submission in work; a context manager.

    Where stderr is no terminal, there is a line for each grade instead.
    """

    def __init__(self, items: dict[str, Item], kept: int, as_json: bool) -> None:
        self._items, self._as_json = items, as_json
        self._done = self._failures = 0
        self._earned = 0.0
        self._lines: dict[str, TaskID] = {}
        self._judged: set[str] = set()  # folders
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[text]}", markup=False),
            TimeRemainingColumn(compact=True),
            console=err,
            transient=True,
            disable=not err.is_terminal,
        )
        self._total = len(items)
        title = f"grading {self._total}" + (f", {kept} are graded" if kept else "")
        self._all = self._progress.add_task(title, total=self._total, text="")

    def __enter__(self) -> Board:
        if not self._progress.disable:
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._progress.disable:
            self._progress.stop()

    def show(self, message: Message) -> None:
        """Show what happened."""
        from autograder.batch import items

        match message:
            case items.Progress():
                self._step(message)
            case items.Judged(folder):
                self._end_line(folder)
                self._judged.add(folder)
                self._progress.update(self._all, completed=len(self._judged))
            case items.Graded(folder, grade):
                self._graded(folder, grade)
            case items.Postponed(folder, why):
                self._end_line(folder)
                self._judged.discard(folder)
                title = self._items[folder].title
                say(f"{title}: {why}; it is graded once more, alone, after the others")
            case items.Reduced(text):
                say(f"fewer processes than asked for: {text}")

    def _step(self, step: Step) -> None:
        """Show how far a submission has come."""
        if step.folder not in self._lines:
            title = harmless(f"  {self._items[step.folder].title}")
            self._lines[step.folder] = self._progress.add_task(title, total=step.total, text="")
        self._progress.update(
            self._lines[step.folder], completed=step.done, total=step.total, text=step.text
        )

    def _end_line(self, folder: str) -> None:
        if folder in self._lines:
            self._progress.remove_task(self._lines.pop(folder))

    def _graded(self, folder: str, grade: Grade) -> None:
        """Show a grade."""
        self._end_line(folder)
        self._judged.add(folder)
        self._done += 1
        self._earned += grade.earned
        self._failures += grade.needs_staff
        text = f"{number(round(self._earned / self._done, 1))} points on average"
        text += f", {self._failures} for staff" if self._failures else ""
        self._progress.update(self._all, completed=len(self._judged), text=text)
        if self._as_json:
            print_line(folder, self._items[folder], grade, is_new=True)
        elif self._progress.disable:
            of = f"{number(grade.earned)} of {number(grade.points)} points"
            say(f"{self._done}/{self._total} {self._items[folder].title}: {of}")


def print_line(folder: str, item: Item, grade: Grade, is_new: bool) -> None:
    """Print a grade as one line of JSON."""
    line = {
        "folder": folder,
        "student": item.title,
        "earned": grade.earned,
        "points": grade.points,
        "needs_staff": grade.needs_staff,
        "unread": grade.unread,
        "is_new": is_new,
        "rubric_sha256": grade.rubric_sha256,
        "seconds": grade.seconds,
    }
    out.print(json.dumps(line, ensure_ascii=False), markup=False)


def print_class(grades: dict[str, tuple[Item, Grade]], stale: set[str]) -> None:
    """Print who earned what, and what somebody has to look at."""
    rows: list[tuple[str, ...]] = [
        (item.title, folder, remark(grade, folder in stale), number(grade.earned))
        for folder, (item, grade) in sorted(grades.items())
    ]
    points = max((grade.points for _, grade in grades.values()), default=0)
    title = f"{len(rows)} graded, of {number(points)} points"
    print_table(title, Table(("Student", "Folder", "For staff", "Points"), rows, left=3))


def remark(grade: Grade, is_stale: bool) -> str:
    """Say what somebody has to look at, and what is out of date."""
    remarks = []
    if grade.unread:
        remarks.append(grade.unread)
    elif grade.undecided:
        remarks.append(f"{number(grade.undecided)} points undecided")
    if not grade.is_canary_well:
        remarks.append("the worker was not well: grade again")
    if is_stale:
        remarks.append("graded by another rubric or kit")
    return "; ".join(remarks)
