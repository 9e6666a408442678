"""The tables of results in a report: which cell says what about which network."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from tools.review.reading.document import ReportTable, ReportText
from tools.review.reading.quantities import Interval, Quantity, quantities, size_bytes, time_s
from tools.review.reading.words import (
    BEFORE,
    BLANK,
    FP32_LABEL,
    HYPERPARAMETER,
    METRICS,
    MODELS,
    PERCENT,
    QUALIFIERS,
    Metric,
    Model,
)

LONGEST, TABLES = 40, 20  # rows of a table, and tables, that can be results of this lab
NAMES: dict[Model, str] = {"fp32": "FP32", "ptq": "PTQ", "qat": "QAT", "int8": "INT8"}


@dataclass(frozen=True)
class Cell:
    """One result as it is printed, under its header."""

    text: str
    line: int
    header: str

    @property
    def is_blank(self) -> bool:
        return BLANK.fullmatch(self.text) is not None

    @property
    def quantity(self) -> Quantity | None:
        return next(quantities(self.text), None)

    @property
    def is_percent(self) -> bool:
        """Tell whether a percent sign is printed in the cell or in its header."""
        quantity = self.quantity
        is_printed = quantity is not None and quantity.kind in ("%", "points")
        return is_printed or PERCENT.search(self.header) is not None

    @property
    def qualifier(self) -> str:
        return qualifier(self.header)


@dataclass(frozen=True)
class Row:
    """What a table says about one network."""

    model: Model
    label: str
    cells: dict[Metric, Cell]
    before: Cell | None = None  # the accuracy before quantization, where a column has it

    @property
    def accuracy(self) -> Interval | None:
        return accuracy(self.cells.get("accuracy"))

    @property
    def size(self) -> Interval | None:
        """The size in bytes; sizes are megabytes unless a unit is printed."""
        cell = self.cells.get("size")
        quantity = cell.quantity if cell else None
        if cell is None or quantity is None or quantity.kind not in ("", "bytes"):
            return None
        return size_bytes(quantity, header_unit(cell.header))

    @property
    def latency(self) -> Interval | None:
        cell = self.cells.get("latency")
        quantity = cell.quantity if cell else None
        if cell is None or quantity is None or quantity.kind not in ("", "seconds"):
            return None
        is_seconds = re.search(r"\((?:s|sec\w*|秒)\)", cell.header)
        return time_s(quantity, "s" if is_seconds else "ms")


@dataclass(frozen=True)
class Setting:
    """A row of an ablation: hyperparameters by header, and the accuracy reached."""

    line: int
    values: dict[str, str]
    accuracy: Cell | None


@dataclass(eq=False)
class Results:
    """All results in the tables of a report."""

    tables: list[list[Row]] = field(default_factory=list)
    ablations: list[list[Setting]] = field(default_factory=list)
    settings: list[Cell] = field(default_factory=list)  # of a table "hyperparameter | value"

    def rows(self, *models: Model) -> list[Row]:
        return [row for table in self.tables for row in table if row.model in models]

    def baselines(self, table: list[Row]) -> list[Row]:
        """Return the FP32 rows of a table, or of all tables when it has none."""
        return [row for row in table if row.model == "fp32"] or self.rows("fp32")


def accuracy(cell: Cell | None) -> Interval | None:
    """Return an accuracy as a fraction, whichever way it is printed."""
    quantity = cell.quantity if cell else None
    if quantity is None or quantity.kind not in ("", "%"):
        return None
    is_fraction = quantity.number <= 1 and not quantity.is_integer
    value = quantity.interval if is_fraction else quantity.interval.times("0.01")
    return value if value.low <= 1 and value.high >= 0 else None


def header_unit(header: str) -> str:
    """Return the unit of size that a header names; megabytes when it names none."""
    match = re.search(r"(?<![A-Za-z])(?:[GMK]i?B|bytes)(?![A-Za-z])", header, re.I)
    return match[0].lower() if match else "mb"


def qualifier(text: str) -> str:
    """Return which images an accuracy is of, where a text says so."""
    for name, pattern in QUALIFIERS:
        if pattern.search(text):
            return name
    return ""


def models_in(text: str) -> list[tuple[int, Model]]:
    """Return the networks that a text names, in order; INT8 counts only where it is alone."""
    mentions = [(m.start(), name) for name, p in MODELS.items() for m in p.finditer(text)]
    if any(name in ("ptq", "qat") for _, name in mentions):
        mentions = [pair for pair in mentions if pair[1] != "int8"]
    return sorted(mentions)


def model_of(label: str) -> Model | None:
    """Return the one network that a label names."""
    names = {name for _, name in models_in(label)}
    if names >= {"int8", "fp32"} or len(names) > 1:
        return None
    if not names and FP32_LABEL.search(label):
        return "fp32"
    return names.pop() if names else None


def metric_of(header: str) -> Metric | None:
    return next((metric for metric, p in METRICS if p.search(header)), None)


def read_results(document: ReportText) -> Results:
    """Return the results and the settings in a report's tables."""
    results = Results()
    for table in document.tables[:TABLES]:
        if not 2 <= len(table.rows) <= LONGEST:
            continue
        if rows := _rows(table):
            results.tables.append(rows)
        elif settings := _settings(table):
            results.ablations.append(settings)
        elif len(table.rows[0]) == 2:
            results.settings += [
                Cell(row[1], line, row[0])
                for row, line in zip(table.rows, table.lines, strict=True)
                if HYPERPARAMETER.search(row[0])
            ]
    return results


