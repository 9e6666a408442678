"""The text of a report as sentences, each with its line."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from tools.review.reading.document import Block

END = re.compile(
    r"(?<!\bi\.e\.)(?<!\be\.g\.)(?<!\bal\.)(?<!\bvs\.)(?<!\bapprox\.)(?<!\bacc\.)"
    r"(?<=[.。!;])(?=[\s\"')]|[^\x00-\x7f]|$)|(?<=\?)|(?<=[。;])"
)
LONGEST = 1_000  # characters of a sentence; what follows in it is no claim that a rule knows
WRAPPED = 55  # characters: a shorter line ends where its author wanted
WIDE = re.compile(r"[\u2e80-\u9fff\uff00-\uffef]")
LABELLED = re.compile(r"^\W*(?:FP-?32|PTQ|QAT|INT-?8|[A-Za-z ]{2,20}:)", re.I)


@dataclass(frozen=True)
class Sentence:
    """One sentence of a paragraph or list."""

    text: str
    line: int


def sentences(block: Block) -> Iterator[Sentence]:
    """Yield the sentences of a block; a wrapped line goes on in the next one."""
    for text, first in _lines(block):
        line, start = first, 0
        for end in [*(m.start() for m in END.finditer(text)), len(text)]:
            piece = text[start:end]
            skipped = piece[: len(piece) - len(piece.lstrip())]
            if piece.strip():
                yield Sentence(piece.strip()[:LONGEST], line + skipped.count("\r"))
            start, line = end, line + piece.count("\r")


def _lines(block: Block) -> Iterator[tuple[str, int]]:
    """Yield a block's lines as their author ended them; a carriage return is a wrapped end."""
    lines = block.text.split("\n")
    joined, first = lines[0], block.line
    for number, (before, line) in enumerate(pairwise(lines), block.line + 1):
        length = len(before) + len(WIDE.findall(before))
        goes_on = length >= WRAPPED or line.lstrip()[:1].islower()
        is_cut = LABELLED.match(line) and not before.rstrip().endswith((",", "、"))
        if goes_on and not is_cut and not before.endswith("  "):
            joined += "\r" + line
        else:
            yield joined, first
            joined, first = line, number
    yield joined, first
