"""Which runs a report is about: one FP32 run, and what was quantized from it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab3.errors import LabError
from lab3.log.records import Record
from lab3.log.runlog import LOG_NAME, RunLog, RunLogError, read_log
from tools.report.console_log import ConsoleLog

DATASETS = ("cifar10", "fashion-mnist", "digits")  # the task first, then what is for practice


@dataclass
class Material:
    """The chosen runs; ``problems`` are sentences about what could not be read."""

    fp32: RunLog | None = None
    ptq: RunLog | None = None
    qat: RunLog | None = None
    compared: list[RunLog] = field(default_factory=list)
    settings: list[RunLog] = field(default_factory=list)
    console: ConsoleLog | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def quantized(self) -> dict[str, RunLog]:
        """The PTQ and the QAT run whose analysis is logged."""
        runs = {"ptq": self.ptq, "qat": self.qat}
        return {kind: log for kind, log in runs.items() if log and log.analysis}


def collect(runs: Path, baseline: str | None = None) -> Material:
    """Read all logs below a folder, and choose; raise LabError for an unknown ``baseline``."""
    material = Material()
    logs = []
    for path in sorted([*runs.glob(f"*/{LOG_NAME}"), *runs.glob(f"*/*/{LOG_NAME}")]):
        try:
            logs.append(log := read_log(path.parent))
        except RunLogError as error:
            material.problems.append(f"left out: {error}")
            continue
        if log.is_torn:
            material.problems.append(f"{path}: the last line is torn, and was left out")
    trained = [log for log in logs if log.start.kind == "train"]
    fp32 = chosen_baseline(trained, logs, baseline, runs)
    if fp32 is None:
        return material
    material.fp32 = fp32
    children = [log for log in logs if log.continues(fp32)]
    lab = [log for log in children if log.start.qconfig != "default"]
    material.ptq = best([log for log in lab if log.start.kind == "ptq"])
    material.qat = best([log for log in lab if log.start.kind == "qat"])
    material.compared = [log for log in [fp32, *children] if log.result]
    material.settings = [
        log
        for log in trained
        if log.end and log.start.hyperparameters and log.start.data == fp32.start.data
    ]
    return material


def chosen_baseline(
    trained: Sequence[RunLog], logs: Sequence[RunLog], name: str | None, runs: Path
) -> RunLog | None:
    """Return the FP32 run of that name, or the one that most was done with; no sweep's run."""
    if name is not None:
        found = [log for log in trained if log.name == name]
        if not found:
            known = ", ".join(log.name for log in trained) or "none"
            raise LabError(f"there is no FP32 run {name!r} in {runs} (FP32 runs there: {known})")
        return found[0]

    def merit(log: RunLog) -> tuple[bool, int, bool, int, float]:
        data = log.start.data.name
        rank = -DATASETS.index(data) if data in DATASETS else -len(DATASETS)
        kinds = {child.start.kind for child in logs if child.continues(log)}
        accuracy = log.end.validation_accuracy if log.end else 0.0
        return log.end is not None, len(kinds), log.result is not None, rank, accuracy

    return max((log for log in trained if log.path.parent.parent == runs), key=merit, default=None)


def best(logs: Sequence[RunLog]) -> RunLog | None:
    """Return the complete run with the best validation accuracy; evaluated ones come first."""

    def merit(log: RunLog) -> tuple[bool, bool, float]:
        accuracy = log.end.validation_accuracy if log.end else 0.0
        return log.result is not None, log.end is not None, accuracy

    return max(logs, key=merit, default=None)


def lines_of(log: RunLog, kinds: type[Record] | tuple[type[Record], ...]) -> str:
    """Return the lines of a log that hold records of some kinds: ``2-13, 15``."""
    return ranges([number for number, record in log.numbered if isinstance(record, kinds)])


def ranges(numbers: Sequence[int]) -> str:
    """Return sorted numbers as ranges: 1, 2, 3, 5 gives ``1-3, 5``."""
    parts: list[list[int]] = []
    for number in sorted(set(numbers)):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(f"{a}-{b}" if a != b else f"{a}" for a, b in parts)


def last_line_of(log: RunLog, kind: type[Record]) -> str:
    """Return the line of the last record of a kind, the one that counts."""
    return lines_of(log, kind).replace("-", ", ").split(", ")[-1]
