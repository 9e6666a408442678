"""The mark of everybody as it is given out: points of one total, less what lateness takes."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from autograder.course.counting import Counted, spoken
from autograder.course.index import Student
from autograder.marks import rounded
from autograder.publishing.by_hand import ByHand, Given
from autograder.publishing.cells import Cells, cell_of, scores
from autograder.publishing.numbers import plain
from autograder.publishing.standings import Standing
from autograder.results import exact
from lab3.errors import LabError

CODE, WHOLE = "code", "code and report"


class TotalError(LabError):
    """Marks are not of one total; the text says what to do."""


@dataclass(frozen=True)
class Award:
    """What a student gets: ``points`` before what lateness takes, None where it is open.

    ``why`` says why it is open, or what staff should know of a mark that is not.
    """

    student: Student
    folder: str
    points: Decimal | None
    lost: Decimal = Decimal()
    why: str = ""
    counted: Counted | None = None

    @property
    def exact_mark(self) -> Decimal | None:
        """The mark before it is rounded."""
        return None if self.points is None else self.points * (1 - self.lost)

    @property
    def mark(self) -> Decimal | None:
        """The mark in hundredths."""
        return self.scaled(1, 1)

    def scaled(self, maximum: Decimal | int, total: Decimal | int) -> Decimal | None:
        """Return the mark as one of ``maximum`` instead of ``total``, rounded once."""
        whole = self.exact_mark
        return None if whole is None else rounded(whole * maximum / total)


@dataclass(frozen=True)
class Awards:
    """Everybody's marks: points for ``what``, of ``total``."""

    all: tuple[Award, ...]
    total: Decimal
    what: str

    @property
    def given(self) -> list[Award]:
        return [award for award in self.all if award.points is not None]

    def sentence(self, award: Award) -> str:
        """Say to a student what their mark is, and what lateness took."""
        mark = award.mark
        if mark is None or award.points is None:
            return ""
        late_by = award.counted.late_by if award.counted else None
        said = f"Mark: {plain(mark)} of {plain(self.total)}, for {self.what}"
        if not award.lost:
            return said
        late = f", {spoken(late_by)} late" if late_by else ""
        return f"{said}: {plain(award.points)} points, less {plain(100 * award.lost)} %{late}"

    @property
    def open(self) -> list[Award]:
        return [award for award in self.all if award.points is None]


def awards(
    everybody: Iterable[Standing], cells: Cells, by_hand: ByHand, is_code_only: bool = False
) -> Awards:
    """Return the marks of a course: of code alone until somebody has marked a report.

    From then on a student has a mark when all sections of theirs are marked. Raises TotalError
    where grades are of different totals.
    """
    sections = () if is_code_only else tuple(name for name, of in cells.sections.items() if of)
    is_whole = any(
        given.get(section, Given()).points is not None
        for given in by_hand.given.values()
        for section in sections
    )
    marked = sections if is_whole else ()
    result, totals = [], Counter[Decimal]()
    for standing in everybody:
        result.append(award_of(standing, by_hand, marked))
        if standing.grade is not None:
            totals[exact(standing.grade.points)] += 1
    code_total = only(totals) if totals else cells.code_total
    total = code_total + (cells.report_total if is_whole else 0)
    return Awards(tuple(result), total, WHOLE if is_whole else CODE)


def only(totals: Mapping[Decimal, int]) -> Decimal:
    """Return the total that all grades are of."""
    if len(totals) > 1:
        several = " and ".join(f"{number} of {plain(total)}" for total, number in totals.items())
        raise TotalError(
            f"grades are of different totals, {several}: lab3 grade brings them up to one rubric"
        )
    return next(iter(totals))


def award_of(standing: Standing, by_hand: ByHand, sections: tuple[str, ...]) -> Award:
    """Return what a student gets."""
    award = Award(standing.student, standing.folder, None, counted=standing.counted)
    if standing.why_open or standing.grade is None or standing.counted is None:
        return replace(award, why=standing.why_open)
    given = by_hand.of(standing.folder)
    automatic = scores(standing.grade.results, by_hand.checks or frozenset(names(standing)))
    points = [given.get(cell, Given()).points for cell in sections]
    points += [
        earned if (own := given.get(cell, Given()).points) is None else own
        for cell, earned in automatic.items()
    ]
    if None in points:
        is_code = None in points[len(sections) :]
        why = "points of checks are undecided" if is_code else "the report is not marked yet"
        return replace(award, why=why)
    extra = sum((given[c].extra for c in given if c in automatic or c in sections), Decimal())
    whole = sum((p for p in points if p is not None), extra)
    return replace(award, points=whole, lost=standing.counted.lost, why=remark(standing))


def names(standing: Standing) -> Iterator[str]:
    """Yield the cells of the checks of a grade."""
    if standing.grade is not None:
        yield from (cell_of(result.check) for result in standing.grade.results)


def remark(standing: Standing) -> str:
    """Say what staff should know of a mark."""
    if standing.grade is not None and standing.grade.unread:
        return standing.grade.unread
    return standing.counted.asks_staff if standing.counted else ""
