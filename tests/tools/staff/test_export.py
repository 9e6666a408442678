"""``lab3 export``: from stored grades to what an LMS takes, as somebody types it."""

import csv
import io
import json
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest

from autograder.course.folder import Course
from tests.conftest import Command
from tests.making import published
from tests.making.classes import DUE
from tests.making.importers import (
    LANGUAGES,
    CanvasBook,
    CanvasUser,
    MoodleBook,
    gradebook,
    worksheet,
)
from tests.making.published import LATE, Pupil

LAB3 = 12345


@pytest.fixture
def pupils() -> list[Pupil]:
    return published.mixed(12)


@pytest.fixture
def course(tmp_path: Path, pupils: list[Pupil]) -> Course:
    return published.write(tmp_path / "course", pupils, missing=1)


def moodle_of(pupils: list[Pupil], language: str = "de") -> tuple[MoodleBook, bytes]:
    book = MoodleBook(LANGUAGES[language], [int(p.lms_number) for p in pupils])
    people = {int(p.lms_number): (p.own_name, p.id, p.email) for p in pupils}
    return book, worksheet(book, people, separator=";")


def expected(pupils: list[Pupil]) -> dict[int, Decimal]:
    return {int(p.lms_number): p.mark for p in pupils if p.mark is not None}


def test_moodle_gets_every_mark_and_every_page(
    lab3: Command, course: Course, pupils: list[Pupil], tmp_path: Path
) -> None:
    book, content = moodle_of(pupils)
    file = tmp_path / "Bewertungen.csv"
    file.write_bytes(content)
    done = lab3("export", "moodle", "--worksheet", file, cwd=course.folder, fails=3)
    assert "Points for code, of 100" in done.stdout
    assert "not graded yet" in done.stdout
    assert file.read_bytes() == content
    filled = course.folder / "upload" / "Bewertungen.csv"
    book.upload(filled.read_bytes(), ";")
    assert book.grades == expected(pupils)
    with zipfile.ZipFile(course.folder / "upload" / "feedback.zip") as archive:
        assert {*book.feedback(archive.namelist())} == {*book.grades}
        late = next(name for name in archive.namelist() if "600003" in name)
        page = archive.read(late)
        assert b"98 of 100 points" in page
        assert b"Mark: 78.4 of 100, for code: 98 points, less 20 %, 1 day 6 h late" in page
    before = {path.name: path.read_bytes() for path in filled.parent.iterdir()}
    lab3("export", "moodle", "--worksheet", file, cwd=course.folder, fails=3)
    assert {path.name: path.read_bytes() for path in filled.parent.iterdir()} == before


def test_canvas_gets_every_mark_and_every_page(lab3: Command, tmp_path: Path) -> None:
    pupils = published.mixed(9, "canvas")
    course = published.write(tmp_path / "course", pupils)
    users = [CanvasUser(int(p.lms_number), p.own_name, p.id, p.login) for p in pupils]
    book = CanvasBook(users, {LAB3: "Lab 3"}, {LAB3: Decimal(100)})
    file = tmp_path / "Grades.csv"
    file.write_bytes(gradebook(book))
    arguments = ("--gradebook", file, "--assignment", f"Lab 3 ({LAB3})")
    done = lab3("export", "canvas", *arguments, "--json", cwd=course.folder, fails=3)
    document = json.loads(done.stdout)
    assert (len(document["filled"]), len(document["open"])) == (7, 2)
    book.upload((course.folder / "upload" / "Grades.csv").read_bytes())
    scores = {user: Decimal(score) for user, score in book.scores[LAB3].items() if score}
    assert scores == expected(pupils)
    with zipfile.ZipFile(document["files"][1]) as archive:
        assert len(archive.namelist()) == 7
        assert f"x_{pupils[0].lms_number}_0_feedback.html" in archive.namelist()


def test_other_names_of_canvass_are_told(lab3: Command, tmp_path: Path) -> None:
    course = published.write(tmp_path / "course", [Pupil(0, lms="canvas")])
    path = course.index_file
    path.write_text(path.read_text().replace("x_600000_0_lab.zip", ""))
    book = CanvasBook([CanvasUser(600_000, "Ada")], {LAB3: "Lab 3"}, {LAB3: Decimal(100)})
    (tmp_path / "Grades.csv").write_bytes(gradebook(book))
    arguments = ("--gradebook", tmp_path / "Grades.csv", "--assignment", "Lab 3")
    done = lab3("export", "canvas", *arguments, cwd=course.folder)
    assert "1 have no page in feedback.zip" in done.stdout


