"""The tables of a report: which cell states what about which network or setting."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal

from tools.review.reading.lexicon import Lexicon, masked
from tools.review.reading.quantities import (
    BYTES,
    Interval,
    Quantity,
    quantities,
    size_bytes,
    time_s,
)
from tools.review.reading.statements import FP32, INT8, PTQ, QAT, Place, Statement, Where
from tools.review.reading.words import _without_parts

# In a header the first of these counts: "accuracy drop" is a drop.
METRICS = (
    *("other", "compression", "speedup", "drop", "throughput", "latency", "parameters"),
    *("size", "error", "loss", "accuracy"),
)
LONGEST = 40  # rows of a table that can be results of this lab
OTHER = "other"
NEAR = Decimal("0.02")  # relatively, of a rounded power of two
GIVEN = (
    *("epochs", "learning_rate", "batch_size", "momentum", "weight_decay", "label_smoothing"),
    *("seed", "calibration"),
)


@dataclass(frozen=True)
class Cell:
    """One printed result: its text, the header of its column and the label of its row."""

    text: str
    line: int
    header: str
    label: str
    model: str
    metric: str
    split: str = ""

    @property
    def quantity(self) -> Quantity | None:
        return next(quantities(self.text), None)


@dataclass(frozen=True)
class Setting:
    """A row of settings tried: hyperparameters by header, and the accuracy reached."""

    line: int
    table: int
    values: dict[str, str]
    accuracy: Interval | None
    text: str
    header: str
    split: str


@dataclass
class Cells:
    """What the tables of a report hold."""

    statements: list[Statement] = field(default_factory=list)
    blanks: list[Cell] = field(default_factory=list)
    settings: list[list[Setting]] = field(default_factory=list)
    values: list[Cell] = field(default_factory=list)  # of tables "hyperparameter | value"
    models: set[str] = field(default_factory=set)  # that have a place in some table


@dataclass(frozen=True)
class Grid:
    """A table in any shape: header first, the line of each row, and what stands above it."""

    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    section: int
    number: int
    models: tuple[str, ...] = ()  # that the heading or label above names
    is_log: bool = False


class Tables:
    """Reads tables with a lexicon."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.known: dict[str, str | None] = {}
        self.metrics: dict[str, str] = {}

    def read(self, grids: Iterable[Grid]) -> Cells:
        cells = Cells()
        for grid in grids:
            if 2 <= len(grid.rows) <= LONGEST:
                self._read_one(grid, cells)
        return cells

    def _read_one(self, grid: Grid, cells: Cells) -> None:
        found = self._networks(grid)
        cells.models |= {cell.model for cell in found}
        if not found:
            cells.statements += self._beyond(grid)
        header = [self.hyperparameter(h) for h in grid.rows[0]]
        kinds = {c.model for c in found}
        is_setting = len([h for h in header if h]) >= 1 and kinds <= {FP32, ""}
        settings = self._settings(grid) if is_setting or not found else []
        if settings:
            cells.settings.append(settings)
            cells.statements += self._of_settings(grid)
            cells.blanks += [
                Cell(s.text, s.line, s.header, "a setting", "", "value")
                for s in settings
                if s.accuracy is None and not s.text.strip() and not is_remark(s, settings)
            ]
            return
        cells.statements += shifts_of(grid)
        if found:
            for cell in found:
                self._add(cell, grid, cells)
            self._add_columns(grid, cells)
            return
        if len(grid.rows[0]) in (2, 3):
            for row, line in zip(grid.rows, grid.lines, strict=True):
                if self.hyperparameter(row[0]):
                    cell = Cell(row[1], line, row[0], "", self._trained(row[0], grid), "")
                    cells.values.append(cell)
                    if not cell.text.strip():
                        cells.blanks.append(replace(cell, metric="value", label=cell.header))
                    self._add_setting(cell, grid, cells)

    def _beyond(self, grid: Grid) -> Iterator[Statement]:
        """Yield the accuracies above 100 % of a table that has no networks."""
        header = grid.rows[0]
        for row, line in zip(grid.rows[1:], grid.lines[1:], strict=True):
            for c, text in enumerate(row):
                quantity = next(quantities(text), None)
                labels = (header[c], row[0])
                is_accuracy = "accuracy" in map(self.metric, labels) and c > 0
                is_percent = any(self.lexicon.has("header.percent", label) for label in labels)
                if quantity and is_accuracy and is_percent and 100 < quantity.number < 1000:
                    place = Place(line, grid.section, f"{labels[1]}: {labels[0]} {text}", "cell")
                    value = quantity.interval.times("0.01")
                    yield Statement("", "accuracy", "is", place, value, quantity=quantity)

    def _add_columns(self, grid: Grid, cells: Cells) -> None:
        """Take the hyperparameters of a table with networks as columns."""
        models = [self.model(h) for h in grid.rows[0]]
        for row, line in zip(grid.rows[1:], grid.lines[1:], strict=True):
            for model, text in zip(models[1:], row[1:], strict=False):
                if model and self.hyperparameter(row[0]):
                    self._add_setting(Cell(text, line, row[0], "", model, ""), grid, cells)

    def _trained(self, header: str, grid: Grid) -> str:
        """Return whose training a hyperparameter is of; FP32's when nothing else is said."""
        return self.model(header) or next(iter(grid.models), FP32)

    def _add_setting(self, cell: Cell, grid: Grid, cells: Cells) -> None:
        for name, quantity in self.settings_in(cell.header, cell.text):
            place = Place(
                cell.line, grid.section, f"{cell.header}: {cell.text}", "cell", grid.number
            )
            value = quantity.interval
            cells.statements.append(
                Statement(
                    cell.model, name, "is", place, value, quantity=quantity, header=cell.header
                )
            )

    def settings_in(self, header: str, text: str) -> Iterator[tuple[str, Quantity]]:
        """Yield the hyperparameters that a header names, with the numbers of a cell, in order."""
        if self.metric(header) in ("latency", "throughput"):
            return  # "time for a batch of 32"
        tags = [t for t in self.lexicon.tags(header[:60], "hyper") if t.is_of("hyper")]
        names = list(dict.fromkeys(t.kind for t in tags if t.kind in GIVEN))
        numbers = [q for q in quantities(text) if q.kind in ("", "%")]
        if len(names) == len(numbers):
            yield from zip(names, numbers, strict=True)

    def _of_settings(self, grid: Grid) -> Iterator[Statement]:
        """Yield what the rows of settings state, by the names that they have."""
        header = grid.rows[0]
        for row, line in zip(grid.rows[1:], grid.lines[1:], strict=True):
            name = row_name(row, grid)
            if not name:
                continue
            for c, text in enumerate(row):
                quantity = next(quantities(text), None)
                if quantity is None or c == 0:
                    continue
                place = Place(
                    line, grid.section, f"{row[0]}: {header[c]} {text}", "cell", grid.number
                )
                metric = self.metric(header[c])
                made = Statement(
                    f"row_{name}", metric, "is", place, label=bare(row[0]), quantity=quantity
                )
                if metric == "accuracy" and (value := fraction(quantity)):
                    yield replace(made, value=value, split=self.split(header[c]))
                elif metric == "loss":
                    yield replace(made, value=quantity.interval, split=self.split(header[c]))
                else:
                    for hyper, number in self.settings_in(header[c], text):
                        yield replace(made, metric=hyper, value=number.interval, quantity=number)

    def _add(self, cell: Cell, grid: Grid, cells: Cells) -> None:
        if self.lexicon.roles["blank"].fullmatch(self.lexicon.normal(cell.text)):
            cells.blanks.append(cell)
            return
        statement = stated(cell, grid)
        if statement is not None:
            cells.statements.append(statement)

    def _networks(self, grid: Grid) -> list[Cell]:
        """Return the results of a table that has networks as rows or as columns."""
        rows, lines = grid.rows, grid.lines
        header = rows[0]
        columns = range(len(header))
        labels = [[self.model(row[c]) for row in rows[1:]] for c in columns]
        names = [{m for m in column if m} for column in labels]
        best = max(columns, key=lambda c: (len(names[c]), -c), default=0)
        across = {m for m in map(self.model, header) if m}
        found: list[Cell] = []
        if len(across) >= 2 and len(across) > len(names[best]):
            for c in columns[1:]:
                model = self.model(header[c])
                for row, line in zip(rows[1:], lines[1:], strict=True):
                    found.append(self._cell(row[c], line, row[0], header[c], model))
        elif names[best]:
            for row, line, model in zip(rows[1:], lines[1:], labels[best], strict=True):
                label = row[best]
                for c in columns:
                    if c != best:
                        found.append(self._cell(row[c], line, header[c], label, model))
        elif len(grid.models) == 1 and len(header) == 2:
            for row, line in zip(rows, lines, strict=True):
                found.append(self._cell(row[1], line, row[0], "", grid.models[0]))
        kept = [cell for cell in found if cell.model and cell.metric]
        return kept or [c for c in found if c.model and self.hyperparameter(c.header or c.label)]

    def _cell(self, text: str, line: int, header: str, label: str, model: str | None) -> Cell:
        metric = self.metric(header)
        if not metric and header and self.metric(label) and not self.model(header):
            metric = ""
        if metric in ("accuracy", "loss") and self.lexicon.has("before", header):
            model = FP32 if metric == "accuracy" and model in (PTQ, QAT, INT8) else None
        return Cell(text, line, header, label, model or "", metric, self.split(header))

    def model(self, label: str) -> str | None:
        """Return the network that a label names; one with settings of its own is named whole."""
        if label not in self.known:
            self.known[label] = self._model(label)
        return self.known[label]

    def _model(self, label: str) -> str | None:
        if len(label) > 80:
            return None
        tags = [t for t in _without_parts(self.lexicon.tags(label)) if t.is_of("model")]
        kinds = {t.kind for t in tags}
        if OTHER in kinds:
            return f"{OTHER}:{label}"
        if kinds & {PTQ, QAT}:
            kinds -= (
                {INT8, FP32}
                if len(kinds & {PTQ, QAT}) == 1 and kinds == {*kinds & {PTQ, QAT}, INT8}
                else {INT8}
            )
        if len(kinds) > 1:
            return None
        if not kinds:
            return FP32 if self.lexicon.has("label.fp32", label) else None
        kind = kinds.pop()
        shown = masked(self.lexicon.normal(label), tags)
        rest = self.lexicon.roles["label.plain"].sub(" ", shown)
        if re.search(r"[a-z]{2,}|[0-9]{2,}|[^\x00-\x7f。、]", rest, re.I):
            return f"{kind}:{label}"
        return kind

    def metric(self, header: str) -> str:
        """Return what a header says is measured, or nothing."""
        if header not in self.metrics:
            kinds = {t.kind for t in self.lexicon.tags(header[:80], "metric") if t.is_of("metric")}
            self.metrics[header] = next((m for m in METRICS if m in kinds), "")
        return self.metrics[header] if self.metrics[header] != "other" else ""

    def split(self, header: str) -> str:
        tags = [t for t in self.lexicon.tags(header[:80], "split") if t.is_of("split")]
        kinds = {t.kind for t in tags}
        return next((k for k in ("test", "validation", "train") if k in kinds), "")

    def hyperparameter(self, header: str) -> str:
        """Return the hyperparameter that a header names, as run logs call it."""
        tags = self.lexicon.tags(header[:60], "hyper")
        return next((t.kind for t in tags if t.is_of("hyper")), "")

    def _settings(self, grid: Grid) -> list[Setting]:
        """Return the rows of a table that has hyperparameters and accuracy as columns."""
        header = grid.rows[0]
        accuracies = [c for c, h in enumerate(header) if self.metric(h) == "accuracy"]
        order = ("train", "", "validation", "test")
        accuracies.sort(key=lambda c: order.index(self.split(header[c])))
        accuracies = [c for c in accuracies if self.split(header[c]) != "train"]
        if self.hyperparameter(header[0]) == "epochs" and "loss" in map(self.metric, header):
            return []  # the epochs of one training
        others = [
            c for c in range(len(header)) if c not in accuracies and not self.metric(header[c])
        ]
        hyper = [c for c in others if self.hyperparameter(header[c])]
        if not accuracies or len(grid.rows) < 2:
            return []
        if not hyper and not (others and self._is_setting(grid)):
            return []
        settings = []
        for row, line in zip(grid.rows[1:], grid.lines[1:], strict=True):
            filled = [c for c in accuracies if next(quantities(row[c]), None)]
            column = filled[-1] if filled else accuracies[-1]
            quantity = next(quantities(row[column]), None)
            settings.append(
                Setting(
                    line,
                    grid.number,
                    {header[c]: row[c] for c in others},
                    fraction(quantity) if quantity else None,
                    row[column],
                    header[column],
                    self.split(header[column]),
                )
            )
        return settings

    def _is_setting(self, grid: Grid) -> bool:
        """Tell whether the first column names settings: no header says so, but its rows do."""
        named = sum(bool(self.hyperparameter(row[0])) for row in grid.rows[1:])
        return named * 2 >= len(grid.rows) - 1 and grid.section == 3


