"""Where a student stands: the next command is the very one that does what is missing."""

from pathlib import Path

import pytest

from lab3.log.runlog import CHECKPOINT_NAME, read_log
from lab3.selection import select
from tools.studying.standing import command_of, reason, runs_of


@pytest.mark.parametrize(
    ("name", "command"),
    [
        (
            "fp32",
            "lab3 train --dataset digits --width 4 --epochs 2 --batch-size 32",
        ),
        ("ptq", "lab3 ptq"),
        ("qat", "lab3 qat --epochs 1"),
        ("per-channel", "lab3 ptq --name per-channel --qconfig default"),
    ],
)
def test_the_command_of_a_run_is_found_in_its_log(finished: Path, name: str, command: str) -> None:
    assert command_of(read_log(finished / "runs" / name)) == command


def test_a_run_whose_checkpoint_is_gone_says_so(copied: Path) -> None:
    logs = [read_log(copied / "runs" / name) for name in ("fp32", "ptq", "qat")]
    (copied / "runs" / "fp32" / CHECKPOINT_NAME).unlink()
    chosen = select(logs)
    assert reason(logs[0], chosen) == "model.pt is missing: --restart does the run again"
    assert "validation accuracy" in runs_of(logs, chosen)[1].why
