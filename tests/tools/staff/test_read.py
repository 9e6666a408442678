"""``lab3 read``: reports of students, by name or by path."""

import zipfile
from pathlib import Path

import pytest

from autograder.course.folder import Course
from tests.conftest import Command
from tests.making.classes import DUE, attempt, collected, write_course


@pytest.fixture
def course(tmp_path: Path) -> Course:
    """Ada handed in a report, Bob nothing that can be read; nobody is graded."""
    course = write_course(tmp_path / "course", DUE)
    ada = attempt("a", "ada", late_h=-1)
    collected(course, ada, attempt("b", "bob", late_h=-1, file=None, problem="lab3.zip is empty"))
    archive = course.path(ada)
    assert archive is not None
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("report.md", "# What Ada wrote\n")
    return course


def test_the_report_of_the_attempt_that_counts_is_read(lab3: Command, course: Course) -> None:
    lab3("read", "ada", cwd=course.folder)
    assert "What Ada wrote" in (course.folder / "ada-report.html").read_text()


def test_a_path_is_read_anywhere(lab3: Command, course: Course, tmp_path: Path) -> None:
    (archive,) = course.submissions.rglob("*.zip")
    lab3("read", archive, "--out", "ada.html", cwd=tmp_path)
    assert "What Ada wrote" in (tmp_path / "ada.html").read_text()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bob", "bob has no report: lab3.zip is empty"),
        ("eve", "'eve' is nobody who handed in, and no path: see the table of lab3 grade, or name"),
        ("submissions/eve.zip", "submissions/eve.zip can't be read: No such file"),
    ],
)
def test_what_is_not_there_is_told(lab3: Command, course: Course, name: str, said: str) -> None:
    assert said in lab3("read", name, cwd=course.folder, fails=1).stderr


def test_outside_a_course_a_name_is_a_path(lab3: Command, tmp_path: Path) -> None:
    said = lab3("read", "ada", cwd=tmp_path, fails=1).stderr
    assert "ada can't be read: No such file" in said
