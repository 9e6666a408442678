"""A report as blocks with line numbers: headings, text, tables, images, and the lab's sections."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tools.review.reading import markup
from tools.review.reading.grids import BARS, RULE, Grid, grids
from tools.review.reading.lexicon import load
from tools.review.reading.markup import Image, plain

Kind = Literal["heading", "text", "table", "code", "rule"]

NUMERALS = {
    **{digit: i + 1 for i, digit in enumerate("一二三四五六")},
    **{numeral: i + 1 for i, numeral in enumerate(("i", "ii", "iii", "iv", "v", "vi"))},
}
SECTIONS = (
    "Model Architecture",
    "Training and Validation Curves",
    "Accuracy Tuning and Hyperparameter Selection",
    "Custom QConfig Implementation",
    "Comparison of Quantization Schemes",
    "Discussion and Conclusion",
)
FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,})")
BOLD = re.compile(r"^\s*(?:\*\*|__)(?=\S)(.{1,100}?)(?:\*\*|__)\s*$")


@dataclass(frozen=True)
class ReportTable:
    """Cells as plain text, the header first; ``lines`` has the line of each row."""

    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    is_log: bool = False  # printed in a fence


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
        shown = markup.without_comments(markup.without_directives(text))
        parser = MarkdownIt("commonmark").enable("table").disable("code")
        parser.core.ruler.enableOnly(["normalize", "block"])
        environment: dict[str, dict[str, dict[str, str]]] = {}
        drawn, shown = _taken_out(shown)
        tokens = parser.parse(shown, environment)
        self.last_line = max(1, len(text.rstrip("\n").split("\n")))
        blocks = [*_blocks(tokens, shown.split("\n")), *drawn]
        self.blocks = sorted(blocks, key=lambda block: block.line)
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


def _taken_out(text: str) -> tuple[list[Block], str]:
    """Take the tables out of a text that are drawn with spaces, whose lines Markdown misreads."""
    lines = text.split("\n")
    hidden, fence = [], ""
    for line in lines:
        mark = FENCE.match(line)
        if mark and (not fence or line.strip().startswith(fence)):
            fence = "" if fence else mark[1]
            hidden.append("")
            continue
        hidden.append("" if fence or BARS.search(line) else line)
    blocks = []
    for rows, numbers in grids("\n".join(hidden), 1):
        blocks.append(Block("table", numbers[0], "", table=_table(rows, numbers)))
        for number in range(numbers[0], numbers[-1] + 1):
            lines[number - 1] = ""
        if numbers[-1] < len(lines) and RULE.fullmatch(lines[numbers[-1]]):
            lines[numbers[-1]] = ""
    return blocks, "\n".join(lines) if blocks else text


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
            drawn = list(grids(content, line)) if "|" in content or "&" in content else []
            if drawn:
                yield from _with_tables(content, line, depth, drawn)
                index += 1
                continue
            is_heading = _is_title(content, depth) or _is_underlined(tokens, index)
            kind: Kind = "heading" if is_heading else "text"
            yield Block(kind, line, content, 7 if is_heading else depth)
        elif token.type == "table_open":
            end = _closing(tokens, index)
            yield from _table_blocks(tokens[index:end], line, source)
            index = end
        elif token.type == "fence":
            yield Block("code", line + 1, token.content, depth)
            for rows, lines in grids(token.content, line + 1):
                yield Block("table", lines[0], "", depth, _table(rows, lines, is_log=True))
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


def _table(rows: list[list[str]], lines: list[int], is_log: bool = False) -> ReportTable:
    width = max(map(len, rows), default=0)
    filled = ([*row, *[""] * (width - len(row))] for row in rows)
    return ReportTable(
        tuple(tuple(plain(cell).strip() for cell in row) for row in filled), tuple(lines), is_log
    )


def _with_tables(content: str, line: int, depth: int, drawn: list[Grid]) -> Iterator[Block]:
    """Yield a paragraph that holds tables drawn with spaces or bars, and the text around them."""
    held = {number for _, lines in drawn for number in range(lines[0], lines[-1] + 1)}
    rest: list[str] = []
    first = line
    for number, raw in enumerate([*content.split("\n"), None], line):
        if raw is not None and number not in held:
            first = first if rest else number
            rest.append(raw)
            continue
        if any(map(str.strip, rest)):
            yield Block("text", first, "\n".join(rest), depth)
        rest = []
    for rows, lines in drawn:
        yield Block("table", lines[0], "", depth, _table(rows, lines))


def _html_blocks(html: str, line: int, depth: int) -> Iterator[Block]:
    """Yield the tables of an HTML block, or its text when it has none."""
    tables = markup.HtmlTables(html, line).tables if "<t" in html.lower() else []
    for rows in tables:
        if rows and max(len(row.cells) for row in rows) <= 50:
            cells = [row.cells for row in rows]
            yield Block("table", rows[0].line, "", table=_table(cells, [r.line for r in rows]))
    end = html.lower().rfind("</table>") + len("</table>") if tables else 0
    if html[end:].strip():
        rest = html[end:].lstrip("\n")
        yield Block("text", line + html.count("\n", 0, len(html) - len(rest)), rest, depth)


@lru_cache(maxsize=4096)
def title_of(heading: str) -> int:
    """Return which of the six sections a heading begins, or 0.

    A heading with a section's words and number counts, or with the words of one section only.
    """
    if len(heading) > 120:
        return 0
    lexicon = load()
    numbers = [n for n in range(1, len(SECTIONS) + 1) if lexicon.has(f"section.{n}", heading)]
    match = lexicon.search("numbered", heading)
    shown = next((g for g in match.groups() if g), "").lower() if match else ""
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
        deeper = [block.depth for block, _ in titled if block.depth > 1]
        level = min(deeper, default=1)
        return [Heading(b.line, s) for b, s in titled if b.depth == level]
    chosen = [(b, s) for b, s in titled if b.depth <= level and (b.depth > 1 or level == 1)]
    first: dict[int, int] = {}
    for block, section in chosen:
        first.setdefault(section, block.line)
    return sorted((Heading(line, section) for section, line in first.items()), key=lambda h: h.line)
