"""Amounts in words: "a third", "three times", "half a point", 四分之一, 七成五, 兩個百分點."""

import re
from decimal import Decimal

from tools.review.reading.quantities import Quantity

VAGUE = Decimal("0.7")  # of points in words, which round more than those in digits
ROUGH = Decimal("0.2")  # of a part or factor in words, likewise
TENTHS = Decimal("0.05")  # of a whole that is counted in tenths
VALUES: dict[str, int | Decimal] = {
    **dict(zip("零一二三四五六七八九十", range(11), strict=True)),
    "兩": 2,
    "半": Decimal("0.5"),
    "a": 1,
    "an": 1,
    "half": 2,
    "half a": Decimal("0.5"),
    **dict(
        zip(
            ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
            range(1, 11),
            strict=True,
        )
    ),
    **dict(
        zip(
            ("third", "quarter", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"),
            range(3, 11),
            strict=True,
        )
    ),
    "second": 2,
    "fourth": 4,
}


def value_of(word: str) -> Decimal:
    """Return the number that a word or some digits name; the lower part of a fraction as a whole."""
    word = " ".join(word.lower().split())
    if word in VALUES:
        return Decimal(VALUES[word])
    if word.removesuffix("s") in VALUES:
        return Decimal(VALUES[word.removesuffix("s")])
    return Decimal(word)


def quantity_of(kind: str, match: re.Match[str]) -> Quantity:
    """Return what a numeral counts: ``times``, ``part``, ``tenths``, ``points`` or ``ms``."""
    found = {name: value_of(text) for name, text in match.groupdict().items() if text}
    value = found.get("value", Decimal(1))
    if "whole" in found:
        value = value / found["whole"] + found.get("full", 0)
    if kind == "tenths":
        value = (value + found.get("rest", Decimal(0)) / 10) / 10
    if kind == "points":
        return Quantity(match[0], *match.span(), value, value * VAGUE, "points", "")
    if kind == "ms":
        return Quantity(match[0], *match.span(), value, Decimal(1), "seconds", "ms")
    step = TENTHS if kind == "tenths" else value * ROUGH
    counted = "part" if value < 1 else "times"
    return Quantity(match[0], *match.span(), value, step, counted, "")
