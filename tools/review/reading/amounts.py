"""A number in its sentence: how exact it is, what it is of, and whose it is."""

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property

from tools.review.reading.lexicon import Tag
from tools.review.reading.quantities import Interval, Quantity
from tools.review.reading.statements import FP32, PTQ, QAT
from tools.review.reading.words import Span, Words

FLOOR = Decimal(20)  # percent; a lower one is no accuracy that a network ends with
OPEN = Decimal(1000)
NEXT = 12  # characters between a network and the verb that it is the subject of


@dataclass(eq=False)
class Number:
    """A quantity in its sentence."""

    words: Words
    quantity: Quantity

    @property
    def start(self) -> int:
        return self.quantity.start

    @property
    def end(self) -> int:
        return self.quantity.end

    @cached_property
    def clause(self) -> Span:
        """The clause; one that is only a number in parentheses belongs to the clause before."""
        words, clause = self.words, self.words.clause(self.start)
        index = words.clauses.index(clause)
        while index and not words.within(clause, *("metric", "model", "change", "compares")):
            before = words.clauses[index - 1]
            if words.segment(before.start) != words.segment(self.start):
                break
            clause = Span(before.start, clause.end)
            index -= 1
        return clause

    @cached_property
    def segment(self) -> Span:
        return self.words.segment(self.start)

    @property
    def before(self) -> str:
        return self.words.shown[: self.start].rstrip()

    @property
    def after(self) -> str:
        return self.words.shown[self.end :].lstrip()

    def has_before(self, role: str) -> bool:
        return self.words.lexicon.has(role, self.before[-60:])

    def has_after(self, role: str) -> bool:
        return self.words.lexicon.has(role, self.after[:40])

    @cached_property
    def value(self) -> Interval:
        """The number, with what "about", "less than" and "more than" leave open."""
        quantity = self.quantity
        if self.has_before("bound.below") or self.has_after("bound.below_after"):
            quantity = replace(quantity, comparator="<")
        elif match := self.words.lexicon.search("bound.above", self.before[-60:]):
            # "Not more than" is a limit from above.
            ahead = self.before[-60:][: match.start()].rstrip()
            is_denied = self.words.lexicon.has("bound.denied", ahead)
            quantity = replace(quantity, comparator="<" if is_denied else ">")
        elif self.has_after("bound.above_after"):
            quantity = replace(quantity, comparator=">")
        elif self.is_rough:
            by = max(quantity.step / 2, abs(quantity.number) / 10)
            return Interval(quantity.number - by, quantity.number + by)
        return quantity.interval

    @property
    def is_rough(self) -> bool:
        said = self.has_before("bound.about") or self.has_after("bound.about_after")
        return said or self.quantity.is_about

    @property
    def is_bound(self) -> bool:
        return is_open(self.value, OPEN / 2)

    @cached_property
    def is_denied(self) -> bool:
        """Tell whether the number is what nobody reaches, or what something is not."""
        if self.is_bound:
            return False
        tags = self.words.within(self.words.clause(self.start), "negates", "nobody")
        return any(t.end <= self.start for t in tags)

    @cached_property
    def moves(self) -> bool:
        """Tell whether the number is by how much something changed, not where it ended."""
        is_difference = self.quantity.kind == "points" and self.direction != ""
        return self.has_before("moves.before") or self.has_after("moves.after") or is_difference

    @cached_property
    def direction(self) -> str:
        roles = ("change", "compares.more", "compares.less")
        owner = _behind(self)
        if owner is not None:  # "the points that PTQ has lost"
            own = [t for t in self.words.within(self.segment, "change") if t.start > owner.end]
            if own and own[0].start - owner.end < NEXT:
                return own[0].kind
        tag = self.words.near(self.start, self.clause, *roles)
        if tag is not None and 0 <= self.start - tag.end <= 1 and self.is_bound:
            # "More than" of a number is no direction.
            rest = [t for t in self.words.within(self.clause, *roles) if t is not tag]
            tag = min(rest, key=lambda t: abs(t.start - self.start), default=None)
        if tag is None:
            return ""
        kind = tag.kind
        return {"more": "gains", "less": "loses"}.get(kind, kind)

    @cached_property
    def is_apart(self) -> bool:
        """Tell whether the number is how far two networks are apart: "there are 2 points between"."""
        if self.quantity.kind not in ("%", "points") or self.quantity.number >= FLOOR:
            return False
        tags, words = self.words.within(self.segment, "apart"), self.words
        kinds = {m.kind for m in words.models if self.segment.holds(m)}
        others = words.within(self.segment, *APART_FROM)
        return bool(tags) and len(kinds) == 2 and not others and not self.direction

    @cached_property
    def metrics(self) -> list[str]:
        """What the clause measures, the nearest first; else what its context does."""
        tags = self.words.within(self.clause, "metric", "compares")
        near = sorted(tags, key=self._distance)
        kinds = [_METRIC_OF.get(tag.role, tag.kind if tag.is_of("metric") else "") for tag in near]
        found = list(dict.fromkeys(kind for kind in kinds if kind))
        named = [m for m in self.words.models if self.clause.holds(m)]
        texts = [self.words.text[m.start : m.end] for m in named] if not found else []
        # "The quantized file" names a network by its size.
        is_file = any(self.words.lexicon.has("metric.size", text) for text in texts)
        return ["size"] if is_file else found

    def _distance(self, tag: Tag) -> int:
        if tag.end <= self.start:
            return self.start - tag.end
        is_own = self.words.between(self.end, tag.start) == "的"  # "2.5 times the speed"
        return 0 if is_own else tag.start - self.end + 5


