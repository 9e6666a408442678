"""The generated class, from its downloads to every place that marks go: each mark is there."""

import csv
import io
import json
import shutil
import subprocess
import sys
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from autograder.course.folder import Course
from autograder.publishing.exporting import (
    Request,
    to_canvas,
    to_csv,
    to_gradescope,
    to_moodle,
    to_nbgrader,
)
from autograder.publishing.gradebook.opening import database_of, opened
from tests.conftest import run_lab3
from tests.making import databases
from tests.making.course.marks import grade_of, mark_of, store_grades
from tests.making.course.people import Person, class_of
from tests.making.course.writing import number, write_class
from tests.making.importers import LANGUAGES, CanvasBook, CanvasUser, MoodleBook, gradebook

LAB3 = 12345


def graded_class(folder: Path, count: int) -> tuple[Course, list[Person]]:
    """Write a class, collect it, and store the grades that everybody has to get."""
    people = class_of(count, 1, {})
    write_class(folder, people, 1)
    for part in sorted((folder / "exports").iterdir()):
        done = run_lab3("collect", *sorted(part.iterdir()), cwd=folder)
        assert done.returncode in (0, 3), done.stderr
    course = Course.find(folder)
    store_grades(course, people)
    return course, people


@pytest.fixture(
    scope="module", params=[12, pytest.param(200, marks=pytest.mark.slow)], ids=["few", "many"]
)
def graded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Course, list[Person]]:
    return graded_class(tmp_path_factory.mktemp("class") / "course", request.param)


Graded = tuple[Course, list[Person]]


def marks_of(people: list[Person], kind: str = "") -> dict[str, Decimal]:
    """The marks to give out, of those who use an LMS."""
    marks = {p.id: mark_of(p) for p in people if kind in ("", p.kind)}
    return {student: mark for student, mark in marks.items() if mark is not None}


def test_the_table_has_every_mark(graded: Graded, tmp_path: Path) -> None:
    course, people = graded
    exported = to_csv(Request(course, tmp_path))
    text = exported.files[0].read_bytes().decode("utf-8-sig")
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}
    assert {*rows} == {person.id for person in people}
    found = {student: Decimal(row["mark"]) for student, row in rows.items() if row["mark"]}
    assert found == marks_of(people)


def test_moodle_has_every_mark(graded: Graded, tmp_path: Path) -> None:
    course, people = graded
    own = [p for p in people if p.kind == "moodle"]
    if not own:
        pytest.skip("nobody uses it in this class")
    ids = {int(number(p, "moodle")): p.id for p in own}
    book = MoodleBook(LANGUAGES["en"], [*ids])
    worksheet = course.folder / "exports" / "2" / "worksheet.csv"
    exported = to_moodle(Request(course, tmp_path), worksheet)
    book.upload(exported.files[0].read_bytes())
    assert {ids[n]: mark for n, mark in book.grades.items()} == marks_of(people, "moodle")
    with zipfile.ZipFile(exported.files[1]) as archive:
        assert {ids[n] for n in book.feedback(archive.namelist())} == {*marks_of(people, "moodle")}


def test_canvas_has_every_mark(graded: Graded, tmp_path: Path) -> None:
    course, people = graded
    ids = {int(number(p, "canvas")): p.id for p in people}
    users = [CanvasUser(n, p.name, p.id) for n, p in zip(ids, people, strict=True)]
    book = CanvasBook(users, {LAB3: "Lab 3"}, {LAB3: Decimal(100)})
    (tmp_path / "g.csv").write_bytes(gradebook(book))
    exported = to_canvas(Request(course, tmp_path / "up"), tmp_path / "g.csv", "Lab 3")
    book.upload(exported.files[0].read_bytes())
    found = {ids[n]: Decimal(score) for n, score in book.scores[LAB3].items() if score}
    assert found == {
        student: mark.quantize(Decimal("0.01")) for student, mark in marks_of(people).items()
    }
    with zipfile.ZipFile(exported.files[1]) as archive:
        assert len(archive.namelist()) == len(marks_of(people, "canvas"))


def test_gradescope_has_every_mark(graded: Graded, tmp_path: Path) -> None:
    course, people = graded
    exported = to_gradescope(Request(course, tmp_path))
    top = tmp_path / "autograder"
    with zipfile.ZipFile(exported.files[0]) as archive:
        archive.extractall(top / "source")
    for person in people:
        if person.kind != "gradescope" or person.counting is None:
            continue
        metadata = {
            "id": person.number,
            "created_at": person.counting.received.isoformat(),
            "users": [{"email": person.email}],
        }
        (top / "submission_metadata.json").write_text(json.dumps(metadata))
        runner = str(top / "source" / "run_autograder")
        subprocess.run([sys.executable, "-I", runner, str(top)], check=True, timeout=60)
        document: dict[str, Any] = json.loads((top / "results" / "results.json").read_text())
        assert Decimal(str(document["score"])) == mark_of(person)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_gradebook_has_every_mark(graded: Graded, kind: str, tmp_path: Path) -> None:
    course, people = graded
    folder = tmp_path / "course"
    shutil.copytree(course.folder, folder)
    if kind == "sqlite":
        require_marks(folder, people)
        return
    with databases.server() as url:
        text = (folder / "course.toml").read_text()
        named = f'gradebook = "{databases.create(url, "class")}"\n'
        (folder / "course.toml").write_text(named + text)
        require_marks(folder, people)


def require_marks(folder: Path, people: list[Person]) -> None:
    course = Course.find(folder)
    written = to_nbgrader(course, lambda _: None).written
    assert len(written.new) == len(marks_of(people))
    with opened(course) as book:
        found = {
            one.student_id: Decimal(str(one.score)) - Decimal(str(one.late_submission_penalty))
            for one in book.assignment_submissions("lab3")
        }
        book.db.rollback()
    assert found == marks_of(people)
    assert shown_by_formgrader(folder) == {
        person.id: grade_of(person).earned for person in people if person.counting
    }
    again = to_nbgrader(course, lambda _: None).written
    assert len(again.same) == len(written.new)


def shown_by_formgrader(folder: Path) -> dict[str, float]:
    """The points of those whom formgrader lists as graded, as its own interface has them."""
    from nbgrader.apps.api import NbGraderAPI
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config import Config

    config = Config()
    config.CourseDirectory.root = str(folder)
    config.CourseDirectory.db_url = database_of(folder)
    api = NbGraderAPI(CourseDirectory(config=config), config=config)
    return {
        one["student"]: one["score"] for one in api.get_submissions("lab3") if one["autograded"]
    }
