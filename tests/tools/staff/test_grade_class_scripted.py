"""``lab3 grade`` with a class whose grading processes do as they are told; see ``scripted``."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.making import clusters
from tests.making.alarms import no_longer_than
from tests.making.scripted import noted

LAB3 = """
import sys
from autograder.batch import server
from tests.making import scripted
server.BOOTSTRAP = scripted.BOOTSTRAP
from tools.cli import main
sys.argv[0] = "lab3"
main()
"""


def handed_in(folder: Path, *fates: str) -> Path:
    """Write submissions that are called what happens to whoever grades them."""
    for fate in fates:
        (folder / "submissions" / fate / "lab3").mkdir(parents=True)
        (folder / "submissions" / fate / "lab3" / "observer.py").touch()
    (folder / "starts").touch()
    return folder


@contextmanager
def lab3(
    folder: Path, *arguments: str, of: Path = Path("submissions")
) -> Iterator["subprocess.Popen[str]"]:
    """A running ``lab3 grade`` of these submissions, in a terminal's own group."""
    command = [sys.executable, "-W", "ignore", "-c", LAB3, "grade", str(of), *arguments]
    with no_longer_than(60):
        process = subprocess.Popen(
            [*command, "--rubric", str(folder)],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "COLUMNS": "100"},
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def interrupt(process: "subprocess.Popen[str]") -> str:
    """Press Ctrl-C, which reaches all processes of the terminal; return what is said."""
    family = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive
    return said


def wait_for(folder: Path, note: str) -> None:
    while not noted(folder, note):
        time.sleep(0.02)


def test_an_interrupted_grading_says_what_is_left_and_goes_on(tmp_path: Path) -> None:
    folder = handed_in(tmp_path, "broken", "hangs once", "well")
    with lab3(folder, "--jobs", "1") as process:
        wait_for(folder, "grade-hangs")
        said = interrupt(process)
    assert "interrupted: 2 of 3 are left; the same command goes on" in said
    with lab3(folder, "--json") as process:
        out, _ = process.communicate(timeout=30)
    lines = {line["folder"]: line["is_new"] for line in map(json.loads, out.splitlines())}
    assert lines == {"broken": False, "hangs once": True, "well": True}
    assert process.returncode == 3


def test_an_interrupted_start_says_so_as_well(tmp_path: Path) -> None:
    folder = handed_in(tmp_path, "a", "b")
    (folder / "starts").write_text("hang")
    with lab3(folder) as process:
        wait_for(folder, "start")
        said = interrupt(process)
    assert "interrupted: 2 of 2 are left; the same command goes on" in said


@pytest.mark.slow
@pytest.mark.parametrize("delay_s", [0.3, 0.6, 0.9, 1.2, 1.5])
def test_it_can_be_interrupted_at_any_moment(delay_s: float, tmp_path: Path) -> None:
    folder = handed_in(tmp_path, *(f"takes time {n}" for n in range(60)))
    with lab3(folder, "--jobs", "2") as process:
        wait_for(folder, "start")
        time.sleep(delay_s)
        said = interrupt(process)
    assert "of 60 are left; the same command goes on" in said


def test_what_happened_is_told(tmp_path: Path) -> None:
    folder = handed_in(tmp_path, "awaits refusals", "kills", "well")
    (folder / "starts").write_text("well refuse refuse")
    with lab3(folder, "--jobs", "2") as process:
        out, said = process.communicate(timeout=30)
    assert process.returncode == 3
    assert (
        "kills: the process that graded it was ended by SIGKILL; it is graded once more, alone, "
        "after the others"
    ) in said
    assert "fewer processes than asked for: a grading process failed: no walls stand here" in said
    assert "3 graded" in out
    assert "3 of 3 graded" in (folder / "grades" / "index.html").read_text()
    assert "points undecided" in out


def graded(folder: Path, *arguments: str, of: Path = Path("submissions")) -> tuple[int, str, str]:
    """Grade a class while one stands in a folder; return exit code, stdout and stderr."""
    with lab3(folder, *arguments, of=of) as process:
        out, said = process.communicate(timeout=50)
    assert "Traceback" not in said
    return process.returncode, out, said


