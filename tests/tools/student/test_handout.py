"""The handout, walked from its first command to the archive that is handed in."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lab3.log.runlog import LOG_NAME
from tests.conftest import ROOT, SOLUTION, run_lab3
from tests.making.datasets import write_cifar10
from tools.report.pdf import browser

HANDOUT = (ROOT / "assignment" / "README.md").read_text()
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
ENDLESS = ("--watch", "--install-completion")
# CIFAR-10 takes a GPU and hours: its commands are run on a few images of the same format.
SHORTER = {
    "train": ("--arch", "resnet14", "--width", "4", "--epochs", "1", "--batch-size", "8"),
    "qat": ("--epochs", "1"),
    "sweep": ("--arch", "resnet14", "--width", "4", "--batch-size", "8"),
}


def commands() -> list[list[str]]:
    """Every command of the handout, in its order, without comments."""
    lines = [line for block in BLOCK.findall(HANDOUT) for line in block.splitlines()]
    return [shlex.split(line[2:], comments=True) for line in lines if line.startswith("$ ")]


@pytest.mark.long
def test_the_handout_shows_what_the_first_run_prints(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "assignment" / "lab3", tmp_path / "lab3")
    done = run_lab3("train", "--dataset", "digits", cwd=tmp_path, fresh=True)
    block = re.search(r"```\n(resnet14 [^`]*not implemented yet[^`]*)```", HANDOUT)
    assert block
    shown = block[1]
    assert shown.split() == [
        word
        for line in done.stderr.splitlines()
        if not line.startswith("memory:")
        for word in line.split()
    ]
    assert not (tmp_path / "runs").exists()


def test_the_handout_s_commands_and_options_are_there() -> None:
    for command in commands():
        if command[0] == "lab3":
            assert command[1] in {"--install-completion", *names()}, command


def names() -> set[str]:
    from tools.cli import COMMANDS

    return {function.__name__ for functions in COMMANDS.values() for function in functions}


def assert_shown(said: str) -> None:
    """Compare the first lines of training with the handout's; numbers are the computer's own."""
    block = re.search(r"```\n(resnet14 [^`]*memory: [^`]*)```", HANDOUT)
    assert block
    for shown, line in zip(block[1].splitlines(), said.splitlines(), strict=False):
        start, *_ = shown.split("...")
        assert re.sub(r"[\d.]+", "0", line).startswith(re.sub(r"[\d.]+", "0", start)), line


@pytest.mark.slow
def test_the_walk_by_the_handout_alone_ends_with_an_archive_that_grades_100(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "學生 的 lab"
    shutil.copytree(ROOT / "assignment", folder)
    for path in (SOLUTION / "lab3").glob("*.py"):
        shutil.copy(path, folder / "lab3")
    (folder / "data").mkdir()
    write_cifar10(folder / "data")
    for command in commands():
        if any(option in command for option in ENDLESS) or (
            "--pdf" in command and browser() is None
        ):
            continue
        if command[0] != "lab3":
            assert command[:3] == ["python", "-m", "doctest"]
            checked = subprocess.run(
                [sys.executable, "-W", "ignore", *command[1:4]], cwd=folder, check=False
            )
            assert checked.returncode == 0
            continue
        is_cifar = any("cifar" in word for word in command)
        arguments = [*command[1:], *(SHORTER.get(command[1], ()) if is_cifar else ())]
        arguments = [word for word in arguments if word != "--download"]
        if command[1] == "sweep":
            arguments = [{"10,30": "1,2"}.get(word, word) for word in arguments]
        done = run_lab3(*arguments, cwd=folder)
        if command == ["lab3", "train", "--dataset", "digits"] and "already" not in done.stderr:
            assert_shown(done.stderr)
        # What can't pass yet at that point: runs that are still to come, an unanswered report.
        is_early = not (folder / "runs" / "qat" / LOG_NAME).exists()
        may_fail = command[1] in ("review", "submit", *(["check"] if is_early else []))
        assert done.returncode in ((0, 1) if may_fail else (0,)), (command, done.stderr)
        assert "Traceback" not in done.stderr
    shutil.rmtree(folder / "runs" / "cifar-fp32")
    assert run_lab3("submit", cwd=folder).returncode == 1
    done = run_lab3("grade", folder / "lab3.zip", "--json", cwd=tmp_path)
    grade = json.loads(done.stdout)
    lost = [r["check"] for r in grade["results"] if r["outcome"] != "passed"]
    assert lost == []
    assert sum(r["points"] * r["share"] for r in grade["results"]) == 100
