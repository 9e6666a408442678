"""``lab3 collect``: what a class handed in, from whatever an LMS gives."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

from typer import Argument, Option

from autograder.plain_text import one_line
from lab3.errors import LabError
from tools.shared.console import Bar, out, print_table, say
from tools.shared.options import Json
from tools.shared.table import Table

if TYPE_CHECKING:
    from autograder.collecting.collection import FromSource, Progress
    from autograder.course.counting import Counted
    from autograder.course.index import Attempt
    from autograder.course.summary import Summary

USAGE, NEEDS_STAFF, INTERRUPTED = 2, 3, 130
LISTED = 20  # names of one kind


def collect(
    sources: Annotated[
        list[Path],
        Argument(metavar="SOURCE...", help="Archives, folders and tables that an LMS gave."),
    ],
    kind: Annotated[
        str | None,
        Option("--from", metavar="KIND", help="Insist on a kind, where names don't tell it."),
    ] = None,
    assignment: Annotated[
        str | None,
        Option("--assignment", metavar="NAME", help="Which one, where nbgrader has several."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Collect what a class handed in, into the course folder in which you stand.

    Takes downloads of Moodle, Canvas, Gradescope, Blackboard, Brightspace and nbgrader, clones of
    GitHub Classroom and Classroom 50, and a folder with one folder or archive a student: as
    archives or unpacked. Moodle's grading worksheet beside its download tells names and times.

    Every attempt is kept, as a private copy in ``submissions/``. Running it again adds what is new
    and reads nothing twice. The exit code is 3 when somebody has to look: at what can't be
    graded, at who is missing or not in the class list, or at a time that nobody knows.

    Examples:

        lab3 collect ~/Downloads/CS101-Lab3-4711.zip ~/Downloads/Grades-CS101-Lab3.csv

        lab3 collect submissions.zip --from canvas

        lab3 collect repositories/ --json
    """
    from autograder.collecting.collection import Request
    from autograder.collecting.collection import collect as collect_into
    from autograder.collecting.copying import NOT_HERE
    from autograder.course.folder import Course
    from autograder.course.summary import summary
    from autograder.host import conversion
    from autograder.submissions.lms.kinds import KINDS

    if kind is not None and kind not in KINDS:
        fail(f"--from {kind}: choose one of {', '.join(KINDS)}")
    why_not = conversion.why_not()
    try:
        course = Course.find()
        with Shown() as shown:
            request = Request(sources, kind, assignment)
            results = collect_into(course, request, None if why_not else conversion.convert, shown)
        result = summary(course)
    except LabError as error:
        fail(str(error))
    except KeyboardInterrupt:
        say("interrupted: what was collected so far is kept; the same command goes on")
        sys.exit(INTERRUPTED)
    if as_json:
        out.print_json(json.dumps(as_data(results, result)))
    else:
        print_results(results, result)
    if why_not and any(NOT_HERE in (attempt.problem or "") for attempt in result.unreadable):
        say(f"archives of other kinds can be read where they can be converted: {why_not}")
    if result.needs_staff or any(source.left or source.damaged for source in results):
        sys.exit(NEEDS_STAFF)


def fail(text: str) -> NoReturn:
    """End because of what was asked for."""
    say(f"lab3: {text}")
    sys.exit(USAGE)


class Shown:
    """Shows how far collecting is: a bar for each source that is read; a context manager."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._bar: Bar | None = None
        self._source = ""

    def __enter__(self) -> Shown:
        return self

    def __exit__(self, *exception: object) -> None:
        self._open.close()

    def __call__(self, progress: Progress) -> None:
        """Take news."""
        if self._bar is None or progress.source != self._source:
            self._open.close()
            self._bar = self._open.enter_context(Bar(progress.source, max(progress.total, 1)))
            self._source = progress.source
        self._bar.move_to(progress.done, one_line(progress.text))


def print_results(results: list[FromSource], result: Summary) -> None:
    """Print what each source gave, what there is now, and what somebody has to look at."""
    rows: list[tuple[str, ...]] = [
        (one_line(source.name), source.kind, str(source.new), str(source.known))
        for source in [one for one in results if one.new + one.known] or results
    ]
    print_table("Collected", Table(("Source", "Kind", "New", "There already"), rows, left=2))
    numbers = {
        "students": len(result.counted),
        "attempts": len(result.index.attempts),
        "late": len(result.late),
        **{name: len(lines) for name, lines in to_look_at(result).items()},
    }
    rows = [(name, str(number)) for name, number in numbers.items()]
    print_table("In the course", Table(("", "Number"), rows))
    lists = {"late": [f"{one.student.id}: {one.why}" for one in result.late], **to_look_at(result)}
    for source in results:
        lists |= {f"damaged in {source.name}": source.damaged}
        lists |= {f"not understood in {source.name}": list(source.left)}
    for name, lines in lists.items():
        if lines:
            out.print(f"\n{one_line(name)}", markup=False)
        for line in lines[:LISTED]:
            out.print(f"  {one_line(line)}", markup=False)
        if len(lines) > LISTED:
            out.print(f"  and {len(lines) - LISTED:,} more: see --json", markup=False)
    for source in results:
        if source.unread:
            say(f"{one_line(source.name)}: not read again: {source.unread:,} of {source.known:,}")
        for note in source.notes:
            say(f"{one_line(source.name)}: {one_line(note)}")


def to_look_at(result: Summary) -> dict[str, list[str]]:
    """Return what staff has to look at, a line each, by what it is."""
    return {
        "to be decided": [f"{one.student.id}: {one.asks_staff}" for one in result.asks_staff],
        "unreadable": [f"{', '.join(a.students)}: {reason(a)}" for a in result.unreadable],
        "missing": [f"{row.id} {row.name}".strip() for row in result.missing],
        "not in the class list": [f"{s.id} {s.name}".strip() for s in result.strangers],
    }


def reason(attempt: Attempt) -> str:
    """Return why an attempt can't be graded; for staff, also what went wrong here."""
    from autograder.collecting.copying import FAULT

    if attempt.problem == FAULT:
        return f"{FAULT} ({'; '.join(attempt.warnings)})"
    return str(attempt.problem)


def as_data(results: list[FromSource], result: Summary) -> dict[str, Any]:
    """Return all of it for programs."""
    return {
        "sources": [asdict(source) for source in results],
        "students": [student.model_dump(mode="json") for student in result.index.students],
        "attempts": [attempt.model_dump(mode="json") for attempt in result.index.attempts],
        "counted": [counted_data(one) for one in result.counted],
        "unreadable": [attempt.id for attempt in result.unreadable],
        "missing": [row.id for row in result.missing],
        "not_in_class_list": [student.id for student in result.strangers],
    }


def counted_data(one: Counted) -> dict[str, Any]:
    """Return what counts for a student, for programs."""
    return {
        "student": one.student.id,
        "attempt": one.attempt.id,
        "deadline": one.deadline and one.deadline.isoformat(),
        "is_late": one.is_late,
        "late_by_s": None if one.late_by is None else one.late_by.total_seconds(),
        "lost": str(one.lost),
        "why": one.why,
        "folder": one.folder,
        "path": one.path and str(one.path),
        "problem": one.problem,
        "asks_staff": one.asks_staff,
    }
