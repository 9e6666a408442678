"""The words of reports, one file a language: patterns by role, each with sentences it is there for.

A file has a table for each role, with ``words``: lists of a pattern and the sentences whose reading
it changes; and ``leaves``: sentences that no pattern of the role may match. Patterns are written in
lower case, for text that ``normal`` has seen.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from operator import add
from pathlib import Path
from re import _constants, _parser  # type: ignore[attr-defined]  # as public as it gets
from typing import Any

from tools.review.reading.quantities import narrow

FOLDER = Path(__file__).parents[1] / "lexicon"
REMEMBERED = 2_000  # texts whose words are kept, since reports repeat their labels
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


class Pattern:
    """The patterns of one role, tried one after the other; compiled when a text may need them."""

    def __init__(self, sources: Iterable[str]) -> None:
        self.sources = tuple(sources)
        self.always: set[int] = set()  # numbers of patterns of which nothing is known
        self.begins: dict[str, list[tuple[int, str]]] = {}  # by the first letters of their pieces
        for number, source in enumerate(self.sources):
            pieces = needed(source)
            if not all(pieces) or not pieces:
                self.always.add(number)
                continue
            for piece in pieces:
                self.begins.setdefault(piece[:2], []).append((number, piece))
        self.known = frozenset(self.begins)

    def _candidates(self, text: str) -> Iterator[re.Pattern[str]]:
        lowered = text.lower()
        numbers = set(self.always)
        for begin in self.known & begins_in(lowered):
            numbers.update(number for number, piece in self.begins[begin] if piece in lowered)
        for number in sorted(numbers):
            yield compiled(self.sources[number])

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        """Yield matches by place; of those that overlap, the first."""
        found = [m for pattern in self._candidates(text) for m in pattern.finditer(text)]
        end = -1
        for match in sorted(found, key=lambda m: (m.start(), -m.end())):
            if match.start() >= end:
                yield match
                end = max(match.end(), match.start() + 1)

    def search(self, text: str) -> re.Match[str] | None:
        found = (pattern.search(text) for pattern in self._candidates(text))
        return min((m for m in found if m), key=lambda m: m.start(), default=None)

    def fullmatch(self, text: str) -> re.Match[str] | None:
        found = (pattern.fullmatch(text) for pattern in self._candidates(text))
        return next((m for m in found if m), None)

    def sub(self, shown: str, text: str) -> str:
        for pattern in self._candidates(text):
            text = pattern.sub(shown, text)
        return text


@dataclass
class Lexicon:
    """The entries of all languages; a role's patterns are tried together."""

    entries: tuple[Entry, ...]
    leaves: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    twins: dict[int, str] = field(default_factory=dict)
    synonyms: tuple[tuple[str, str], ...] = ()  # words of one length that are read as another

    @cached_property
    def roles(self) -> dict[str, Pattern]:
        grouped: dict[str, list[str]] = {}
        for entry in self.entries:
            source = self.normal(NAMED.sub("(?:", entry.pattern))
            grouped.setdefault(entry.role, []).append(source)
        return {role: Pattern(sources) for role, sources in grouped.items()}

    @cached_property
    def named(self) -> dict[str, Pattern]:
        """The patterns with named groups, by role."""
        grouped: dict[str, list[str]] = {}
        for entry in self.entries:
            if "(?P<" in entry.pattern:
                grouped.setdefault(entry.role, []).append(self.normal(entry.pattern))
        return {role: Pattern(sources) for role, sources in grouped.items()}

    @cached_property
    def families(self) -> dict[str, tuple[tuple[str, Pattern], ...]]:
        return {}

    def normal(self, text: str) -> str:
        """Return a text with traditional characters and the usual words, as long as it was."""
        text = text.translate(self.twins)
        for word, usual in self.synonyms:
            text = text.replace(word, usual)
        return text

    def search(self, role: str, text: str) -> re.Match[str] | None:
        pattern = self.roles.get(role)
        return pattern.search(self.normal(text)) if pattern else None

    def has(self, role: str, text: str) -> bool:
        return self.search(role, text) is not None

    def fits(self, role: str, text: str) -> bool:
        """Tell whether a whole text, if there is any, is made of a role's words."""
        pattern = self.roles.get(role)
        return not text or (
            pattern is not None and pattern.fullmatch(self.normal(text)) is not None
        )

    def matches(self, role: str, text: str) -> Iterator[re.Match[str]]:
        """Yield what each pattern with named groups reads."""
        if role in self.named:
            yield from self.named[role].finditer(text)

    @cached_property
    def tagged(self) -> dict[tuple[str, tuple[str, ...]], list[Tag]]:
        return {}

    def tags(self, text: str, *families: str) -> list[Tag]:
        """Return the words of a text by place: networks first, whose names hide other words."""
        key = text, families
        if key not in self.tagged:
            if len(self.tagged) > REMEMBERED:
                self.tagged.clear()
            self.tagged[key] = self._tags(text, families)
        return list(self.tagged[key])

    def _tags(self, text: str, families: tuple[str, ...]) -> list[Tag]:
        shown = self.normal(text)
        found = list(self._found(shown, NAMES))
        shown = masked(shown, found)
        for family in families:
            found += self._found(shown, family)
        return sorted(found, key=lambda tag: (tag.start, -tag.end))

    def _found(self, text: str, family: str) -> Iterator[Tag]:
        if family not in self.families:
            own = ((role, p) for role, p in self.roles.items() if role.startswith(family))
            self.families[family] = tuple(own)
        for role, pattern in self.families[family]:
            for match in pattern.finditer(text):
                if match.end() > match.start():
                    yield Tag(role, match.start(), match.end())

    def extended(self, entries: Iterable[Entry]) -> "Lexicon":
        """Return the lexicon with further entries, such as the names that a report gives."""
        added = tuple(entries)
        if not added:
            return self
        more = Lexicon((*self.entries, *added), self.leaves, self.twins, self.synonyms)
        # Names are roles of their own, so that nothing else has to be prepared again.
        more.__dict__["roles"] = self.roles | Lexicon(added, twins=self.twins).roles
        more.__dict__["named"] = self.named
        return more

    def without(self, entry: Entry) -> "Lexicon":
        """Return the lexicon that lacks one pattern."""
        kept = tuple(e for e in self.entries if e is not entry)
        return Lexicon(kept, self.leaves, self.twins, self.synonyms)


