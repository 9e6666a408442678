"""The folders that formgrader looks into: beside the gradebook, it wants to see files.

It lists an assignment that has a folder in ``source/``, counts who has one in ``submitted/``, and
shows the notebooks in ``autograded/``. There are no notebooks in the first two, so that none of its
buttons releases, runs or grades anything: that is what ``lab3`` does.
"""

import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from autograder.course.folder import Course
from autograder.exports.pages import TEMPLATES
from autograder.messages import describe
from autograder.publishing.cells import LATER, Cells, cell_of
from autograder.publishing.gradebook.layout import ASSIGNMENT, CODE, REPORT
from autograder.publishing.standings import Standing
from autograder.results import CheckResult, Grade

CONFIG_NAME = "nbgrader_config.py"
CONFIG = '''"""Tells nbgrader of this course's gradebook; written by lab3 export nbgrader."""

from pathlib import Path

from autograder.publishing.gradebook.opening import database_of

c = get_config()
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.db_url = database_of(Path(__file__).resolve().parent)
'''
TIME = "%Y-%m-%d %H:%M:%S.%f UTC"  # as nbgrader reads it
LATER_CLAIM = "Checks that came after this gradebook."


def write_config(folder: Path) -> bool:
    """Write nbgrader's configuration, unless there is one; tell whether it is ours."""
    path = folder / CONFIG_NAME
    if not path.exists():
        replace(path, CONFIG)
    return path.read_text(encoding="utf-8", errors="replace") == CONFIG


def write_folders(course: Course, standing: Standing, cells: Cells) -> None:
    """Write what formgrader wants to see of one student who is graded."""
    if standing.why_open or standing.grade is None or standing.counted is None:
        return
    submitted = course.folder / "submitted" / standing.folder / ASSIGNMENT
    received = standing.counted.attempt.received
    if received is not None:
        replace(submitted / "timestamp.txt", stamp(received))
    else:
        submitted.mkdir(parents=True, exist_ok=True)
        (submitted / "timestamp.txt").unlink(missing_ok=True)
    shown = course.folder / "autograded" / standing.folder / ASSIGNMENT
    code = notebook(f"Code of {standing.folder}", code_cells(standing.grade, cells.checks))
    file = standing.counted.attempt.file
    where = f"submissions/{file}" if file else "nothing that can be read"
    report = notebook(f"Report of {standing.folder}: {where}", report_cells(cells.sections))
    replace(shown / f"{CODE}.ipynb", code)
    replace(shown / f"{REPORT}.ipynb", report)


def write_source(course: Course) -> None:
    """Write the folder by which formgrader knows the assignment."""
    (course.folder / "source" / ASSIGNMENT).mkdir(parents=True, exist_ok=True)


def stamp(time: datetime) -> str:
    return time.astimezone(UTC).strftime(TIME) + "\n"


def replace(path: Path, text: str) -> None:
    """Write a file that can be made again, whole, unless it says the same already."""
    content = text.encode()
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")  # several may write at once
    beside.write_bytes(content)
    beside.replace(path)


def notebook(title: str, cells: Iterator[dict[str, Any]]) -> str:
    """Return a notebook of some cells below a title."""
    head = {"cell_type": "markdown", "metadata": {}, "source": f"# {title}"}
    document = {
        "cells": [head, *cells],
        "metadata": {"kernelspec": {"display_name": "", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 4,
    }
    return json.dumps(document, ensure_ascii=False, indent=0) + "\n"


def code_cells(grade: Grade, worth: Mapping[str, Decimal]) -> Iterator[dict[str, Any]]:
    """Yield a cell for each check, with what it saw where it didn't pass."""
    results: dict[str, list[CheckResult]] = {}
    for result in grade.results:
        cell = cell_of(result.check)
        cell = cell if cell in worth else LATER
        results.setdefault(cell, []).append(result)
    for name, points in {**worth, LATER: Decimal()}.items():
        own = results.get(name, [])
        if name == LATER and not own:
            points = Decimal()
        claim = LATER_CLAIM if name == LATER else own[0].claim if own else "It was not asked."
        texts = [describe(result) for result in own if result.outcome != "passed"]
        lines = [f"# {claim}", *(f"# {r.visibility}: {r.outcome}" for r in own)]
        output = {"name": "stdout", "output_type": "stream", "text": "\n\n".join(texts)}
        yield {
            "cell_type": "code",
            "execution_count": None,
            "metadata": {"nbgrader": marking(name, points, "code", is_answer=False)},
            "outputs": [output] if texts else [],
            "source": "\n".join(lines),
        }


def report_cells(worth: Mapping[str, Decimal]) -> Iterator[dict[str, Any]]:
    """Yield a cell for each section of the report, to be marked by hand."""
    for name, points in worth.items():
        yield {
            "cell_type": "markdown",
            "metadata": {"nbgrader": marking(name, points, "markdown", is_answer=True)},
            "source": f"### {headings()[name]}",
        }


def marking(name: str, points: Decimal, kind: str, is_answer: bool) -> dict[str, Any]:
    """Return by what formgrader knows a cell."""
    return {
        "cell_type": kind,
        "checksum": "",
        "grade": True,
        "grade_id": name,
        "locked": not is_answer,
        "points": float(points),
        "schema_version": 3,
        "solution": is_answer,
        "task": False,
    }


@cache
def headings() -> Mapping[str, str]:
    """Return the titles of the report's sections."""
    texts = tomllib.loads((TEMPLATES / "en.toml").read_text(encoding="utf-8"))
    titles: Mapping[str, str] = texts["headings"]
    return titles