def test_a_grade_that_is_damaged_is_made_again(tmp_path: Path) -> None:
    """Else its student would be missing in the table, and nobody told."""
    folder = handed_in(tmp_path, "ada", "bob", "eve")
    graded(folder)
    (folder / "grades" / "bob" / "grade.json").write_text("{")
    (folder / "grades" / "eve" / "grade.json").unlink()
    code, out, _ = graded(folder, "--json")
    lines = {line["folder"]: line["is_new"] for line in map(json.loads, out.splitlines())}
    assert (code, lines) == (0, {"ada": False, "bob": True, "eve": True})


def test_a_grade_that_somebody_changed_is_told_and_kept(tmp_path: Path) -> None:
    folder = handed_in(tmp_path, "ada", "bob")
    graded(folder)
    file = folder / "grades" / "ada" / "grade.json"
    file.write_text(file.read_text().replace('"share": 1.0', '"share": 0.5'))
    code, out, _ = graded(folder)
    assert code == 3
    assert re.search(r"ada +ada +not as it was graded.* 2 *$", out, re.MULTILINE)
    code, out, _ = graded(folder, "--json")
    lines = {line["folder"]: line["needs_staff"] for line in map(json.loads, out.splitlines())}
    assert (code, lines) == (3, {"ada": True, "bob": False})
    code, out, _ = graded(folder, "--rerun", "failed", "--json")
    lines = {line["folder"]: line["is_new"] for line in map(json.loads, out.splitlines())}
    assert (code, lines) == (0, {"ada": True, "bob": False})


def test_no_submission_decides_where_the_grades_of_a_class_lie(tmp_path: Path) -> None:
    """Neither one in which somebody stands, nor a link in it, nor one called "grades"."""
    folder = handed_in(tmp_path / "class", "ada", "grades")
    submissions, ada = folder / "submissions", folder / "submissions" / "ada"
    (tmp_path / "elsewhere").mkdir()
    (ada / "grades").symlink_to(tmp_path / "elsewhere")
    for option in ((), ("--data-dir", str(tmp_path))):
        code, _, said = graded(ada, *option, of=submissions)
        assert code == 1
        assert "counts from the current folder, and" in said
    for out in ("submissions", "submissions/ada/grades", "submissions/grades"):
        code, _, said = graded(folder, "--out", out)
        assert code == 1
        assert "leads into or through the submissions in" in said
    assert not any((tmp_path / "elsewhere").iterdir())
    assert not [*folder.rglob("grade.json")]


def test_a_rubric_that_changes_meanwhile_grades_nobody(tmp_path: Path) -> None:
    folder = handed_in(tmp_path, "hangs once", "kills once", "well")
    (folder / "starts").write_text("well changed")
    code, _, said = graded(folder, "--jobs", "2")
    assert code == 1
    assert "the rubric was changed while the class was graded" in said


def test_where_nobody_can_grade_that_is_the_error(tmp_path: Path) -> None:
    folder = handed_in(tmp_path, "a", "b")
    (folder / "starts").write_text("refuse")
    with lab3(folder) as process:
        _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert said.splitlines()[-1] == "lab3: no walls stand here"
    assert not (folder / "grades").exists()


@pytest.mark.slow
def test_on_a_cluster_it_can_be_interrupted_as_well(tmp_path: Path) -> None:
    folder = handed_in(tmp_path, "hangs", "takes time", "well")
    with (
        clusters.cluster(tmp_path, 2, clusters.SCRIPTED) as made,
        lab3(folder, "--scheduler", made.address) as process,
    ):
        wait_for(folder, "grade-hangs")
        wait_for(folder, "sent-well")
        time.sleep(0.5)  # until it has come here
        said = interrupt(process)
    assert "interrupted: 1 of 3 are left; the same command goes on" in said
    assert len(list(folder.glob("grades/*/made.json"))) == 2
