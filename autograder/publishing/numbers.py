"""Numbers as tables of LMSs write them, with a point or a comma."""

import re
from decimal import Decimal

NUMBER = re.compile(r"[0-9]{1,12}(?:[.,][0-9]{1,12})?")


def read_number(text: str) -> Decimal | None:
    """Return the number in a cell, None for anything else."""
    text = text.strip()
    return Decimal(text.replace(",", ".")) if NUMBER.fullmatch(text) else None


def separator_in(text: str) -> str | None:
    """Return which decimal separator a number has, None where it has none."""
    return next((separator for separator in ",." if separator in text), None)


def plain(number: Decimal) -> str:
    """Return a number without zeros at its end: ``7``, ``66.6``."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
