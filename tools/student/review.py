"""``lab3 review``: what a report gets wrong, before someone else finds it."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from lab3.log.runlog import LOG_NAME
from tools.shared.console import UserError, out, say
from tools.shared.options import Json

if TYPE_CHECKING:
    from lab3.log.runlog import RunLog
    from tools.review.findings import Review


OWN_REPORT, OWN_RUNS = Path("report.md"), Path("runs")  # of the student who stands here


class Audience(StrEnum):
    """For whom the findings are worded."""

    student = "student"
    staff = "staff"


class Form(StrEnum):
    """How the findings are printed."""

    text = "text"
    json = "json"
    sarif = "sarif"


def review(
    path: Annotated[
        Path | None,
        Argument(
            metavar="[REPORT]",
            help="A report: Markdown, HTML, a notebook, DOCX or PDF; report.md by default.",
        ),
    ] = None,
    runs: Annotated[
        Path | None,
        Option(
            "--runs",
            metavar="DIR",
            help="Also compare its numbers with these run folders; runs/ for your own.",
        ),
    ] = None,
    keyword: Annotated[
        str, Option("-k", metavar="NAME", help="Only the rules whose name contains this.")
    ] = "",
    audience: Annotated[
        Audience, Option("--for", help="Words for the student who mends it, or for staff.")
    ] = Audience.student,
    as_json: Json = False,
    form: Annotated[Form, Option("--format", help="Text, JSON, or SARIF for editors.")] = Form.text,
    schema: Annotated[
        bool, Option("--schema", help="Print the JSON Schema of the findings, and nothing else.")
    ] = False,
) -> None:
    """List what a report gets wrong: missing parts, numbers, contradictions, the contract.

    The report may be written by hand, in English or Chinese. Each finding has its lines, what the
    report says, what it should say, and how sure that is. Without a finding, it says what was
    checked and what could not be. The exit code is 0 when nothing was found, and 1 when something
    was.

    Examples:

        lab3 review

        lab3 review report.md --runs runs

        lab3 review report.docx --for staff

        lab3 review report.md -k drop

        lab3 review report.md --json > findings.json

        lab3 review report.md --format sarif > findings.sarif
    """
    from tools.review.findings import json_schema
    from tools.review.sarif import sarif

    if schema:
        out.print(json_schema(), markup=False)
        return
    if path is None:
        path = OWN_REPORT
        if not path.exists():
            raise UserError(f"there is no {path} here: lab3 report writes one, or name a report")
        if runs is None and any(OWN_RUNS.rglob(LOG_NAME)):
            runs = OWN_RUNS
    rules = wanted(keyword)
    review = reviewed(path, runs)
    findings = tuple(finding for finding in review.findings if finding.rule in rules)
    review = review.model_copy(update={"findings": findings})
    if as_json or form is Form.json:
        out.print_json(review.model_dump_json())
    elif form is Form.sarif:
        out.print_json(sarif(review))
    else:
        out.print(shown(review, audience), markup=False)
    if review.findings:
        sys.exit(1)


def wanted(keyword: str) -> set[str]:
    """Return the names of rules that contain a word; raise UserError when none does."""
    from tools.review import RULES

    names = {name for name in RULES if keyword in name}
    if not names:
        raise UserError(f"no rule is called {keyword!r}: choose from {', '.join(RULES)}")
    return names


def reviewed(path: Path, runs: Path | None) -> Review:
    """Return the review of a report; raise UserError when it can't be read."""
    from tools.review import review_file

    if path.is_dir():
        raise UserError(f"{path} is a folder: name the report in it, such as {path / 'report.md'}")
    if path.exists() and not path.is_file():  # reading a pipe or a device would never end
        raise UserError(f"{path} can't be read: it is no file")
    logs = read_logs(runs) if runs else []
    try:
        return review_file(path, logs)
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror or error}") from None


def read_logs(runs: Path) -> list[RunLog]:
    """Return the run logs below a folder; one that is damaged is named and left out."""
    from lab3.log.runlog import RunLogError, read_log

    logs = []
    for path in sorted(runs.rglob(LOG_NAME)):  # also those of a sweep, one folder further down
        try:
            logs.append(read_log(path.parent))
        except RunLogError as error:
            say(f"left out: {error}")
    if not logs:
        raise UserError(f"no run log in {runs}: --runs takes the folder that holds the run folders")
    return logs


def shown(review: Review, audience: Audience) -> str:
    """Return the findings in words, without what a report could do to a terminal."""
    from autograder.plain_text import one_line
    from tools.review.wording import describe

    safe = tuple(
        finding.model_copy(
            update={name: one_line(getattr(finding, name)) for name in ("says", "should", "why")}
        )
        for finding in review.findings
    )
    checked = tuple(map(one_line, review.checked))
    unchecked = tuple(map(one_line, review.unchecked))
    update = {"findings": safe, "checked": checked, "unchecked": unchecked}
    return describe(review.model_copy(update=update), audience.value)
