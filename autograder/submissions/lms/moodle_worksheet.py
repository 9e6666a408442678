"""Moodle's offline grading worksheet: names, ids and times; marks are written by an export.

Its titles are in the language of whoever fetched it: columns are told by place and content.
"""

import re
import unicodedata
from collections.abc import Collection, Sequence

from autograder.submissions.lms import tables
from autograder.submissions.lms.handed_in import Context, Fact, Parsed, content_of
from autograder.submissions.lms.listing import Listing
from autograder.submissions.lms.tables import NoTableError, decoded
from autograder.submissions.lms.times import parse_time

KIND = "moodle-worksheet"
LOOKED_FOR = "a .csv that begins with Identifier, as Moodle's grading worksheet does"
NAMES = {"full name", "vollständiger name", "nom complet", "nombre completo", "nome completo"}
NAMES |= {"nome", "volledige naam", "全名", "フルネーム"}
ID_NUMBERS = {
    "id number",
    "id-nummer",
    "matrikelnummer",
    "numéro d'identification",
    "學號",
    "識別號碼",
}
GROUPS = {
    "group",
    "gruppe",
    "groupe",
    "grupo",
    "gruppo",
    "groep",
    "群組",
    "小組",
    "小组",
    "グループ",
}
COLUMNS = 5  # at least
EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
IDENTIFIER = re.compile(r"[^0-9]*([0-9]+)")


def rows_of(listing: Listing) -> list[list[str]]:
    """Return the cells of a source that is one CSV; none for any other."""
    if not listing.is_table:
        return []
    try:
        return [cells for _, cells in tables.rows_of(decoded(content_of(listing.entries[0])))]
    except NoTableError:
        return []


def share(listing: Listing) -> float:
    """Tell whether a source is a worksheet, with when grades were "last modified (...)"."""
    headers, *rows = rows_of(listing) or [[]]
    is_whole = len(headers) >= COLUMNS and bool(rows) and any(map(is_in_brackets, headers))
    return float(is_whole and all(IDENTIFIER.fullmatch(row[0]) for row in rows))


def submission_column(headers: list[str]) -> int | None:
    """Return where the times of submissions are; None when they are left out.

    It is the first of two "last modified (...)": the other is that of grades.
    """
    starts = [plain(header).partition("(")[0].strip() for header in headers]
    for index, header in enumerate(headers):
        if is_in_brackets(header) and starts.count(starts[index]) == 2:
            return index
    return None


def is_in_brackets(header: str) -> bool:
    return plain(header).rstrip().endswith(")")


def plain(header: str) -> str:
    """Return a title with the brackets of Chinese and Japanese made those of ASCII."""
    return unicodedata.normalize("NFKC", header)


def parse(listing: Listing, context: Context) -> Parsed:
    """Return what the worksheet says of each participant; ``group`` is their team, if it has any.

    The number is then the participant's, and that of a download the team's.
    """
    headers, *rows = rows_of(listing)
    titles = [header.strip().casefold() for header in headers]
    columns = {
        "when": submission_column(headers),
        "name": column(titles, NAMES),
        "id": column(titles, ID_NUMBERS),
        "email": address_column(titles, rows),
        "group": column(titles, GROUPS),
    }
    facts, unread = [], 0
    for row in rows:
        number = IDENTIFIER.fullmatch(row[0])
        if number is None:
            continue
        cells = {k: row[i] for k, i in columns.items() if i is not None and i < len(row)}
        text = cells.get("when", "")
        received = parse_time(text, context.zone)
        unread += received is None and any(map(str.isdigit, text))
        ids = {kind: value for kind in ("email", "id") if (value := cells.get(kind))}
        name, email, group = (cells.get(kind, "") for kind in ("name", "email", "group"))
        facts.append(Fact("moodle", number[1], ids, name, email, group, received))
    return Parsed(facts=tuple(facts), notes=notes(context, unread))


def column(titles: Sequence[str], known: Collection[str]) -> int | None:
    """Return where a title is that is known; the first column has the numbers."""
    return next((i for i, title in enumerate(titles) if i and title in known), None)


def address_column(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> int | None:
    """Return where addresses are: in a column of nothing else, as a name may look like one."""
    fitting = []
    for index in range(1, len(titles)):
        cells = [row[index] for row in rows if index < len(row) and row[index]]
        if cells and titles[index] not in NAMES and all(map(EMAIL.fullmatch, cells)):
            fitting.append(index)
    return min(fitting, key=lambda index: "mail" not in titles[index], default=None)


def notes(context: Context, unread: int) -> tuple[str, ...]:
    """Say why times were not taken."""
    if not unread:
        return ()
    if context.zone is None:
        why = 'they are on Moodle\'s clock, set timezone = "Europe/Berlin"'
    else:
        why = "they are written in a way that is not understood"
    return (f"times that were not taken: {unread}: {why}",)
