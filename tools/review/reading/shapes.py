"""Reports in other shapes as Markdown: HTML exports, notebooks, DOCX and PDF."""

import html
import json
import re
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

from tools.review.reading.encodings import LARGEST_BYTES, ReportError, read_text

PAGES = (".html", ".htm", ".xhtml")
BLOCKS = {"p", "div", "section", "article", "li", "ul", "ol", "br", "tr", "figure", "figcaption"}
BLOCKS |= {"header", "footer", "main", "dl", "dt", "dd", "blockquote", "details", "summary"}
SILENT = {"script", "style", "head", "nav", "template"}
LONGEST = 200_000  # characters of all outputs that are read
EXTRA = "lab3-kit[documents]"


def read_report(path: Path) -> str:
    """Return a report in any shape as Markdown; raise ReportError when it can't be read."""
    with path.open("rb") as file:
        content = file.read(LARGEST_BYTES + 1)
    return as_markdown(content, str(path))


def as_markdown(content: bytes, name: str) -> str:
    """Return a report's bytes as Markdown, by the ending of its name."""
    suffix = Path(name).suffix.lower()
    if suffix == ".pdf" or content.startswith(b"%PDF-"):
        return _limited(_pdf(content, name), name)
    if suffix == ".docx":
        return _limited(_docx(content, name), name)
    text = read_text(content, name)
    if suffix == ".ipynb":
        return _limited(_notebook(text, name), name)
    if suffix in PAGES or re.match(r"\s*(?:<!doctype html|<html)\b", text[:200], re.I):
        return Page(text).markdown
    return text


def _limited(text: str, name: str) -> str:
    return read_text(text.encode("utf-8", errors="replace"), name)


class Page(HTMLParser):
    """An HTML page as Markdown in which everything stays on its line."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.source = text.split("\n")
        self.lines: list[list[str]] = [[] for _ in self.source]
        self.row = 0
        self.silent = 0
        self.cells = 0  # of the table row that is open
        self.in_table = 0
        self.is_header = False
        self.feed(text.replace("<!", "< !") if "<![" in text else text)

    @property
    def markdown(self) -> str:
        return "\n".join("".join(line).rstrip() for line in self.lines)

    def write(self, text: str) -> None:
        self.row = min(self.getpos()[0] - 1, len(self.lines) - 1)
        self.lines[self.row].append(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in SILENT:
            self.silent += 1
        elif re.fullmatch("h[1-6]", tag):
            self.write("#" * int(tag[1]) + " ")
        elif tag in ("table", "thead", "tbody", "tr", "td", "th", "img", "caption"):
            values = "".join(f' {k}="{html.escape(v or "")}"' for k, v in attrs)
            self.in_table += tag == "table"
            self.write(f"<{tag}{values}>")
        elif tag == "li":
            self.write("- ")
        elif tag in ("pre",):
            self.write("```")
        elif tag in ("strong", "b"):
            self.write("**")

    def handle_endtag(self, tag: str) -> None:
        if tag in SILENT:
            self.silent = max(0, self.silent - 1)
        elif tag in ("table", "thead", "tbody", "tr", "td", "th", "caption"):
            self.in_table -= tag == "table"
            self.write(f"</{tag}>")
        elif tag == "pre":
            self.write("```")
        elif tag in ("strong", "b"):
            self.write("**")

    def handle_data(self, data: str) -> None:
        if self.silent:
            return
        row = self.getpos()[0] - 1
        for offset, piece in enumerate(data.split("\n")):
            index = min(row + offset, len(self.lines) - 1)
            self.lines[index].append(
                html.escape(piece, quote=False) if self.in_table > 0 else piece
            )


def _notebook(text: str, name: str) -> str:
    """Return a notebook's Markdown cells, code and outputs, one after the other."""
    try:
        cells: Any = json.loads(text)["cells"]
        parts = [part for cell in cells for part in _cell(cell)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ReportError(f"{name} is no notebook that can be read: save it again") from None
    return "\n\n".join(parts)


def _cell(cell: dict[str, Any]) -> list[str]:
    source = _joined(cell.get("source", ""))
    if cell["cell_type"] == "markdown":
        return [source]
    if cell["cell_type"] != "code":
        return []
    parts = [f"```python\n{source}\n```"] if source.strip() else []
    for output in cell.get("outputs", []):
        shown = output.get("text") or output.get("data", {}).get("text/plain", "")
        page = output.get("data", {}).get("text/html")
        if page and "<table" in _joined(page):
            parts.append(re.sub(r"<style.*?</style>", "", _joined(page), flags=re.S))
        elif shown:
            parts.append(f"```\n{_joined(shown)[:LONGEST].replace('```', '')}\n```")
        if any(key.startswith("image/") for key in output.get("data", {})):
            parts.append("![output](data:image)")
    return parts


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def _docx(content: bytes, name: str) -> str:
    """Return the headings, paragraphs and tables of a Word document, in their order."""
    try:
        import docx
    except ImportError:
        raise _without_library(name, "python-docx") from None
    from docx.table import Table

    parts: list[str] = []
    try:
        document = docx.Document(BytesIO(content))
        for item in document.iter_inner_content():
            if isinstance(item, Table):
                rows = [
                    [c.text.replace("\n", " ").replace("|", "/") for c in r.cells]
                    for r in item.rows
                ]
                rule = [["---"] * len(rows[0])] if rows else []
                parts.append(
                    "\n".join(
                        "| " + " | ".join(row) + " |" for row in [*rows[:1], *rule, *rows[1:]]
                    )
                )
                continue
            style = (item.style.name or "") if item.style is not None else ""
            level = re.match(r"Heading (\d)", style)
            mark = "#" * int(level[1]) + " " if level else "- " if style.startswith("List") else ""
            images = "![figure](data:image)" * len(item._p.xpath(".//pic:pic"))
            parts.append(mark + item.text + images)
    except Exception as error:  # whatever a damaged file makes the library raise
        raise ReportError(f"{name} can't be read as a Word document: {error}") from None
    return "\n\n".join(part for part in parts if part.strip())


def _pdf(content: bytes, name: str) -> str:
    """Return the text of a PDF; numbered lines that name a section become headings."""
    try:
        import pypdf
    except ImportError:
        raise _without_library(name, "pypdf") from None
    from tools.review.reading.document import title_of

    try:
        reader = pypdf.PdfReader(BytesIO(content))
        text = "\n".join(page.extract_text(extraction_mode="layout") for page in reader.pages[:60])
        has_images = any(page.images for page in reader.pages[:60])
    except Exception as error:  # whatever a damaged file makes the library raise
        raise ReportError(f"{name} can't be read as a PDF: {error}") from None
    if not text.strip():
        raise ReportError(f"{name} holds pictures of text: export your report from its source")
    lines = []
    for line in text.split("\n"):
        is_title = (
            re.match(r"\s*(?:[1-6]|[一二三四五六])[.、]?\s+\S", line) and len(line.strip()) < 70
        )
        lines.append(f"\n## {line.strip()}\n" if is_title and title_of(line.strip()) else line)
    return "\n".join(lines) + ("\n\n![figure](data:image)\n" if has_images else "")


def _without_library(name: str, library: str) -> ReportError:
    return ReportError(
        f"{name} needs {library}: install '{EXTRA}', or export your report as Markdown or HTML"
    )
