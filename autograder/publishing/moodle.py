"""Moodle's offline grading worksheet, filled in.

Its titles are in the language of whoever fetched it, and Moodle finds its columns by them. Here the
column of grades is the one before the maximum grade, which is the same number in every row.
"""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from autograder.plain_text import one_line
from autograder.publishing.awards import Award, Awards
from autograder.publishing.filling import (
    Filling,
    Id,
    People,
    place,
    require_total,
    title,
)
from autograder.publishing.numbers import plain, read_number, separator_in
from autograder.publishing.sheet import Sheet, SheetError
from autograder.submissions.lms import moodle_worksheet as worksheets

GRADES = {
    *("grade", "grade/100", "mark", "bewertung", "note", "calificación", "qualificació"),
    *("nota", "valutazione", "voto", "cijfer", "beoordeling", "ocena", "betyg", "karakter"),
    *(
        "成績",
        "分數",
        "成绩",
        "分数",
        "評点",
        "評定",
        "оценка",
        "оцінка",
        "βαθμός",
        "arvosana",
        "not",
    ),
}
MAXIMA = {
    *("maximum grade", "max grade", "maximum mark", "bestwertung", "höchste bewertung"),
    *("maximale bewertung", "note maximale", "note maximum", "calificación máxima"),
    *("nota máxima", "nota maxima", "valutazione massima", "voto massimo", "punteggio massimo"),
    *("maximumcijfer", "maximale cijfer", "maximale beoordeling", "最高分", "最高成績"),
    *("最高成绩", "满分", "滿分", "最大評点", "最大評定", "максимальная оценка"),
}
YES = {"yes", "ja", "oui", "sí", "si", "sim", "sì", "tak", "да", "是", "はい", "kyllä", "evet"}
NO = {"no", "nein", "non", "não", "nee", "nie", "нет", "否", "いいえ", "ei", "nej"}
EMPTY = {"", "-", "\u2013"}  # what stands where there is no grade


@dataclass(frozen=True)
class Columns:
    """Where everything stands; None where a worksheet has no such column."""

    grade: int
    maximum: int
    name: int | None
    email: int | None
    number: int | None  # of the student, as the school has it
    may_change: int | None


@dataclass(frozen=True)
class Participant:
    """Whose row it is: the number that Moodle puts into names of files, and the name there."""

    award: Award
    number: str
    name: str


def fill(
    sheet: Sheet, awards: Awards, is_overwriting: bool = False, is_scaled: bool = False
) -> tuple[Filling, list[Participant]]:
    """Fill the marks into a worksheet; return what became of it, and whose rows there are.

    Raises SheetError where the layout is not known, or it seems to be of another assignment.
    """
    columns = columns_of(sheet)
    filling, people = Filling(awards.what, awards.total), People(awards.all)
    owners = owners_of(sheet, columns, people, filling)
    require_same_names(columns, owners)
    if owners:
        maximum = read_number(sheet.rows[min(owners)].value(columns.maximum)) or Decimal()
        require_total(awards, maximum, is_scaled, "the assignment")
        for row, participant in owners.items():
            mark = participant.award.scaled(maximum, awards.total)
            fill_cell(sheet, row, columns, participant.award, mark, filling, is_overwriting)
    filling.absent = people.absent()
    return filling, [*owners.values()]


def fill_cell(
    sheet: Sheet,
    row: int,
    columns: Columns,
    award: Award,
    mark: Decimal | None,
    filling: Filling,
    is_overwriting: bool,
) -> None:
    """Fill in one student's mark, with the decimal separator of the maximum beside it."""
    before, maximum = (sheet.rows[row].value(at) for at in (columns.grade, columns.maximum))
    there = None if before in EMPTY else read_number(before)
    why = "" if mark is None or mark == there else why_skipped(sheet, row, columns, mark)
    if before not in EMPTY and there is None:
        filling.unclear.append(f"{title(award)}: {one_line(before)!r} stands there")
    elif why:
        filling.skipped.append(f"{title(award)}: {why}")
    elif place(filling, award, mark, there, is_overwriting):
        separator = separator_in(maximum) or "."
        sheet.put(row, columns.grade, f"{mark:f}".replace(".", separator))


