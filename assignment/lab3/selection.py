"""Which runs count: one rule, for the report and for the grade. Test accuracies have no part in it.

The FP32 run counts from which both a PTQ and a QAT run were completed. Of several, the one on the
first data set of the course, then the one with the best validation accuracy; of its PTQ and QAT
runs the one with the best validation accuracy each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from lab3.log.runlog import RunLog

DataName = Literal["digits", "fashion-mnist", "cifar10"]  # from practice to the task
DATA_SETS: tuple[DataName, ...] = get_args(DataName)[::-1]  # the task counts first


@dataclass(frozen=True)
class Selection:
    """The runs that count; None where there is none of that kind."""

    fp32: RunLog | None = None
    ptq: RunLog | None = None
    qat: RunLog | None = None


def select(
    logs: Sequence[RunLog],
    data_sets: Sequence[str] = DATA_SETS,
    baseline: RunLog | None = None,
) -> Selection:
    """Choose among runs; a ``baseline`` is the FP32 run whatever there is besides.

    Runs that have not ended come last. Of equals the first counts.
    """
    trained = [log for log in logs if log.start.kind == "train"]
    if baseline is None and not trained:
        return Selection()

    def merit(log: RunLog) -> tuple[bool, int, int, float]:
        data = log.start.data.name
        rank = data_sets.index(data) if data in data_sets else len(data_sets)
        return log.end is not None, len(completed(log, logs)), -rank, validation_accuracy(log)

    fp32 = baseline or max(trained, key=merit)
    return Selection(fp32, best("ptq", fp32, logs), best("qat", fp32, logs))


def completed(fp32: RunLog, logs: Sequence[RunLog]) -> set[str]:
    """Return the kinds of the lab's runs that were completed from an FP32 run."""
    return {log.start.kind for log in logs if is_of_the_lab(log, fp32) and log.end}


def best(kind: str, fp32: RunLog, logs: Sequence[RunLog]) -> RunLog | None:
    """Return the run of a kind that counts among those that continue an FP32 run."""
    candidates = [log for log in logs if log.start.kind == kind and is_of_the_lab(log, fp32)]
    return max(
        candidates, key=lambda log: (log.end is not None, validation_accuracy(log)), default=None
    )


def is_of_the_lab(log: RunLog, fp32: RunLog) -> bool:
    """Tell whether a run continues an FP32 run with the lab's configuration."""
    is_for_comparison = log.start.qconfig == "default" or log.start.variant is not None
    return log.continues(fp32) and not is_for_comparison


def validation_accuracy(log: RunLog) -> float:
    return log.end.validation_accuracy if log.end else 0.0
