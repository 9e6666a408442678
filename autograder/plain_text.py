"""Texts that others wrote, made harmless: for every terminal, on one line, in XML."""

import re
import unicodedata

CHARACTERS = 1000  # of one line, which a student's code may have made
# Letters, signs and marks that show nothing, although Unicode doesn't call them control characters.
INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)


def harmless(text: str) -> str:
    """Return the text with all that steers a terminal, or can't be seen, shown as an escape.

    Only the line feed keeps its meaning. The result is valid in XML 1.0 too.
    """
    if text.isprintable():
        return text
    return "".join(map(_shown, text.replace("\r\n", "\n").expandtabs(4)))


def _shown(character: str) -> str:
    if character == "\n" or character.isprintable():
        return character
    if unicodedata.category(character) == "Zs":
        return " "
    return character.encode("unicode_escape").decode()


def one_line(text: str) -> str:
    """Return a harmless text on one line, cut where it is long."""
    return cut(harmless(text).replace("\n", "\\n"), CHARACTERS)


def name(text: str, instead: str = "?", length: int = 100) -> str:
    """Return a name of a file: what can't be printed, or seen, becomes a character that can."""
    shown = "".join(c if c.isprintable() else instead for c in INVISIBLE.sub(instead, text))
    return cut(shown, length)


def cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."