def is_remark(setting: Setting, settings: list[Setting]) -> bool:
    """Tell whether the accuracies stand in remarks, which not every row has."""
    told = [s.text for s in settings if s.header == setting.header and s.text.strip()]
    return any(re.search(r"[A-Za-z]{3}|[\u3400-\u9fff]|:", text) for text in told)


def shifts_of(grid: Grid) -> Iterator[Statement]:
    """Yield scales that are not the 2**-S of their row, in a column where most are."""
    columns = [c for c, h in enumerate(grid.rows[0]) if h.strip(" $*`") == "S"]
    if len(columns) != 1 or len(grid.rows) < 4:
        return
    for c in range(len(grid.rows[0])):
        rows = []
        for row, line in zip(grid.rows[1:], grid.lines[1:], strict=True):
            shift, scale = next(quantities(row[columns[0]]), None), next(quantities(row[c]), None)
            if c != columns[0] and shift and scale and 0 <= shift.number <= 32:
                right = Decimal(2) ** -shift.number
                rows.append((abs(scale.number / right - 1) <= NEAR, right, row, line))
        wrong = [entry for entry in rows if not entry[0]]
        if len(rows) >= 3 and len(wrong) * 2 < len(rows):
            for _, right, row, line in wrong:
                place = Place(line, grid.section, " ".join(row), "cell", grid.number)
                yield Statement("", "no power", f"{right.normalize():f}", place)


