"""The class list: a CSV whose columns are found by their headers."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from autograder.course.settings import CourseError
from autograder.plain_text import one_line
from autograder.submissions.lms import tables
from autograder.submissions.lms.handed_in import LMS, own_id
from autograder.submissions.lms.tables import NoTableError, decoded

MOST_BYTES = 20_000_000
# What columns are called, in small letters and digits alone, by what they hold.
HEADERS = {
    "id": "id studentid studentnumber sid sisuserid idnumber matriculationnumber matrikelnummer "
    "orgdefinedid rosteridentifier 學號 学号",
    "login": "login loginid sisloginid username user account netid",
    "email": "email emailaddress mail",
    "name": "name fullname student studentname 姓名",
    "first": "firstname givenname first vorname",
    "last": "lastname surname familyname last nachname",
    "section": "section class sections",
    "group": "group groups team groupname",
    "role": "role",
    "moodle": "identifier moodle moodleid participant participantnumber",
    "canvas": "canvas canvasid canvasuserid",
    "gradescope": "gradescope gradescopeid",
    "blackboard": "blackboard blackboardid",
    "brightspace": "brightspace brightspaceid d2l",
    "github": "github githubusername githublogin",
}
COLUMNS = {header: column for column, headers in HEADERS.items() for header in headers.split()}
IDS = ("id", "login", *LMS, "email")
STAFF = {"instructor", "teacher", "ta", "staff", "reader", "grader", "owner"}  # by their role


@dataclass(frozen=True)
class Row:
    """One student of the class list; ``ids`` are all ids by their kind, as in the index."""

    id: str
    ids: dict[str, str]
    name: str = ""
    section: str = ""
    group: str = ""
    line: int = 0


@dataclass(frozen=True)
class Roster:
    """A class list, in its own order."""

    rows: tuple[Row, ...] = ()
    _by_id: dict[tuple[str, str], Row] = field(default_factory=dict)

    def find(self, kind: str, value: str) -> Row | None:
        """Return the student who has an id."""
        return self._by_id.get((kind, same(kind, value)))


def same(kind: str, value: str) -> str:
    """Return what is equal for equal ids: capital letters mean nothing to mail and GitHub."""
    return value.casefold() if kind in ("email", "github") else value


def read_roster(path: Path) -> Roster:
    """Return the class list in a file; raise CourseError, with the line, when it is not clear."""
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise CourseError(f"{path} is no class list: it holds more than {MOST_BYTES:,} bytes")
    try:
        rows = tuple(rows_of(path, decoded(content)))
    except NoTableError as error:
        raise CourseError(f"{path}:{error.line}: {error}") from None
    by_id: dict[tuple[str, str], Row] = {}
    for row in rows:
        for kind, value in (*row.ids.items(), ("student", row.id)):
            other = by_id.setdefault((kind, same(kind, value)), row)
            if other is not row:
                raise CourseError(
                    f"{path}: lines {other.line} and {row.line} have the same {kind}, "
                    f"{one_line(value)!r}: leave one of them out"
                )
    return Roster(rows, by_id)


def rows_of(path: Path, text: str) -> Iterator[Row]:
    """Yield the students of a table."""
    lines = tables.rows_of(text)
    number, headers = next(lines, (1, []))
    columns = columns_of(headers)
    if not any(kind in columns for kind in IDS):
        seen = one_line(", ".join(headers)) or "nothing"
        raise CourseError(
            f"{path}:{number}: no column has ids: the first line needs one called id, login or "
            f"email; it has {seen}"
        )
    for number, cells in lines:
        values = {kind: cell(kind, cells, index) for kind, index in columns.items()}
        ids = {kind: values[kind] for kind in IDS if values.get(kind)}
        if values.get("role", "").casefold() in STAFF or is_no_student(cells):
            continue
        if not ids:
            raise CourseError(f"{path}:{number}: this student has no id: fill it in")
        kind = next(iter(ids))
        parts = (values.get("first"), values.get("last"))
        yield Row(
            f"{kind}:{ids[kind]}" if kind in LMS else own_id(ids[kind]),
            ids,
            values.get("name") or " ".join(part for part in parts if part),
            values.get("section", ""),
            values.get("group", ""),
            number,
        )


def columns_of(headers: list[str]) -> dict[str, int]:
    """Return where each column is that we know; the first of a kind counts."""
    plain = [re.sub(r"[\W_]", "", header).casefold() for header in headers]
    known = dict(COLUMNS)
    if plain[:1] == ["student"] and "section" in plain:
        known["id"] = "canvas"  # its gradebook calls its own number so
    if "githubid" in plain:
        known["username"] = "github"  # a number that no folder is called by
    columns: dict[str, int] = {}
    for index, header in enumerate(plain):
        if header in known:
            columns.setdefault(known[header], index)
    return columns


def cell(kind: str, cells: list[str], index: int) -> str:
    """Return a cell's text without what programs put around ids.

    Spreadsheets keep zeros by ``="0012"``, Brightspace by ``#``, and Moodle puts a word before its
    number.
    """
    text = cells[index].strip() if index < len(cells) else ""
    if match := re.fullmatch(r'="(.*)"', text):
        text = match[1]
    if kind == "moodle" and (match := re.search(r"\d+$", text)):
        return match[0]
    return text.removeprefix("#") if kind == "id" else text


def is_no_student(cells: list[str]) -> bool:
    """Tell whether a row is one of those that Canvas writes for itself."""
    first = cells[0].strip()
    return first in ("Points Possible", "Student, Test") or (
        not first and "Manual Posting" in cells
    )
