"""What can be seen of a run without computing anything."""

from pathlib import Path

import pytest

from lab3.log.runlog import CHECKPOINT_NAME, LOG_NAME, read_log
from tools.running.soundness import faults, tell_complete


def test_what_is_done_already_says_so_and_whether_it_is_still_there(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied / "runs" / "fp32"
    tell_complete(folder)
    assert "is complete already (--restart would do it again)" in capsys.readouterr().err
    (folder / CHECKPOINT_NAME).unlink()
    tell_complete(folder)
    assert "is complete already, but model.pt is missing (--restart" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["fp32", "ptq", "qat"])
def test_an_honest_run_has_no_faults(finished: Path, name: str) -> None:
    folder = finished / "runs" / name
    assert faults(folder, read_log(folder)) == []


def test_a_checkpoint_that_is_gone_or_another_is_told(copied: Path) -> None:
    folder = copied / "runs" / "fp32"
    log = read_log(folder)
    (folder / CHECKPOINT_NAME).write_bytes(b"another")
    assert faults(folder, log) == ["model.pt is not the file that the log describes"]
    (folder / CHECKPOINT_NAME).unlink()
    assert faults(folder, log) == ["model.pt is missing"]


def test_an_edited_epoch_contradicts_the_best_one(copied: Path) -> None:
    folder = copied / "runs" / "fp32"
    edited = read_log(folder).epochs[0].model_copy(update={"validation_accuracy": 0.99})
    text = (folder / LOG_NAME).read_text()
    line = next(line for line in text.splitlines() if '"event":"epoch"' in line)
    (folder / LOG_NAME).write_text(text.replace(line, edited.model_dump_json()))
    assert faults(folder, read_log(folder)) == [
        "the validation accuracy is not that of the best epoch"
    ]


def test_an_edited_accuracy_contradicts_the_rest(copied: Path) -> None:
    folder = copied / "runs" / "fp32"
    lines = (folder / LOG_NAME).read_text().splitlines()
    end = read_log(folder).end
    assert end is not None
    accuracy = f'"validation_accuracy":{end.validation_accuracy!r}'
    lines[-1] = lines[-1].replace(accuracy, '"validation_accuracy":0.99')
    (folder / LOG_NAME).write_text("\n".join(lines) + "\n")
    assert faults(folder, read_log(folder)) == [
        "the validation accuracy is not that of the best epoch"
    ]
