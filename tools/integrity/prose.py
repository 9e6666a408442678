"""The student's own words in a report: paragraphs, and those that two reports have in common."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from tools.integrity.boilerplate import Boilerplate
from tools.integrity.hashing import grams
from tools.integrity.prints import Passage
from tools.integrity.words import SHINGLES, is_chinese, units

BEGIN, END = re.compile(r"<!--\s*lab3:"), re.compile(r"<!--\s*/lab3\s*-->")
FENCE = re.compile(r"\s*(```|~~~)")
# Tables, headings, pictures, comments and quotations are nobody's own words.
NOT_PROSE = re.compile(r"\s*(\||#|!\[|<!--|>|\$\$)")
# Of own sequences: a shorter paragraph says what there is to say in the words that there are.
LEAST = {"words": 25, "characters": 40}
SHOWN = 160  # characters
LIKE = 0.6  # share of the sequences of both that they have in common
PERMUTATIONS = 64
MOST = 500  # paragraphs of one report


def passages(report: str, given: Boilerplate) -> Iterator[Passage]:
    """Yield the paragraphs that are the student's own and long enough to compare."""
    for line, text in islice(paragraphs(report), MOST):
        words = units(text)
        chinese = sum(map(is_chinese, words))
        script = "characters" if 2 * chinese > len(words) else "words"
        own = {*grams(words, SHINGLES[script])} - given.prose
        if len(own) >= LEAST[script]:
            yield Passage(
                line=line,
                words=len(words),
                script=script,
                begins=" ".join(text.split())[:SHOWN],
                shingles=tuple(sorted(own)),
            )


def paragraphs(report: str) -> Iterator[tuple[int, str]]:
    """Yield what stands between empty lines, with the number of its first line.

    What the report tool made, code, tables and headings are left out.
    """
    is_made = is_code = False
    first, lines = 0, list[str]()
    for number, line in enumerate([*report.splitlines(), ""], 1):
        if BEGIN.match(line):
            is_made = True
        is_fence = FENCE.match(line) is not None
        is_code ^= is_fence
        is_prose = not (is_made or is_code or is_fence or NOT_PROSE.match(line)) and line.strip()
        if END.match(line):
            is_made = False
        if is_prose:
            first = first or number
            lines.append(line)
        elif lines:
            yield first, "\n".join(lines)
            first, lines = 0, []


@dataclass(frozen=True)
class Place:
    """A passage of somebody's report."""

    owner: int
    passage: Passage


@dataclass(frozen=True)
class Shared:
    """Two passages, and the share of word sequences that they have in common."""

    one: Place
    other: Place
    share: float

    @property
    def common(self) -> int:
        return len({*self.one.passage.shingles} & {*self.other.passage.shingles})


def shared(places: Iterable[Place]) -> Iterator[Shared]:
    """Yield the passages of different owners that are nearly the same.

    Candidates come from MinHash and locality-sensitive hashing (Broder, "On the resemblance and
    containment of documents", 1997); what is told is counted exactly.
    """
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=LIKE - 0.2, num_perm=PERMUTATIONS)
    before: list[Place] = []
    for place in places:
        sketch = MinHash(PERMUTATIONS, seed=1)
        sketch.update_batch(n.to_bytes(8, "big") for n in place.passage.shingles)
        for number in sorted(index.query(sketch)):
            other = before[number]
            if other.owner == place.owner:
                continue
            share = likeness(other.passage, place.passage)
            if share >= LIKE:
                yield Shared(other, place, share)
        index.insert(len(before), sketch)
        before.append(place)


def likeness(one: Passage, other: Passage) -> float:
    """Return the Jaccard index of two passages' word sequences."""
    a, b = {*one.shingles}, {*other.shingles}
    return len(a & b) / len(a | b)