def columns_of(sheet: Sheet) -> Columns:
    """Return where everything stands; raise SheetError where that is not clear."""
    titles = [title.casefold() for title in sheet.titles]
    rows = [row for row in sheet.rows[1:] if not row.is_blank]
    cells = [[cell.value.strip() for cell in row.cells] for row in rows]
    is_worksheet = bool(rows) and all(worksheets.IDENTIFIER.fullmatch(row.value(0)) for row in rows)
    if not is_worksheet or not any(map(worksheets.is_in_brackets, titles)):
        raise SheetError(unknown(sheet, "it is no grading worksheet of Moodle's"))
    pairs = [
        column
        for column in range(1, len(titles) - 1)
        if is_maximum(cells, column + 1) and all(is_grade(row, column) for row in cells)
    ]
    known = [c for c in pairs if titles[c] in GRADES or titles[c + 1] in MAXIMA]
    chosen = known or pairs
    if len(chosen) != 1:
        is_scale = not chosen and any(title in GRADES for title in titles)
        why = "no column holds the same maximum grade for all, as without points, for a scale"
        several = "the column of grades is not clear"
        raise SheetError(unknown(sheet, why if is_scale or not chosen else several))
    grade = chosen[0]
    return Columns(
        grade=grade,
        maximum=grade + 1,
        name=worksheets.column(titles, worksheets.NAMES),
        email=worksheets.address_column(titles, cells),
        number=worksheets.column(titles, worksheets.ID_NUMBERS),
        may_change=column_of_words(cells, range(grade + 2, len(titles)), YES | NO),
    )


def unknown(sheet: Sheet, why: str) -> str:
    titles = one_line(", ".join(sheet.titles))
    return (
        f"{why}: the first line has {titles}. Fetch it with Download grading worksheet, for an "
        "assignment that is graded by points"
    )


def is_maximum(rows: list[list[str]], column: int) -> bool:
    """Tell whether a column holds one number above zero for everybody."""
    numbers = {read_number(row[column]) if column < len(row) else None for row in rows}
    return len(numbers) == 1 and bool(numbers - {None, Decimal()})


def is_grade(row: list[str], column: int) -> bool:
    """Tell whether a cell may be a grade."""
    return column < len(row) and (row[column] in EMPTY or read_number(row[column]) is not None)


def column_of_words(rows: list[list[str]], columns: range, words: Collection[str]) -> int | None:
    """Return the first column that holds nothing but some words."""
    for column in columns:
        if all(column < len(row) and row[column].casefold() in words for row in rows):
            return column
    return None


def owners_of(
    sheet: Sheet, columns: Columns, people: People, filling: Filling
) -> dict[int, Participant]:
    """Return whose each row is, and note those that are nobody's of ours."""
    owners = {}
    for index, row in enumerate(sheet.rows[1:], 1):
        identifier = worksheets.IDENTIFIER.fullmatch(row.value(0))
        if identifier is None:
            continue
        name = row.value(columns.name)
        own = ("id", row.value(columns.number)), ("email", row.value(columns.email))
        ids: list[Id] = [("moodle", identifier[1]), *own]
        award, why = people.owner(ids)
        shown = one_line(f"{name} ({row.value(0)})" if name else row.value(0))
        if award is None:
            (filling.unclear if why else filling.strangers).append(f"{shown} {why}".strip())
        else:
            owners[index] = Participant(award, identifier[1], name)
    return owners


def require_same_names(columns: Columns, owners: dict[int, Participant]) -> None:
    """Raise SheetError where numbers are those of other people: of another assignment's."""
    if columns.email is not None or columns.number is not None:
        return
    both = [p for p in owners.values() if p.name and p.award.student.name]
    others = [p for p in both if letters(p.name) != letters(p.award.student.name)]
    if 2 * len(others) > len(both):
        one = others[0]
        raise SheetError(
            f"{len(others)} of {len(both)} numbers have other names than in the course, such as "
            f"{one_line(one.name)!r} for {title(one.award)}: is it of another assignment?"
        )


def letters(name: str) -> list[str]:
    """Return what is left of a name whatever the order and signs."""
    plain = "".join(c if c.isalnum() else " " for c in name.casefold())
    return sorted(plain.split())


def why_skipped(sheet: Sheet, row: int, columns: Columns, mark: Decimal) -> str:
    """Say why Moodle would skip a row without a word."""
    maximum = read_number(sheet.rows[row].value(columns.maximum)) or Decimal()
    if mark > maximum:
        return f"{plain(mark)} is above the maximum of {plain(maximum)}, and Moodle would skip it"
    if sheet.rows[row].value(columns.may_change).casefold() in NO:
        return "the grade can't be changed, and Moodle would skip it"
    return ""
