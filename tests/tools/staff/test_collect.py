"""``lab3 collect`` as somebody who grades a class uses it."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from autograder.course.index import Index
from tests.conftest import Command
from tests.making.classes import DEADLINE, DUE, write_course
from tests.making.exports import HandedIn, write
from tests.making.exports.hazards import plain_zip
from tests.making.submissions import PLAIN

STUDENTS = "id,name,email\n0012,Ada,a@x.org\n0013,Bob,b@x.org\n0014,Cy,c@x.org\n"
SETTINGS = f'{DUE}timezone = "UTC"\nstudents = "students.csv"\n'
ADA = HandedIn("7", {"lab3.zip": plain_zip(PLAIN)}, "Ada", "a@x.org", received=DEADLINE)
BOB = HandedIn("8", {"\x1b[2J.zip": b""}, "Bob", "b@x.org", received=DEADLINE + timedelta(hours=1))


@pytest.fixture
def course(tmp_path: Path) -> Path:
    return write_course(tmp_path / "course", SETTINGS, students_csv=STUDENTS).folder


def sources(folder: Path, *people: HandedIn) -> tuple[Path, Path]:
    return (
        write("moodle", folder / "CS101-Lab3-4711.zip", people),
        write("moodle-worksheet", folder / "Grades.csv", people),
    )


def test_it_ends_with_what_somebody_has_to_look_at(
    lab3: Command, course: Path, tmp_path: Path
) -> None:
    stranger = HandedIn("9", PLAIN, "Eve", "e@x.org", received=DEADLINE)
    files = sources(tmp_path, ADA, BOB, stranger)
    done = lab3("collect", *files, cwd=course, fails=3)
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    for line in (
        "CS101-Lab3-4711.zip moodle 3 0",
        "students 3",
        "attempts 3",
        "late 1",
        "to be decided 0",
        "unreadable 1",
        "missing 1",
        "not in the class list 1",
        "0013: the only attempt; 1 h 00 min late",
        "0014 Cy",
        "moodle:9 Eve",
    ):
        assert line in lines
    assert "0013: ?[2J.zip is empty (0 bytes): hand it in again, and look at its size" in lines
    assert "\x1b" not in done.stdout
    again = lab3("collect", *files, cwd=course, fails=3)
    assert "CS101-Lab3-4711.zip moodle 0 3" in " ".join(again.stdout.split())
    assert "CS101-Lab3-4711.zip: not read again: 2 of 3" in again.stderr


def test_a_class_that_is_all_right_ends_with_0(lab3: Command, tmp_path: Path) -> None:
    course = write_course(tmp_path / "course", f'{DUE}timezone = "UTC"\n').folder
    (course / "deep").mkdir()
    done = lab3("collect", *sources(tmp_path, ADA), "--json", cwd=course / "deep")
    document = json.loads(done.stdout)
    (attempt,) = document["attempts"]
    (counted,) = document["counted"]
    assert (counted["student"], counted["attempt"]) == ("moodle:7", attempt["id"])
    assert counted["path"] == str(course / "submissions" / attempt["file"])
    assert (counted["is_late"], counted["late_by_s"], counted["folder"]) == (False, 0, "moodle-7")
    assert document["sources"][0]["new"] == 1
    assert document["unreadable"] == document["missing"] == document["not_in_class_list"] == []


def test_unknown_times_are_told_with_a_remedy(lab3: Command, tmp_path: Path) -> None:
    course = write_course(tmp_path / "course", "deadline = 2020-12-01T00:00:00Z\n").folder
    files = sources(tmp_path, ADA)
    done = lab3("collect", *files, cwd=course, fails=3)
    assert "moodle:7: nothing tells when it was handed in" in done.stdout
    assert 'set timezone = "Europe/Berlin"' in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.zip"], "none.zip: No such file or directory: check the path"),
        (["x.txt"], "x.txt: is of no known kind: say which with --from KIND. Looked for:"),
        (["x.txt", "--from", "modle"], "--from modle: choose one of moodle, canvas, gradescope"),
        (["x.txt", "--from", "moodle"], "x.txt: holds nothing of moodle: looked for names such as"),
        ([], "Missing argument 'SOURCE...'"),
    ],
)
def test_usage_is_told_with_2(arguments: list[str], said: str, lab3: Command, course: Path) -> None:
    (course / "x.txt").write_text("hello")
    done = lab3("collect", *arguments, cwd=course, fails=2)
    assert said in done.stderr
    assert done.stdout == ""


def test_outside_a_course_it_tells_how_to_make_one(lab3: Command, tmp_path: Path) -> None:
    said = lab3("collect", "x.zip", cwd=tmp_path, fails=2).stderr
    assert "is in no course folder: stand in one, or make one with lab3 course init DIR" in said


def test_help_shows_examples(lab3: Command) -> None:
    said = lab3("collect", "--help").stdout
    assert "lab3 collect ~/Downloads/CS101-Lab3-4711.zip" in said
    assert "lab3 collect submissions.zip --from canvas" in said


@pytest.mark.slow
def test_killed_as_it_runs_it_goes_on_the_next_time(lab3: Command, tmp_path: Path) -> None:
    people = [
        HandedIn(str(n), {"lab3.zip": plain_zip({**PLAIN, "x": os.urandom(3_000_000)})}, f"P{n}")
        for n in range(60)
    ]
    export = write("moodle", tmp_path / "export.zip", people)
    folders = [write_course(tmp_path / name, "").folder for name in ("killed", "clean")]
    lab3("collect", export, cwd=folders[1])
    command = [sys.executable, "-m", "tools", "collect", str(export)]
    for delay in (0.4, 0.5, 0.6, 0.7, 0.8, 1.0):
        process = subprocess.Popen(command, cwd=folders[0], stdout=-3, stderr=-3)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
    lab3("collect", export, cwd=folders[0])
    killed, clean = (
        Index.model_validate_json((folder / "submissions" / "index.json").read_bytes())
        for folder in folders
    )
    assert {(a.id, a.file) for a in killed.attempts} == {(a.id, a.file) for a in clean.attempts}
    left = {path.name for path in (folders[0] / "submissions" / "attempts").iterdir()}
    assert left == {Path(str(attempt.file)).name for attempt in clean.attempts}
