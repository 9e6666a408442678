"""``lab3 integrity`` with classes in which some copied, and others only look like it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Command, run_lab3
from tests.making.alarms import no_longer_than
from tests.making.classes import write_course
from tests.making.course.drawn import drawn_runs
from tests.making.course.people import class_of
from tests.making.course.writing import Expected, read_expected, write_class
from tests.making.honest import make_honest, runs_of
from tests.making.sharing import made_once
from tests.making.submissions import Files

ROLES = (
    "with_runs own_seed with_runs exact resaved perturbed renamed pretended "
    "chinese_report prose skeleton right broken report"
).split()


def collected(folder: Path, students: int, runs: Files, roles: list[str] | None = None) -> Path:
    """A course folder with everything collected."""
    kinds = ("moodle",) if roles else None
    people = class_of(students, 0, runs, roles=roles, **({"kinds": kinds} if kinds else {}))
    write_class(folder, people, 0)
    for downloads in sorted(folder.glob("exports/*")):
        run_lab3("collect", *sorted(downloads.iterdir()), cwd=folder)
    return folder


def expected_pairs(expected: list[Expected]) -> tuple[set[frozenset[str]], set[frozenset[str]]]:
    """Return the pairs that have to be found, and those that may: of copies from one origin."""
    found = {frozenset((one.id, one.copied_from)) for one in expected if one.copied_from}
    families: dict[str, set[str]] = {}
    for one in expected:
        if one.copied_from:
            families.setdefault(one.copied_from, {one.copied_from}).add(one.id)
    allowed = {frozenset(pair) for own in families.values() for pair in combinations(own, 2)}
    return found, allowed


def faults(course: Path, said: dict[str, Any]) -> list[str]:
    """Return what is not as expected of a class."""
    expected = read_expected(course)
    role = {one.id: one.role for one in expected}
    wanted, allowed = expected_pairs(expected)
    pairs = {frozenset(case["students"]) for case in said["pairs"]}
    singles = {case["students"][0] for case in said["singles"]}
    pretended = {one.id for one in expected if one.role == "pretended"}
    honest = {one.id for one in expected if one.role == "with_runs"}
    seeds = {student for group in said["same_seed"] for student in group["students"]}
    return [
        *(f"not found: {[(s, role[s]) for s in sorted(pair)]}" for pair in wanted - pairs),
        *(f"accused: {[(s, role[s]) for s in sorted(pair)]}" for pair in pairs - allowed),
        *(f"alone: {student} {role[student]}" for student in singles ^ pretended),
        *(f"not named as of one seed: {student}" for student in honest - seeds),
    ]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class of twelve and two that was compared."""
    course = collected(tmp_path_factory.mktemp("class"), len(ROLES), drawn_runs(), ROLES)
    done = run_lab3("integrity", "--json", cwd=course)
    assert done.returncode == 3, done.stderr
    (course / "said.json").write_text(done.stdout)
    return course


@pytest.fixture
def course(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "course"))


@pytest.mark.long
def test_copies_of_five_kinds_are_found_and_nobody_else(made: Path) -> None:
    said = json.loads((made / "said.json").read_text())
    assert faults(made, said) == []
    assert {"exact", "resaved", "perturbed", "renamed", "prose"} <= {*ROLES}
    reasons = {one["student"]: one["reasons"] for one in said["not_compared"]}
    assert "runs: none were handed in" in reasons["s0010"]
    assert len(reasons["s0012"]) == 1


def test_what_was_read_is_kept_for_the_owner_alone(made: Path) -> None:
    folder = made / "integrity"
    assert folder.stat().st_mode & 0o777 == 0o700
    kept = [folder / "index.html", *(folder / "fingerprints").iterdir()]
    assert len(kept) > 10
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}


def test_a_rerun_reads_nothing_and_says_the_same(course: Path, lab3: Command) -> None:
    for path in (course / "submissions" / "attempts").iterdir():
        path.write_bytes(b"")
    again = lab3("integrity", "--json", cwd=course, fails=3)
    assert again.stdout == (course / "said.json").read_text()


