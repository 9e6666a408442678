"""``lab3 read``: a report that was handed in, as a page that is safe to open."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from tools.shared.console import say


def read(
    submission: Annotated[
        Path, Argument(metavar="SUBMISSION", help="An archive or folder that was handed in.")
    ],
    target: Annotated[
        Path | None,
        Option("--out", metavar="FILE.html", help="The page; NAME-report.html when not given."),
    ] = None,
) -> None:
    """Write the report of a submission as one page without anything that acts or is loaded.

    It is made of report.md and its figures, or of report.html where there is no report.md.

    Example:

        lab3 read submissions/ada.zip
    """
    from autograder.submissions.places import grade_name
    from autograder.submissions.reading import open_submission
    from lab3.log.runlog import write_atomically
    from tools.report.page import page_of_others

    with open_submission(submission) as handed_in:
        text, problems = page_of_others(handed_in.report, handed_in.page, handed_in.figures)
    for problem in problems:
        say(f"warning: {problem}")
    page = target or Path(f"{grade_name(submission)}-report.html")
    write_atomically(page, lambda file: file.write(text.encode()))
    say(f"wrote {page}")
