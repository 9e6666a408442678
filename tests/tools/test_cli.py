"""The command line as a whole: however its reader ends, it ends properly."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.conftest import ROOT, run_lab3


def ended(*arguments: str, stdout: int) -> "subprocess.CompletedProcess[str]":
    """Run the command with its output going somewhere."""
    command = [sys.executable, "-m", "tools", *arguments]
    return subprocess.run(
        command, cwd=ROOT, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
    )


@pytest.mark.parametrize("arguments", [("--help",), ("runs", "--schema")])
def test_where_nobody_reads_it_ends_without_a_word(arguments: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = ended(*arguments, stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("train", "--dataset", "cifar"), "'cifar' is not one of 'digits'"),
        (("train", "--epochs", "two"), "'two'"),
        (("check", "--part", "7"), "'7'"),
    ],
)
def test_a_value_that_is_refused_is_named(arguments: tuple[str, ...], why: str) -> None:
    done = run_lab3(*arguments, cwd=ROOT)
    assert done.returncode == 2
    assert why in done.stderr
    assert "Value error" not in done.stderr


def test_the_version_is_told() -> None:
    done = run_lab3("--version", cwd=ROOT)
    assert done.stdout == f"lab3 {version('lab3-kit')}\n"


def test_a_fault_is_one_sentence_and_a_traceback_only_where_asked(
    student: Path,
) -> None:
    # What no remedy knows of: the kit's own file is broken.
    path = student / "lab3" / "schedule.py"
    path.write_text(path.read_text().replace("def learning_rate", "def another_rate"))
    arguments = ("train", "--dataset", "digits", "--epochs", "1")
    done = run_lab3(*arguments, cwd=student, fresh=True)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "this is a fault of the kit" in done.stderr
    assert "--traceback shows where it comes from" in done.stderr
    asked = run_lab3(*arguments, "--traceback", cwd=student, fresh=True)
    assert "Traceback" in asked.stderr


def test_in_a_notebook_there_is_a_line_an_epoch_and_no_bar() -> None:
    code = "from tools.shared.console import Bar, err, out; print(err.is_terminal, out.is_terminal)"
    for environment, expected in (
        ({"JPY_PARENT_PID": "1", "FORCE_COLOR": "1"}, "False False"),
        ({"FORCE_COLOR": "1"}, "True True"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == expected


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_where_nothing_can_be_written_it_says_so() -> None:
    with Path("/dev/full").open("w") as full:
        done = ended("runs", "--schema", stdout=full.fileno())
    assert (done.returncode, done.stderr) == (1, "lab3: a file: No space left on device\n")
