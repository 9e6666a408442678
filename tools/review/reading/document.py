"""A report as blocks with line numbers: headings, text, tables, images, and the lab's sections."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tools.review.findings import Finding, Sure, quote
from tools.review.reading import markup
from tools.review.reading.markup import Image, plain
from tools.review.reading.words import (
    SECTIONS,
)

Kind = Literal["heading", "text", "table", "code", "rule"]

NUMBERED = re.compile(
    r"^\s*(?:section|part|ch(?:apter)?\.?|第)?\s*([1-6]|[一二三四五六]|VI|IV|V|I{1,3})\s*"
    r"(?:[.、:)章節节]|\s|$)",
    re.I,
)
NUMERALS = {
    **{digit: i + 1 for i, digit in enumerate("一二三四五六")},
    **{numeral: i + 1 for i, numeral in enumerate(("i", "ii", "iii", "iv", "v", "vi"))},
}
BOLD = re.compile(r"^\s*(?:\*\*|__)(?=\S)(.{1,100}?)(?:\*\*|__)\s*$")


@dataclass(frozen=True)
class ReportTable:
    """Cells as plain text, the header first; ``lines`` has the line of each row."""

    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]


@dataclass(frozen=True)
class Block:
    """A heading, a paragraph, a table, code or a rule, and where it begins."""

    kind: Kind
    line: int
    raw: str
    depth: int = 0  # of the list around it; the level of a heading
    table: ReportTable | None = None

    @cached_property
    def text(self) -> str:
        return plain(self.raw)


@dataclass(frozen=True)
class Heading:
    line: int
    section: int


class ReportText:
    """A report, read once."""

    def __init__(self, text: str) -> None:
        shown = markup.without_comments(text)
        parser = MarkdownIt("commonmark").enable("table").disable("code")
        parser.core.ruler.enableOnly(["normalize", "block"])
        environment: dict[str, dict[str, dict[str, str]]] = {}
        tokens = parser.parse(shown, environment)
        self.last_line = max(1, len(text.rstrip("\n").split("\n")))
        self.blocks = list(_blocks(tokens, shown.split("\n")))
        references = {k: v["href"] for k, v in environment.get("references", {}).items()}
        self.images: list[Image] = [
            image
            for block in self.blocks
            if block.kind != "code"
            for image in markup.images(block.raw, block.line, references)
        ]
        self.headings = _section_headings(self.blocks)

    @property
    def tables(self) -> list[ReportTable]:
        return [block.table for block in self.blocks if block.table]

    def section(self, line: int) -> int:
        """Return the section that a line is in, 1 to 6, or 0 before the first."""
        return next((h.section for h in reversed(self.headings) if h.line <= line), 0)

    def texts(self) -> Iterator[Block]:
        return (block for block in self.blocks if block.kind == "text")

    def finding(
        self, rule: str, line: int, says: str, should: str, why: str, sure: Sure
    ) -> Finding:
        """Return a finding on one of the report's lines."""
        return Finding(
            rule=rule,
            line=line,
            section=self.section(line),
            says=quote(says),
            should=should,
            why=why,
            sure=sure,
        )


def _blocks(tokens: list[Token], source: list[str]) -> Iterator[Block]:
    depth, index = 0, 0
    while index < len(tokens):
        token = tokens[index]
        line = token.map[0] + 1 if token.map else 1
        if token.type in ("bullet_list_open", "ordered_list_open"):
            depth += 1
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            depth -= 1
        elif token.type == "heading_open":
            yield Block("heading", line, tokens[index + 1].content, int(token.tag[1]))
        elif token.type == "paragraph_open":
            content = tokens[index + 1].content
            is_heading = _is_title(content, depth) or _is_underlined(tokens, index)
            kind: Kind = "heading" if is_heading else "text"
            yield Block(kind, line, content, 7 if is_heading else depth)
        elif token.type == "table_open":
            end = _closing(tokens, index)
            yield from _table_blocks(tokens[index:end], line, source)
            index = end
        elif token.type == "fence":
            yield Block("code", line + 1, token.content, depth)
        elif token.type == "html_block":
            yield from _html_blocks(token.content, line, depth)
        elif token.type == "hr":
            yield Block("rule", line, "")
        index += 1


