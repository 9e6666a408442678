"""One table of all that a report says in numbers: (network, metric) to values with their places."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from tools.review.reading.cells import Cells, Setting
from tools.review.reading.quantities import Interval, exactly
from tools.review.reading.statements import FP32, INT8, PTQ, QAT, Statement

TESTED = ("", "test")
QUANTIZED = (PTQ, QAT, INT8)


@dataclass(frozen=True)
class Pair:
    """The values of two networks that were measured together: of one table, or of the report."""

    base: Interval
    own: Interval
    base_line: int
    own_line: int


@dataclass(eq=False)
class Facts:
    """The statements of a report; those of cells and logs count before those of sentences."""

    statements: list[Statement]
    cells: Cells
    curves: list["Curve"] = field(default_factory=list)
    images: int = 10_000  # of the test set
    batches: tuple[int, ...] = ()  # of which the report speaks beside a time

    def __post_init__(self) -> None:
        self._cells: dict[tuple[str, str], list[Statement]] = defaultdict(list)
        self._prose: dict[tuple[str, str], list[Statement]] = defaultdict(list)
        for statement in self.statements:
            if statement.relation != "is" or statement.value is None or not statement.is_claim:
                continue
            place = self._cells if statement.place.where in ("cell", "log") else self._prose
            place[statement.model, statement.metric].append(statement)
        self.settings: list[Setting] = [s for table in self.cells.settings for s in table]
        self._values: dict[tuple[str, str, str], list[Statement]] = {}
        self._pairs: dict[tuple[str, str, str], list[Pair]] = {}

    def values(self, model: str, metric: str, split: str = "") -> list[Statement]:
        """Return what the report gives for a network: by its tables, else by its sentences.

        An accuracy without a word on its images is of the test images.
        """
        key = (model, metric, split)
        if key not in self._values:
            self._values[key] = self._find(model, metric, split)
        return self._values[key]

    def _find(self, model: str, metric: str, split: str) -> list[Statement]:
        models = QUANTIZED if model == INT8 else (model,)
        for source in (self._cells, self._prose):
            found = [s for m in models for s in source.get((m, metric), ())]
            if model in (PTQ, QAT) and not found:
                found = list(source.get((INT8, metric), ()))
            if source is self._prose:
                found = [s for s in found if s.is_sure]
            if metric in ("accuracy", "loss"):
                same = [s for s in found if s.split in (TESTED if split in TESTED else (split,))]
                tested = split == "" and not same and source is self._cells
                found = [s for s in found if s.split == "validation"] if tested else same
            if found:
                return found
        return []

    def has(self, model: str, metric: str) -> bool:
        return bool(self._cells.get((model, metric)) or self._prose.get((model, metric)))

    def all_values(
        self, metric: str, models: Iterable[str] = (FP32, PTQ, QAT, INT8)
    ) -> list[Interval]:
        """Return all values of a metric, of whichever images and place."""
        found = []
        for model in models:
            for source in (self._cells, self._prose):
                found += [s.value for s in source.get((model, metric), ()) if s.value]
        return found

    def others(self, metric: str) -> list[Interval]:
        """Return the values of networks besides those compared, and of settings tried."""
        found = [
            s.value
            for (model, name), statements in self._cells.items()
            if name == metric and model not in (FP32, PTQ, QAT, INT8)
            for s in statements
            if s.value
        ]
        if metric == "accuracy":
            found += [s.accuracy for s in self.settings if s.accuracy]
            for curve in self.curves:
                for e in curve.epochs:
                    values = (e.train_accuracy, e.validation_accuracy)
                    found += [exactly(v).widened("0.0001") for v in values if v is not None]
        return found

    def pairs(self, model: str, than: str, metric: str) -> list[Pair]:
        """Return the values of two networks, those of one table where a table has both."""
        key = (model, than, metric)
        if key not in self._pairs:
            self._pairs[key] = list(dict.fromkeys(self._find_pairs(*key)))[:50]
        return self._pairs[key]

    def _find_pairs(self, model: str, than: str, metric: str) -> Iterator[Pair]:
        own, bases = self.values(model, metric)[:40], self.values(than, metric)[:40]
        together = [
            (b, o) for b in bases for o in own if b.place.table and b.place.table == o.place.table
        ]
        for base, value in together or [(b, o) for b in bases for o in own]:
            if base.value and value.value:
                yield Pair(base.value, value.value, base.place.line, value.place.line)

    def rows_with(self, model: str) -> list[str]:
        """Return the settings of the table that one of them stands in."""
        own = {s.place.table for (m, _), found in self._cells.items() if m == model for s in found}
        return list(
            dict.fromkeys(
                m
                for (m, _), found in self._cells.items()
                if m.startswith("row_") and any(s.place.table in own for s in found)
            )
        )

    def gaps(self, model: str) -> list[tuple[Interval, int]]:
        """Return how far training accuracy lies above validation accuracy, and the line."""
        train = self.values(model, "accuracy", "train") or self._nameless(model, "train")
        validation = self.values(model, "accuracy", "validation")
        validation = validation or self._nameless(model, "validation")
        return [
            (t.value - v.value, t.place.line)
            for t in train[:4]
            for v in validation[:4]
            if t.value and v.value and t.place.line == v.place.line
        ]

    def _nameless(self, model: str, split: str) -> list[Statement]:
        """Return the accuracies of sentences that name no network: those of FP32."""
        found = self._prose.get(("", "accuracy"), []) if model == FP32 else []
        return [s for s in found if s.split == split]

    def rows(self) -> list[str]:
        return list(dict.fromkeys(m for m, _ in self._cells if m.startswith("row_")))

    def curve_gaps(self) -> list[tuple[Interval, int]]:
        return [
            (exactly(e.train_accuracy - e.validation_accuracy).widened("0.0001"), e.line)
            for curve in self.curves
            for e in curve.epochs
            if e.train_accuracy is not None and e.validation_accuracy is not None
        ]

    def loss(self, model: str, than: str = FP32) -> list[tuple[Interval, Pair]]:
        """Return how much accuracy a network loses against another."""
        return [(pair.base - pair.own, pair) for pair in self.pairs(model, than, "accuracy")]


@dataclass(frozen=True)
class Curve:
    """One training as a log in the report prints it; accuracies are fractions."""

    model: str
    epochs: tuple["Epoch", ...]


@dataclass(frozen=True)
class Epoch:
    number: int
    line: int
    train_loss: Decimal | None = None
    validation_loss: Decimal | None = None
    train_accuracy: Decimal | None = None
    validation_accuracy: Decimal | None = None
