"""``lab3 collect`` and ``lab3 grade`` with whole classes, as staff uses them."""

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from autograder.course.folder import Course
from autograder.grading import Grader, load_rubric, reference
from autograder.host.sandbox import Sandbox
from tests.conftest import Command
from tests.making import killing
from tests.making.course.comparing import faults, rows, timeless
from tests.making.course.people import class_of
from tests.making.course.writing import read_expected, write_class
from tests.making.honest import make_honest, runs_of
from tests.making.sharing import made_once

LAB3 = [sys.executable, "-W", "ignore", "-m", "tools"]


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Real runs of a small network, made once for all."""
    return runs_of(made_once(tmp_path_factory, "honest", make_honest) / "submission")


def write(folder: Path, students: int, runs: dict[str, bytes], seed: int = 0) -> Path:
    write_class(folder, class_of(students, seed, runs), seed)
    return folder


def collect(course: Path, lab3: Command) -> Iterator[str]:
    """Collect everything; yield what is not as expected."""
    exports = sorted(course.glob("exports/*/*"))
    done = lab3("collect", *exports, "--json", cwd=course, fails=3)
    yield from rows(read_expected(course), json.loads(done.stdout))


@contextmanager
def grading(course: Path, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A running ``lab3 grade``; what it said is in ``said`` in the course folder."""
    with (course / "said").open("ab") as said:
        process = subprocess.Popen(
            [*LAB3, "grade", *arguments], cwd=course, stdout=said, stderr=said
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def test_a_small_class_gets_the_grades_that_it_has_to(
    lab3: Command, tmp_path: Path, runs: dict[str, bytes], sandbox: Sandbox
) -> None:
    """Also when a worker is killed as it goes on; each is what grading it alone gives."""
    course = write(tmp_path / "course", 12, runs)
    assert not [*collect(course, lab3)]
    with grading(course, "--jobs", "2") as process:
        caller = psutil.Process(process.pid)
        while not killing.family(caller)["worker"]:
            time.sleep(0.1)
        time.sleep(3)
        killing.kill(caller, "worker", random.Random(0))
        assert process.wait(300) == 3, (course / "said").read_text()
    assert not [*faults(read_expected(course), course / "grades")]
    assert not list(course.glob("grades/*/.*"))
    shown = lab3("explain", course / "grades" / "s0003", "--json").stdout
    assert timeless(shown) == timeless((course / "grades" / "s0003" / "grade.json").read_text())
    assert grades_alone(course, sandbox, "s0001", "s0003", "s0009") == []


def grades_alone(folder: Path, sandbox: Sandbox, *names: str) -> list[str]:
    """Grade some of a class one by one in this process; return whose grades are others."""
    course = Course.find(folder)
    rubric = load_rubric(course.settings.rubric, course.key())
    grader = Grader(rubric, canary=reference(), sandbox=sandbox)
    differing = []
    for one in course.counted():
        if one.folder in names and one.path:
            grade = grader.grade(one.path, one.folder)
            verdict = grader.retire()
            grade = grade.model_copy(update={"canary": str(verdict), "is_canary_well": True})
            stored = (course.grades / one.folder / "grade.json").read_text()
            if timeless(grade.model_dump_json()) != timeless(stored):
                differing.append(one.folder)
    return differing
