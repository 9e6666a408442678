"""Moodle's offline grading worksheet: names, ids and times; marks are written by an export.

Its titles are in the language of whoever fetched it: columns are told by place and content.
"""

import csv
import io
import re
import unicodedata

from autograder.submissions.lms.handed_in import Context, Fact, Parsed, content_of
from autograder.submissions.lms.listing import Listing
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
COLUMNS = 5  # at least
EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
IDENTIFIER = re.compile(r"[^0-9]*([0-9]+)")


def rows_of(listing: Listing) -> list[list[str]]:
    """Return the cells of a source that is one CSV; none for any other."""
    if not listing.is_table:
        return []
    text = content_of(listing.entries[0]).decode("utf-8-sig", "replace")
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    try:
        return [
            row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row
        ]
    except csv.Error:
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
    """Return what the worksheet says of each participant."""
    headers, *rows = rows_of(listing)
    when = submission_column(headers)
    titles = [header.strip().casefold() for header in headers]
    facts, unread = [], 0
    for row in rows:
        number = IDENTIFIER.fullmatch(row[0])
        if number is None:
            continue
        cells = dict(zip(titles, row, strict=False))
        email = next((cell for cell in row if EMAIL.fullmatch(cell)), "")
        id_number = next((cells[title] for title in titles if title in ID_NUMBERS), "")
        name = next((cells[title] for title in titles if title in NAMES), "")
        text = row[when] if when is not None and when < len(row) else ""
        received = parse_time(text, context.zone)
        unread += received is None and any(map(str.isdigit, text))
        ids = {"email": email, "id": id_number}
        known = {kind: value for kind, value in ids.items() if value}
        facts.append(Fact("moodle", number[1], known, name, email, received=received))
    return Parsed(facts=tuple(facts), notes=notes(context, unread))


def notes(context: Context, unread: int) -> tuple[str, ...]:
    """Say why times were not taken."""
    if not unread:
        return ()
    if context.zone is None:
        why = 'they are on Moodle\'s clock, set timezone = "Europe/Berlin"'
    else:
        why = "they are written in a way that is not understood"
    return (f"times that were not taken: {unread}: {why}",)
