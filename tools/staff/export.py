"""``lab3 export``: marks and feedback in what a gradebook or an LMS takes."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from autograder.messages import number
from autograder.plain_text import one_line
from tools.shared.console import Bar, UserError, out, print_table, say
from tools.shared.options import Json
from tools.shared.table import Table

if TYPE_CHECKING:
    from autograder.publishing.exporting import Exported, InGradebook, Request
    from autograder.publishing.filling import Filling

NEEDS_STAFF = 3
LISTED = 20  # names of one kind
UPLOAD = "upload"  # below the course folder
TITLES = {
    "filled": "filled in",
    "replaced": "another mark replaced by ours",
    "same": "had our mark already",
    "other": "have another mark, left alone: --overwrite replaces it",
    "skipped": "left alone",
    "unclear": "not clear, left alone",
    "open": "no mark yet, left empty",
    "nothing": "handed in nothing, left empty",
    "strangers": "not in our class",
    "absent": "not in the table",
}
COUNTED_ONLY = ("filled", "same", "nothing")  # nobody has to look at these names

To = Annotated[
    Path | None,
    Option("--to", metavar="DIR", help=f"Folder for the files; {UPLOAD}/ of the course without."),
]
Overwrite = Annotated[
    bool, Option("--overwrite", help="Also where another mark stands in the table already.")
]
Scale = Annotated[
    bool, Option("--scale", help="Convert marks to what the assignment is worth in the LMS.")
]
CodeOnly = Annotated[
    bool, Option("--code-only", help="Points for code alone, also when reports are marked.")
]

export = typer.Typer(no_args_is_help=True)


@export.callback()
def group() -> None:
    """Write marks and feedback for a gradebook or an LMS.

    Marks are points less what lateness takes, rounded once. They are points for code until somebody
    has marked a report in the gradebook; from then on for code and report, for everybody whose
    report is marked. Who has no mark yet has an empty cell, and never 0.
    """


@export.command()
def moodle(
    worksheet: Annotated[
        Path,
        Option("--worksheet", metavar="FILE", help="From Download grading worksheet, as it is."),
    ],
    to: To = None,
    overwrite: Overwrite = False,
    scale: Scale = False,
    code_only: CodeOnly = False,
    as_json: Json = False,
) -> None:
    """Fill in Moodle's grading worksheet, and pack the feedback pages.

    Only cells of grades change. Upload the worksheet with Upload grading worksheet, and the .zip
    with Upload multiple feedback files in a zip. Fetch the worksheet anew each time: Moodle skips
    grades that were changed there since, without a word.

    Examples:

        lab3 export moodle --worksheet ~/Downloads/Grades-CS101-Lab3.csv
    """
    from autograder.publishing.exporting import to_moodle

    request = request_of(to, overwrite, scale, code_only)
    show(to_moodle(request, worksheet), as_json)


@export.command()
def canvas(
    gradebook: Annotated[
        Path, Option("--gradebook", metavar="FILE", help="From Export in Canvas's gradebook.")
    ],
    assignment: Annotated[
        str,
        Option("--assignment", metavar="NAME", help='Title of its column: "Lab 3 (12345)".'),
    ],
    to: To = None,
    overwrite: Overwrite = False,
    scale: Scale = False,
    code_only: CodeOnly = False,
    as_json: Json = False,
) -> None:
    """Fill in one assignment of Canvas's gradebook, and pack the feedback pages.

    The file holds the columns that tell who it is, and that of the assignment: no other column is
    imported. Who is excused (EX) stays so. Upload it with Import in the gradebook, and the .zip
    where the assignment takes back submissions that were downloaded.

    Examples:

        lab3 export canvas --gradebook 2026-12-01_Grades.csv --assignment "Lab 3 (12345)"
    """
    from autograder.publishing.exporting import to_canvas

    request = request_of(to, overwrite, scale, code_only)
    show(to_canvas(request, gradebook, assignment), as_json)


@export.command()
def gradescope(to: To = None, code_only: CodeOnly = False, as_json: Json = False) -> None:
    """Pack all results as an autograder for Gradescope, which takes no table of marks.

    Upload gradescope.zip under Configure Autograder, then press Regrade All Submissions: each
    submission gets the mark and the tests that it has in the course. Nothing of a submission is
    run there. One that came after those that were graded stays without a visible result.

    Examples:

        lab3 export gradescope
    """
    from autograder.publishing.exporting import to_gradescope

    show(to_gradescope(request_of(to, code_only=code_only)), as_json)


@export.command("csv")
def table(to: To = None, code_only: CodeOnly = False, as_json: Json = False) -> None:
    """Write all marks as one table, for spreadsheets and other systems.

    It is UTF-8 with commas. Texts that a spreadsheet would take for a formula begin with an
    apostrophe.

    Examples:

        lab3 export csv --to .
    """
    from autograder.publishing.exporting import to_csv

    show(to_csv(request_of(to, code_only=code_only)), as_json)


@export.command()
def nbgrader(as_json: Json = False) -> None:
    """Write all grades into nbgrader's gradebook, and what formgrader needs to show them.

    The gradebook is gradebook.db in the course folder, or what gradebook in course.toml names. It
    has a cell for each check, and one for each section of the report, which people mark. Doing it
    again changes nothing but automatic scores that are others now; marks and comments of people
    stay, and those that hide such a change are listed.

    Examples:

        lab3 export nbgrader

        jupyter lab        # in the course folder: formgrader shows the same marks

        nbgrader export --to grades.csv
    """
    from autograder.course.folder import Course
    from autograder.publishing.exporting import to_nbgrader

    course = Course.find()
    with Bar("writing the gradebook", max(1, len(course.index().students))) as bar:
        result = to_nbgrader(course, bar.move_to)
    if as_json:
        data = asdict(result.written) | {"database": result.database}
        out.print_json(json.dumps(data))
    else:
        print_gradebook(result)
    if result.written.hiding or result.written.open:
        sys.exit(NEEDS_STAFF)


def request_of(
    to: Path | None, overwrite: bool = False, scale: bool = False, code_only: bool = False
) -> Request:
    """Return what is asked for, in the course in which one stands."""
    from autograder.course.folder import Course
    from autograder.publishing.exporting import Request

    course = Course.find()
    if not any(course.grades.glob("*/grade.json")):
        raise UserError(f"{course.grades} holds no grades: lab3 grade makes them")
    return Request(course, to or course.folder / UPLOAD, overwrite, scale, code_only)


def show(exported: Exported, as_json: bool) -> None:
    """Print what became of the marks; the exit code is 3 when somebody has to look."""
    filling = exported.filling
    if as_json:
        lists = {f.name: getattr(filling, f.name) for f in fields(filling) if f.name != "total"}
        files = [str(path) for path in exported.files]
        out.print_json(json.dumps({**lists, "total": float(filling.total), "files": files}))
    else:
        print_filling(filling)
        for path in exported.files:
            here = Path.cwd()
            say(f"wrote {path.relative_to(here) if path.is_relative_to(here) else path}")
    if filling.needs_staff:
        sys.exit(NEEDS_STAFF)


def print_filling(filling: Filling) -> None:
    """Print how many there are of each kind, and the names that somebody should look at."""
    lists = {name: getattr(filling, name) for name in TITLES}
    rows: list[tuple[str, ...]]
    rows = [(TITLES[name], str(len(lines))) for name, lines in lists.items() if lines]
    what = f"Points for {filling.what}, of {number(float(filling.total))}"
    print_table(what, Table(("Marks", "Number"), rows))
    for name, lines in lists.items():
        if name not in COUNTED_ONLY:
            print_lines(TITLES[name], lines)
    print_lines("to know", filling.notes)


def print_lines(heading: str, lines: list[str]) -> None:
    if lines:
        out.print(f"\n{heading}", markup=False)
    for line in lines[:LISTED]:
        out.print(f"  {one_line(line)}", markup=False)
    if len(lines) > LISTED:
        out.print(f"  and {len(lines) - LISTED:,} more: see --json", markup=False)


def print_gradebook(result: InGradebook) -> None:
    """Print what became of the gradebook."""
    written = result.written
    counts: dict[str, Any] = {
        "new": written.new,
        "changed": written.changed,
        "the same": written.same,
        "no grade to write yet": written.open,
        "handed in nothing": written.nothing,
        "not in the course any more": written.left,
        "marks by hand that hide a change": written.hiding,
    }
    rows: list[tuple[str, ...]]
    rows = [(name, str(len(lines))) for name, lines in counts.items() if lines]
    print_table("In the gradebook", Table(("Students", "Number"), rows))
    for name in ("no grade to write yet", "not in the course any more"):
        print_lines(name, counts[name])
    print_lines("marks by hand that hide a change: look, and save them again", written.hiding)
    say(f"wrote {result.database}")
    if written.later:
        say(
            f"this gradebook is older than {', '.join(written.later)}: nbgrader takes no new cells "
            "once there are submissions, so their points are in the cell later_checks"
        )
    if written.gone:
        say(f"{', '.join(written.gone)}: no check is called so any more; worth 0 now")
    if not result.is_config_ours:
        say(
            "nbgrader_config.py is your own and stays: for formgrader and nbgrader it has to name "
            "this folder as CourseDirectory.root, and this gradebook as CourseDirectory.db_url"
        )
