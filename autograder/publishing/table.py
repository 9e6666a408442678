"""All marks as a CSV of our own, for a spreadsheet or an LMS without an export of its own."""

import csv
import io
from decimal import Decimal

from autograder.publishing.awards import Award, Awards
from autograder.publishing.numbers import plain

TITLES = ("id", "name", "email", "section", "group", "points", "of", "late", "lost", "mark", "note")
BOM = b"\xef\xbb\xbf"  # by which spreadsheets know that it is UTF-8
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


def table(awards: Awards) -> bytes:
    """Return the table: ``late`` in hours, ``lost`` in percent, an empty mark where it is open."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(TITLES)
    for award in sorted(awards.all, key=lambda award: award.student.id):
        writer.writerow(row_of(award, awards.total))
    return BOM + text.getvalue().encode()


def row_of(award: Award, total: Decimal) -> list[str]:
    """Return a student's cells."""
    student, mark = award.student, award.mark
    words = (student.id, student.name, student.email, student.section, student.group)
    return [
        *map(neutral, words),
        "" if award.points is None else plain(award.points),
        plain(total),
        lateness(award),
        plain(100 * award.lost),
        "" if mark is None else plain(mark),
        neutral(award.why),
    ]


def lateness(award: Award) -> str:
    """Return by how many hours something is late; "yes" where only that is known."""
    late_by = award.counted.late_by if award.counted else None
    if award.counted is None or not award.counted.is_late:
        return ""
    return "yes" if late_by is None else f"{late_by.total_seconds() / 3600:.2f}"


def neutral(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(STARTS) else text
