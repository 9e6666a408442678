"""``grades/index.html``: written after grading, and anew when only marks changed."""

import re
from pathlib import Path

import pytest

from autograder.course.folder import Course
from autograder.grades.gathering import item_of
from autograder.grades.storing import Store
from autograder.host.contents import sources_sha256
from tests.conftest import Command
from tests.making.classes import DUE, attempt, collected, write_course
from tests.making.stores import facts_of, grade_by, put

LATE = "[late]\npercent = 10\n"


@pytest.fixture
def course(tmp_path: Path) -> Course:
    """Ada's and Bob's grades are there, Bob was late; Cy handed in, and Dee did not."""
    settings = f'{DUE}students = "students.csv"\n{LATE}'
    names = "id,name\nada,Ada Lovelace\nbob,Bob\ncy,Cy\ndee,Dee\n"
    course = write_course(tmp_path / "course", settings, students_csv=names)
    collected(
        course,
        attempt("a", "ada", late_h=-5),
        attempt("b", "bob", late_h=30),
        attempt("c", "cy", late_h=-1),
    )
    facts, store = facts_of(sources_sha256=sources_sha256()), Store(course.grades)
    content = {item.folder: item.content for item in map(item_of, course.counted())}
    for folder in ("ada", "bob"):
        put(store, folder, grade_by(facts), facts, content[folder])
    return course


def rows(course: Course) -> list[str]:
    """The rows of the table of students, as text."""
    page = (course.grades / "index.html").read_text()
    table = page.split("<tbody>")[1].split("</tbody>")[0]
    found = re.findall(r"<tr.*?</tr>", table, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in found]


def test_everybody_of_the_class_is_there(course: Course, lab3: Command) -> None:
    done = lab3("grade", "--overview", cwd=course.folder)
    assert done.stderr == f"wrote {course.grades / 'index.html'}\n"
    assert rows(course) == [
        "Ada Lovelace ada 100 100 1.5",
        "Bob bob late: 1 day 6 h: -20 % 100 80 1.5",
        "Cy cy not graded yet",
        "Dee dee handed in nothing",
    ]


def test_another_deadline_needs_no_grading(course: Course, lab3: Command) -> None:
    settings = course.folder / "course.toml"
    lab3("grade", "--overview", cwd=course.folder)
    before = (course.grades / "bob" / "grade.json").read_bytes()
    extended = f'{settings.read_text()}[extensions]\n"bob" = 2026-12-02T12:00:00Z\n'
    settings.write_text(extended)
    lab3("grade", "--overview", cwd=course.folder)
    assert rows(course)[1] == "Bob bob late: 17 h 59 min: -10 % 100 90 1.5"
    assert (course.grades / "bob" / "grade.json").read_bytes() == before


def test_what_is_newer_than_its_grade_and_another_rubric_are_told(
    course: Course, lab3: Command
) -> None:
    collected(
        course, attempt("a2", "ada", late_h=-4, content="new"), attempt("b", "bob", late_h=-1)
    )
    rubric = course.folder / "rubric.toml"
    rubric.write_text("# another\n")
    lab3("grade", "--overview", "--rubric", rubric, cwd=course.folder)
    assert "handed in something newer, which is not graded yet" in rows(course)[0]
    assert "graded by another rubric or kit" in rows(course)[1]


def test_one_submission_has_no_overview(course: Course, lab3: Command) -> None:
    (course.folder / "mine" / "lab3").mkdir(parents=True)
    (course.folder / "mine" / "lab3" / "observer.py").touch()
    done = lab3("grade", "mine", "--overview", cwd=course.folder, fails=1)
    assert "--overview is of a class" in done.stderr
