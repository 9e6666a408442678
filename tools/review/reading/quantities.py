"""Numbers as reports print them: each an interval as wide as its rounding."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

BOUND = Decimal(10**8)  # beyond every number of a report


@dataclass(frozen=True)
class Interval:
    """The values that a printed number may stand for; both ends belong to it."""

    low: Decimal
    high: Decimal

    def __neg__(self) -> "Interval":
        return Interval(-self.high, -self.low)

    def __add__(self, other: "Interval") -> "Interval":
        return Interval(self.low + other.low, self.high + other.high)

    def __sub__(self, other: "Interval") -> "Interval":
        return self + -other

    def __truediv__(self, other: "Interval") -> "Interval":
        """Return the quotient of two positive intervals."""
        return Interval(self.low / other.high, self.high / other.low)

    def times(self, factor: Decimal | int | str) -> "Interval":
        """Return the interval multiplied by a positive number."""
        return Interval(self.low * Decimal(factor), self.high * Decimal(factor))

    def widened(self, by: Decimal | str) -> "Interval":
        return Interval(self.low - Decimal(by), self.high + Decimal(by))

    def touches(self, other: "Interval") -> bool:
        return self.low <= other.high and other.low <= self.high

    @property
    def middle(self) -> Decimal:
        return (self.low + self.high) / 2

    @property
    def nominal(self) -> Decimal:
        """The middle, or the end that is known of a bound."""
        if self.high > BOUND:
            return self.low
        return self.high if self.low <= -5 and self.high > -1 else self.middle

    @property
    def is_positive(self) -> bool:
        return self.low > 0


def exactly(value: float | str | Decimal) -> Interval:
    """Return the interval that holds one number only."""
    number = Decimal(str(value))
    return Interval(number, number)


UNITS = {  # as they are written, and what they count; the longer ones first
    r"[個个]?百分[點点]|[個个][點点]|percent(?:age)?[ -]points?|%[ -]?points?|pp\b|p\.p\.|points?": "points",
    r"%|percent\b|per cent\b|\bpct\b": "%",
    r"Gi?B\b|Mi?B\b|[Kk]i?B\b|bytes?\b|megabytes?\b|位元組|M(?![A-Za-z])": "bytes",
    r"ms\b|毫秒|milliseconds?\b|[uµμ]s\b|微秒|secs?\b|seconds?\b|秒|s(?![A-Za-z])": "seconds",
    r"(?:x|X|×)(?![0-9A-Za-z]| ?[0-9])|倍|[ -]?times\b|-?fold\b": "times",
}
BYTES = (
    {"gb": 10**9, "gib": 2**30, "mb": 10**6, "mib": 2**20, "kb": 10**3, "kib": 2**10}
    | dict.fromkeys(("m", "megabyte", "megabytes"), 10**6)
    | dict.fromkeys(("byte", "bytes", "位元組"), 1)
)
SECONDS = {"ms": "0.001", "毫秒": "0.001", "us": "1e-6", "µs": "1e-6", "μs": "1e-6", "微秒": "1e-6"}

DIGITS = r"[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])(?:\.[0-9]+)?|[0-9]+(?:[.,][0-9]+)?|\.[0-9]+"
POWER = (
    r"(?:\s?[x×*]\s?10\s?\^\s?\{?(?P<power>[+-]?[0-9]{1,3})\}?"
    r"|[eE](?P<exponent>[+-]?[0-9]{1,3}))"
)
NUMBER = re.compile(
    r"(?<![A-Za-z0-9_.,])(?<![A-Za-z0-9_)]-)(?<![0-9]\.)"
    r"(?P<before>[≈~∼約约]\s?|(?<![-=])[<>≤≥]=?\s?)?"
    r"(?P<sign>[+±-]\s?|[↓↑▼▲]\s?)?"
    rf"(?P<digits>{DIGITS})(?P<power_part>{POWER})?"
    r"(?![0-9]|\.[0-9]|[A-Za-z]*_)"
    rf"(?:\s{{0,2}}(?P<unit>{'|'.join(UNITS)}))?"
)
WIDE = {
    **{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)},
    **dict.fromkeys((0x3000, 0x00A0, 0x202F, 0x2009), " "),
    **dict.fromkeys((0x2212, 0xFE63, 0x2010, 0x2011, 0x2013), "-"),
    **dict.fromkeys((0x200B, 0xFEFF), None),
    0x3002: "。",
    0xFE6A: "%",
    0x2236: ":",
}
LISTED = re.compile("(?<=[0-9])，(?=[0-9])")  # a full-width comma separates no thousands
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻ˢⁿ", "0123456789-Sn")
RAISED = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁻ˢⁿ]+")


@dataclass(frozen=True)
class Quantity:
    """A number in a text: what is printed, where, and its unit ("" when none is printed)."""

    printed: str
    start: int
    end: int
    number: Decimal
    step: Decimal  # one unit of the last digit printed
    kind: str  # "", "%", "points", "bytes", "seconds" or "times"
    unit: str
    comparator: str = ""
    is_about: bool = False

    @cached_property
    def interval(self) -> Interval:
        """Return the values that it may stand for, in the unit printed."""
        half = self.step if self.is_about else self.step / 2
        low, high = self.number - half, self.number + half
        if self.comparator == "<":
            low, high = Decimal(-1000), self.number
        if self.comparator == ">":
            low, high = self.number, Decimal(10**12)
        return Interval(low, high)

    @property
    def is_integer(self) -> bool:
        return self.step >= 1


def narrow(text: str) -> str:
    """Return a text with its full-width digits, letters and punctuation as ASCII."""
    text = LISTED.sub("、", text).translate(WIDE)
    return RAISED.sub(lambda match: "^" + match[0].translate(SUPERSCRIPTS), text)


def quantities(text: str) -> Iterator[Quantity]:
    """Yield the numbers of a text that ``narrow`` has seen, one after the other."""
    for match in NUMBER.finditer(text):
        kind, unit = kind_of(match["unit"] or "")
        number, step = value_of(match["digits"], kind)
        power = int(match["power"] or match["exponent"] or 0)
        is_negative = (match["sign"] or "").strip() in ("-", "▲", "↑")
        before = (match["before"] or "").strip()
        yield Quantity(
            match[0].strip(),
            match.start(),
            match.end(),
            (-number if is_negative else number).scaleb(power),
            step.scaleb(power),
            kind,
            unit,
            {"<": "<", "≤": "<", ">": ">", "≥": ">"}.get(before[:1], ""),
            before[:1] in tuple("≈~∼約约") and before != "",
        )


def kind_of(unit: str) -> tuple[str, str]:
    """Return what a printed unit counts, and the unit in small letters."""
    for pattern, kind in UNITS.items():
        if unit and re.fullmatch(pattern, unit):
            return kind, unit.strip().lower()
    return "", ""


def value_of(digits: str, kind: str) -> tuple[Decimal, Decimal]:
    """Return the value of printed digits, and of one unit of the last of them.

    A comma before three digits separates thousands unless that makes a percentage above 100; any
    other comma is a decimal one.
    """
    whole, comma, rest = digits.partition(",")
    is_thousands = comma and len(rest.split(".")[0].split(",")[-1]) == 3 and whole.lstrip("0")
    if is_thousands and not (kind == "%" and "." not in digits):
        digits = digits.replace(",", "")
    digits = digits.replace(",", ".")
    decimals = len(digits.partition(".")[2])
    return Decimal(digits), Decimal(1).scaleb(-decimals)


def size_bytes(quantity: Quantity, default: str = "mb") -> Interval:
    """Return a printed size in bytes."""
    return quantity.interval.times(BYTES[quantity.unit or default])


def time_s(quantity: Quantity, default: str = "ms") -> Interval:
    """Return a printed time in seconds."""
    return quantity.interval.times(SECONDS.get(quantity.unit or default, "1"))