def row_name(row: tuple[str, ...], grid: Grid) -> str:
    """Return the name of a row of settings: a letter or short name in the first column."""
    names = [bare(r[0]) for r in grid.rows[1:]]
    name = bare(row[0])
    is_name = re.fullmatch(r"[A-Za-z#]?[A-Za-z0-9]{1,2}|[A-Z][A-Za-z-]{2,12}", name) is not None
    is_number = name.isdecimal()
    return name.upper() if is_name and not is_number and names.count(name) == 1 else ""


def bare(name: str) -> str:
    """Return a name without what parentheses or a star add to it."""
    return re.sub(r"\s*\([^()]*\)\s*$|[*\u2605\u2606]+$", "", name.strip()).strip()


def stated(cell: Cell, grid: Grid) -> Statement | None:
    """Return what a cell states in base units, or None when it holds no such number."""
    quantity = cell.quantity
    if quantity is None:
        return None
    value = in_units(cell, quantity)
    if value is None:
        return None
    relation = {"drop": "loses", "compression": "ratio", "speedup": "ratio"}.get(cell.metric, "is")
    metric = {"drop": "accuracy", "compression": "size", "speedup": "latency"}.get(
        cell.metric, cell.metric
    )
    where: Where = "log" if grid.is_log else "cell"
    place = Place(
        cell.line,
        grid.section,
        f"{cell.label}: {cell.header} {cell.text}".strip(": "),
        where,
        grid.number,
    )
    return Statement(
        cell.model,
        metric,
        relation,
        place,
        value,
        split=cell.split,
        quantity=quantity,
        header=cell.header,
        label=cell.label,
    )


