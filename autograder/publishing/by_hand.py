"""What people gave, cell by cell, beside what grading observed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True)
class Given:
    """What somebody gave for a cell: points in place of the automatic ones, and some beside."""

    points: Decimal | None = None
    extra: Decimal = Decimal()


@dataclass(frozen=True)
class ByHand:
    """What a gradebook holds of people's marks, by student's folder and cell.

    ``checks`` are the cells that it has for checks.
    """

    checks: frozenset[str] = frozenset()
    given: Mapping[str, Mapping[str, Given]] = field(default_factory=dict)

    def of(self, folder: str) -> Mapping[str, Given]:
        """Return what a student was given."""
        return self.given.get(folder, {})
