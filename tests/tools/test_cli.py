"""The command line as a whole: however its reader ends, it ends properly."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT


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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_where_nothing_can_be_written_it_says_so() -> None:
    with Path("/dev/full").open("w") as full:
        done = ended("runs", "--schema", stdout=full.fileno())
    assert (done.returncode, done.stderr) == (1, "lab3: a file: No space left on device\n")
