"""Tables that are no Markdown tables: columns of text in fences, drawn with dashes or bars."""

import re
from collections.abc import Iterator

from tools.review.reading.markup import plain
from tools.review.reading.quantities import NUMBER

RULE = re.compile(r"[\s\-=+|:_*─━│┃┼├┤┌┐└┘┬┴╪═║╔╗╚╝╠╣╬]*")
BARS = re.compile(r"[|│┃║]")
LATEX_END = re.compile(r"\\\\.*$|\\(?:hline|toprule|midrule|bottomrule)")
GAPS = re.compile(r"\t+| {2,}|\u3000+")
UNIT = re.compile(r"[KMG]i?B|%|ms|s|pp|points?|images/s", re.I)  # behind the numbers of its row
WIDEST, LONGEST = 24, 60  # columns and rows of what can be a table of results
CELL = 60  # characters; longer pieces are prose

Grid = tuple[list[list[str]], list[int]]


def grids(text: str, line: int) -> Iterator[Grid]:
    """Yield the rows of each table drawn in a text that begins at a line, and their lines."""
    rows: list[list[str]] = []
    lines: list[int] = []
    for offset, raw in enumerate([*text.split("\n"), ""]):
        shown = raw.replace("\r", "").rstrip()
        if shown.strip() and RULE.fullmatch(shown):
            continue
        cells = _cells(shown)
        if rows and len(cells) == len(rows[0]) + 2 and UNIT.fullmatch(cells[-1]):
            cells = [f"{cells[0]} ({cells[-1]})", *cells[1:-1]]
        is_row = 2 <= len(cells) <= WIDEST and all(len(cell) <= CELL for cell in cells)
        if is_row and (not rows or abs(len(cells) - len(rows[0])) <= 1) and len(rows) < LONGEST:
            rows.append(cells)
            lines.append(line + offset)
            continue
        if _is_table(rows):
            yield _even(rows), lines
        rows, lines = ([cells], [line + offset]) if is_row else ([], [])


def _cells(line: str) -> list[str]:
    if "&" in line and ("\\\\" in line or "\\text" in line):
        pieces = LATEX_END.sub("", line).split("&")
    elif BARS.search(line):
        pieces = BARS.split(line.strip().strip("|│┃║"))
    else:
        pieces = GAPS.split(line.strip())
    cells = [plain(piece).strip() for piece in pieces]
    return cells if any(cells) else []


def _is_table(rows: list[list[str]]) -> bool:
    """Tell whether rows are a header of words and lines of numbers."""
    if len(rows) < 2:
        return False
    numbers = [sum(bool(NUMBER.match(cell)) for cell in row[1:]) for row in rows]
    return sum(count > 0 for count in numbers[1:]) * 2 >= len(rows) - 1 and numbers[0] == 0


def _even(rows: list[list[str]]) -> list[list[str]]:
    """Return rows of one width; a header that lacks the corner gets an empty one."""
    width = max(map(len, rows))
    header = rows[0] if len(rows[0]) == width else ["", *rows[0]]
    return [header, *([*row, *[""] * (width - len(row))] for row in rows[1:])]