def in_units(cell: Cell, quantity: Quantity) -> Interval | None:
    kind = quantity.kind
    if cell.metric == "size" and kind in ("", "bytes"):
        return size_bytes(quantity, header_unit(cell.header))
    if cell.metric == "latency" and kind in ("", "seconds"):
        is_seconds = re.search(r"\((?:s|sec\w*|秒)\)", cell.header)
        return time_s(quantity, "s" if is_seconds else "ms")
    if cell.metric == "accuracy" and kind in ("", "%"):
        return fraction(quantity)
    if cell.metric == "drop" and kind in ("", "%", "points"):
        return quantity.interval.times("0.01")
    if cell.metric in ("compression", "speedup", "loss", "throughput"):
        return quantity.interval
    if cell.metric == "parameters":
        return quantity.interval.times(10**6 if quantity.number < 1000 else 1)
    return None


def fraction(quantity: Quantity) -> Interval | None:
    """Return an accuracy as a fraction, whichever way it is printed."""
    if quantity.kind not in ("", "%"):
        return None
    is_fraction = quantity.number <= 1 and not quantity.is_integer and quantity.kind != "%"
    is_fraction |= quantity.number <= 1 and not quantity.is_integer
    return quantity.interval if is_fraction else quantity.interval.times("0.01")


def header_unit(header: str) -> str:
    """Return the unit of size that a header names; megabytes when it names none."""
    match = re.search(r"(?<![A-Za-z])(?:[GMK]i?B|bytes)(?![A-Za-z])", header, re.I)
    return match[0].lower() if match and match[0].lower() in BYTES else "mb"


def as_known(statements: list[Statement]) -> list[Statement]:
    """Give a network named with settings the plain name, where it is the only one of its kind.

    "PTQ (100 batches)" is the report's PTQ when no other row is.
    """
    labels: dict[str, set[str]] = {}
    plain = {s.model for s in statements if ":" not in s.model}
    for statement in statements:
        kind, _, label = statement.model.partition(":")
        if label and kind != OTHER:
            labels.setdefault(kind, set()).add(statement.model)
    alone = {kind for kind, names in labels.items() if len(names) == 1 and kind not in plain}
    return [
        replace(s, model=kind) if (kind := s.model.partition(":")[0]) in alone else s
        for s in statements
    ]
