"""Console output as a fallback for run logs: what training scripts print, in whatever order.

An epoch begins with its number (``Epoch 1``, ``Epoch [1/20]``, ``Epoch: 1/20``, from 0 or from 1)
and goes on to the next; in it, loss and accuracy count by their names (``Train Loss: 1.48``,
``val_acc=0.83``, ``Train: loss 1.48 acc 45.5``, Keras's ``accuracy: 0.45 - val_accuracy: 0.54``).
An epoch that begins again is another training. Results are
``[PTQ INT8] Loss: 0.41, Accuracy: 90.80%``,
``Test Accuracy: 90.40%``, ``Test: loss=0.57, accuracy=0.86, size=3.38MB``,
``[Latency] FP32: 7.6 ms | INT8: 3.2 ms`` and ``[File size] FP32: 13.37 MB | INT8: 3.35 MB``.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab3.errors import LabError
from lab3.log.records import TITLES

ANSI = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
NUMBER = r"(?P<number>[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|nan|inf))\s*(?P<percent>%?)"
EPOCH = re.compile(
    r"(?:(?<![a-z])(?:Epochs?|Ep)[\s:#=]*[\[(]?\s*|^\s*(?:FP32|QAT)\s+(?=\d+/))(?P<epoch>\d{1,6})"
    r"(?:\s*/\s*(?P<of>\d+))?\s*[\])]?(?![\d.])(?!\s*(?:epochs|s\b))",
    re.IGNORECASE,
)
TOKEN = re.compile(
    r"(?<![a-z])(?:(?P<split>train(?:ing)?|val(?:id(?:ation)?)?|test(?:ing)?|eval)(?=[\s_:./\]-])"
    r"|(?P<what>loss|acc(?:uracy)?(?:@?1)?|top-?1)\s*(?:\((?:%|top-?1)\))?\s*[:=]?\s*"
    rf"{NUMBER}(?:\s*\((?P<mean>\d+\.\d+)\))?)",
    re.IGNORECASE,
)
BEST = re.compile(r"\bbest\W{0,3}(?:\w+\W{0,2}){0,2}$", re.IGNORECASE)  # of an earlier epoch
NAMED = re.compile(r"\b(FP32|PTQ|QAT)\b", re.IGNORECASE)  # whom a nameless test is about
RESULT = re.compile(
    rf"\[(?P<model>FP32|PTQ|QAT)[^\]]{{0,20}}\].*?\bAcc(?:uracy)?\s*[:=]\s*{NUMBER}", re.IGNORECASE
)
TEST = re.compile(
    rf"\b(?:Test:.{{0,80}}?\b|(?:final )?test[ _])acc(?:uracy)?(?:@1)?\s*[:=]?\s*{NUMBER}",
    re.IGNORECASE,
)
TEST_SIZE = re.compile(r"\bTest:.*?\bsize\s*=\s*(?P<value>\d+(?:\.\d+)?)\s*MB", re.IGNORECASE)
PAIR = re.compile(
    r"\b(?P<model>FP32|INT8|PTQ|QAT)(?:\s+INT8)?:\s*(?P<value>\d+(?:\.\d+)?)\s*(?P<unit>ms|MB)\b"
)
SUMMARY = re.compile(r"(?:params|parameters?|estimated total) size \(MB\)", re.IGNORECASE)
KINDS = {str(kind): title for kind, title in TITLES.items()}
MODELS = {title: kind for kind, title in KINDS.items()}
LINE_LENGTH = 10_000  # of what is looked at; progress bars fill lines with many more
NAMES = {
    "train_loss": "training loss",
    "train_accuracy": "training accuracy",
    "validation_loss": "validation loss",
    "validation_accuracy": "validation accuracy",
}
FORMS = (
    "known forms are 'Epoch 1 | Train Loss: 1.48 | Train Acc: 45.55% | Val Loss: 1.25 | Val Acc: "
    "53.70%' and 'Epoch 2/20 train_loss=0.21, train_acc=0.92, val_loss=0.61, val_acc=0.82', in any "
    "order, '[PTQ INT8] Loss: 0.41, Accuracy: 90.80%' and 'Test Accuracy: 90.40%'"
)


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
    """What was printed of one network; None when it wasn't. ``lines`` and ``printed`` by value."""

    accuracy: float | None = None
    size_bytes: float | None = None
    latency_s: float | None = None
    lines: dict[str, int] = field(default_factory=dict)
    printed: dict[str, str] = field(default_factory=dict)


