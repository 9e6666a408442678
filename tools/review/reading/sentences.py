"""The text of a report as sentences and clauses, each with its line and what it is about."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

from tools.review.reading.cues import (
    HISTORY,
    NOT_CLAIMED,
    RESPECTIVELY,
)
from tools.review.reading.document import Block, ReportText
from tools.review.reading.quantities import Quantity, quantities
from tools.review.reading.results import models_in
from tools.review.reading.words import (
    Model,
)

END = re.compile(
    r"(?<!\bi\.e\.)(?<!\be\.g\.)(?<!\bal\.)(?<!\bvs\.)(?<=[.。!;])(?=[\s\"')]|[^\x00-\x7f]|$)|(?<=\?)|(?<=[。;])"
)
CLAUSE = re.compile(
    r",(?![0-9])|\(|\)|:|、|\n|\bwhile\b|\bwhereas\b|\bbut\b|\band\b|\bthen\b|但是?|而且?|則|则|以及|并且|並且",
    re.I,
)
REASON = re.compile(r",?\s*\bbecause\b|,?\s*因[為为]", re.I)  # what it may or can do
LONGEST = 1_000  # characters of a sentence; what follows in it is no claim that a rule knows
WRAPPED = 55  # characters: a shorter line ends where its author wanted
LABELLED = re.compile(r"^\W*(?:FP-?32|PTQ|QAT|INT-?8|[A-Za-z ]{2,20}:)", re.I)


@dataclass(frozen=True)
class Clause:
    """A piece of a sentence; ``models`` are those that it names, or that the piece before did."""

    text: str
    line: int
    models: tuple[Model, ...]
    is_inherited: bool

    @cached_property
    def quantities(self) -> list[Quantity]:
        return list(quantities(self.text))


@dataclass(frozen=True)
class Sentence:
    """One sentence of a paragraph or list."""

    text: str
    line: int
    section: int

    @cached_property
    def is_history(self) -> bool:
        """Tell whether it reports what was once, elsewhere or only supposed: no claim."""
        return HISTORY.search(self.text) is not None

    @cached_property
    def is_claim(self) -> bool:
        claimed = REASON.split(self.text)[0].strip() or self.text
        return not (self.is_history or NOT_CLAIMED.search(claimed) or self.text.endswith("?"))

    @cached_property
    def is_list(self) -> bool:
        """Tell whether it names several networks first, and then a number of each."""
        numbers = [q for clause in self.clauses for q in clause.quantities if q.kind == "%"]
        if len(numbers) < 2:
            return False
        first = self.text.find(numbers[0].printed)
        named = {model for _, model in models_in(self.text[: max(first, 0)])}
        return len(named) > 1 or RESPECTIVELY.search(self.text) is not None

    def line_at(self, offset: int) -> int:
        return self.line + line_ends(self.text[:offset])

    @cached_property
    def clauses(self) -> list[Clause]:
        found: list[Clause] = []
        start = 0
        models: tuple[Model, ...] = ()
        for end in [*(m.end() for m in CLAUSE.finditer(self.text)), len(self.text)]:
            text = self.text[start:end]
            named = tuple(dict.fromkeys(model for _, model in models_in(text)))
            found.append(Clause(text, self.line_at(start), named or models, not named))
            start, models = end, named or models
        return found


@lru_cache(maxsize=1)  # all rules ask for those of the same report
def sentences(document: ReportText) -> tuple[Sentence, ...]:
    """Return the sentences of a report's paragraphs and lists."""
    return tuple(
        Sentence(text[:LONGEST], line, document.section(block.line))
        for block in document.texts()
        for text, line in _split(block)
    )


def _split(block: Block) -> Iterator[tuple[str, int]]:
    """Yield sentences with their lines; a wrapped line goes on in the next one."""
    text, line = _unwrapped(block.text), block.line
    start = 0
    for end in [*(m.start() for m in END.finditer(text)), len(text)]:
        piece = text[start:end]
        skipped = piece[: len(piece) - len(piece.lstrip())]
        if piece.strip():
            yield piece.strip(), line + line_ends(skipped)
        start, line = end, line + line_ends(piece)


def line_ends(text: str) -> int:
    return text.count("\n") + text.count("\r")


def _unwrapped(text: str) -> str:
    """Return a paragraph in which a carriage return stands for the end of a wrapped line."""
    lines = text.split("\n")
    joined = [lines[0]]
    for before, line in pairwise(lines):
        is_wrapped = len(before) >= WRAPPED and not LABELLED.match(line)
        joined += ["\r" if is_wrapped else "\n", line]
    return "".join(joined)
