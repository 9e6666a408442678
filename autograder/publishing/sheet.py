"""A CSV that another program wrote: a few cells are changed, every other byte stays."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.plain_text import one_line
from lab3.errors import LabError

MARK = "\ufeff"
SEPARATORS = ",;\t"
UTF_16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
ENCODINGS = ("utf-8", "latin-1")  # every byte has a character in the second one
MOST_BYTES = 200_000_000


class SheetError(LabError):
    """A table can't be filled in; the text says what is wrong and what to do."""


@dataclass(frozen=True)
class Cell:
    """A cell as it stands in the text, quotes included, and what it says."""

    raw: str
    value: str


@dataclass(frozen=True)
class Row:
    """The cells of a row, and what ends it."""

    cells: tuple[Cell, ...]
    end: str

    def value(self, column: int | None) -> str:
        """Return what a cell says, nothing where the row is too short."""
        if column is None or column >= len(self.cells):
            return ""
        return self.cells[column].value.strip()

    @property
    def is_blank(self) -> bool:
        return not any(cell.value.strip() for cell in self.cells)


class Sheet:
    """The rows of a table, the first of which are its titles."""

    def __init__(self, content: bytes) -> None:
        self._encoding = UTF_16.get(content[:2]) or encoding_of(content)
        try:
            text = content.decode(self._encoding)
        except UnicodeDecodeError:
            raise SheetError("is damaged: fetch it again") from None
        self._start = MARK if text.startswith(MARK) else ""
        text = text.removeprefix(MARK)
        self.separator = separator_of(text)
        self.rows = rows_of(text, self.separator)
        if not self.rows:
            raise SheetError("is empty: fetch it again")
        self._is_quoted = all(cell.raw.startswith('"') for cell in self.rows[0].cells)

    @property
    def titles(self) -> list[str]:
        return [cell.value.strip() for cell in self.rows[0].cells]

    def put(self, row: int, column: int, value: str) -> None:
        """Change a cell; it is quoted where it was, or has to be."""
        cells = list(self.rows[row].cells)
        cells[column] = self.cell(value, is_quoted=cells[column].raw.startswith('"'))
        self.rows[row] = Row(tuple(cells), self.rows[row].end)

    def cell(self, value: str, is_quoted: bool = False) -> Cell:
        """Return a cell as this table writes it."""
        if is_quoted or self._is_quoted or re.search(rf'["\r\n{self.separator}]', value):
            doubled = value.replace('"', '""')
            return Cell(f'"{doubled}"', value)
        return Cell(value, value)

    def content(self, columns: Sequence[int] | None = None) -> bytes:
        """Return all bytes, or those of some columns."""
        lines = (self._line(row, columns) for row in self.rows)
        return (self._start + "".join(lines)).encode(self._encoding)

    def _line(self, row: Row, columns: Sequence[int] | None) -> str:
        wanted = range(len(row.cells)) if columns is None else columns
        raws = (row.cells[i].raw if i < len(row.cells) else "" for i in wanted)
        return self.separator.join(raws) + row.end


def read_sheet(path: Path) -> Sheet:
    """Return the table in a file; raise SheetError where it is none."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise SheetError(f"{path} is too large to be what it seems: name the table")
        return Sheet(path.read_bytes())
    except OSError as error:
        raise SheetError(f"{path} can't be read: {error.strerror}") from None
    except SheetError as error:
        raise SheetError(f"{path}: {error}") from None


def encoding_of(content: bytes) -> str:
    """Return an encoding that gives back the same bytes."""
    for encoding in ENCODINGS[:-1]:
        try:
            content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    return ENCODINGS[-1]


def separator_of(text: str) -> str:
    """Return what separates most cells of the first line, outside of quotes."""
    first = re.sub(r'"[^"]*"', "", text[:100_000]).lstrip("\r\n")
    counts = Counter(re.split("[\r\n]", first, maxsplit=1)[0])
    return max(SEPARATORS, key=lambda separator: counts[separator])


def rows_of(text: str, separator: str) -> list[Row]:
    """Return all rows, as Python's csv module reads them."""
    pattern = re.compile(
        rf'(?:"([^"]*(?:""[^"]*)*)"([^{separator}\r\n]*)|((?!")[^{separator}\r\n]*))'
        rf"({separator}|\r\n|\r|\n|\Z)"
    )
    rows: list[Row] = []
    cells: list[Cell] = []
    at = 0
    while at < len(text) or cells:
        match = pattern.match(text, at)
        if match is None:
            line = text.count("\n", 0, at) + 1
            shown = one_line(text[at : at + 40])
            raise SheetError(f"line {line}: a quote is never closed: {shown}: fetch it again")
        quoted, rest, bare, end = match.groups()
        value = bare if quoted is None else quoted.replace('""', '"') + rest
        cells.append(Cell(match[0].removesuffix(end), value))
        at = match.end()
        if end != separator:
            rows.append(Row(tuple(cells), end))
            cells = []
            if not end:
                break
    return rows