@lru_cache(REMEMBERED)
def begins_in(text: str) -> frozenset[str]:
    """Return each letter of a text, and each with the next one."""
    return frozenset((*text, *map(add, text, text[1:])))


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    # ASCII: Chinese characters beside a word end it. They are no punctuation all the same.
    whole = pattern.replace(r"[\s\W]", SIGN).replace(r"[\W_]", f"(?:{SIGN}|_)")
    return re.compile(whole.replace(r"\W", SIGN), re.I | re.A | re.S)


@cache
def needed(pattern: str) -> tuple[str, ...]:
    """Return pieces of text of which a match needs one, or nothing when that can't be told.

    Nearly all patterns of a lexicon miss nearly all sentences: looking for a piece is faster.
    """
    try:
        return tuple(_pieces(_parser.parse(pattern)) or ())
    except re.error:
        return ()


def _pieces(parsed: Any) -> set[str] | None:
    """Return the best choice of pieces of a parsed pattern: each match holds one of them."""
    choices: list[set[str]] = []
    run = ""
    for operator, argument in [*parsed, (None, None)]:
        if operator is _constants.LITERAL:
            run += chr(argument).lower()
            continue
        if run:
            choices.append({run})
        run = ""
        inner: set[str] | None = None
        if operator is _constants.BRANCH:
            parts = [_pieces(branch) for branch in argument[1]]
            inner = set().union(*parts) if all(parts) else None  # type: ignore[arg-type]
        elif operator is _constants.SUBPATTERN:
            inner = _pieces(argument[3])
        elif operator in (_constants.MAX_REPEAT, _constants.MIN_REPEAT) and argument[0] > 0:
            inner = _pieces(argument[2])
        elif operator is _constants.ASSERT and argument[0] == 1:
            inner = _pieces(argument[1])
        if inner:
            choices.append(inner)
    return max(choices, key=lambda pieces: (min(map(len, pieces)), -len(pieces)), default=None)


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
    synonyms: list[tuple[str, str]] = []
    for name in names or languages():
        data = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
        pairs: Any = data.pop("variants", {})
        twins |= _twins(pairs.get("other", ""), pairs.get("same", ""))
        synonyms += [(word, usual) for word, usual in pairs.get("words", ())]
        for role, table in _tables(data, ""):
            leaves[name, role] = tuple(map(narrow, table.get("leaves", ())))
            for pattern, *reads in table["words"]:
                entries.append(Entry(name, role, pattern, tuple(map(narrow, reads))))
    return Lexicon(tuple(entries), leaves, twins, tuple(synonyms))


def _twins(other: str, same: str) -> dict[int, str]:
    """Return what each other form of a character is read as."""
    return {ord(a): b for a, b in zip(other, same, strict=True)}


def _tables(data: dict[str, Any], prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, table in data.items():
        if "words" in table:
            yield prefix + name, table
        inner = {key: value for key, value in table.items() if isinstance(value, dict)}
        yield from _tables(inner, f"{prefix}{name}.")
