"""What a report states, one statement at a time; the rules know nothing else of its text."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from tools.review.reading.quantities import Interval, Quantity

Where = Literal["cell", "formula", "prose", "log"]
Modality = Literal["claimed", "denied", "past", "supposed", "elsewhere", "asked"]

FP32, PTQ, QAT, INT8 = "fp32", "ptq", "qat", "int8"
PLAIN = (FP32, PTQ, QAT, INT8)
NAMES = {FP32: "FP32", PTQ: "PTQ", QAT: "QAT", INT8: "INT8"}


CUT = "cut"  # header of a ratio that says by how much something shrank


@dataclass(frozen=True)
class Place:
    """Where something is said: line from 1, section 1 to 6 or 0, and the words."""

    line: int
    section: int
    text: str
    where: Where = "prose"
    table: int = 0  # which of the report's tables, from 1


@dataclass(frozen=True)
class Statement:
    """``model`` has ``metric`` in the ``relation`` to ``value`` or to ``than``.

    Relations: ``is``, ``loses``, ``gains``, ``changes``, ``ratio``, ``more``, ``less``, ``same``,
    ``most``, ``least``. Accuracies are fractions, sizes bytes, times seconds; changes of accuracy
    are fractions too. ``split`` says which images an accuracy is of.
    """

    model: str
    metric: str
    relation: str
    place: Place
    value: Interval | None = None
    modality: Modality = "claimed"
    than: str = ""
    split: str = ""
    quantity: Quantity | None = None
    header: str = ""  # of a cell
    label: str = ""  # of a row
    others: tuple[str, ...] = ()  # further networks of the same sentence
    is_sure: bool = True  # the network and what is measured are named, not inferred

    @property
    def is_claim(self) -> bool:
        return self.modality == "claimed"

    @property
    def is_plain(self) -> bool:
        return self.model in PLAIN

    @property
    def name(self) -> str:
        return NAMES.get(self.model, self.label or name_of(self.model))

    def about(self, model: str) -> "Statement":
        return replace(self, model=model)


def name_of(model: str) -> str:
    """Return a network's name, or that of a setting tried."""
    return NAMES.get(model, model.removeprefix("row_"))


def percent(value: Interval | Decimal) -> str:
    """Return a fraction as a percentage with two decimals."""
    middle = value.nominal if isinstance(value, Interval) else value
    return f"{100 * middle:.2f}".replace("-0.00", "0.00")


def megabytes(value: Interval) -> str:
    return f"{value.middle / 10**6:.2f} MB"


def milliseconds(value: Interval) -> str:
    return f"{value.middle * 1000:.2f}".rstrip("0").rstrip(".") + " ms"
