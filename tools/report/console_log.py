"""Console output as a fallback for run logs: the grammars that students' scripts print.

``Epoch 1 | Train Loss: 1.48 | Train Acc: 45.55% | Val Loss: ...`` and ``Epoch  2/20
lr=9.00e-05, train_loss=0.21, val_loss=0.61, train_acc=0.92, val_acc=0.82``, perhaps behind a
progress bar on the same line; and the results ``[PTQ INT8] Loss: 0.41, Accuracy: 90.80%``,
``[Latency] FP32: 7.6 ms | INT8: 3.2 ms``, ``[File size] FP32: 13.37 MB | INT8: 3.35 MB`` and
``Test: loss=0.57, accuracy=0.86, size=3.38MB``.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lab3.errors import LabError
from lab3.log.records import TITLES

ANSI = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
NUMBER = r"(?P<number>[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|nan|inf))\s*(?P<percent>%?)"
EPOCH = re.compile(r"(?<![a-z])Epoch\s+(?P<epoch>\d{1,6})(?:\s*/\s*\d+)?(?!\d)", re.IGNORECASE)
FIELD = re.compile(
    rf"\b(?P<split>train|val|valid|validation)[ _](?P<what>loss|acc|accuracy)\s*[:=]\s*{NUMBER}",
    re.IGNORECASE,
)
NAMED = re.compile(r"\b(FP32|PTQ|QAT)\b", re.IGNORECASE)  # whom a nameless test is about
RESULT = re.compile(
    rf"\[(?P<model>FP32|PTQ|QAT)[^\]]{{0,20}}\].*?\bAcc(?:uracy)?\s*[:=]\s*{NUMBER}", re.IGNORECASE
)
TEST = re.compile(rf"\bTest:.*?\baccuracy\s*=\s*{NUMBER}", re.IGNORECASE)
TEST_SIZE = re.compile(r"\bTest:.*?\bsize\s*=\s*(?P<value>\d+(?:\.\d+)?)\s*MB", re.IGNORECASE)
PAIR = re.compile(r"\b(?P<model>FP32|INT8|PTQ|QAT):\s*(?P<value>\d+(?:\.\d+)?)\s*(?:ms|MB)\b")
SUMMARY = re.compile(r"(?:params|parameters?|estimated total) size \(MB\)", re.IGNORECASE)
MODELS = {title: kind for kind, title in TITLES.items()}
LINE_LENGTH = 10_000  # of what is looked at; progress bars fill lines with many more


@dataclass(frozen=True)
class Point:
    """One epoch as it was printed; accuracies are fractions."""

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float


@dataclass
class Network:
    """What was printed of one network; None when it wasn't."""

    accuracy: float | None = None
    size_bytes: float | None = None
    latency_s: float | None = None


@dataclass
class ConsoleLog:
    """What a console output tells, and on which lines; ``networks`` by train, ptq and qat."""

    path: Path
    points: list[Point] = field(default_factory=list)
    networks: dict[str, Network] = field(default_factory=dict)
    epoch_lines: list[int] = field(default_factory=list)
    result_lines: list[int] = field(default_factory=list)
    has_repeated_epochs: bool = False
    has_mib: bool = False
    problems: list[str] = field(default_factory=list)


def read_console(path: Path) -> ConsoleLog:
    """Read a console output; raise LabError when the file can't be read."""
    try:
        return parse_console(path, path.read_bytes().decode("utf-8", errors="replace"))
    except OSError as error:
        raise LabError(f"{path} can't be read: {error.strerror}: check the path") from None


def parse_console(path: Path, text: str) -> ConsoleLog:
    """Return what a console output tells; whatever is no line of the grammars means nothing."""
    log = ConsoleLog(path)
    points: dict[int, Point] = {}
    kinds = ["train"]
    for number, line in enumerate(text.split("\n"), 1):
        for piece in ANSI.sub("", line[:LINE_LENGTH]).split("\r"):
            for point in epochs_of(piece, number, log):
                log.has_repeated_epochs |= point.epoch in points
                points[point.epoch] = point
                log.epoch_lines.append(number)
            kinds += [MODELS[name.upper()] for name in NAMED.findall(piece)]
            read_results(piece, number, log, kinds)
            log.has_mib |= bool(SUMMARY.search(piece))
    log.points = [points[epoch] for epoch in sorted(points)]
    if not log.points and not log.networks:
        log.problems.append(f"{path}: no epoch and no result of a known form was found")
    return log


def epochs_of(piece: str, number: int, log: ConsoleLog) -> Iterator[Point]:
    """Yield the epochs that a piece of a line tells completely."""
    heads = [*EPOCH.finditer(piece)]
    ends = [*(head.start() for head in heads[1:]), len(piece)]
    for head, end in zip(heads, ends, strict=False):
        rest = piece[head.end() : end]
        values = {}
        for match in FIELD.finditer(rest):
            split = "train" if match["split"].lower() == "train" else "validation"
            is_loss = match["what"].lower() == "loss"
            value = float(match["number"]) if is_loss else fraction(match)
            values[f"{split}_{'loss' if is_loss else 'accuracy'}"] = value
        if len(values) < 4 or int(head["epoch"]) < 1:
            continue
        accuracies = values["train_accuracy"], values["validation_accuracy"]
        if all(map(math.isfinite, values.values())) and all(0 <= a <= 1 for a in accuracies):
            yield Point(int(head["epoch"]), **values)
        else:
            log.problems.append(
                f"{log.path}:{number}: epoch {head['epoch']} has a value that is no loss or no "
                "accuracy, and was left out"
            )


def fraction(match: re.Match[str]) -> float:
    """Return an accuracy as a fraction, whether it was printed as one or in percent."""
    value = float(match["number"])
    return value / 100 if match["percent"] or value > 1 else value


def read_results(piece: str, number: int, log: ConsoleLog, kinds: list[str]) -> None:
    """Take the results that a piece of a line tells; ``kinds``: of the networks named so far."""

    def network(kind: str) -> Network:
        log.result_lines.append(number)
        return log.networks.setdefault(kind, Network())

    for match in RESULT.finditer(piece):
        if 0 <= (accuracy := fraction(match)) <= 1:
            network(MODELS[match["model"].upper()]).accuracy = accuracy
    int8 = next((kind for kind in reversed(kinds) if kind != "train"), "ptq")
    for title, name, unit in (("[Latency]", "latency_s", 1e-3), ("[File size]", "size_bytes", 1e6)):
        for pair in PAIR.finditer(piece) if title in piece else ():
            kind = MODELS.get(pair["model"], int8)
            setattr(network(kind), name, float(pair["value"]) * unit)
    test, size = TEST.search(piece), TEST_SIZE.search(piece)
    if test and 0 <= (accuracy := fraction(test)) <= 1:
        network(kinds[-1]).accuracy = accuracy
        if size:
            network(kinds[-1]).size_bytes = float(size["value"]) * 1e6
