"""A grade in every format, as files beside each other."""

from pathlib import Path

from autograder.exports.feedback import feedback
from autograder.exports.gradescope import gradescope
from autograder.exports.junit import junit
from autograder.messages import visible
from autograder.results import Grade
from autograder.rubric import Disclosure
from lab3.log.runlog import write_atomically

GRADE_NAME = "grade.json"


def write_files(folder: Path, grade: Grade, disclosure: Disclosure) -> list[Path]:
    """Write ``grade.json`` for staff and what students may see; return the files."""
    for_students = visible(grade, disclosure)
    texts = {
        GRADE_NAME: grade.model_dump_json(indent=2) + "\n",
        "feedback.html": feedback(grade, disclosure),
        "junit.xml": junit(for_students),
        "results.json": gradescope(for_students),
    }
    for name, text in texts.items():
        write_atomically(folder / name, lambda file, text=text: file.write(text.encode()))  # type: ignore[misc]
    return [folder / name for name in texts]
