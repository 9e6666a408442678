"""Tables as LMSs and spreadsheets write them: CSV in one of several encodings and separators."""

import csv
import io
from collections.abc import Iterator
from contextlib import suppress

MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
CHINESE = {"cp950": ("學號", "姓名"), "gb18030": ("学号", "姓名")}  # as spreadsheets there save it
SEPARATORS = ",;\t"
csv.field_size_limit(500_000_000)  # a cell may hold all that somebody wrote into a form


class NoTableError(Exception):
    """A text is no CSV, from a line on."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"not CSV: {reason}: save it as CSV")
        self.line = line


def decoded(content: bytes) -> str:
    """Return a text in whichever encoding it was saved."""
    if encoding := MARKS.get(content[:2]):
        return content.decode(encoding, errors="replace")
    with suppress(UnicodeDecodeError):
        return content.decode("utf-8-sig")
    for encoding, headers in CHINESE.items():
        with suppress(UnicodeDecodeError):
            text = content.decode(encoding)
            if any(header in text.partition("\n")[0] for header in headers):
                return text
    return content.decode("cp1252", errors="replace")


def rows_of(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not empty, each with its first line; raise NoTableError."""
    first = text.lstrip().partition("\n")[0]
    separator = max(SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    before = 0
    try:
        for cells in reader:
            if any(map(str.strip, cells)):
                yield before + 1, cells
            before = reader.line_num
    except csv.Error as error:
        raise NoTableError(before + 1, str(error)) from None