@dataclass
class Curve:
    """The epochs of one training, of the network ``kind`` as far as the output names it."""

    kind: str
    points: list[Point] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    has_repeated_epochs: bool = False


@dataclass
class ConsoleLog:
    """What a console output tells, and on which lines; ``networks`` by train, ptq and qat."""

    path: Path
    curves: list[Curve] = field(default_factory=list)
    networks: dict[str, Network] = field(default_factory=dict)
    result_lines: list[int] = field(default_factory=list)
    has_mib: bool = False
    problems: list[str] = field(default_factory=list)

    @property
    def curve(self) -> Curve | None:
        """The training of FP32: the first that is not said to be another's."""
        own = [curve for curve in self.curves if curve.kind == "train"]
        return next(iter(own or self.curves), None)

    @property
    def points(self) -> list[Point]:
        return self.curve.points if self.curve else []

    @property
    def epoch_lines(self) -> list[int]:
        return self.curve.lines if self.curve else []

    @property
    def has_repeated_epochs(self) -> bool:
        return self.curve is not None and self.curve.has_repeated_epochs


@dataclass
class Printed:
    """One epoch while it is read: accuracies as printed, with whether a percent sign follows."""

    number: int
    line: int
    losses: dict[str, float] = field(default_factory=dict)
    accuracies: dict[str, tuple[float, bool]] = field(default_factory=dict)
    last_line: int = 0

    @property
    def is_complete(self) -> bool:
        return len(self.losses) + len(self.accuracies) == len(NAMES)

    @property
    def missing(self) -> list[str]:
        return [name for name in NAMES if name not in self.losses and name not in self.accuracies]


@dataclass
class Training:
    """The epochs between two beginnings; ``before`` and ``after`` are the networks named there."""

    before: str = ""
    after: str = ""
    epochs: list[Printed] = field(default_factory=list)


def read_console(path: Path) -> ConsoleLog:
    """Read a console output; raise LabError when the file can't be read."""
    try:
        return parse_console(path, path.read_bytes().decode("utf-8", errors="replace"))
    except OSError as error:
        raise LabError(f"{path} can't be read: {error.strerror}: check the path") from None


def parse_console(path: Path, text: str) -> ConsoleLog:
    """Return what a console output tells; whatever is no line of the grammars means nothing."""
    reader = _Reader(ConsoleLog(path))
    for number, line in enumerate(text.split("\n"), 1):
        for piece in ANSI.sub("", line).split("\r"):
            reader.read(piece[:LINE_LENGTH], number)
    return reader.finished()


