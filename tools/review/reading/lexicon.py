"""The words of reports, one file a language: patterns by role, each with sentences it is there for.

A file has a table for each role, with ``words``: lists of a pattern and the sentences whose reading
it changes; and ``leaves``: sentences that no pattern of the role may match. Patterns are written in
lower case, for text that ``normal`` has seen.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from tools.review.reading.quantities import narrow

FOLDER = Path(__file__).parents[1] / "lexicon"
MASK = "\x01"  # stands for each character of a network's name, so that no other word is seen in it
NAMES = "model."
SIGN = r"[^\w\u2e80-\u2fff\u3040-\u9fff\uf900-\ufaff]"
NAMED = re.compile(r"\(\?P<\w+>")


@dataclass(frozen=True)
class Entry:
    """One pattern of a role, and the sentences that need it."""

    language: str
    role: str
    pattern: str
    reads: tuple[str, ...]


@dataclass(frozen=True)
class Tag:
    """A word of a role in a text."""

    role: str
    start: int
    end: int

    @property
    def kind(self) -> str:
        return self.role.partition(".")[2]

    def is_of(self, *families: str) -> bool:
        return any(self.role == f or self.role.startswith(f + ".") for f in families)


@dataclass
class Lexicon:
    """The entries of all languages; a role's patterns are tried together."""

    entries: tuple[Entry, ...]
    leaves: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    twins: dict[int, str] = field(default_factory=dict)

    @cached_property
    def roles(self) -> dict[str, re.Pattern[str]]:
        grouped: dict[str, list[str]] = {}
        for entry in self.entries:
            grouped.setdefault(entry.role, []).append(self.normal(NAMED.sub("(?:", entry.pattern)))
        return {role: compiled(tuple(patterns)) for role, patterns in grouped.items()}

    @cached_property
    def named(self) -> dict[str, tuple[re.Pattern[str], ...]]:
        """The patterns with named groups, one by one."""
        grouped: dict[str, list[re.Pattern[str]]] = {}
        for entry in self.entries:
            if "(?P<" in entry.pattern:
                pattern = compiled((self.normal(entry.pattern),))
                grouped.setdefault(entry.role, []).append(pattern)
        return {role: tuple(patterns) for role, patterns in grouped.items()}

    def normal(self, text: str) -> str:
        """Return a text with narrow punctuation and traditional characters, as long as it was."""
        return text.translate(self.twins)

    def search(self, role: str, text: str) -> re.Match[str] | None:
        pattern = self.roles.get(role)
        return pattern.search(self.normal(text)) if pattern else None

    def has(self, role: str, text: str) -> bool:
        return self.search(role, text) is not None

    def fits(self, role: str, text: str) -> bool:
        """Tell whether a whole text, if there is any, is made of a role's words."""
        pattern = self.roles.get(role)
        return not text or (pattern is not None and pattern.fullmatch(self.normal(text)) is not None)

    def matches(self, role: str, text: str) -> Iterator[re.Match[str]]:
        """Yield what each pattern with named groups reads."""
        for pattern in self.named.get(role, ()):
            yield from pattern.finditer(text)

    def tags(self, text: str, *families: str) -> list[Tag]:
        """Return the words of a text by place: networks first, whose names hide other words."""
        shown = self.normal(text)
        found = [tag for tag in self._found(shown, NAMES)]
        shown = masked(shown, found)
        for family in families:
            found += self._found(shown, family)
        return sorted(found, key=lambda tag: (tag.start, -tag.end))

    def _found(self, text: str, family: str) -> Iterator[Tag]:
        for role, pattern in self.roles.items():
            if role.startswith(family):
                for match in pattern.finditer(text):
                    if match.end() > match.start():
                        yield Tag(role, match.start(), match.end())

    def extended(self, entries: Iterable[Entry]) -> "Lexicon":
        """Return the lexicon with further entries, such as the names that a report gives."""
        return Lexicon((*self.entries, *entries), self.leaves, self.twins)

    def without(self, entry: Entry) -> "Lexicon":
        """Return the lexicon that lacks one pattern."""
        return Lexicon(tuple(e for e in self.entries if e is not entry), self.leaves, self.twins)


@cache
def compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    # ASCII: Chinese characters beside a word end it. They are no punctuation all the same.
    whole = "|".join(f"(?:{pattern})" for pattern in patterns)
    whole = whole.replace(r"[\s\W]", SIGN).replace(r"[\W_]", f"(?:{SIGN}|_)")
    return re.compile(whole.replace(r"\W", SIGN), re.I | re.A)


def masked(text: str, tags: list[Tag]) -> str:
    shown = list(text)
    for tag in tags:
        shown[tag.start : tag.end] = MASK * (tag.end - tag.start)
    return "".join(shown)


@cache
def languages() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


@cache
def load(names: tuple[str, ...] = ()) -> Lexicon:
    """Return the lexicon of some languages, or of all that there are."""
    entries: list[Entry] = []
    leaves: dict[tuple[str, str], tuple[str, ...]] = {}
    twins: dict[int, str] = {}
    for name in names or languages():
        data = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
        pairs: Any = data.pop("variants", {})
        twins |= str.maketrans(pairs.get("other", ""), pairs.get("same", ""))
        for role, table in _tables(data, ""):
            leaves[name, role] = tuple(map(narrow, table.get("leaves", ())))
            for pattern, *reads in table["words"]:
                entries.append(Entry(name, role, pattern, tuple(map(narrow, reads))))
    return Lexicon(tuple(entries), leaves, twins)


def _tables(data: dict[str, Any], prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, table in data.items():
        if "words" in table:
            yield prefix + name, table
        else:
            yield from _tables(table, f"{prefix}{name}.")
