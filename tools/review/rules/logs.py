"""The numbers of a report against the run logs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lab3.log.records import End, Hyperparameters, Record, Result
from lab3.log.runlog import RunLog
from tools.report.facts.comparison import compare
from tools.review.reading.cells import Cell, Setting
from tools.review.reading.facts import Facts
from tools.review.reading.lexicon import load
from tools.review.reading.quantities import Interval, Quantity, exactly, quantities
from tools.review.reading.report import Report
from tools.review.reading.statements import FP32, INT8, PTQ, QAT, Place, Statement, percent
from tools.review.rules.registry import Fault, rule
from tools.review.rules.values import MEBI

INTEGERS = ("epochs", "batch_size")
KINDS = {FP32: ("train",), PTQ: ("ptq",), QAT: ("qat",), INT8: ("ptq", "qat")}
HYPER = ("epochs", "batch_size", "learning_rate", "momentum", "weight_decay", "label_smoothing")


@dataclass(frozen=True)
class Number:
    """A number in a run log, and the line of ``run.jsonl`` that it stands in."""

    value: Interval
    place: str

    @classmethod
    def of(cls, log: RunLog, record: Record, value: float) -> "Number":
        number = next(number for number, entry in log.numbered if entry is record)
        return cls(exactly(value), f"{log.path}:{number}")


@dataclass(frozen=True, eq=False)
class Logged:
    """A cell of a table of results, and the runs that it is of."""

    statement: Statement
    own: tuple[RunLog, ...]
    logs: tuple[RunLog, ...]
    has_accuracy: bool


@dataclass(frozen=True, eq=False)
class Tried:
    """A row of settings that were tried, and all runs."""

    setting: Setting
    logs: tuple[RunLog, ...]


@dataclass(frozen=True, eq=False)
class Given:
    """A hyperparameter that a report gives, and the runs that have any."""

    name: str
    quantity: Quantity
    place: Place
    logs: tuple[RunLog, ...]


def logged(report: Report, logs: Sequence[RunLog]) -> Iterator[object]:
    """Yield what can be compared with run logs."""
    if not logs:
        return
    facts, runs = report.facts, tuple(logs)
    for statement in facts.statements:
        if statement.place.where in ("cell", "log") and statement.model in KINDS:
            own = tuple(log for log in runs if log.start.kind in KINDS[statement.model])
            has = any(
                s.place.line == statement.place.line
                for s in facts.values(statement.model, "accuracy")
            )
            yield Logged(statement, own, runs, has)
    for setting in facts.settings:
        yield Tried(setting, runs)
    trained = tuple(log for log in runs if log.start.hyperparameters)
    if not trained:
        return
    for statement in facts.statements:
        is_given = statement.metric in HYPER and statement.relation == "is" and statement.is_claim
        is_given &= statement.place.where == "prose" and not statement.model.endswith("+")
        if is_given and statement.quantity:
            yield Given(statement.metric, statement.quantity, statement.place, trained)
    for cell in facts.cells.values:
        for name, quantity in named_values(cell.header, cell.text):
            yield Given(name, quantity, _at(cell), trained)


def _at(cell: Cell) -> Place:
    return Place(cell.line, 0, f"{cell.header}: {cell.text}")


def _results(log: RunLog) -> list[Result]:
    return [record for record in log.records if isinstance(record, Result)]


@rule("log-accuracy", "Accuracies are those of the run logs.")
def log_accuracy(entry: Logged, _: Facts) -> Fault | None:
    found = accuracy_fault(entry)
    return found[1] if found and found[0] == "log-accuracy" else None


@rule("log-validation", "Accuracies that are called test accuracies are no validation accuracies.")
def log_validation(entry: Logged, _: Facts) -> Fault | None:
    found = accuracy_fault(entry)
    return found[1] if found and found[0] == "log-validation" else None


def accuracy_fault(entry: Logged) -> tuple[str, Fault] | None:
    statement = entry.statement
    value = statement.value
    if statement.metric != "accuracy" or statement.relation != "is" or value is None:
        return None
    tested = [Number.of(log, r, r.accuracy) for log in entry.own for r in _results(log)]
    seen = [Number.of(log, e, e.validation_accuracy) for log in entry.own if (e := log.end)]
    numbers = seen if statement.split == "validation" else tested
    if not numbers or any(value.touches(number.value) for number in numbers):
        return None
    match = next((number for number in seen if value.touches(number.value)), None)
    name, why = "log-accuracy", f"{numbers[0].place} says so"
    if match and statement.split != "validation":
        name = "log-validation"
        why = f"{match.place} gives {percent(value)} % as validation accuracy; {why}"
    return name, Fault(statement.place, f"{percent(numbers[0].value)} %", why, "certain")


@rule("log-size", "Sizes are those of the run logs.")
def log_size(entry: Logged, _: Facts) -> Fault | None:
    statement, value = entry.statement, entry.statement.value
    if statement.metric != "size" or statement.relation != "is" or value is None:
        return None
    records = [(log, r) for log in entry.own for r in log.records if isinstance(r, End | Result)]
    numbers = [Number.of(log, r, r.checkpoint_bytes) for log, r in records]
    scaled = value.times(MEBI)  # the unit is another rule's affair
    if not numbers or any(value.touches(n.value) or scaled.touches(n.value) for n in numbers):
        return None
    size = f"{numbers[0].value.middle / 10**6:.2f} MB"
    return Fault(statement.place, size, f"{numbers[0].place} says so", "certain")


@rule("log-drop", "Drops are those of the run logs.")
def log_drop(entry: Logged, _: Facts) -> Fault | None:
    """Find a drop that the logs contradict, unless the accuracies beside it show it too."""
    statement, quantity = entry.statement, entry.statement.quantity
    if statement.relation != "loses" or quantity is None or statement.model == FP32:
        return None
    names = {log.name for log in entry.own}
    rows = [c for c in compare(entry.logs) if c.run in names and c.drop_points is not None]
    if entry.has_accuracy or not rows:
        return None
    drops = [exactly(c.drop_points or 0.0).widened("1e-9") for c in rows]
    senses = [quantity.interval]
    if load().has("header.signed", statement.header):
        senses.append(-quantity.interval)
    if any(sense.touches(drop) for sense in senses for drop in drops):
        return None
    log = next(log for log in entry.own if log.name == rows[0].run)
    place = Number.of(log, log.result, 0).place if log.result else str(log.path)
    points = f"{drops[0].middle:.2f} points"
    return Fault(statement.place, points, f"{place} and its baseline say so", "certain")


@rule("log-latency", "Latencies are those of the run logs.")
def log_latency(entry: Logged, _: Facts) -> Fault | None:
    """Find a latency that no evaluation in the logs measured; it may come from elsewhere."""
    statement, value = entry.statement, entry.statement.value
    if statement.metric != "latency" or statement.relation != "is" or value is None:
        return None
    numbers = [Number.of(log, r, r.latency.median_s) for log in entry.own for r in _results(log)]
    if not numbers or any(value.touches(number.value) for number in numbers):
        return None
    time = f"{numbers[-1].value.middle * 1000:.2f} ms"
    return Fault(statement.place, time, f"{numbers[-1].place} says so", "likely")


@rule("log-setting", "Accuracies of settings are those of the run logs.")
def log_setting(entry: Tried, _: Facts) -> Fault | None:
    """Find an accuracy when all runs with these hyperparameters reached another."""
    setting, value = entry.setting, entry.setting.accuracy
    lexicon = load()
    if value is None or not any(lexicon.has("hyper.epochs", h) for h in setting.values):
        return None
    cells = {cell.strip("` *") for cell in setting.values.values()}
    trained = [log for log in entry.logs if log.end and log.start.kind == "train"]
    alike = [log for log in trained if log.name in cells] or [
        log for log in trained if is_of(setting, log)
    ]
    numbers = [Number.of(log, log.end, log.end.validation_accuracy) for log in alike if log.end]
    numbers += [Number.of(log, r, r.accuracy) for log in alike for r in _results(log)]
    if not numbers or any(value.touches(number.value) for number in numbers):
        return None
    place = Place(setting.line, 0, setting.text)
    shown = f"{percent(numbers[0].value)} %"
    return Fault(place, shown, f"{numbers[0].place} says so", "likely")


def is_of(setting: Setting, log: RunLog) -> bool:
    """Tell whether a row of an ablation describes a run, as far as it says anything."""
    hyper, lexicon = log.start.hyperparameters, load()
    if hyper is None:
        return False
    printed = {name: v for h, c in setting.values.items() for name, v in named_values(h, c)}
    losses = [v for header, v in setting.values.items() if lexicon.has("hyper.loss", header)]
    smoothed = lexicon.has("hyper.label_smoothing", " ".join(losses))
    if losses and "label_smoothing" not in printed and smoothed != (hyper.label_smoothing > 0):
        return False
    for name in ("optimizer", "scheduler", "augmentation"):
        cells = [c for h, c in setting.values.items() if lexicon.has(f"hyper.{name}", h)]
        if cells and getattr(hyper, name).lower() not in cells[0].lower():
            return False
    return all(fits(hyper, name, number) for name, number in printed.items())


def named_values(header: str, text: str) -> Iterator[tuple[str, Quantity]]:
    """Yield the hyperparameters that a header names, with the numbers of a cell, in order."""
    lexicon = load()
    found = [(m.start(), name) for name in HYPER if (m := lexicon.search(f"hyper.{name}", header))]
    numbers = list(quantities(text))
    if len(found) == len(numbers):
        for (_, name), number in zip(sorted(found), numbers, strict=True):
            yield name, number


def fits(hyper: Hyperparameters, name: str, quantity: Quantity) -> bool:
    """Tell whether a printed number is a run's hyperparameter; rates may be in percent."""
    value = exactly(float(getattr(hyper, name)))
    return quantity.interval.touches(value) and (
        not quantity.is_integer or quantity.number == value.low or name not in INTEGERS
    )


@rule("log-hyperparameters", "Hyperparameters and epochs are those of the run logs.")
def log_hyperparameters(entry: Given, _: Facts) -> Fault | None:
    runs = [(log, hyper) for log in entry.logs if (hyper := log.start.hyperparameters)]
    if any(fits(hyper, entry.name, entry.quantity) for _, hyper in runs):
        return None
    log, hyper = next(((g, h) for g, h in runs if g.start.kind == "train"), runs[0])
    return Fault(
        entry.place,
        f"{entry.name} {getattr(hyper, entry.name)}",
        f"{Number.of(log, log.start, 0).place} says so",
        "likely",
    )
