"""What PTQ and QAT say of their cost."""

from pathlib import Path

import pytest

from lab3.log.runlog import RunLog, read_log
from tests.making.logs.records import end, epoch, start, written
from tools.running.quantizing import cost


@pytest.fixture
def baseline(tmp_path: Path) -> RunLog:
    written(tmp_path / "fp32", start(), epoch(1), end(validation_accuracy=0.9))
    return read_log(tmp_path / "fp32")


def test_the_three_accuracies_stand_side_by_side(baseline: RunLog) -> None:
    assert cost(baseline, 0.895, 0.89) == (
        "validation accuracy: FP32 90.00 %, INT8 89.50 % with float biases, 89.00 % with biases on "
        "the int32 grid (-1.00 points)"
    )


@pytest.mark.parametrize(("accuracy", "is_warned"), [(0.86, False), (0.84, True), (0.11, True)])
def test_who_loses_much_is_told_what_to_look_at(
    baseline: RunLog, accuracy: float, is_warned: bool
) -> None:
    said = cost(baseline, 0.9, accuracy)
    assert ("lab3 check tells whether fusion and scales are right" in said) == is_warned
    assert (f"{100 * (0.9 - accuracy):.1f} points are lost" in said) == is_warned