@pytest.mark.slow
def test_an_interrupted_reading_goes_on(course: Path, lab3: Command) -> None:
    kept = course / "integrity" / "fingerprints"
    every = {path.name for path in kept.iterdir()}
    shutil.rmtree(kept)
    with no_longer_than(120):
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tools", "integrity"],
            cwd=course,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )
        while not list(kept.glob("[!.]*")):
            assert process.poll() is None
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate()
    assert process.returncode == 130
    assert "interrupted: what was read is kept; the same command goes on" in said
    assert "Traceback" not in said
    assert 0 < len(list(kept.iterdir())) < len(every)
    again = lab3("integrity", "--json", cwd=course, fails=3)
    assert again.stdout == (course / "said.json").read_text()
    assert {path.name for path in kept.iterdir()} == every


def test_a_course_without_hand_ins_has_nothing(tmp_path: Path, lab3: Command) -> None:
    write_course(tmp_path / "empty")
    done = lab3("integrity", cwd=tmp_path / "empty")
    assert done.stdout.split() == ["Pairs:", "none", "Single", "submissions:", "none"]


def test_decisions_survive_and_change_nothing_else(course: Path, lab3: Command) -> None:
    decide = ("integrity", "s0002", "s0003", "--mark", "cleared", "--why", "one team, agreed")
    done = lab3(*decide, cwd=course)
    assert "s0003): cleared on 20" in done.stdout
    assert "one team, agreed" in done.stdout
    before = json.loads((course / "said.json").read_text())
    after = json.loads(lab3("integrity", "--json", cwd=course, fails=3).stdout)
    assert after["open"] == before["open"] - 1
    decided = {tuple(case["students"]): case for case in after["pairs"]}
    assert decided["s0002", "s0003"]["decision"]["why"] == "one team, agreed"
    for case in before["pairs"]:
        assert decided[tuple(case["students"])]["findings"] == case["findings"]


def test_staff_may_add_a_suspicion(course: Path, lab3: Command) -> None:
    mark = ("integrity", "s0010", "s0011", "--mark", "suspected", "--why", "sat together")
    done = lab3(*mark, cwd=course, fails=3)
    assert "s0011): suspected on 20" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--mark", "guilty", "--why", "x", "s0002"], "--mark 'guilty': choose one of seen"),
        (["--mark", "seen", "s0002", "s0003"], "--mark needs a reason"),
        (["--mark", "seen", "--why", "x"], "--mark is about one student or two"),
        (["--mark", "seen", "--why", "x", "s0010", "s0011"], "there is no case of s0010 and s0011"),
        (["--why", "x"], "--why is the reason for --mark"),
        (["nobody"], "'nobody' is nobody who handed in"),
        (["Student 1"], "'Student 1' may be Student 1 O'Brien (s0001), Student 10"),
    ],
)
def test_mistakes_are_told_with_a_remedy(
    course: Path, lab3: Command, arguments: list[str], said: str
) -> None:
    assert said in lab3("integrity", *arguments, cwd=course, fails=1).stderr
    assert not (course / "integrity" / "decisions.toml").exists()


def test_outside_of_a_course_it_says_what_to_do(lab3: Command) -> None:
    assert "lab3 course init" in lab3("integrity", fails=1).stderr


def test_no_word_of_it_judges(made: Path) -> None:
    page = (made / "integrity" / "index.html").read_text()
    assert not [word for word in ("guilt", "cheat", "plagiar") if word in page.lower()]
    assert "no points depend on it" in page


@pytest.mark.slow
def test_a_class_of_two_hundred(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    runs = runs_of(made_once(tmp_path_factory, "honest", make_honest) / "submission")
    course = collected(tmp_path / "class", 200, runs)
    done = run_lab3("integrity", "--json", cwd=course)
    assert done.returncode == 3, done.stderr
    assert faults(course, json.loads(done.stdout)) == []
