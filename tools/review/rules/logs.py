"""The numbers of a report against the run logs."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from lab3.log.records import End, Hyperparameters, Record, Result
from lab3.log.runlog import RunLog
from tools.report.facts.comparison import compare
from tools.review.findings import Finding
from tools.review.reading.cues import CHOSEN_OTHERWISE
from tools.review.reading.document import ReportText
from tools.review.reading.quantities import Interval, Quantity, exactly, quantities
from tools.review.reading.results import Results, Row, Setting, accuracy, show_percent
from tools.review.reading.sentences import sentences
from tools.review.reading.words import HYPERPARAMETERS, SIGNED_CHANGE, Model

EPOCHS = HYPERPARAMETERS["epochs"]
INTEGERS = ("epochs", "batch_size")
ASSIGNED = (
    r"(?:{0})\w*\s*(?:=|:|of|is|was|為|是|設為|設定為){1}\s*(?:set to\s*)?"
    r"(?P<value>[0-9.][0-9.eE^*x×{{}}+-]*)"
)
KINDS: dict[Model, tuple[str, ...]] = {
    "fp32": ("train",),
    "ptq": ("ptq",),
    "qat": ("qat",),
    "int8": ("ptq", "qat"),
}


@dataclass(frozen=True)
class Logged:
    """A number in a run log, and the line of ``run.jsonl`` that it stands in."""

    value: Interval
    place: str

    @classmethod
    def of(cls, log: RunLog, record: Record, value: float) -> "Logged":
        number = next(number for number, entry in log.numbered if entry is record)
        return cls(exactly(value), f"{log.path}:{number}")


def review_logs(
    document: ReportText, results: Results, logs: Sequence[RunLog]
) -> Iterator[Finding]:
    if not logs:
        return
    for table in results.tables:
        for row in table:
            evaluated = [log for log in logs if log.start.kind in KINDS[row.model]]
            yield from accuracies(document, row, evaluated)
            yield from sizes(document, row, evaluated)
            yield from drops(document, row, logs, evaluated)
            yield from latencies(document, row, evaluated)
    for settings in results.ablations:
        for setting in settings:
            yield from setting_reached(document, setting, logs)
    yield from hyperparameters(document, results, logs)


def accuracies(document: ReportText, row: Row, logs: list[RunLog]) -> Iterator[Finding]:
    cell, value = row.cells.get("accuracy"), row.accuracy
    tested = [Logged.of(log, r, r.accuracy) for log in logs for r in _results(log)]
    seen = [Logged.of(log, e, e.validation_accuracy) for log in logs if (e := log.end)]
    if cell is None or value is None or not (tested or seen):
        return
    is_validation = cell.qualifier == "validation"
    numbers = seen if is_validation else tested
    if not numbers or any(value.touches(logged.value) for logged in numbers):
        return
    match = next((logged for logged in seen if value.touches(logged.value)), None)
    rule, why = "log-accuracy", f"{numbers[0].place} says so"
    if match and not is_validation:
        rule = "validation-as-test"
        why = f"{match.place} gives {cell.text} as validation accuracy; {why}"
    yield document.finding(
        rule,
        cell.line,
        f"{row.label}: {cell.text}",
        f"{show_percent(numbers[0].value)} %",
        why,
        "certain",
    )


def _results(log: RunLog) -> list[Result]:
    return [record for record in log.records if isinstance(record, Result)]


def sizes(document: ReportText, row: Row, logs: list[RunLog]) -> Iterator[Finding]:
    cell, value = row.cells.get("size"), row.size
    ends = [(log, r) for log in logs for r in log.records if isinstance(r, End | Result)]
    numbers = [Logged.of(log, r, r.checkpoint_bytes) for log, r in ends]
    if cell is None or value is None or not numbers:
        return
    # The unit is another rule's affair.
    scaled = value.times(Decimal(2**20) / Decimal(10**6))
    if any(value.touches(k.value) or scaled.touches(k.value) for k in numbers):
        return
    yield document.finding(
        "log-size",
        cell.line,
        f"{row.label}: {cell.text}",
        f"{numbers[0].value.middle / 10**6:.2f} MB",
        f"{numbers[0].place} says so",
        "certain",
    )


def drops(
    document: ReportText, row: Row, logs: Sequence[RunLog], own: list[RunLog]
) -> Iterator[Finding]:
    """Yield a drop that the logs contradict, unless arithmetic within the table shows it too."""
    cell = row.cells.get("drop")
    quantity = cell.quantity if cell else None
    names = {log.name for log in own}
    rows = [c for c in compare(logs) if c.run in names and c.drop_points is not None]
    if cell is None or quantity is None or row.model == "fp32" or row.accuracy or not rows:
        return
    drops_ = [exactly(c.drop_points or 0.0).widened("1e-9") for c in rows]
    senses = [quantity.interval, *([-quantity.interval] * bool(SIGNED_CHANGE.search(cell.header)))]
    if any(sense.touches(drop) for sense in senses for drop in drops_):
        return
    log = next(log for log in own if log.name == rows[0].run)
    place = Logged.of(log, log.result, 0).place if log.result else str(log.path)
    yield document.finding(
        "log-drop",
        cell.line,
        f"{row.label}: {cell.text}",
        f"{drops_[0].middle:.2f} points",
        f"{place} and its baseline say so",
        "certain",
    )


def latencies(document: ReportText, row: Row, logs: list[RunLog]) -> Iterator[Finding]:
    """Yield a latency that no evaluation in the logs measured; it may come from elsewhere."""
    cell, value = row.cells.get("latency"), row.latency
    numbers = [Logged.of(log, r, r.latency.median_s) for log in logs for r in _results(log)]
    if cell is None or value is None or not numbers:
        return
    if any(value.touches(k.value) for k in numbers):
        return
    yield document.finding(
        "log-latency",
        cell.line,
        f"{row.label}: {cell.text}",
        f"{numbers[-1].value.middle * 1000:.2f} ms",
        f"{numbers[-1].place} says so",
        "likely",
    )


def setting_reached(
    document: ReportText, setting: Setting, logs: Sequence[RunLog]
) -> Iterator[Finding]:
    """Yield an accuracy of a setting when all runs with these hyperparameters reached another."""
    value = accuracy(setting.accuracy)
    if value is None or setting.accuracy is None or not any(map(EPOCHS.search, setting.values)):
        return
    cells = {cell.strip("` *") for cell in setting.values.values()}
    trained = [log for log in logs if log.end and log.start.kind == "train"]
    alike = [log for log in trained if log.name in cells] or [
        log for log in trained if is_of(setting, log)
    ]
    numbers = [Logged.of(log, log.end, log.end.validation_accuracy) for log in alike if log.end]
    numbers += [Logged.of(log, r, r.accuracy) for log in alike for r in _results(log)]
    if numbers and not any(value.touches(logged.value) for logged in numbers):
        yield document.finding(
            "log-accuracy",
            setting.line,
            setting.accuracy.text,
            f"{show_percent(numbers[0].value)} %",
            f"{numbers[0].place} says so",
            "likely",
        )


def is_of(setting: Setting, log: RunLog) -> bool:
    """Tell whether a row of an ablation describes a run, as far as it says anything."""
    hyper = log.start.hyperparameters
    if hyper is None:
        return False
    printed = {name: v for h, c in setting.values.items() for name, v in named_values(h, c)}
    losses = [
        v for header, v in setting.values.items() if re.search("loss|損失|损失", header, re.I)
    ]
    smoothed = HYPERPARAMETERS["label_smoothing"].search(" ".join(losses)) is not None
    if losses and "label_smoothing" not in printed and smoothed != (hyper.label_smoothing > 0):
        return False
    words = (getattr(hyper, name) for name in ("optimizer", "scheduler", "augmentation"))
    for word, header in zip(
        words, ("optimi|優化|优化", "schedul|排程", "augment|增強"), strict=True
    ):
        cells = [cell for h, cell in setting.values.items() if re.search(header, h, re.I)]
        if cells and word.lower() not in cells[0].lower():
            return False
    return all(fits(hyper, name, number) for name, number in printed.items())


def assigned(name: str, pattern: re.Pattern[str]) -> str:
    """Return the pattern of a value given to a hyperparameter; "epochs 9 to 12" is none."""
    return ASSIGNED.format(pattern.pattern, "" if name == "epochs" else "?")


def named_values(header: str, text: str) -> Iterator[tuple[str, Quantity]]:
    """Yield the hyperparameters that a header names, with the numbers of a cell, in order."""
    names = [(m.start(), n) for n, p in HYPERPARAMETERS.items() if (m := p.search(header))]
    numbers = list(quantities(text))
    if len(names) == len(numbers):
        for (_, name), number in zip(sorted(names), numbers, strict=True):
            yield name, number


def fits(hyper: Hyperparameters, name: str, quantity: Quantity) -> bool:
    """Tell whether a printed number is a run's hyperparameter; rates may be in percent."""
    value = exactly(float(getattr(hyper, name)))
    return quantity.interval.touches(value) and (
        not quantity.is_integer or quantity.number == value.low or name not in INTEGERS
    )