class _Reader:
    """Reads pieces of lines one after the other."""

    def __init__(self, log: ConsoleLog) -> None:
        self.log = log
        self.trainings: list[Training] = []
        self.kinds = ["train"]  # of the networks named so far
        self.named = ""  # since the last epoch
        self.is_between = False  # a result was printed since the last epoch

    @property
    def epoch(self) -> Printed | None:
        return self.trainings[-1].epochs[-1] if self.trainings else None

    def read(self, piece: str, number: int) -> None:
        heads = [*EPOCH.finditer(piece)]
        edges = [*(head.start() for head in heads), len(piece)]
        names = [MODELS[name.upper()] for name in NAMED.findall(piece)]
        if heads and names and NAMED.search(piece).start() <= heads[0].start() + 1:  # type: ignore[union-attr]
            self.named = names[0]
        is_result = bool(RESULT.search(piece) or (TEST.search(piece) and not heads))
        if self.epoch and not self.epoch.is_complete and not self.is_between and not is_result:
            self.fields(self.epoch, piece[: edges[0]], number)
        for head, end in zip(heads, edges[1:], strict=True):
            rest = piece[head.end() : end]
            self.fields(self.begun(int(head["epoch"]), number, rest), rest, number)
        self.kinds += names
        if names and not heads:
            self.named = names[-1]
            training = self.trainings[-1] if self.trainings else None
            if training and not training.after:
                training.after = names[0]
        read_results(piece, number, self)
        self.is_between |= is_result
        self.log.has_mib |= bool(SUMMARY.search(piece))

    def begun(self, number: int, line: int, rest: str) -> Printed:
        """Return the epoch that a head begins or goes on with."""
        current = self.epoch
        is_same = current is not None and current.number == number and not self.is_between
        if current and is_same and not (current.is_complete and TOKEN.search(rest)):
            return current
        begun = self.trainings[-1].epochs if current else []
        first = next((e.number for e in begun if e.is_complete), number + 1)
        is_again = current is not None and number <= current.number
        if current is None or (is_again and (self.is_between or number == first < current.number)):
            self.trainings.append(
                Training(before="" if self.is_between and self.named == "train" else self.named)
            )
        self.named, self.is_between = "", False
        self.trainings[-1].epochs.append(Printed(number, line))
        return self.trainings[-1].epochs[-1]

    def fields(self, epoch: Printed, text: str, number: int) -> None:
        """Take the losses and accuracies of a piece; those without a split are of training."""
        split = "train"
        for match in TOKEN.finditer(text):
            if match["split"]:
                name = match["split"].lower()
                split = "train" if name.startswith("train") else "validation"
                continue
            if BEST.search(text[max(0, match.start() - 40) : match.start()]):
                continue
            value = float(match["mean"] or match["number"])
            if match["what"].lower() == "loss":
                epoch.losses[f"{split}_loss"] = value
            else:
                epoch.accuracies[f"{split}_accuracy"] = value, bool(match["percent"])
            epoch.last_line = number

    def finished(self) -> ConsoleLog:
        log = self.log
        printed = [e for training in self.trainings for e in training.epochs]
        bare = [v for e in printed for v, percent in e.accuracies.values() if not percent]
        is_percent = any(value > 1 for value in bare if math.isfinite(value))
        for index, training in enumerate(self.trainings):
            curve = Curve(self.kind(index, training))
            self.draw(curve, training.epochs, is_percent)
            if curve.points:
                log.curves.append(curve)
        self.explain(printed)
        return log

    def kind(self, index: int, training: Training) -> str:
        """Return whose training it is: named before it, by the file, or by the result behind it."""
        if training.before in ("train", "qat"):
            return training.before
        if index == 0:
            return "qat" if "qat" in self.log.path.stem.lower() else "train"
        return training.after if training.after == "qat" else "qat"

    def draw(self, curve: Curve, epochs: Sequence[Printed], is_percent: bool) -> None:
        points: dict[int, Point] = {}
        offset = 1 if epochs and epochs[0].number == 0 else 0
        for epoch in epochs:
            if not epoch.is_complete:
                continue
            values = {
                name: value / 100 if percent or is_percent else value
                for name, (value, percent) in epoch.accuracies.items()
            }
            is_finite = all(map(math.isfinite, [*values.values(), *epoch.losses.values()]))
            if not is_finite or not all(0 <= value <= 1 for value in values.values()):
                self.log.problems.append(
                    f"{self.log.path}:{epoch.line}: epoch {epoch.number} has a value that is no "
                    "loss or no accuracy, and was left out"
                )
                continue
            number = epoch.number + offset
            curve.has_repeated_epochs |= number in points
            points[number] = Point(number, **values, **epoch.losses)
            curve.lines.append(epoch.last_line or epoch.line)
        curve.points = [points[number] for number in sorted(points)]

    def explain(self, printed: list[Printed]) -> None:
        """Say which epochs could not be used, and what forms are known when nothing could."""
        log = self.log
        if len(log.curves) > 1:
            shown = "; ".join(
                f"lines {c.lines[0]}-{c.lines[-1]}: {KINDS[c.kind]}" for c in log.curves
            )
            log.problems.append(
                f"{log.path}: an epoch begins again, so there are {len(log.curves)} trainings "
                f"({shown}); the curves drawn are FP32's"
            )
        partial = [e for e in printed if not e.is_complete and (e.losses or e.accuracies)]
        if partial and not log.curves:
            epoch = partial[0]
            missing = " and no ".join(NAMES[name] for name in epoch.missing)
            log.problems.append(
                f"{log.path}:{epoch.line}: epoch {epoch.number} has no {missing}, which the curves "
                f"need: {FORMS}"
            )
        elif not log.curves and not log.networks:
            near = f"; the nearest is line {printed[0].line}" if printed else ""
            log.problems.append(
                f"{log.path}: no epoch and no result of a known form was found{near}: {FORMS}"
            )

    def network(self, kind: str, name: str, value: float, printed: str, line: int) -> None:
        self.log.result_lines.append(line)
        network = self.log.networks.setdefault(kind, Network())
        setattr(network, name, value)
        network.lines[name], network.printed[name] = line, printed