# In a sentence on these, two networks are apart in something else than accuracy.
APART_FROM = (
    *("metric.size", "metric.latency", "metric.speed", "metric.loss", "metric.error"),
    *("metric.compression", "split.train", "split.validation", "other.accuracy"),
)
_METRIC_OF = {
    "compares.faster": "latency",
    "compares.slower": "latency",
    "compares.smaller": "size",
    "compares.bigger": "size",
    "compares.accurate": "accuracy",
}


def is_open(value: Interval, widest: Decimal = Decimal(4)) -> bool:
    """Tell whether a value is only a limit: "more than 92 %"."""
    return value.high - value.low > widest


def split_of(number: Number) -> str:
    """Return which images an accuracy or loss is of: the nearest word that says so."""
    words = number.words
    clause = words.clause(number.start)
    for span in (clause, number.clause, number.segment):
        tag = words.near(number.start, span, "split")
        # Far away, "training" is more often what was done than which images.
        is_far = tag is not None and span is number.segment and tag.start > number.end
        if tag and not (is_far and tag.kind == "train"):
            return tag.kind
    return words.context.split


def paired(words: Words, numbers: list[Number]) -> dict[int, Tag]:
    """Return whose numbers are where networks are listed first, and then a number of each."""
    found: dict[int, Tag] = {}
    for segment in words.segments:
        models = [m for m in words.models if segment.holds(m)]
        held = [n for n in numbers if segment.start <= n.start < segment.end]
        for kind in ("%", "bytes", "seconds", "points", "times", ""):
            own = [n for n in held if n.quantity.kind == kind]
            if len(own) == 3 and not models and words.within(segment, "all.three"):
                names = (FP32, PTQ, QAT)  # in the order of every table
                found |= {
                    n.start: Tag(f"model.{m}", n.start, n.start)
                    for n, m in zip(own, names, strict=True)
                }
            if len(own) < 2 or len(models) < 2:
                continue
            listed = [m for m in models if m.end <= own[0].start]
            distinct = list({m.kind: m for m in listed}.values())
            if len(distinct) == len(own) and len(listed) == len(models):
                found |= {n.start: m for n, m in zip(own, distinct, strict=True)}
    return found


def owner_of(number: Number, paired: dict[int, Tag]) -> tuple[str, bool, str]:
    """Return whose a number is, whether that is sure, and what it is compared with."""
    words = number.words
    than = next((m.kind for m in words.standards.values() if number.segment.holds(m)), "")
    behind = _behind(number)
    if behind:
        return behind.kind, True, than if than != behind.kind else ""
    if number.start in paired:
        return paired[number.start].kind, True, ""
    segment = [m for m in words.models if number.segment.holds(m)]
    before = [m for m in segment if m.end <= number.start]
    if before:
        near = before[-1]
        clause = words.clause(number.start)
        is_direct = not words.between(near.end, number.start).strip("(:=,的 -~≈") or (
            words.lexicon.fits("links", words.between(near.end, number.start))
        )
        if near.start not in words.standards or (is_direct and not number.moves):
            if near.start in words.standards:
                return near.kind, True, ""
            if number.moves and not clause.holds(near):
                subject = next((m for m in before if m.start not in words.standards), near)
                return subject.kind, False, than
            return near.kind, True, than
        subjects = [m for m in before if m.start not in words.standards]
        if subjects:
            return subjects[-1].kind, True, near.kind
        follows = [m for m in segment if m.start > number.start and m.start not in words.standards]
        if follows and number.clause.holds(follows[0]):
            return follows[0].kind, True, near.kind
        return "", False, near.kind
    clause = words.clause(number.start)
    after = [m for m in segment if m.start >= number.end and clause.holds(m)]
    subjects = [m for m in after if m.start not in words.standards]
    if subjects:
        return subjects[0].kind, len(subjects) == 1, than
    if len(words.context.models) == 1:
        return words.context.models[0], True, than
    earlier = [m for m in words.models if m.end <= number.start and m.start not in words.standards]
    if earlier:
        return earlier[-1].kind, False, than
    return "", False, than


def _behind(number: Number) -> Tag | None:
    """Return the network right behind a number that the number is said to be of."""
    words = number.words
    following = [m for m in words.models if m.start >= number.end]
    if not following or following[0].start - number.end > 40:
        return None
    model = following[0]
    if model.start in words.standards:
        return None
    between = words.between(number.end, model.start)
    if between == "(":
        closes = words.shown[model.end :].lstrip()
        return model if closes.startswith(")") else None
    return model if words.lexicon.fits("attach", between) else None
