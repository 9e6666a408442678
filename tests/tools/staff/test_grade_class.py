"""``lab3 collect`` and ``lab3 grade`` with whole classes, as staff uses them."""

import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from autograder.course.folder import Course
from autograder.grades.storing import Store
from autograder.grading import Grader, load_rubric, reference
from autograder.host.sandbox import Sandbox
from tests.conftest import Command, run_lab3
from tests.making import clusters, killing
from tests.making.course.comparing import faults, rows, timeless, timeless_grades
from tests.making.course.people import FEW, KINDS, class_of
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
    """Collect everything as it was downloaded; yield what is not as expected."""
    for downloads in sorted(course.glob("exports/*")):
        done = lab3("collect", *sorted(downloads.iterdir()), "--json", cwd=course, fails=3)
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


@pytest.mark.long
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


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_class_of_every_lms_is_collected(
    kind: str, lab3: Command, tmp_path: Path, runs: dict[str, bytes]
) -> None:
    write_class(tmp_path / "course", class_of(24, 3, runs, (kind,)), seed=3)
    assert not [*collect(tmp_path / "course", lab3)]


def test_a_cluster_is_for_a_class_and_has_no_jobs_of_this_computer(
    lab3: Command, tmp_path: Path
) -> None:
    for name in ("ada", "bob"):
        (tmp_path / "class" / name / "lab3").mkdir(parents=True)
        (tmp_path / "class" / name / "lab3" / "observer.py").touch()
    scheduler = ("--scheduler", "tcp://127.0.0.1:9")
    said = lab3("grade", "class", *scheduler, "--jobs", "2", fails=1).stderr
    assert "--jobs is for this computer: a cluster has the threads of its workers" in said
    said = lab3("grade", "class/ada", *scheduler, fails=1).stderr
    assert "--scheduler is for a class: stand in a course folder, or name a folder of" in said


@pytest.mark.slow
def test_a_large_class_gets_the_grades_that_it_has_to(
    lab3: Command, tmp_path: Path, runs: dict[str, bytes]
) -> None:
    course = write(tmp_path / "course", 200, runs, seed=1)
    assert not [*collect(course, lab3)]
    lab3("grade", cwd=course, fails=3)
    expected = read_expected(course)
    assert not [*faults(expected, course / "grades")]
    assert len({one.role for one in expected}) == len({*FEW})
    one_of_each = {one.role: one.id for one in expected if one.role != "missing"}
    for folder in one_of_each.values():
        shown = lab3("explain", course / "grades" / folder, "--json").stdout
        assert timeless(shown) == timeless((course / "grades" / folder / "grade.json").read_text())
    again = lab3("grade", "--json", cwd=course, fails=3)
    assert not [line for line in again.stdout.splitlines() if json.loads(line)["is_new"]]


@pytest.fixture(scope="session")
def graded(tmp_path_factory: pytest.TempPathFactory, runs: dict[str, bytes]) -> Path:
    """A course whose class was graded by one process in peace, made once for all."""

    def make(folder: Path) -> None:
        course = write(folder / "course", 24, runs, seed=2)
        for downloads in sorted(course.glob("exports/*")):
            run_lab3("collect", *sorted(downloads.iterdir()), cwd=course)
        done = run_lab3("grade", "--jobs", "1", cwd=course)
        assert done.returncode == 3, done.stderr

    return made_once(tmp_path_factory, "graded", make) / "course"


@pytest.fixture
def ungraded(graded: Path, tmp_path: Path) -> Path:
    """The same course at the same place for everybody, before it was graded."""
    return Path(shutil.copytree(graded, tmp_path / "course", ignore=lambda *_: ["grades"]))


def same_class(course: Path) -> dict[str, dict[str, object]]:
    """Return the grades of a course, which may lie anywhere."""
    grades = timeless_grades(course / "grades")
    for grade in grades.values():
        grade["source"] = grade["source"].removeprefix(f"{course}/")
    return grades


