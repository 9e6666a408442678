"""A grade in every format, as files beside each other."""

from pathlib import Path

from pydantic import ValidationError

from autograder.exports.feedback import Version, feedback
from autograder.exports.gradescope import gradescope
from autograder.exports.junit import junit
from autograder.messages import visible
from autograder.plain_text import harmless
from autograder.results import Grade
from autograder.rubric import Disclosure
from lab3.errors import LabError
from lab3.log.runlog import write_atomically

GRADE_NAME, FEEDBACK_NAME = "grade.json", "feedback.html"


class TakenError(LabError):
    """A folder holds the grade of another submission, which is not overwritten."""


def require_free(folder: Path, source: str) -> None:
    """Raise TakenError unless a folder is free for the grade of this submission, or holds it."""
    file = folder / GRADE_NAME
    remedy = "name another folder with --out, or move that one away"
    try:
        there = Grade.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return
    except (OSError, ValidationError):
        raise TakenError(f"{file} is there, and no grade that can be read: {remedy}") from None
    if there.source != source:
        owner = there.source or there.submission
        raise TakenError(
            harmless(f"{folder} holds the grade of {owner}, not of {source}: {remedy}")
        )


def write_files(folder: Path, grade: Grade, disclosure: Disclosure) -> list[Path]:
    """Write ``grade.json`` for staff and what students may see; return the files.

    Raises TakenError when the folder holds the grade of another submission.
    """
    require_free(folder, grade.source)
    texts = {GRADE_NAME: for_staff(grade), **pages(grade, disclosure)}
    for name, text in texts.items():
        write_text(folder / name, text)
    return [folder / name for name in texts]


def for_staff(grade: Grade) -> str:
    """Return the text of ``grade.json``."""
    return grade.model_dump_json(indent=2) + "\n"


def pages(grade: Grade, disclosure: Disclosure, version: Version | None = None) -> dict[str, str]:
    """Return what a student may see of a grade, by the names of the files."""
    for_students = visible(grade, disclosure)
    return {
        FEEDBACK_NAME: feedback(grade, disclosure, version),
        "junit.xml": junit(for_students),
        "results.json": gradescope(for_students),
    }


def write_text(path: Path, text: str) -> None:
    """Write a file, all of it or nothing."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, all of it or nothing."""
    write_atomically(path, lambda file: file.write(content))
