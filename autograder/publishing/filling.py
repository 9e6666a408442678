"""Filling marks into a table of an LMS: whose row is whose, and what became of each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from autograder.course.roster import same
from autograder.plain_text import one_line
from autograder.publishing.awards import Award, Awards
from autograder.publishing.numbers import plain
from autograder.publishing.sheet import SheetError

Id = tuple[str, str]  # its kind, as in ``Student.ids``, and what it is


@dataclass
class Filling:
    """What became of a table's rows, a line each, and of our students who have none.

    ``same`` had our mark already, ``other`` another one. ``skipped`` are those that the LMS would
    not take, ``open`` have no mark yet, ``nothing`` handed in nothing, and ``absent`` have a mark
    and no row.
    """

    what: str
    total: Decimal
    filled: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    nothing: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def needs_staff(self) -> bool:
        """Whether somebody has to look at more than those who handed in nothing."""
        return bool(self.other or self.skipped or self.unclear or self.absent or self.open)


class People:
    """Finds students by ids; each is found once."""

    def __init__(self, awards: Iterable[Award]) -> None:
        self._owners: dict[Id, set[str]] = {}
        self._awards: dict[str, Award] = {}
        self.seen: set[str] = set()
        for award in awards:
            self._awards[award.folder] = award
            for kind, value in ids_of(award):
                self._owners.setdefault((kind, same(kind, value)), set()).add(award.folder)

    def owner(self, ids: Sequence[Id]) -> tuple[Award | None, str]:
        """Return whose a row with these ids is, the surest first, or say what is not clear.

        An id that several have tells nothing; two ids of different students tell that it is not
        clear.
        """
        found: dict[str, Id] = {}
        for kind, value in ids:
            owners = self._owners.get((kind, same(kind, value)), set()) if value else set()
            if len(owners) == 1:
                found.setdefault(min(owners), (kind, value))
        if len(found) > 1:
            said = " and ".join(f"{title(self._awards[f])} by {k}" for f, (k, _) in found.items())
            return None, f"is {said}"
        if not found:
            return None, ""
        folder = next(iter(found))
        award = self._awards[folder]
        own = dict(ids_of(award))
        compared = [same(k, own[k]) == same(k, v) for k, v in ids if v and k in own]
        if compared and compared.count(False) >= compared.count(True):
            kind, value = next((k, v) for k, v in ids if v and same(k, own.get(k, v)) != same(k, v))
            return None, f"is {title(award)}, whose {kind} is {own[kind]} and not {value}"
        if folder in self.seen:
            return None, f"is {title(award)}, who has a row already"
        self.seen.add(folder)
        return award, ""

    def absent(self) -> list[str]:
        """Return those who have a mark and whom no row was of."""
        return [
            title(award)
            for folder, award in self._awards.items()
            if folder not in self.seen and award.points is not None
        ]


def ids_of(award: Award) -> list[Id]:
    """Return all ids of a student, the address also where it is known by nothing else."""
    ids = dict(award.student.ids)
    if award.student.email:
        ids.setdefault("email", award.student.email)
    return [*ids.items()]


def title(award: Award) -> str:
    """Return name and id."""
    student = award.student
    return one_line(f"{student.name} ({student.id})" if student.name else student.id)


def place(
    filling: Filling,
    award: Award,
    mark: Decimal | None,
    before: Decimal | None,
    is_overwriting: bool,
) -> bool:
    """Note what becomes of a student's cell, and tell whether the mark is to be put there."""
    name = title(award)
    if mark is None and award.counted is None:
        filling.nothing.append(name)
    elif mark is None:
        filling.open.append(f"{name}: {award.why}")
    elif before == mark:
        filling.same.append(name)
    elif before is not None:
        lines = filling.replaced if is_overwriting else filling.other
        lines.append(f"{name}: {plain(before)}, ours is {plain(mark)}")
        return is_overwriting
    else:
        filling.filled.append(name)
        filling.notes += [f"{name}: {award.why}"] if award.why else []
        return True
    return False


def require_total(awards: Awards, maximum: Decimal, scale: bool, where: str) -> None:
    """Raise SheetError where marks of one total would go into a column of another one."""
    if maximum <= 0:
        raise SheetError(f"{where} is worth {plain(maximum)} points: set what it is worth first")
    if maximum != awards.total and not scale:
        raise SheetError(
            f"{where} is worth {plain(maximum)} points, and marks are points for {awards.what}, of "
            f"{plain(awards.total)}: set it to {plain(awards.total)} in the LMS and fetch the file "
            "again, or add --scale to convert them"
        )