@pytest.mark.slow
def test_what_is_not_there_any_more_is_left_to_staff(ungraded: Path, lab3: Command) -> None:
    (one,) = (c for c in Course.find(ungraded).counted() if c.folder == "s0001")
    assert one.path is not None
    one.path.unlink()
    lab3("grade", "--only", "s0001", cwd=ungraded, fails=3)
    grade = Store(ungraded / "grades").grade("s0001")
    assert grade is not None
    assert {result.outcome for result in grade.results} == {"grader_error"}
    assert "can't be found here any more: collect it again" in grade.results[0].said


@contextmanager
def a_loaded_computer(processes: int) -> Iterator[None]:
    """Busy loops beside whatever runs."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


@pytest.mark.slow
def test_a_loaded_computer_and_several_processes_change_no_byte(
    graded: Path, ungraded: Path, lab3: Command
) -> None:
    with a_loaded_computer(4 * (os.cpu_count() or 1)):
        lab3("grade", "--jobs", "2", cwd=ungraded, fails=3)
    assert same_class(ungraded) == same_class(graded)


@pytest.mark.slow
def test_a_cluster_of_which_a_worker_is_killed_changes_no_byte(
    graded: Path, ungraded: Path, tmp_path: Path
) -> None:
    with clusters.cluster(tmp_path, workers=3) as made:
        with grading(ungraded, "--scheduler", made.address) as process:
            while len(complete(ungraded)) < 3:
                assert process.poll() is None, (ungraded / "said").read_text()
                time.sleep(0.2)
            made.workers[0].kill()
            assert process.wait() == 3, (ungraded / "said").read_text()
        assert not [*left_behind(ungraded)]
    assert same_class(ungraded) == same_class(graded)


@pytest.mark.slow
def test_a_cluster_without_walls_is_refused_by_name(ungraded: Path, tmp_path: Path) -> None:
    machine = "no-namespaces,no-landlock"
    with clusters.cluster(tmp_path, workers=1, machine=machine) as made:
        done = run_lab3("grade", "--scheduler", made.address, cwd=ungraded)
    assert done.returncode == 1
    assert "no grading with workers that can't:\ntcp://127.0.0.1:" in done.stderr
    assert "student code can't be shut in on this computer" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (ungraded / "grades").exists()


def complete(course: Path) -> dict[str, bytes]:
    """Return the grades that are complete, by folder; every file there has to be whole."""
    for path in course.glob("grades/*/[!.]*.json"):
        json.loads(path.read_bytes())
    return {
        path.parent.name: (path.parent / "grade.json").read_bytes()
        for path in course.glob("grades/*/made.json")
    }


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_with_the_same_grades(
    graded: Path, ungraded: Path, lab3: Command
) -> None:
    """Killed are, in turn, one process of each kind and all of them; grades that count stay."""
    chance, kills, before = random.Random(0), 0, dict[str, bytes]()
    victims = itertools.cycle(killing.VICTIMS)
    while kills < 20 or len(before) < len(complete(graded)):
        with grading(ungraded, "--jobs", "2") as process:
            caller = psutil.Process(process.pid)
            while process.poll() is None:
                try:
                    process.wait(chance.uniform(1, 25))
                except subprocess.TimeoutExpired:
                    kills += kills < 20 and killing.kill(caller, next(victims), chance)
        now = complete(ungraded)
        assert before.items() <= now.items()
        before = now
    lab3("grade", "--rerun", "failed", cwd=ungraded, fails=3)  # whom two kills met
    assert same_class(ungraded) == same_class(graded)
    assert not list(ungraded.glob("grades/*/.*"))
    assert not [*left_behind(ungraded)]


def left_behind(course: Path) -> Iterator[str]:
    """Yield what gradings left: processes that were started there, and temporary folders."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.cwd() == str(course) and killing.is_alive(process):
                yield " ".join(process.cmdline())
    for folder in Path(tempfile.gettempdir()).glob("lab3-class-*"):
        if not psutil.pid_exists(int(folder.name.split("-")[2])):
            yield str(folder)