def _is_title(content: str, depth: int) -> bool:
    """Tell whether a paragraph is a section's title in bold."""
    bold = BOLD.match(content)
    return bold is not None and depth == 0 and title_of(plain(bold[1])) > 0


def _is_underlined(tokens: list[Token], index: int) -> bool:
    """Tell whether a numbered title has a line below it, which Markdown takes for a list."""
    after = (t for t in tokens[index + 3 : index + 6] if not t.type.endswith("_close"))
    below, item = next(after, None), tokens[index].map
    if below is None or below.type != "hr" or not below.map or not item:
        return False
    return below.map[0] == item[1] and title_of(plain(tokens[index + 1].content)) > 0


def _closing(tokens: list[Token], start: int) -> int:
    return next(
        (i for i in range(start, len(tokens)) if tokens[i].type == "table_close"), len(tokens)
    )


def _table_blocks(tokens: list[Token], line: int, source: list[str]) -> Iterator[Block]:
    """Yield a table, and the text right below it that Markdown takes for rows of it."""
    rows: list[list[str]] = []
    lines: list[int] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
            lines.append(token.map[0] + 1 if token.map else line)
        elif token.type == "inline":
            rows[-1].append(token.content)
    # The parser gives all rows of a body the body's first line; rows follow each other.
    lines = [lines[0], *(lines[1] + i for i in range(len(lines) - 1))] if len(lines) > 1 else lines
    is_wide = max(map(len, rows), default=0) > 1
    below = (i for i, number in enumerate(lines) if i and "|" not in source[number - 1])
    end = next(below, len(rows)) if is_wide else len(rows)
    raw = "\n".join(" | ".join(row) for row in rows[:end])
    yield Block("table", line, raw, table=_table(rows[:end], lines[:end]))
    if end < len(rows):
        yield Block("text", lines[end], "\n".join(" ".join(row).strip() for row in rows[end:]))


def _table(rows: list[list[str]], lines: list[int]) -> ReportTable:
    width = max(map(len, rows), default=0)
    filled = ([*row, *[""] * (width - len(row))] for row in rows)
    return ReportTable(
        tuple(tuple(plain(cell).strip() for cell in row) for row in filled), tuple(lines)
    )


def _html_blocks(html: str, line: int, depth: int) -> Iterator[Block]:
    """Yield the tables of an HTML block, or its text when it has none."""
    tables = markup.HtmlTables(html, line).tables if "<t" in html.lower() else []
    for rows in tables:
        if rows and max(len(row.cells) for row in rows) <= 50:
            cells = [row.cells for row in rows]
            yield Block("table", rows[0].line, "", table=_table(cells, [r.line for r in rows]))
    if not tables and html.strip():
        yield Block("text", line, html, depth)


def title_of(heading: str) -> int:
    """Return which of the six sections a heading begins, or 0.

    A heading with a section's words and number counts, or with the words of one section only.
    """
    numbers = [number for number, (_, pattern) in enumerate(SECTIONS, 1) if pattern.search(heading)]
    match = NUMBERED.match(heading)
    if match:
        shown = match[1].lower()
        number = int(shown) if shown.isdecimal() else NUMERALS.get(shown, 0)
        if number in numbers:
            return number
    return numbers[0] if numbers else 0


def _section_headings(blocks: list[Block]) -> list[Heading]:
    """Return where each section begins: its first heading, at the level that most have."""
    headings = [(b, title_of(b.text)) for b in blocks if b.kind == "heading"]
    titled = [(block, section) for block, section in headings if section]
    if not titled:
        return []
    depths = {block.depth for block, _ in titled}
    levels = {depth: len({s for b, s in titled if b.depth == depth}) for depth in depths}
    level = max(levels, key=lambda depth: (levels[depth], -depth))
    if levels[level] < 3:
        return [Heading(b.line, s) for b, s in titled if b.depth > 1] or [
            Heading(b.line, s) for b, s in titled
        ]
    chosen = [(b, s) for b, s in titled if b.depth <= level and (b.depth > 1 or level == 1)]
    first: dict[int, int] = {}
    for block, section in chosen:
        first.setdefault(section, block.line)
    return sorted((Heading(line, section) for section, line in first.items()), key=lambda h: h.line)
