"""A student's earlier grades: a line for each, and the newest of them as they were.

``history.jsonl`` has one line a grade that was different from the one before, ``versions/NUMBER/``
a copy of what a newer one replaced. Both are bounded, and each file is written whole.
"""

import shutil
from pathlib import Path

from pydantic import ValidationError

from autograder.exports.files import FEEDBACK_NAME, GRADE_NAME, write_bytes, write_text
from autograder.grades.made import Made
from autograder.results import Grade

HISTORY_NAME, VERSIONS_NAME = "history.jsonl", "versions"
LINES, KEPT = 100, 10  # the newest
COPIED = (GRADE_NAME, FEEDBACK_NAME)


def read_history(folder: Path) -> list[Made]:
    """Return how the grades of a student came about, oldest first; damaged lines are left out."""
    try:
        lines = (folder / HISTORY_NAME).read_bytes().splitlines()
    except OSError:
        return []
    history = []
    for line in lines:
        try:
            history.append(Made.model_validate_json(line))
        except ValidationError:
            continue
    return history


def add_to_history(folder: Path, made: Made) -> None:
    """Add a grade, unless it is there."""
    history = read_history(folder)
    if not history or history[-1].number < made.number:
        lines = [one.model_dump_json() + "\n" for one in [*history, made][-LINES:]]
        write_text(folder / HISTORY_NAME, "".join(lines))


def keep_version(folder: Path, number: int) -> None:
    """Keep copies of a grade and its page before a newer one takes their place.

    What was kept before stays: beside it may lie a part of the newer grade already.
    """
    place = folder / VERSIONS_NAME / str(number)
    for name in COPIED:
        if not (place / name).exists() and (folder / name).exists():
            write_bytes(place / name, (folder / name).read_bytes())
    for old in kept_versions(folder)[:-KEPT]:
        shutil.rmtree(folder / VERSIONS_NAME / str(old))


def kept_versions(folder: Path) -> list[int]:
    """Return the numbers of the grades that are kept, oldest first."""
    place = folder / VERSIONS_NAME
    if not place.is_dir():
        return []
    return sorted(int(path.name) for path in place.iterdir() if path.name.isdecimal())


def read_grade(path: Path) -> Grade | None:
    """Return the grade in a file, None where there is none that can be read."""
    try:
        return Grade.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def version(folder: Path, number: int) -> Grade | None:
    """Return an earlier grade by its number, None where it isn't kept."""
    return read_grade(folder / VERSIONS_NAME / str(number) / GRADE_NAME)


def version_before(folder: Path, number: int) -> tuple[int, Grade] | None:
    """Return the last grade before this one with its number, None where none is kept."""
    for earlier in reversed(kept_versions(folder)):
        if earlier < number and (grade := version(folder, earlier)) is not None:
            return earlier, grade
    return None
