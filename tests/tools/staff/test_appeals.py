"""A class that is graded, and then judged by another rubric, other limits and another rule."""

import hashlib
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from autograder.course.folder import Course
from autograder.rubric import RUBRIC
from tests.conftest import ROOT, SOLVED, Command
from tests.making.classes import DUE, attempt, collected, write_course

SKELETON = {path.name: path.read_bytes() for path in (ROOT / "assignment/lab3").glob("*r*.py")}
SETTINGS = f'{DUE}rubric = "rubric.toml"\n'
LATE = "[late]\npercent = 10\n"
TEXT = RUBRIC.read_text()
OTHER = TEXT.replace("total = 100", "total = 100.25").replace(
    "stem = { public = 1 }", "stem = { public = 1.25 }"
)


def handed_in(course: Course, name: str, files: Mapping[str, bytes]) -> dict[str, Any]:
    """Write an archive of an attempt, and return what the index says of it."""
    path = course.submissions / "attempts" / f"{name}.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for file in ("resnet.py", "observer.py"):
            archive.writestr(f"lab3/{file}", files[file] + f"# {name}\n".encode())
    return {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


@pytest.fixture
def course(tmp_path: Path) -> Course:
    """Ada was first on time and then right, Bob right and late; Cy has solved nothing."""
    course = write_course(tmp_path / "course", SETTINGS + LATE)
    (course.folder / "rubric.toml").write_text(TEXT)
    collected(
        course,
        attempt("a1", "ada", late_h=-5, **handed_in(course, "a1", SKELETON)),
        attempt("a2", "ada", late_h=30, **handed_in(course, "a2", SOLVED)),
        attempt("b", "bob", late_h=2, **handed_in(course, "b", SOLVED)),
        attempt("c", "cy", late_h=-1, **handed_in(course, "c", SKELETON)),
    )
    return course


def rows(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


@pytest.mark.slow
def test_a_class_is_judged_anew(lab3: Command, course: Course) -> None:
    def run(*arguments: object, fails: int = 0) -> Any:
        return lab3(*arguments, cwd=course.folder, fails=fails)

    table = rows(run("grade").stdout)
    assert "ada ada 0 0" in table
    assert "bob bob 74 2 h 00 min: -10 % 66.6" in table

    shutil.copytree(course.submissions, course.folder / "away")
    shutil.rmtree(course.submissions / "attempts")  # nothing can be run
    (course.folder / "rubric.toml").write_text(OTHER)
    done = run("grade")
    assert "3 have this rubric's marks from what was observed before" in done.stderr
    assert "bob bob 74.25 2 h 00 min: -10 % 66.83" in rows(done.stdout)
    listed = rows(run("grade", "--diff", "previous").stdout)
    assert "bob total rubric 74 of 100 74.25 of 100.25" in listed
    assert "fusion.stem rubric 1 of 1 1.25 of 1.25" in listed
    page = (course.grades / "bob" / "feedback.html").read_text()
    assert "Changed since version 1" in page

    shutil.copytree(course.folder / "away", course.submissions, dirs_exist_ok=True)
    (course.folder / "rubric.toml").write_text(OTHER.replace("files = 64", "files = 65"))
    assert "3 of 3 were graded by another rubric" in run("grade").stderr
    again = run("grade", "--rerun", "changed", "--only", "cy")
    assert "1 graded" in again.stdout
    assert "were graded by another" not in again.stderr

    (course.folder / "rubric.toml").write_text(OTHER)
    (course.folder / "course.toml").write_text(f'{SETTINGS}rule = "best"\n{LATE}')
    best = run("grade")
    assert "ada ada 74.25 1 day 6 h: -20 % 59.4" in rows(best.stdout)
    assert best.stderr.count(" points\n") == 4
    assert run("grade").stderr == ""
    told = rows(run("explain", "ada").stdout)
    assert "attempt a2: best of 2 attempts; 1 day 6 h late" in told
    assert "mark 59.4 of 100.25" in told
