"""A sentence with its words tagged by role, and the parts that it falls into."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from tools.review.reading.lexicon import Lexicon, Tag, masked
from tools.review.reading.numerals import ROUGH, quantity_of
from tools.review.reading.quantities import Quantity, quantities
from tools.review.reading.statements import Modality

FAMILIES = (
    *("metric", "split", "compares", "beats", "extreme", "equal", "than", "change", "negates"),
    *("past", "supposed", "elsewhere", "variant", "contrast", "joint", "reason", "pronoun"),
    *(
        "other",
        "all",
        "rough",
        "nobody",
        "amount",
        "followed",
        "apart",
        "recovers",
        "helps",
        "hits",
        "ranked",
        "hurts",
        "alone",
    ),
)
STOP = re.compile(r"[,;:()、\n。]|(?<![0-9])/(?![0-9])")
COMMA_IN_NUMBER = re.compile(r"(?<=[0-9]),(?=[0-9])")
FIRST = 2  # characters before the first word of a sentence
SPACE = " \t\r\n'\"*_"


@dataclass(frozen=True)
class Span:
    start: int
    end: int

    def holds(self, tag: Tag) -> bool:
        return self.start <= tag.start < self.end


@dataclass(frozen=True)
class Context:
    """What headings and labels above a sentence say it is about."""

    models: tuple[str, ...] = ()
    metric: str = ""
    split: str = ""
    is_variant: bool = False


@dataclass(eq=False)
class Words:
    """The words of one sentence of text that ``narrow`` has seen."""

    text: str
    lexicon: Lexicon
    context: Context

    @cached_property
    def tags(self) -> list[Tag]:
        return _without_parts(self.lexicon.tags(self.text, *FAMILIES))

    @cached_property
    def shown(self) -> str:
        """The text without the names of networks."""
        return masked(self.lexicon.normal(self.text), self.models)

    @cached_property
    def models(self) -> list[Tag]:
        return [tag for tag in self.tags if tag.is_of("model")]

    @cached_property
    def quantities(self) -> list[Quantity]:
        """The numbers, also those in words: "a third", "twice"."""
        worded = list(self.numerals)
        for tag in self.tags:
            if tag.is_of("amount") and not any(
                n.start < tag.end > tag.start < n.end for n in worded
            ):
                worded.append(_worded(tag, self.text[tag.start : tag.end]))
        digits = [
            q for q in quantities(self.text) if not any(w.start <= q.start < w.end for w in worded)
        ]
        return sorted([*worded, *digits], key=lambda q: q.start)

    def quantities_but(self, known: list[Quantity]) -> list[Quantity]:
        """Return the numbers besides some that are known."""
        return [q for q in self.quantities if all(q.number != k.number for k in known)]

    @cached_property
    def numerals(self) -> list[Quantity]:
        """The amounts in words that count times, parts or points; of those that overlap, the first."""
        text = self.lexicon.normal(self.text)
        found = [
            quantity_of(kind, match)
            for kind in ("points", "times", "tenths", "part", "ms")
            for match in self.lexicon.matches(f"numeral.{kind}", text)
        ]
        kept: list[Quantity] = []
        for quantity in sorted(found, key=lambda q: (q.start, -q.end)):
            if not kept or quantity.start >= kept[-1].end:
                kept.append(quantity)
        return kept

    @cached_property
    def segments(self) -> list[Span]:
        """The parts between which a claim may change into its opposite."""
        cuts = [t.start for t in self.tags if t.is_of("contrast")]
        cuts += [m.end() for m in re.finditer(r"[;。]", self.text)]
        return _spans(cuts, len(self.text))

    @cached_property
    def clauses(self) -> list[Span]:
        amounts = self.numerals  # "two and a half"
        cuts = [
            t.start
            for t in self.tags
            if t.is_of("joint", "contrast", "reason")
            and not any(a.start < t.start < a.end for a in amounts)
        ]
        commas = {m.start() for m in COMMA_IN_NUMBER.finditer(self.text)}
        cuts += [m.end() for m in STOP.finditer(self.text) if m.start() not in commas]
        return _spans(cuts, len(self.text))

    def segment(self, position: int) -> Span:
        return next(s for s in reversed(self.segments) if s.start <= position)

    def clause(self, position: int) -> Span:
        return next(s for s in reversed(self.clauses) if s.start <= position)

    def within(self, span: Span, *families: str) -> list[Tag]:
        return [tag for tag in self.tags if tag.is_of(*families) and span.holds(tag)]

    def near(self, position: int, span: Span, *families: str) -> Tag | None:
        """Return the tag closest to a position; one before it counts as nearer than one behind."""
        tags = self.within(span, *families)
        return min(
            tags,
            key=lambda t: position - t.end if t.end <= position else 2 * (t.start - position) + 3,
            default=None,
        )

    def between(self, start: int, end: int) -> str:
        return self.shown[start:end].strip(SPACE)

    def modality(self, span: Span, is_strict: bool = True, without: Tag | None = None) -> Modality:
        """Return whether a part claims something, or tells what was once or might be.

        Words that are part of ``without`` mean something else: "PTQ makes 97 mistakes".
        """
        if self.text[: span.end].rstrip(" )\"'").endswith("?"):
            return "asked"
        reason = next((t.start for t in self.within(span, "reason")), span.end)
        if any(
            without is None or t.end <= without.start or t.start >= without.end
            for t in self.within(span, "past")
        ):
            return "past"
        if any(t.start < reason for t in self.within(span, "elsewhere")):
            return "elsewhere"
        supposed = self.within(span, "supposed")
        if any(t.kind in ("if", "example") or (is_strict and t.start < reason) for t in supposed):
            return "supposed"
        return "claimed"

    @cached_property
    def standards(self) -> dict[int, Tag]:
        """The networks that others are compared with, by where they stand."""
        found: dict[int, Tag] = {}
        for tag in self.tags:
            if tag.role == "than.before":
                follows = [m for m in self.models if 0 <= m.start - tag.end <= 24]
                for model in follows[:1]:
                    if re.search(r"[0-9]", self.text[tag.end : model.start]):
                        continue
                    found[model.start] = model
                    # "Compared with PTQ, QAT ...": there the comma ends what it is compared with.
                    joined = self._joined_to(model, is_first=tag.start <= FIRST)
                    found |= {m.start: m for m in joined}
            elif tag.is_of("beats"):
                behind = [m for m in self.models if 0 <= m.start - tag.end <= 24]
                if behind and not STOP.search(self.text[tag.end : behind[0].start]):
                    found[behind[0].start] = behind[0]
            elif tag.role == "than.after":
                before = [m for m in self.models if 0 <= tag.start - m.end <= 14]
                for model in before[-1:]:
                    found[model.start] = model
        return found

    def _joined_to(self, model: Tag, is_first: bool) -> Iterator[Tag]:
        """Yield the networks named in one breath after another: "than PTQ and QAT"."""
        for other in self.models:
            if other.start > model.end:
                between = self.between(model.end, other.start)
                is_end = is_first and between == ","
                if not is_end and (not between or self.lexicon.fits("between", between)):
                    yield other
                    model = other
                else:
                    return


def _worded(tag: Tag, text: str) -> Quantity:
    """Return an amount that one word names: a part of the whole below 1, a factor above."""
    value = Decimal(tag.kind.replace("_", "."))
    kind = "part" if value < 1 else "times"
    return Quantity(text, tag.start, tag.end, value, value * ROUGH, kind, "")


def _spans(cuts: list[int], length: int) -> list[Span]:
    edges = [0, *sorted({c for c in cuts if 0 < c < length}), length]
    return [Span(a, b) for a, b in itertools.pairwise(edges) if b > a] or [Span(0, 0)]


def _without_parts(tags: list[Tag]) -> list[Tag]:
    """Drop names inside longer names; a network named as another kind is that kind alone.

    An accuracy drop is a drop.
    """
    drops = [t for t in tags if t.role == "metric.drop"]
    tags = [
        t
        for t in tags
        if t.role != "metric.accuracy"
        or not any(d.start - 1 <= t.end <= d.end and t.start <= d.start for d in drops)
    ]
    kept: list[Tag] = []
    last = None
    for tag in tags:
        if tag.is_of("model"):
            if last and tag.start < last.end:
                continue
            if last and tag.start - last.end <= 1 and last.kind == "other":
                kept[kept.index(last)] = last = Tag(last.role, last.start, tag.end)
                continue
            if last and tag.kind == "other" and tag.start - last.end <= 1 and last.kind != tag.kind:
                kept[kept.index(last)] = last = Tag(tag.role, last.start, tag.end)
                continue
            is_next = last is not None and tag.start - last.end <= 2
            if last and is_next and tag.kind == "int8" and last.kind in ("ptq", "qat"):
                continue
            if last and is_next and last.kind == "int8" and tag.kind in ("ptq", "qat"):
                kept[kept.index(last)] = last = Tag(tag.role, last.start, tag.end)
                continue
            last = tag
        kept.append(tag)
    return kept
