"""What Markdown and HTML look like to a reader: text without marks, images, HTML tables."""

import re
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from urllib.parse import unquote

from tools.review.reading.quantities import narrow

IMAGE = re.compile(r"!\[([^\[\]\n]*)\]\(((?:[^()\n]|\([^()\n]*\))*)\)")
REFERENCE = re.compile(r"!\[([^\[\]\n]*)\]\[([^\[\]\n]*)\]")
EMBEDDED = re.compile(r"!\[\[([^\[\]\n|]+)[^\[\]\n]*\]\]")  # Obsidian's way
TAG = re.compile(r"</?[A-Za-z][^<>]*>")
IMAGE_TAG = re.compile(r"<img\s[^<>]*>", re.I)
ATTRIBUTE = re.compile(r"\b(src|alt)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+))", re.I)
EMPHASIS = re.compile(
    r"(?<![ \d)])\*(?!\*?S)|\*(?! |\*?S|[\d(a-z])|~~|`|\$|(?<=[ \d)])\*\*(?=\w)(?!S)"
)
LINK = re.compile(r"\[([^\[\]\n]*)\]\([^()\n]*\)")
TITLE = re.compile(r"\s+(?:\"[^\"]*\"|'[^']*'|=\d*x\d*)\s*$")
LATEX = (
    (re.compile(r"\\([%#&_])"), r"\1"),
    (re.compile(r"\\(?:approx|sim|simeq)(?![a-z])"), "≈"),
    (re.compile(r"\\(?:times|cdot)(?![a-z])"), "×"),
    (re.compile(r"\\(?:left|right|bigl?|bigr?|,|;|!|quad)(?![a-z])"), ""),
    (re.compile(r"\\(?:text|mathrm|operatorname|mathbf|textbf)\{([^{}]*)\}"), r"\1"),
    (re.compile(r"\\(?:le|leq)(?![a-z])"), "≤"),
    (re.compile(r"\\(?:ge|geq)(?![a-z])"), "≥"),
)


@dataclass(frozen=True)
class Image:
    line: int
    target: str
    alt: str


def plain(text: str) -> str:
    """Return the words of a piece of Markdown, in narrow characters and without emphasis."""
    text = IMAGE.sub("", text)
    text = TAG.sub(" ", LINK.sub(r"\1", text))
    for pattern, shown in LATEX:
        text = pattern.sub(shown, text)
    return narrow(unescape(EMPHASIS.sub("", text.replace("**-", "^-"))))


def without_comments(text: str) -> str:
    """Return Markdown with its HTML comments blank, so that lines keep their numbers."""
    kept: list[str] = []
    start = 0
    while (begin := text.find("<!--", start)) >= 0 and (end := text.find("-->", begin + 4)) >= 0:
        kept += text[start:begin], "\n" * text.count("\n", begin, end)
        start = end + 3
    return "".join([*kept, text[start:]])


FRONT = re.compile(r"\A---[ \t]*\n(?:[^\n]*\n){0,60}?(?:---|\.\.\.)[ \t]*(?:\n|\Z)")
DIRECTIVE = re.compile(
    r"^[ \t]*(?::{3,}[^\n]*|\[TOC\]|\{%[^\n]*%\}|#+[ \t]*tags?:[^\n]*|#{6,}[ \t]*tags?[^\n]*)[ \t]*$",
    re.M | re.I,
)


def without_directives(text: str) -> str:
    """Return Markdown with its front matter and HackMD's directives blank, line by line."""
    match = FRONT.match(text)
    is_front = match is not None and ":" in match[0]
    if match and is_front:
        text = _told(match[0]) + text[match.end() :]
    return DIRECTIVE.sub("", text)


TOLD = re.compile(r"(?:abstract|summary|description|摘要)\s*:\s*[|>]?[+-]?\s*", re.I)


def _told(front: str) -> str:
    """Return front matter with everything blank but what it tells in sentences."""
    lines, is_told = [], False
    for line in front.split("\n"):
        begins = TOLD.match(line)
        is_told = bool(begins) or (is_told and line[:1] in (" ", "\t"))
        lines.append(line[begins.end() if begins else 0 :].strip("\t '\"") if is_told else "")
    return "\n".join(lines)


def images(text: str, line: int, references: dict[str, str]) -> list[Image]:
    """Return the images of a piece of Markdown that begins at a line."""
    matches: list[tuple[int, str, str]] = []
    for match in IMAGE.finditer(text):
        matches.append((match.start(), TITLE.sub("", match[2].strip()).strip("<>"), match[1]))
    for match in REFERENCE.finditer(text):
        target = references.get((match[2] or match[1]).upper())
        if target is not None:
            matches.append((match.start(), target, match[1]))
    matches += [(match.start(), match[1].strip(), "") for match in EMBEDDED.finditer(text)]
    for match in IMAGE_TAG.finditer(text):
        values = {m[1].lower(): m[2] or m[3] or m[4] or "" for m in ATTRIBUTE.finditer(match[0])}
        matches.append((match.start(), unescape(values.get("src", "")), values.get("alt", "")))
    return [
        Image(line + text.count("\n", 0, start), unquote(target), alt)
        for start, target, alt in sorted(matches)
    ]


@dataclass
class HtmlRow:
    line: int
    cells: list[str] = field(default_factory=list)


class HtmlTables(HTMLParser):
    """Reads the tables of a piece of HTML: one list of rows a table, spans as repeated cells."""

    def __init__(self, html: str, line: int) -> None:
        super().__init__(convert_charrefs=True)
        self.first, self.is_cell = line, False
        self.tables: list[list[HtmlRow]] = []
        self.span = 1
        self.feed(html.replace("<!", "< !"))  # the parser raises on damaged declarations

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("table", "tr"):
            self.is_cell = False  # a cell that was never closed
        if tag == "table":
            self.tables.append([])
        elif tag == "tr" and self.tables:
            self.tables[-1].append(HtmlRow(self.first + self.getpos()[0] - 1))
        elif tag in ("td", "th") and self.tables and self.tables[-1]:
            self.tables[-1][-1].cells.append("")
            span = dict(attrs).get("colspan") or "1"
            self.span, self.is_cell = min(20, int(span)) if span.isdecimal() else 1, True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self.is_cell:
            cells = self.tables[-1][-1].cells
            cells += cells[-1:] * (self.span - 1)
            self.is_cell = False

    def handle_data(self, data: str) -> None:
        if self.is_cell:
            self.tables[-1][-1].cells[-1] += data