def _rows(table: ReportTable) -> list[Row]:
    """Return the networks of a table that has them as rows or as columns."""
    header = table.rows[0]
    columns = range(len(header))
    labels = [[model_of(row[c]) for row in table.rows[1:]] for c in columns]
    best = max(columns, key=lambda c: len(set(labels[c]) - {None}), default=0)
    down = len(set(labels[best]) - {None})
    across = len({model_of(cell) for cell in header} - {None})
    if across >= 2 and across > down:
        cells = [
            [Cell(row[c], line, row[0]) for row, line in zip(table.rows, table.lines, strict=True)]
            for c in columns[1:]
        ]
        pairs = [(header[c], column[1:]) for c, column in zip(columns[1:], cells, strict=True)]
    elif down:
        pairs = [
            (row[best], [Cell(row[c], line, header[c]) for c in columns if c != best])
            for row, line in zip(table.rows[1:], table.lines[1:], strict=True)
        ]
    else:
        return []
    rows = [_row(label, cells) for label, cells in pairs]
    kept = [row for row in rows if row is not None and row.cells]
    # Settings of FP32 alone are an ablation, whatever its rows are called.
    is_ablation = {row.model for row in kept} == {"fp32"} and _settings(table)
    return [] if is_ablation else kept


def _row(label: str, cells: Iterable[Cell]) -> Row | None:
    model = model_of(label)
    if model is None:
        return None
    kept: dict[Metric, Cell] = {}
    before = None
    for cell in cells:
        metric = metric_of(cell.header)
        if metric == "accuracy" and BEFORE.search(cell.header):
            before = cell
        elif metric == "accuracy" and cell.qualifier == "train":
            continue
        elif metric == "accuracy" and metric in kept:
            if cell.qualifier == "test" or kept[metric].qualifier == "validation":
                kept[metric] = cell
        elif metric:
            kept.setdefault(metric, cell)
    return Row(model, label, kept, before)


def _settings(table: ReportTable) -> list[Setting]:
    """Return the rows of a table that has hyperparameters and accuracy as columns."""
    header = table.rows[0]
    accuracies = [c for c, h in enumerate(header) if metric_of(h) == "accuracy"]
    accuracies.sort(key=lambda c: ("train", "", "validation", "test").index(qualifier(header[c])))
    hyper = [c for c, h in enumerate(header) if HYPERPARAMETER.search(h) and c not in accuracies]
    if not accuracies or not hyper or (len(hyper) < 2 and len(table.rows) < 3):
        return []
    return [
        Setting(
            line,
            {header[c]: cell for c, cell in enumerate(row) if c not in accuracies},
            Cell(row[accuracies[-1]], line, header[accuracies[-1]]),
        )
        for row, line in zip(table.rows[1:], table.lines[1:], strict=True)
    ]


def show_percent(value: Interval | Decimal) -> str:
    """Return a fraction as a percentage with two decimals."""
    middle = value.middle if isinstance(value, Interval) else value
    return f"{100 * middle:.2f}".replace("-0.00", "0.00")
