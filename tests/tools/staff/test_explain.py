"""``lab3 explain STUDENT``: what stands behind a mark, and how it came about."""

import json
from pathlib import Path

import pytest

from autograder.course.folder import Course
from autograder.grades.storing import Store
from autograder.results import Grade
from tests.conftest import Command
from tests.making.classes import DUE, attempt, collected, write_course
from tests.making.grades import grade, result, seen
from tests.making.stores import facts_of, put

SETTINGS = f'{DUE}students = "students.csv"\n[late]\npercent = 10\n'
STUDENTS = "id,name,login\n0042,Ada Lovelace,al815\n0043,Ada Zuse,az1\n0044,Bob,bob\n"
FACTS = facts_of()
FAILED = result(observations=[seen("f(1)", "2", "3")])


@pytest.fixture
def course(tmp_path: Path) -> Course:
    """Ada Lovelace was late, and her mark changed; Bob handed in nothing."""
    course = write_course(tmp_path / "course", SETTINGS, students_csv=STUDENTS)
    late, soon = attempt("a", "0042", late_h=30, content="a"), attempt("z", "0043", late_h=-1)
    collected(course, late, soon)
    store = Store(course.grades, by="tess")
    put(store, "0042", grade(FAILED, submission="0042"), FACTS, "a")
    passed = result(outcome="passed", observations=[seen("f(1)", "2", "2", holds=True)])
    put(store, "0042", grade(passed, submission="0042"), facts_of(torch="2.15.0"), "a")
    return course


def squeezed(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


@pytest.mark.parametrize("name", ["0042", "al815", "ada lovelace", "Love"])
def test_a_student_is_explained(lab3: Command, course: Course, name: str) -> None:
    lines = squeezed(lab3("explain", name, cwd=course.folder).stdout)
    for line in (
        "student Ada Lovelace (0042); id 0042, login al815",
        "attempt a: the only attempt; 1 day 6 h late",
        "late 1 day 6 h: -20 %",
        "mark 3.2 of 4",
        "holds f(1): 2",
        "Changed since grade 1",
        "4 of 4 points; all checks passed",
    ):
        assert line in lines
    assert any(line.startswith("1 ") and "tess graded" in line for line in lines)
    assert any(line.startswith("2 ") and line.endswith("4 4") for line in lines)
    assert any(line.endswith("0 of 4 4 of 4") for line in lines)
    assert not [line for line in lines if line.startswith("out of date")]


def test_the_same_mark_by_something_else_is_told(lab3: Command, course: Course) -> None:
    passed = grade(result(outcome="passed"), submission="0042", engine="qnnpack")
    put(Store(course.grades), "0042", passed, facts_of(engine="qnnpack"), "a")
    said = lab3("explain", "0042", cwd=course.folder).stdout
    assert "Changed since grade 2: no mark; what is different: engine" in said


def test_programs_get_all_of_it(lab3: Command, course: Course) -> None:
    document = json.loads(lab3("explain", "0042", "--json", cwd=course.folder).stdout)
    assert (document["attempt"], document["lost"], document["mark"]) == ("a", 0.2, 3.2)
    assert [made["number"] for made in document["history"]] == [1, 2]
    assert document["changes"][0]["after"]["earned"] == 4
    assert Grade.model_validate(document["grade"]).earned == 4


def test_a_grade_of_another_attempt_is_told(lab3: Command, course: Course) -> None:
    newer = attempt("b", "0042", late_h=40, content="b")
    collected(course, attempt("a", "0042", late_h=30, content="a"), newer)
    said = " ".join(lab3("explain", "0042", cwd=course.folder).stdout.split())
    assert "out of date the grade is of another attempt: lab3 grade grades this one" in said


def test_what_nothing_could_be_graded_of_is_said_once(lab3: Command, course: Course) -> None:
    unread = grade(FAILED, submission="0042", unread="nothing can be graded: it is empty")
    put(Store(course.grades), "0042", unread, FACTS, "a")
    assert "FAILED" not in lab3("explain", "0042", cwd=course.folder).stdout
    assert "FAILED" in lab3("explain", "0042", "-k", FAILED.check, cwd=course.folder).stdout


def test_who_stands_in_no_course_is_told_where_students_are_known(
    lab3: Command, course: Course
) -> None:
    said = lab3("explain", "ada", cwd=course.folder.parent, fails=1).stderr
    assert said.endswith("; stand in the course's folder to name a student\n")


def test_a_path_of_a_grade_is_explained_as_well(lab3: Command, course: Course) -> None:
    for path in ("grades/0042", "grades/0042/grade.json", "grades/0042/versions/1"):
        done = lab3("explain", path, cwd=course.folder)
        assert "attempt" not in done.stdout
        assert "Grade of 0042" in done.stdout
    shown = lab3("explain", "grades/0042", "--json", cwd=course.folder.parent / "course").stdout
    assert Grade.model_validate_json(shown).earned == 4


def test_a_grade_that_a_submission_brings_is_not_shown(lab3: Command, course: Course) -> None:
    """Where a student is meant and a folder has that name."""
    forged = grade(result(outcome="passed", said="forged"), submission="forged")
    for name in ("0042", "other"):
        (course.submissions / name).mkdir(parents=True)
        (course.submissions / name / "grade.json").write_text(forged.model_dump_json())
    assert "Grade of 0042" in lab3("explain", "0042", cwd=course.submissions).stdout
    assert "Grade of forged" in lab3("explain", "other", cwd=course.submissions).stdout


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Ada", "'Ada' may be Ada Lovelace (0042), Ada Zuse (0043): name one by id"),
        ("0043", "Ada Zuse (0043) has no grade yet: lab3 grade makes it"),
        ("Bob", "'Bob' has handed in nothing"),
        ("eve", "'eve' is nobody who handed in, and no path"),
        ("submissions", "'submissions' is nobody who handed in"),
    ],
)
def test_who_is_not_clear_is_asked(lab3: Command, course: Course, name: str, said: str) -> None:
    assert said in lab3("explain", name, cwd=course.folder, fails=1).stderr