def test_a_table_and_an_archive_for_gradescope_are_written(
    lab3: Command, course: Course, pupils: list[Pupil], tmp_path: Path
) -> None:
    lab3("export", "csv", "--to", tmp_path, cwd=course.folder, fails=3)
    text = (tmp_path / "marks.csv").read_bytes().decode("utf-8-sig")
    rows = {row["id"]: row["mark"] for row in csv.DictReader(io.StringIO(text, newline=""))}
    assert {student: mark for student, mark in rows.items() if mark} == {
        p.id: f"{p.mark.normalize():f}" for p in pupils if p.mark is not None
    }
    done = lab3("export", "gradescope", cwd=course.folder, fails=3)
    assert done.stderr == "wrote upload/gradescope.zip\n"
    with zipfile.ZipFile(course.folder / "upload" / "gradescope.zip") as archive:
        assert archive.namelist()[:2] == ["setup.sh", "run_autograder"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("moodle", "--worksheet", "course.toml"), "course.toml: it is no grading worksheet"),
        (("moodle", "--worksheet", "none.csv"), "none.csv can't be read: No such file"),
        (
            ("canvas", "--gradebook", "students.csv", "--assignment", "Lab 3"),
            "students.csv: it is no gradebook of Canvas's",
        ),
        (("moodle", "--worksheet", "upload/w.csv"), "would be overwritten: name another folder"),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(
    lab3: Command, course: Course, pupils: list[Pupil], arguments: tuple[str, ...], said: str
) -> None:
    (course.folder / "upload").mkdir()
    (course.folder / "upload" / "w.csv").write_bytes(moodle_of(pupils)[1])
    done = lab3("export", *arguments, cwd=course.folder, fails=1)
    assert said in done.stderr
    assert not (course.folder / "upload" / "feedback.zip").exists()


def test_without_grades_it_says_what_makes_them(lab3: Command, tmp_path: Path) -> None:
    course = published.write(tmp_path / "course", [Pupil(0, None)])
    done = lab3("export", "csv", cwd=course.folder, fails=1)
    assert "holds no grades: lab3 grade makes them" in done.stderr
    done = lab3("export", "csv", cwd=tmp_path, fails=1)
    assert "no course folder" in done.stderr


def test_everybody_has_a_mark_and_nobody_has_to_look(lab3: Command, tmp_path: Path) -> None:
    course = published.write(tmp_path / "course", [Pupil(0), Pupil(1)], DUE + LATE, missing=2)
    done = lab3("export", "csv", cwd=course.folder)
    assert "handed in nothing, left empty" in done.stdout
    help_text = lab3("export", "--help").stdout
    assert "never 0" in " ".join(help_text.split())


@pytest.mark.slow
def test_the_gradebook_is_written_and_read_by_the_other_exports(
    lab3: Command, course: Course, tmp_path: Path
) -> None:
    from autograder.publishing.gradebook.opening import opened

    done = lab3("export", "nbgrader", cwd=course.folder, fails=3)
    assert f"wrote sqlite:///{course.folder}/gradebook.db" in done.stderr
    document = json.loads(lab3("export", "nbgrader", "--json", cwd=course.folder, fails=3).stdout)
    assert (document["new"], len(document["same"])) == ([], 10)
    with opened(course) as book:
        for section in published.SECTIONS:
            book.find_grade(section, "report", "lab3", "s0003").manual_score = 10.0
        book.db.commit()
    lab3("export", "csv", "--to", tmp_path, cwd=course.folder, fails=3)
    text = (tmp_path / "marks.csv").read_bytes().decode("utf-8-sig")
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}
    assert (rows["s0003"]["points"], rows["s0003"]["of"]) == ("158", "200")
    assert rows["s0003"]["mark"] == "126.4"
    assert rows["s0000"]["note"] == "the report is not marked yet"
    done = lab3("export", "csv", "--to", tmp_path, "--code-only", cwd=course.folder, fails=3)
    assert "Points for code, of 100" in done.stdout
