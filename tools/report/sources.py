"""What a report is made from: one FP32 run, and what was quantized from it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab3.errors import LabError
from lab3.log.records import Record, Result
from lab3.log.runlog import LOG_NAME, RunLog, RunLogError, read_log
from lab3.selection import select
from tools.report.consoles import Consoles
from tools.report.facts.scales import Tensors


@dataclass
class Sources:
    """The chosen runs; ``problems`` are sentences about what could not be read."""

    fp32: RunLog | None = None
    ptq: RunLog | None = None
    qat: RunLog | None = None
    compared: list[RunLog] = field(default_factory=list)
    settings: list[RunLog] = field(default_factory=list)
    console: Consoles | None = None
    has_runs: bool = False
    problems: list[str] = field(default_factory=list)

    @property
    def quantized(self) -> dict[str, RunLog]:
        """The PTQ and the QAT run whose analysis is logged."""
        runs = {"ptq": self.ptq, "qat": self.qat}
        return {kind: log for kind, log in runs.items() if log and log.analysis}

    @property
    def certified(self) -> dict[str, RunLog]:
        """The PTQ and the QAT run that were computed on integers."""
        runs = {"ptq": self.ptq, "qat": self.qat}
        return {kind: log for kind, log in runs.items() if log and log.certificate}

    @property
    def names(self) -> dict[str, str]:
        """The names of the quantized runs, by kind."""
        return {kind: log.name for kind, log in self.quantized.items()}

    @property
    def tensors(self) -> Tensors:
        """What the quantized runs log of their tensors, where there are any."""
        analyses = {kind: log.analysis for kind, log in self.quantized.items()}
        return {kind: a.tensors for kind, a in analyses.items() if a and a.tensors}

    @property
    def results(self) -> dict[str, Result]:
        """The results of the FP32, the PTQ and the QAT run, by name, if they fit their classes."""
        logs = (self.fp32, self.ptq, self.qat)
        results = {log.name: log.result for log in logs if log and log.result}
        return {
            name: result
            for name, result in results.items()
            if {len(result.class_accuracy)} == {len(result.confusion), *map(len, result.confusion)}
        }

    @property
    def images(self) -> dict[str, int]:
        """On how many test images each run was evaluated, by name."""
        return {log.name: log.result.images for log in self.compared if log.result}


def collect(runs: Path, baseline: str | None = None) -> Sources:
    """Read all logs below a folder, and choose; raise LabError for an unknown ``baseline``."""
    sources = Sources()
    logs = []
    for path in sorted([*runs.glob(f"*/{LOG_NAME}"), *runs.glob(f"*/*/{LOG_NAME}")]):
        sources.has_runs = True
        try:
            logs.append(log := read_log(path.parent))
        except RunLogError as error:
            sources.problems.append(f"left out: {error}")
            continue
        if log.is_torn:
            sources.problems.append(f"{path}: the last line is torn, and was left out")
    # Those of a sweep lie a folder deeper: none of them is what a report is about.
    candidates = [log for log in logs if log.path.parent.parent == runs]
    trained = [log for log in logs if log.start.kind == "train"]
    chosen = select(candidates, baseline=run_of(trained, baseline, runs))
    if chosen.fp32 is None:
        return sources
    sources.fp32, sources.ptq, sources.qat = chosen.fp32, chosen.ptq, chosen.qat
    children = [log for log in logs if log.continues(chosen.fp32)]
    sources.compared = [log for log in [chosen.fp32, *children] if log.result]
    sources.settings = [
        log
        for log in trained
        if log.end and log.start.hyperparameters and log.start.data == chosen.fp32.start.data
    ]
    return sources


def run_of(trained: Sequence[RunLog], name: str | None, runs: Path) -> RunLog | None:
    """Return the FP32 run of a name or in a folder; raise LabError when there is none."""
    if name is None:
        return None
    for log in trained:
        if log.name == name or log.path.parent.resolve() == Path(name).resolve():
            return log
    names = ", ".join(log.name for log in trained) or "none"
    raise LabError(f"there is no FP32 run {name!r} in {runs} (FP32 runs there: {names})")


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
