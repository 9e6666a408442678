"""``lab3 review``: what a report gets wrong, before someone else finds it."""

from __future__ import annotations

import sys
import textwrap
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from tools.shared.console import UserError, out, say
from tools.shared.options import Json

if TYPE_CHECKING:
    from lab3.log.runlog import RunLog
    from tools.review.findings import Finding, Review

WIDTH = 79


def review(
    path: Annotated[
        Path | None, Argument(metavar="REPORT.md", help="A report in Markdown, in any shape.")
    ] = None,
    runs: Annotated[
        Path | None,
        Option("--runs", metavar="DIR", help="Also compare its numbers with these run folders."),
    ] = None,
    keyword: Annotated[
        str, Option("-k", metavar="NAME", help="Only the rules whose name contains this.")
    ] = "",
    as_json: Json = False,
    schema: Annotated[
        bool, Option("--schema", help="Print the JSON Schema of the findings, and nothing else.")
    ] = False,
) -> None:
    """List what a report gets wrong: missing answers, units, signs, sums, and contradictions.

    The report may be written by hand, in English or Chinese. Each finding has its line, what the
    report says, what it should say, and how sure that is. The exit code is 0 when nothing was
    found, and 1 when something was.

    Examples:

        lab3 review report.md

        lab3 review report.md --runs runs

        lab3 review report.md -k drop

        lab3 review report.md --json > findings.json
    """
    from tools.review.findings import json_schema

    if schema:
        out.print(json_schema(), markup=False)
        return
    if path is None:
        raise UserError("name a report: lab3 review report.md")
    rules = wanted(keyword)
    review = reviewed(path, runs)
    findings = tuple(finding for finding in review.findings if finding.rule in rules)
    review = review.model_copy(update={"findings": findings})
    if as_json:
        out.print_json(review.model_dump_json())
    else:
        out.print(describe(review), markup=False)
    if review.findings:
        sys.exit(1)


def wanted(keyword: str) -> set[str]:
    """Return the names of rules that contain a word; raise UserError when none does."""
    from tools.review.findings import RULES

    names = {name for name in RULES if keyword in name}
    if not names:
        raise UserError(f"no rule is called {keyword!r}: choose from {', '.join(RULES)}")
    return names


def reviewed(path: Path, runs: Path | None) -> Review:
    """Return the review of a report; raise UserError when it can't be read."""
    from tools.review import review as find
    from tools.review.findings import Review
    from tools.review.reading.encodings import LARGEST_BYTES, read_text

    if path.is_dir():
        raise UserError(f"{path} is a folder: name the report in it, such as {path / 'report.md'}")
    if path.exists() and not path.is_file():  # reading a pipe or a device would never end
        raise UserError(f"{path} can't be read: it is no file")
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror or error}") from None
    logs = read_logs(runs) if runs else []
    text = read_text(content, str(path))
    return Review(report=str(path), findings=tuple(find(text, path.parent, logs)))


def read_logs(runs: Path) -> list[RunLog]:
    """Return the run logs below a folder; one that is damaged is named and left out."""
    from lab3.log.runlog import LOG_NAME, RunLogError, read_log

    logs = []
    for path in sorted(runs.rglob(LOG_NAME)):  # also those of a sweep, one folder further down
        try:
            logs.append(read_log(path.parent))
        except RunLogError as error:
            say(f"left out: {error}")
    if not logs:
        raise UserError(f"no run log in {runs}: --runs takes the folder that holds the run folders")
    return logs


def describe(review: Review) -> str:
    """Return all findings for people: by section, most certain first."""
    from tools.review.findings import SURE

    ordered = sorted(review.findings, key=lambda f: (f.section, SURE.index(f.sure), f.line))
    blocks = []
    for section, findings in groupby(ordered, key=lambda finding: finding.section):
        blocks += [_title(section), *map(message, findings)]
    return "\n\n".join([*blocks, summary(review)])


def _title(section: int) -> str:
    from tools.review.reading.words import SECTIONS

    return f"Section {section}: {SECTIONS[section - 1][0]}" if section else "Before section 1"


def message(finding: Finding) -> str:
    """Return one finding: how sure, its rule and line; what it says, what it should say, why."""
    from autograder.plain_text import one_line
    from tools.review.findings import RULES

    word, place = finding.sure.upper(), f"line {finding.line}"
    room = WIDTH - len(word) - len(place) - 4
    title, *rest = textwrap.wrap(RULES[finding.rule], room)
    lines = [
        f"{word}  {title:{room}}  {place}",
        *(" " * (len(word) + 2) + text for text in rest),
        "",
    ]
    if finding.says:
        lines.append(f"  says     {one_line(finding.says)}")
    lines += [f"  should   {one_line(finding.should)}", f"  why      {one_line(finding.why)}"]
    return "\n".join([*lines, f"  rule     {finding.rule}"])


def summary(review: Review) -> str:
    """Return one line such as ``3 findings: 2 certain, 1 likely``."""
    from tools.review.findings import SURE

    count = len(review.findings)
    if not count:
        return "nothing found"
    parts = [f"{review.count(sure)} {sure}" for sure in SURE if review.count(sure)]
    return f"{count} finding{'' if count == 1 else 's'}: {', '.join(parts)}"