def fraction(match: re.Match[str]) -> float:
    """Return an accuracy as a fraction, whether it was printed as one or in percent."""
    value = float(match["number"])
    return value / 100 if match["percent"] or value > 1 else value


def read_results(piece: str, line: int, reader: _Reader) -> None:
    """Take the results that a piece of a line tells."""
    kinds = reader.kinds
    for match in RESULT.finditer(piece):
        if 0 <= (accuracy := fraction(match)) <= 1:
            kind = MODELS[match["model"].upper()]
            reader.network(kind, "accuracy", accuracy, _printed(match), line)
    int8 = next((kind for kind in reversed(kinds) if kind != "train"), "ptq")
    for title, name, unit in (("[Latency]", "latency_s", 1e-3), ("[File size]", "size_bytes", 1e6)):
        for pair in PAIR.finditer(piece) if title in piece else ():
            kind = MODELS.get(pair["model"], int8)
            printed = f"{pair['value']} {pair['unit']}"
            reader.network(kind, name, float(pair["value"]) * unit, printed, line)
    test, size = TEST.search(piece), TEST_SIZE.search(piece)
    if test and not EPOCH.search(piece) and 0 <= (accuracy := fraction(test)) <= 1:
        reader.network(kinds[-1], "accuracy", accuracy, _printed(test), line)
        if size:
            value = float(size["value"]) * 1e6
            reader.network(kinds[-1], "size_bytes", value, f"{size['value']} MB", line)


def _printed(match: re.Match[str]) -> str:
    return match["number"] + match["percent"]


def merged(logs: Sequence[ConsoleLog]) -> dict[str, Network]:
    """Return the networks of several outputs; what an earlier one tells counts."""
    networks: dict[str, Network] = {}
    for log in logs:
        for kind, network in log.networks.items():
            kept = networks.setdefault(kind, Network())
            for name in ("accuracy", "size_bytes", "latency_s"):
                if getattr(kept, name) is None:
                    setattr(kept, name, getattr(network, name))
    return networks


def numbered_results(log: ConsoleLog) -> Iterator[tuple[str, str, int, str]]:
    """Yield each result as (kind of run, value's name, line, as printed)."""
    for kind, network in log.networks.items():
        for name, line in network.lines.items():
            yield kind, name, line, network.printed[name]
