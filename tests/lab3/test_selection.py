"""The one rule by which runs count, in the report and for the grade."""

import hashlib
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.submissions.reading import Run
from autograder.submissions.runs import Runs
from lab3.data import NORMALISATION
from lab3.log.records import Baseline, Record, Variant
from lab3.log.runlog import LOG_NAME, RunLog
from lab3.selection import DATA_SETS, DataName, Selection, select
from lab3.training import RECIPES
from tests.making.grading import RUBRIC
from tests.making.logs.records import end, result, start, written
from tools.report.sources import collect


def log_of(name: str, *records: Record) -> RunLog:
    return RunLog(Path("runs") / name / LOG_NAME, records, is_torn=False)


def trained(
    name: str, accuracy: float | None, data: str = "digits", tested: float | None = None
) -> RunLog:
    """An FP32 run of a validation accuracy, or one that has not ended."""
    first = start(name=name)
    first = first.model_copy(update={"data": first.data.model_copy(update={"name": data})})
    records: list[Record] = [first]
    if accuracy is not None:
        records.append(end(validation_accuracy=accuracy, checkpoint_sha256=sha_of(name)))
    if tested is not None:
        records.append(result(accuracy=tested))
    return log_of(name, *records)


def quantized(kind: str, name: str, origin: str, accuracy: float | None, **changes: Any) -> RunLog:
    baseline = Baseline(name=origin, checkpoint_sha256=sha_of(origin))
    first = start(kind=kind, name=name, baseline=baseline, **{"qconfig": kind, **changes})
    records: list[Record] = [first]
    if accuracy is not None:
        records.append(end(validation_accuracy=accuracy, checkpoint_sha256=sha_of(name)))
    return log_of(name, *records)


def sha_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def names(selection: Selection) -> tuple[str | None, ...]:
    runs = (selection.fp32, selection.ptq, selection.qat)
    return tuple(log.name if log else None for log in runs)


def test_a_run_that_is_made_for_comparison_does_not_count() -> None:
    runs = [
        trained("fp32", 0.90),
        quantized("ptq", "ptq", "fp32", 0.89),
        quantized("ptq", "ptq-shift-10", "fp32", 0.95, variant=Variant(max_shift_amount=10)),
        quantized("qat", "qat", "fp32", 0.91),
        quantized("qat", "qat-per-channel", "fp32", 0.95, qconfig="default"),
    ]
    assert names(select(runs)) == ("fp32", "ptq", "qat")


FAMILY = [
    trained("fp32", 0.90),
    quantized("ptq", "ptq", "fp32", 0.89),
    quantized("qat", "qat", "fp32", 0.91),
]


def test_a_later_and_better_run_without_children_does_not_count() -> None:
    assert names(select([*FAMILY, trained("later", 0.99, tested=0.99)])) == ("fp32", "ptq", "qat")


def test_of_several_with_children_validation_accuracy_decides() -> None:
    other = [
        trained("other", 0.95),
        quantized("ptq", "ptq2", "other", 0.5),
        quantized("qat", "qat2", "other", 0.5),
        quantized("qat", "qat3", "other", 0.6),
    ]
    assert names(select([*FAMILY, *other])) == ("other", "ptq2", "qat3")


def test_test_accuracy_decides_nothing() -> None:
    lucky = trained("lucky", 0.80, tested=1.0)
    assert names(select([trained("better", 0.81, tested=0.1), lucky])) == ("better", None, None)


def test_the_first_data_set_of_the_course_counts() -> None:
    runs = [trained("practice", 0.99), trained("task", 0.5, data="cifar10")]
    assert names(select(runs))[0] == "task"
    assert names(select(runs, ["digits"]))[0] == "practice"


def test_unfinished_runs_and_other_configurations_count_last() -> None:
    runs = [
        trained("begun", None),
        *FAMILY,
        quantized("ptq", "per-channel", "fp32", 0.99, qconfig="default"),
        quantized("qat", "unfinished", "fp32", None),
    ]
    assert names(select(runs)) == ("fp32", "ptq", "qat")
    assert names(select([trained("begun", None)])) == ("begun", None, None)
    assert names(select([])) == (None, None, None)


@given(st.permutations([*FAMILY, trained("later", 0.99), quantized("ptq", "p2", "later", 0.3)]))
def test_the_order_of_runs_decides_nothing(runs: list[RunLog]) -> None:
    assert names(select(runs)) == ("fp32", "ptq", "qat")


@pytest.mark.parametrize("data", ["digits", "cifar10"])
def test_report_and_grade_choose_the_same(tmp_path: Path, data: str) -> None:
    """Runs fp32, ptq, qat and a later, better FP32 run: honest work, which lost points once."""
    logs = [*FAMILY, trained("later", 0.99, tested=0.99)]
    runs = {}
    for log in logs:
        first = log.records[0]
        data_record = first.data.model_copy(update={"name": data})  # type: ignore[attr-defined]
        records = (first.model_copy(update={"data": data_record}), *log.records[1:])
        written(tmp_path / log.name, *records)
        content = (tmp_path / log.name / LOG_NAME).read_bytes()
        runs[log.name] = Run(content, None)
    report = collect(tmp_path)
    graded = Runs(runs, RUBRIC.document.thresholds)
    assert graded.names == {"train": "fp32", "ptq": "ptq", "qat": "qat"}
    assert names(Selection(report.fp32, report.ptq, report.qat)) == ("fp32", "ptq", "qat")


def test_every_data_set_that_can_be_trained_on_has_its_rank() -> None:
    assert set(DATA_SETS) == set(RECIPES) == set(NORMALISATION) == set(get_args(DataName))
    assert list(RUBRIC.document.thresholds) == list(DATA_SETS)
