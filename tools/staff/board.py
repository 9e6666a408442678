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
    from autograder.batch.orders import Message
    from autograder.batch.orders import Progress as Step
    from autograder.course.counting import Counted
    from autograder.grades.items import Item
    from autograder.results import Grade

LATE_HEADERS = ("Late", "Mark")


class Board:
    """One line for the class and one for each submission in work; a context manager.

    Where stderr is no terminal, there is a line for each grade instead, unless each ``is_told`` on
    stdout.
    """

    def __init__(self, items: dict[str, Item], kept: int, is_told: bool) -> None:
        self._items, self._is_told = items, is_told
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
        from autograder.batch import orders
        from autograder.grades import items

        match message:
            case orders.Progress():
                self._step(message)
            case orders.Judged(folder):
                self._end_line(folder)
                self._judged.add(folder)
                self._progress.update(self._all, completed=len(self._judged))
            case items.Graded(folder, grade):
                self._graded(folder, grade)
            case orders.Postponed(folder, why):
                self._end_line(folder)
                self._judged.discard(folder)
                title = self._items[folder].title
                say(f"{title}: {why}; it is graded once more, alone, after the others")
            case orders.Reduced(text):
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
        if self._progress.disable and not self._is_told:
            of = f"{number(grade.earned)} of {number(grade.points)} points"
            say(f"{self._done}/{self._total} {self._items[folder].title}: {of}")


def print_line(
    item: Item, grade: Grade, counted: Counted | None, is_new: bool, is_as_made: bool
) -> None:
    """Print a grade as one line of JSON, in a course with what lateness takes."""
    line = {
        "folder": item.folder,
        "student": item.title,
        "earned": grade.earned,
        "points": grade.points,
        "needs_staff": grade.needs_staff or not is_as_made,
        "unread": grade.unread,
        "is_new": is_new,
        "rubric_sha256": grade.rubric_sha256,
        "seconds": grade.seconds,
    }
    if counted is not None:
        from autograder.marks import final_mark

        late_s = None if counted.late_by is None else counted.late_by.total_seconds()
        mark = float(final_mark(grade, counted))
        line |= {"attempt": counted.attempt.id, "late_by_s": late_s, "mark": mark}
    out.print(json.dumps(line, ensure_ascii=False), markup=False)


class ClassTable:
    """Who earned what, in a course with what lateness takes, and what staff has to look at."""

    def __init__(self, is_course: bool) -> None:
        self._is_course = is_course
        self._rows: list[tuple[str, ...]] = []
        self._points = 0.0

    def add(
        self,
        item: Item,
        grade: Grade,
        counted: Counted | None,
        is_stale: bool = False,
        is_as_made: bool = True,
    ) -> None:
        """Add a student."""
        self._points = max(self._points, grade.points)
        remarks = to_look_at(grade, is_stale, is_as_made)
        cells = (item.title, item.folder, remarks, number(grade.earned))
        self._rows.append((*cells, *(late_cells(grade, counted) if self._is_course else ())))

    def print(self) -> None:
        headers = ("Student", "Folder", "For staff", "Points", *LATE_HEADERS * self._is_course)
        title = f"{len(self._rows)} graded, of {number(self._points)} points"
        print_table(title, Table(headers, self._rows, left=3))


def late_cells(grade: Grade, counted: Counted | None) -> tuple[str, str]:
    """Say how late a student is, and return the mark."""
    from autograder.marks import final_mark

    if counted is None:
        return "", ""
    return lateness(counted), number(float(final_mark(grade, counted)))


def lateness(counted: Counted) -> str:
    """Say how late an attempt is, and what that takes of the points; empty when it is on time."""
    from autograder.course.counting import spoken

    if counted.is_late is None:
        return "unknown"
    if not counted.is_late:
        return ""
    late = "yes" if counted.late_by is None else spoken(counted.late_by)
    return f"{late}: -{number(100 * float(counted.lost))} %"


def to_look_at(grade: Grade, is_stale: bool, is_as_made: bool) -> str:
    """Say what somebody has to look at, and what is out of date."""
    remarks = []
    if grade.unread:
        remarks.append(grade.unread)
    elif grade.undecided:
        remarks.append(f"{number(grade.undecided)} points undecided")
    if not grade.is_canary_well:
        remarks.append("the worker was not well: grade again")
    if not is_as_made:
        remarks.append("not as it was graded: somebody else wrote it, or changed it")
    if is_stale:
        remarks.append("graded by another rubric or kit")
    return "; ".join(remarks)