def hyperparameters(
    document: ReportText, results: Results, logs: Sequence[RunLog]
) -> Iterator[Finding]:
    """Yield hyperparameters that no run had: of tables "name | value", and "name = 5" in text."""
    runs = [(log, log.start.hyperparameters) for log in logs if log.start.hyperparameters]
    statements = [
        (cell.line, f"{cell.header}: {cell.text}", *pair)
        for cell in results.settings
        for pair in named_values(cell.header, cell.text)
    ]
    for sentence in sentences(document):
        if sentence.is_history or CHOSEN_OTHERWISE.search(sentence.text):
            continue
        for name, pattern in HYPERPARAMETERS.items():
            statements += [
                (sentence.line, sentence.text, name, number)
                for match in re.finditer(assigned(name, pattern), sentence.text, re.I)
                for number in list(quantities(match["value"]))[:1]
            ]
    trained = [(log, h) for log, h in runs if log.start.kind == "train"] or runs
    for line, text, name, quantity in statements:
        if runs and not any(fits(h, name, quantity) for _, h in runs if h):
            log, hyper = trained[0]
            yield document.finding(
                "log-hyperparameters",
                line,
                text,
                f"{name} {getattr(hyper, name)}",
                f"{Logged.of(log, log.start, 0).place} says so",
                "likely",
            )
