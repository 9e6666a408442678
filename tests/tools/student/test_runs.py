"""``lab3 runs`` lists the runs in a folder, and names logs that are damaged."""

import json
import os
import re
from pathlib import Path

import pytest

from lab3.log.runlog import json_schema
from tests.conftest import Command
from tests.making.logs.records import changed, end, epoch, line, result, start, written


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder with a complete, an evaluated, an unfinished and a torn run."""
    folder = tmp_path / "runs"
    written(folder / "a-complete", start(name="complete"), epoch(1), epoch(2), epoch(3), end())
    written(
        folder / "b-evaluated",
        start(name="evaluated", kind="ptq", hyperparameters=None),
        end(validation_accuracy=0.92),
        result(accuracy=0.9299),
    )
    written(folder / "c-unfinished", start(name="unfinished"), epoch(1))
    written(folder / "d-torn", start(name="torn"), epoch(1), line(epoch(2))[:30])
    return folder


def test_the_command_lists_the_runs_and_how_far_each_has_come(lab3: Command, runs: Path) -> None:
    done = lab3("runs", "--runs", runs)
    lines = [text for text in done.stdout.splitlines() if text.strip()]
    rows = {text.split()[0]: re.split(r" {2,}", text.strip()) for text in lines}
    assert rows["a-complete"][-4:] == ["digits", "3 of 3", "43.75 %", "-"]
    assert rows["b-evaluated"][-4:] == ["digits", "-", "92.00 %", "92.99 %"]
    assert rows["c-unfinished"] == [
        *("c-unfinished", "train", "unfinished", "digits", "1 of 3", "-", "-")
    ]
    assert "model.pt" in rows["a-complete"][3]


def test_the_command_lists_the_runs_as_json(lab3: Command, runs: Path) -> None:
    document = json.loads(lab3("runs", "--runs", runs, "--json").stdout)
    assert document["faults"] == []
    assert [run["state"] for run in document["runs"]] == [
        "complete",
        "complete",
        "unfinished",
        "unfinished, last line torn",
    ]
    assert document["runs"][1] == {
        "run": "b-evaluated",
        "kind": "ptq",
        "state": "complete",
        "checked": "model.pt is missing; the test accuracy is not that of the confusion matrix",
        "is_sound": False,
        "dataset": "digits",
        "epochs_done": 0,
        "epochs": None,
        "validation_accuracy": 0.92,
        "test_accuracy": 0.9299,
    }


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["table", "json"])
def test_the_command_reports_damaged_logs_beside_the_good_runs(
    lab3: Command, runs: Path, options: list[str]
) -> None:
    first = written(runs / "e", start(), changed(epoch(1), train_accuracy=45.55))
    second = written(runs / "f", b"{\n")
    done = lab3("runs", "--runs", runs, *options, fails=1)
    for name in ("complete", "evaluated", "unfinished", "torn"):
        assert name in done.stdout
    for place in (f"{first}:2: train_accuracy: ", f"{second}:1: line: "):
        assert place in done.stderr
    if options:
        faults = json.loads(done.stdout)["faults"]
        assert [fault.split(": ")[0] for fault in faults] == [f"{first}:2", f"{second}:1"]


def test_the_command_obeys_no_name(lab3: Command, runs: Path) -> None:
    """Of runs that were handed in, folders, data sets and faults may be called anything."""
    evil = "\x1b]0;x\x07\x1b[2J\u202e[red]"
    data = start().data.model_copy(update={"name": evil})
    written(runs / f"{evil}a", start(data=data), end())
    written(runs / f"{evil}b", b"{\n")
    for options in ([], ["--json"]):
        done = lab3("runs", "--runs", runs, *options, fails=1)
        for shown in (done.stdout, done.stderr):
            assert not {"\x1b", "\x07"} & set(shown)
    assert "\\x1b[2J\\u202e[red]b/run.jsonl:1: line" in done.stderr


def test_the_command_waits_for_no_pipe(lab3: Command, runs: Path) -> None:
    """What was handed in as a folder may hold anything that a folder can hold."""
    (runs / "e").mkdir()
    os.mkfifo(runs / "e" / "run.jsonl")
    (runs / "f").mkdir()
    (runs / "f" / "run.jsonl").symlink_to("/dev/zero")
    done = lab3("runs", "--runs", runs, fails=1)
    for name in ("complete", "evaluated", "unfinished", "torn"):
        assert name in done.stdout
    for name in "ef":
        assert f"{runs / name / 'run.jsonl'} can't be read: it is no file" in done.stderr


def test_the_command_prints_the_schema(lab3: Command) -> None:
    assert json.loads(lab3("runs", "--schema").stdout) == json.loads(json_schema())


def test_the_command_says_that_there_are_no_runs(lab3: Command) -> None:
    assert lab3("runs").stdout == "no runs in runs\n"
