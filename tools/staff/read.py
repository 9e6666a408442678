"""``lab3 read``: a report that was handed in, as a page that is safe to open."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from tools.shared.console import UserError, say
from tools.staff.student import student_counted, title_of


def read(
    name: Annotated[
        str,
        Argument(
            metavar="STUDENT|SUBMISSION",
            help="A student of the course by id, name or folder; or an archive or folder that was "
            "handed in.",
        ),
    ],
    target: Annotated[
        Path | None,
        Option("--out", metavar="FILE.html", help="The page; NAME-report.html when not given."),
    ] = None,
) -> None:
    """Write the report of a submission as one page without anything that acts or is loaded.

    It is made of report.md and its figures, or of report.html where there is no report.md.

    Of a student in a course folder it is the report of the attempt that counts.

    Examples:

        lab3 read ada

        lab3 read submissions/ada.zip
    """
    from autograder.submissions.reading import open_submission
    from lab3.log.runlog import write_atomically
    from tools.report.page import page_of_others

    submission, title = place_of(name)
    with open_submission(submission) as handed_in:
        text, problems = page_of_others(handed_in.report, handed_in.page, handed_in.figures)
    for problem in problems:
        say(f"warning: {problem}")
    page = target or Path(f"{title}-report.html")
    write_atomically(page, lambda file: file.write(text.encode()))
    say(f"wrote {page}")


def place_of(name: str) -> tuple[Path, str]:
    """Return where that lies which is meant, and what to call its page."""
    from autograder.submissions.places import grade_name

    path = Path(name)
    is_path = path.name != name or os.path.lexists(path)
    counted = None if is_path else student_counted(name)
    if counted is None:
        return path, grade_name(path)
    if counted.path is None:
        raise UserError(f"{title_of(counted.student)} has no report: {counted.problem}")
    return counted.path, counted.folder
