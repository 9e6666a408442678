"""Canvas's gradebook: the columns that tell who it is, and those of one assignment, filled in."""

import difflib
import re
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
from autograder.publishing.numbers import plain, read_number
from autograder.publishing.sheet import Row, Sheet, SheetError

POINTS_POSSIBLE, TEST_STUDENT = "Points Possible", "Student, Test"
NUMBERED = re.compile(r"(?P<title>.*?)\s*\((?P<id>\d+)\)")
NO_SCORE = {"", "-"}
LEFT_ALONE = {"ex", "n/a"}  # excused, and not assigned
ABOUT_STUDENTS = {"ID": "canvas", "SIS User ID": "id", "SIS Login ID": "login"}
PLACES = Decimal("0.01")


def fill(
    sheet: Sheet,
    awards: Awards,
    assignment: str,
    is_overwriting: bool = False,
    is_scaled: bool = False,
) -> tuple[Filling, list[int]]:
    """Fill the marks into a gradebook; return what became of it, and the columns to write.

    Raises SheetError where the layout is not known, or the assignment is not there.
    """
    about = columns_about_students(sheet)
    column = column_of(sheet, len(about), assignment)
    maximum = points_possible(sheet, column)
    if maximum is None:
        raise SheetError("has no row Points Possible: export the gradebook with it")
    require_total(awards, maximum, is_scaled, f"{sheet.titles[column]!r}")
    filling, people = Filling(awards.what, awards.total), People(awards.all)
    kinds = {index: ABOUT_STUDENTS[t] for index, t in enumerate(about) if t in ABOUT_STUDENTS}
    for index, row in enumerate(sheet.rows[1:], 1):
        if is_no_student(row, about):
            continue
        ids: list[Id] = [(kind, row.value(i)) for i, kind in kinds.items()]
        ids += [("email", value) for kind, value in ids if kind == "login" and "@" in value]
        award, why = people.owner(ids)
        shown = one_line(f"{row.value(0)} ({row.value(about.index('ID'))})")
        if award is None:
            (filling.unclear if why else filling.strangers).append(f"{shown} {why}".strip())
        elif column >= len(row.cells):
            filling.unclear.append(f"{shown} has no cell for the assignment")
        else:
            fill_cell(sheet, index, column, award, filling, (maximum, awards.total), is_overwriting)
    filling.absent = people.absent()
    return filling, [*range(len(about)), column]


def fill_cell(
    sheet: Sheet,
    row: int,
    column: int,
    award: Award,
    filling: Filling,
    scale: tuple[Decimal, Decimal],
    is_overwriting: bool,
) -> None:
    """Fill in one student's mark, with two decimals at most, a point, and no other sign."""
    before = sheet.rows[row].value(column)
    if before.casefold() in LEFT_ALONE:
        filling.notes.append(f"{title(award)}: {before} stays")
        return
    there = None if before in NO_SCORE else read_number(before)
    if before not in NO_SCORE and there is None:
        filling.unclear.append(f"{title(award)}: {one_line(before)!r} stands there")
        return
    mark = award.scaled(*scale)
    rounded = None if there is None else there.quantize(PLACES)
    if place(filling, award, mark, rounded, is_overwriting) and mark is not None:
        sheet.put(row, column, plain(mark))


def columns_about_students(sheet: Sheet) -> list[str]:
    """Return the titles up to the section; raise SheetError where Canvas would not take them."""
    titles = sheet.titles
    is_named = "Student" in titles[0] or titles[:2] == ["LastName", "FirstName"]
    last = next((i for i, title in enumerate(titles) if "Section" in title), None)
    if not is_named or last is None or "ID" not in titles[: last + 1]:
        seen = one_line(", ".join(titles[:8]))
        raise SheetError(
            "it is no gradebook of Canvas's: its first line begins with Student, ID and ends what "
            f"it says of students with Section; here it has {seen}. Export the gradebook again"
        )
    return titles[: last + 1]


def column_of(sheet: Sheet, first: int, assignment: str) -> int:
    """Return where an assignment is: by its whole title, its number, or its name alone."""
    titles = {i: title for i, title in enumerate(sheet.titles) if i >= first}
    wanted = assignment.strip()
    for is_it in (
        lambda title, _: title == wanted,
        lambda _, match: bool(match) and wanted in (match["id"], f"({match['id']})"),
        lambda _, match: bool(match) and match["title"] == wanted,
    ):
        found = [i for i, title in titles.items() if is_it(title, NUMBERED.fullmatch(title))]
        if len(found) == 1:
            return found[0]
        if found:
            several = one_line(" and ".join(titles[i] for i in found))
            raise SheetError(f"{wanted!r} may be {several}: name one with its number")
    there = [title for title in titles.values() if NUMBERED.fullmatch(title)]
    near = difflib.get_close_matches(wanted, there, 1, cutoff=0.4)
    said = f"did you mean {one_line(near[0])!r}?" if near else one_line(", ".join(there)) or "none"
    raise SheetError(f"has no assignment {wanted!r}: {said}")


def points_possible(sheet: Sheet, column: int) -> Decimal | None:
    """Return what the assignment is worth, None where no row says so."""
    for row in sheet.rows[1:]:
        if any(POINTS_POSSIBLE in cell.value for cell in row.cells[:1]):
            return read_number(row.value(column))
    return None


def is_no_student(row: Row, about: list[str]) -> bool:
    """Tell whether a row is one that Canvas writes for itself."""
    names = [row.value(i) for i in range(2 if about[0] == "LastName" else 1)]
    is_test = ", ".join(names) == TEST_STUDENT
    is_nobody = not any(row.value(i) for i in range(len(about)))
    return is_test or is_nobody or POINTS_POSSIBLE in row.value(0)
