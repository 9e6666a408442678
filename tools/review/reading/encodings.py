"""A report's bytes as text, whatever editor wrote them."""

import codecs
import re

from lab3.errors import LabError

LARGEST_BYTES = 32 * 2**20  # with images embedded
LINES, CHARACTERS = 10_000, 200_000  # many times the longest report; more would only take time
EMBEDDED = re.compile(r"data:image/[a-z+.-]{1,20};base64,[A-Za-z0-9+/=]+")
BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark is the beginning of this one
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class ReportError(LabError):
    """A report can't be read; the text says what to do."""


def read_text(content: bytes, name: str) -> str:
    """Return a report's text with line feeds, without what images embed in it.

    Raises ReportError for what is no text in a known encoding, or far too long for a report.
    """
    if len(content) > LARGEST_BYTES:
        raise ReportError(f"{name} is larger than 32 MB: keep images in files of their own")
    text = EMBEDDED.sub("data:image", decode(content, name))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.count("\n") > LINES or len(text) > CHARACTERS:
        raise ReportError(
            f"{name} is too long for a report ({text.count(chr(10)) + 1:,} lines, {len(text):,} "
            "characters): leave logs in runs/ and data out of it"
        )
    return text


def decode(content: bytes, name: str) -> str:
    """Return bytes as text: marked, UTF-8, UTF-16 without mark, Big5 or GB 18030."""
    for mark, encoding in BOMS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, errors="replace")
    head = content[:4096]
    if b"\0" in head:
        ends = "utf-16-le" if head[1::2].count(0) >= head[::2].count(0) else "utf-16-be"
        if head.count(0) > len(head) / 8 and is_text(text := content.decode(ends, "replace")):
            return text
        raise ReportError(f"{name} holds no text: export your report as Markdown (UTF-8)")
    for encoding in ("utf-8", "big5hkscs", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("utf-8", errors="replace")  # stray bytes in an otherwise readable text


def is_text(text: str) -> bool:
    """Tell whether nearly all characters could have been typed."""
    head = text[:2000]
    odd = sum(not (c.isprintable() or c.isspace()) or c == "\ufffd" for c in head)
    return odd <= len(head) / 50
