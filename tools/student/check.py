"""``lab3 check``: the public checks on a student's own files."""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from typer import Option

from tools.grades import print_grade
from tools.shared.console import out, say
from tools.shared.options import Code, DataDir, Json
from tools.studying.checking import PARTS, Wanted, checker, excerpt, find_folder, roots, saved

if TYPE_CHECKING:
    from autograder.results import CheckResult, Grade

MESSAGES = 3  # as many fit on one screen


def check(
    keyword: Annotated[
        str, Option("-k", metavar="NAME", help="Only the checks whose name contains this.")
    ] = "",
    part: Annotated[
        int | None,
        Option("--part", min=1, max=len(PARTS), help="Only the checks of a part of the handout."),
    ] = None,
    everything: Annotated[
        bool, Option("--all", help="Show every message, not only the first three.")
    ] = False,
    accuracy: Annotated[
        bool, Option("--accuracy", help="Also count right test images; takes minutes on a CPU.")
    ] = False,
    watch: Annotated[bool, Option("--watch", help="Check again whenever a file is saved.")] = False,
    html: Annotated[
        Path | None, Option("--html", metavar="FILE", help="Also write a page with all messages.")
    ] = None,
    form: Annotated[
        Literal["text", "github"],
        Option("--format", help="github: also mark the lines in GitHub Actions."),
    ] = "text",
    as_json: Json = False,
    code: Code = None,
    data_dir: DataDir = Path("data"),
) -> None:
    """Check your stubs, and your run logs when one is complete, as grading will.

    Your code runs in a process of its own, behind the walls that this computer offers. Hidden
    checks make the same claims with other inputs. The exit code is 0 when everything passed.

    Examples:

        lab3 check

        lab3 check --part 1

        lab3 check -k lower_clamp

        lab3 check --watch

        lab3 check --accuracy --html check.html
    """
    folder = find_folder(code)
    wanted = Wanted(keyword, PARTS[part] if part else (), accuracy)
    with checker(folder, wanted, data_dir) as asked:
        while True:
            before = saved(folder)
            grade = asked.grade(folder)
            show(grade, folder, as_json, everything)
            if form == "github":
                for line in marks_for_github(grade, folder):
                    sys.stdout.write(line + "\n")
            if html:
                from autograder.exports.feedback import feedback
                from autograder.exports.files import write_text

                write_text(html, feedback(grade, "everything"))
                say(f"wrote {html}")
            if not watch:
                break
            say("watching; Ctrl-C ends")
            try:
                while saved(folder) == before:
                    time.sleep(0.2)
            except KeyboardInterrupt:
                break
    if any(result.outcome != "passed" for result in grade.results):
        sys.exit(1)


def show(grade: Grade, folder: Path, as_json: bool, everything: bool) -> None:
    """Print a table, and the messages that help most: what comes first, then what waits for it."""
    if as_json:
        out.print_json(grade.model_dump_json())
        return
    print_grade(f"Public checks at {datetime.now(UTC).astimezone():%H:%M:%S}", grade)
    failed = [r for r in grade.results if r.outcome != "passed"]
    first = roots(failed)
    messages = failed if everything else first[:MESSAGES]
    for result in messages:
        out.print(f"\n{message(result, folder)}", markup=False)
    rest = len(first) - len(messages)
    waiting = len(failed) - len(first)
    parts = [f"{rest} more failed"] if not everything and rest > 0 else []
    if not everything and waiting > 0:
        parts.append(f"{waiting} wait for {'this' if len(first) == 1 else 'these'}")
    if parts:
        out.print(f"\n{', '.join(parts)}: --all shows them", markup=False)


def message(result: CheckResult, folder: Path) -> str:
    """Return the message on a result, with the student's own lines below the place."""
    from autograder.messages import describe, where

    text = describe(result)
    lines = excerpt(folder, result.place) if result.place else ""
    place = f"  where   {where(result)}"
    return text.replace(place, f"{place}\n{lines}", 1) if lines else text


def marks_for_github(grade: Grade, folder: Path) -> list[str]:
    """Return the commands that let GitHub show each cause at its line."""
    top = os.environ.get("GITHUB_WORKSPACE", ".")
    lines = []
    for result in roots(grade.results):
        facts = {"title": f"lab3 check: {result.check}"}
        if result.place:
            path = Path(os.path.relpath(folder / result.place.file, top)).as_posix()
            facts = {"file": path, "line": str(result.place.line)} | facts
        properties = ",".join(f"{name}={escaped(text, ':,')}" for name, text in facts.items())
        text = escaped(f"{result.claim}\n{result.said}".strip())
        lines.append(f"::error {properties}::{text}")
    return lines


def escaped(text: str, more: str = "") -> str:
    """Write a text as GitHub's commands want it."""
    for character in f"%\r\n{more}":
        text = text.replace(character, f"%{ord(character):02X}")
    return text
