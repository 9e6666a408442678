"""``lab3 check``: causes first, the student's own lines, and a computer that can't fork."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Command, change
from tests.making import elsewhere


def test_one_mistake_is_told_once_with_the_lines_around_it(lab3: Command, student: Path) -> None:
    change(student / "lab3" / "resnet.py", "def add_relu(self,", "def add_relu(self")
    done = lab3("check", "--format", "github", cwd=student, fails=1)
    assert done.stdout.count("SyntaxError") == 2  # for people, and for GitHub
    assert ">" in next(text for text in done.stdout.splitlines() if "def add_relu(self out" in text)
    assert "27 wait for this: --all shows them" in done.stdout
    lines = [text for text in done.stdout.splitlines() if text.startswith("::error")]
    assert len(lines) == 1
    assert "file=lab3/resnet.py,line=" in lines[0]
    assert "%0ASyntaxError" in lines[0]


def test_a_forgotten_return_is_told_with_its_remedy(lab3: Command, student: Path) -> None:
    change(student / "lab3" / "observer.py", "return 2.0 **", "2.0 **")
    done = lab3("check", "-k", "whole_power_of_two", cwd=student, fails=1)
    assert "scale_approximate returned None instead of a number: end every way through" in " ".join(
        done.stdout.split()
    )


def test_a_part_is_checked_alone(lab3: Command, student: Path) -> None:
    grade = json.loads(lab3("check", "--part", 3, "--json", cwd=student).stdout)
    assert {result["check"].split(".")[0] for result in grade["results"]} == {"observer"}


def test_the_parts_stand_in_the_order_of_the_work(lab3: Command) -> None:
    done = lab3("check", "--code", ROOT / "assignment", fails=1)
    groups = [line.split()[0] for line in done.stdout.splitlines() if "not yet" in line]
    assert groups[:5] == ["forward", "fusion", "observer", "ptq", "qat"]
    assert "0 of 54 points; 36 checks not implemented" in done.stdout


def at_another_computer(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Run a command where there is neither fork nor a module of POSIX."""
    command = [sys.executable, "-W", "ignore", "-c", elsewhere.BOOTSTRAP, *arguments]
    environment = {"PATH": "", "PYTHONPATH": str(ROOT), "COLUMNS": "100", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def test_a_computer_that_can_not_fork_checks_in_one_process(student: Path) -> None:
    change(
        student / "lab3" / "observer.py",
        "shift = round(",
        "print('hello')\n            shift = int(",
    )
    done = at_another_computer("check", "--part", "3", "--json", cwd=student)
    assert "your code runs without walls" in done.stderr
    assert "this system can't fork processes" in done.stderr
    grade = json.loads(done.stdout)
    outcomes = {result["check"]: result["outcome"] for result in grade["results"]}
    assert outcomes["observer.nearest_exponent"] == "failed"
    assert outcomes["observer.lower_clamp"] == "passed"
    assert any("hello" in result["output"] for result in grade["results"])
    assert grade["tier"] == "none"


@pytest.mark.slow
def test_what_hangs_or_dies_there_costs_its_own_claims(student: Path) -> None:
    change(student / "lab3" / "resnet.py", "return self.dequant(x)", "import os; os._exit(3)")
    done = at_another_computer("check", "--json", cwd=student)
    grade = json.loads(done.stdout)
    outcomes = {result["check"]: result for result in grade["results"]}
    assert outcomes["forward.network_logits"]["outcome"] == "crashed"
    assert "ended itself with exit code 3" in outcomes["forward.network_logits"]["said"]
    assert outcomes["observer.lower_clamp"]["outcome"] == "passed"


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [("status",), ("runs",), ("doctor",), ("report",), ("evaluate",), ("submit",), ("--help",)],
)
def test_every_command_works_without_the_modules_of_posix(
    arguments: tuple[str, ...], copied: Path, student: Path
) -> None:
    (copied / "runs").rename(student / "runs")
    done = at_another_computer(*arguments, cwd=student)
    assert done.returncode == (1 if arguments == ("submit",) else 0), done.stderr
    assert "a fault of the kit" not in done.stderr
