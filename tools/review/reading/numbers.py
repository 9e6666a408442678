"""The numbers of a sentence as statements: whose they are, of what, and in which sense."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property

from tools.review.reading.lexicon import Tag
from tools.review.reading.quantities import BYTES, NUMBER, SECONDS, Interval, Quantity, exactly
from tools.review.reading.statements import FP32, INT8, PTQ, QAT, Place, Statement
from tools.review.reading.words import Span, Words

SIZES = ("size", "compression")
SPEEDS = ("latency", "speed", "speedup", "throughput")
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
        near = sorted(
            tags,
            key=lambda t: self.start - t.end if t.end <= self.start else t.start - self.end + 5,
        )
        kinds = [_METRIC_OF.get(tag.role, tag.kind if tag.is_of("metric") else "") for tag in near]
        return list(dict.fromkeys(kind for kind in kinds if kind))


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


def read_numbers(words: Words, place: Place) -> Iterator[Statement]:
    """Yield what the numbers of a sentence say."""
    numbers = [Number(words, quantity) for quantity in words.quantities]
    paired = _paired(words, numbers)
    for number in numbers:
        is_divided = number.after.startswith(("/", "÷"))
        if number.quantity.kind == "" and number.has_before("moves.factor") and not is_divided:
            number = Number(words, replace(number.quantity, kind="times"))
        kind = number.quantity.kind
        if number.quantity.printed.startswith("±") or number.before.endswith("±"):
            continue
        reader = {"bytes": _bytes, "seconds": _seconds, "times": _times, "part": _part}.get(
            kind, _share
        )
        statement = reader(number)
        if statement is None:
            continue
        owner, is_sure, than = _owner(number, paired)
        if not owner and not words.models and words.lexicon.has("final_model", words.text):
            owner, is_sure = (FP32, False) if _split(number) == "test" else ("", False)
        span = Span(number.segment.start, max(number.clause.end, number.end))
        if words.within(span, "variant") or words.context.is_variant:
            owner += "+"
        modality = words.modality(number.segment)
        if modality == "claimed" and statement.relation == "is" and number.is_denied:
            modality = "denied"
        named = [m.kind for m in words.models if number.segment.holds(m)]
        named = named or [m.kind for m in words.models]
        line = place.line + words.text.count("\n", 0, number.start)
        line += words.text.count("\r", 0, number.start)
        yield replace(
            statement,
            model=statement.model or owner,
            place=replace(place, line=line),
            modality=modality,
            than=statement.than or than,
            split=_split(number),
            quantity=number.quantity,
            others=tuple(dict.fromkeys(named)),
            is_sure=is_sure,
        )


def _statement(metric: str, relation: str, value: Interval, model: str = "") -> Statement:
    return Statement(model, metric, relation, Place(1, 0, ""), value)


def _counted(number: Number) -> Statement | None:
    """Read a number of parameters: "23.5 million parameters"."""
    clause = number.words.within(number.clause, "metric.parameters")
    near = [t for t in clause if -30 < t.start - number.end < 30]
    if not near or number.quantity.kind not in ("", "bytes"):
        return None
    factor = 1
    if number.has_after("counts.million") or number.quantity.unit in ("m", "million"):
        factor = 10**6
    elif number.has_after("counts.ten_thousand"):
        factor = 10**4
    value = number.value.times(factor)
    return _statement("parameters", "is", value) if value.low > 10_000 else None


def _bytes(number: Number) -> Statement | None:
    if number.quantity.unit == "m" and (counted := _counted(number)):
        return counted
    if number.words.within(number.clause, "other.bytes"):
        return None
    value = number.value.times(BYTES[number.quantity.unit])
    is_change = number.moves and not number.has_before("moves.to")
    if number.has_before("moves.from"):
        return _statement("size", "was", value)
    if is_change and not number.words.within(number.clause, "metric.parameters"):
        return _statement("size", "changes", value)
    return _statement("size", "is", value, _end_of(number))


def _seconds(number: Number) -> Statement | None:
    unit = number.quantity.unit
    is_short = unit in SECONDS or number.words.within(number.clause, "metric.latency")
    if not is_short or number.words.within(number.clause, "other.time"):
        return None
    value = number.value.times(SECONDS.get(unit, "1"))
    if number.has_before("moves.from"):
        return _statement("latency", "was", value)
    if number.moves and not number.has_before("moves.to"):
        return _statement("latency", "changes", value)
    return _statement("latency", "is", value, _end_of(number))


def _end_of(number: Number) -> str:
    """Return INT8 for what something fell to, when no network is named in its segment."""
    words = number.words
    is_end = number.has_before("moves.to") and not words.within(
        number.segment, "model.ptq", "model.qat"
    )
    other = words.within(number.clause, "other.bytes", "other.time", "other.ratio")
    return INT8 if is_end and not other else ""


def _times(number: Number) -> Statement | None:
    words = number.words
    span = Span(number.segment.start, number.clause.end)
    if words.within(span, "other.ratio", "other.time"):
        return None
    for metric in number.metrics or _topic(number):
        if metric in SIZES and words.within(span, "other.bytes"):
            return None
        if metric in SIZES:
            return _statement("size", "ratio", number.value)
        if metric in ("latency", "speed", "speedup"):
            return _statement("latency", "ratio", number.value)
        if metric == "throughput":
            return _statement("throughput", "ratio", number.value)
        if metric == "other":
            return None
    return None


def _topic(number: Number) -> list[str]:
    """Return what the part of the sentence before measures: "as for speed, PTQ is 2.5 times FP32"."""
    span = Span(number.segment.start, number.start)
    kinds = list(dict.fromkeys(t.kind for t in number.words.within(span, "metric")))
    return kinds if len(kinds) == 1 else []


def _part(number: Number) -> Statement | None:
    """Read a part in words: what is left, or what is cut off when "by" or a verb comes before."""
    statement = _times(number)
    if statement is None or statement.metric == "throughput":
        return None
    assert statement.value is not None
    clause = number.words.text[number.clause.start : number.clause.end]
    is_cut = number.has_before("moves.cut") or number.has_after("moves.cut_after")
    is_cut |= number.words.lexicon.has("moves.gone", clause)
    if is_cut and not number.has_before("moves.to"):
        one = exactly(1)
        return replace(statement, value=one - statement.value)
    return statement


def _share(number: Number) -> Statement | None:
    """Read percentages, points and bare numbers."""
    quantity, words = number.quantity, number.words
    metrics = number.metrics
    first = metrics[0] if metrics else ""
    if words.within(Span(0, len(words.text)), "metric.error"):
        return None
    if quantity.kind == "":
        return _counted(number) or _bare(number, first)
    is_signed = quantity.printed[0] in "+-" and quantity.kind == "points"
    if is_signed and not metrics and not number.moves and named_before(number):
        return _statement("accuracy", "gains", value_of_points(number))
    if number.is_apart:
        return _statement("accuracy", "changes", number.value.times("0.01"))
    is_share = number.has_after("other.share") and not (
        number.has_after("of_images") and words.within(number.segment, "hits.right")
    )
    if is_share or "other" in metrics[:1]:
        return None
    is_percent = quantity.kind == "%"
    is_sized = first in SIZES or (first in ("drop", "parameters") and set(SIZES) & set(metrics))
    if is_percent and (is_sized or first in SPEEDS) and "accuracy" not in metrics[:1]:
        if words.within(number.clause, "other.ratio", "other.bytes", "other.time"):
            return None
        if number.moves or number.direction or is_sized or number.has_after("of_whole"):
            metric = "size" if is_sized else "throughput" if first == "throughput" else "latency"
            return _statement(metric, "ratio", number.value)
        return None
    if "gap" in metrics and quantity.number < FLOOR and quantity.kind in ("%", "points"):
        return _statement("gap", "is", number.value.times("0.01"))
    is_lost = first == "loss" and quantity.kind == "points" and "accuracy" in metrics
    others = ("loss", "error", "parameters", *SIZES, *SPEEDS)
    if (first in others and not is_lost) or "error" in metrics:
        return None
    if not metrics and words.context.metric not in ("", "accuracy", "drop"):
        return None
    if words.within(Span(number.segment.start, number.clause.end), "other.accuracy"):
        return None
    value = number.value.times("0.01")
    ends = number.has_before("moves.to") or number.has_before("moves.from")
    is_whole = (
        number.has_before("moves.from") and quantity.kind == "points"
    )  # 0.4 "of the 0.7 points"
    if quantity.number < FLOOR and ((ends and "drop" in metrics) or is_whole):
        return _statement("drop", "was", value)
    if number.moves and not (ends and quantity.number >= FLOOR):
        relation = number.direction or "changes"
        return _statement("accuracy", relation, value)
    if "drop" in metrics and quantity.number < FLOOR:
        return _statement("accuracy", "loses", value)
    if not is_percent or quantity.number < FLOOR:
        return None
    named = words.within(number.segment, "model", "all.three")
    is_named = named or any(
        words.lexicon.has(role, words.text)
        for role in ("final_model", "all.rows", "nobody.rows", "nobody")
    )
    is_told = is_named or words.context.metric or _is_split(number)
    if not metrics and not is_told:
        return None
    return _statement("accuracy", "was" if number.has_before("moves.from") else "is", value)


def named_before(number: Number) -> bool:
    """Tell whether a network and a colon stand right before a number: "PTQ: -0.97 points"."""
    named = [m for m in number.words.models if m.end <= number.start]
    return bool(named) and number.words.between(named[-1].end, number.start).strip(" ") in (":", "")


def value_of_points(number: Number) -> Interval:
    return number.value.times("0.01")


def _is_split(number: Number) -> bool:
    """Tell whether a number stands right behind the images that it is of: "training 99.1 %"."""
    tags = [t for t in number.words.tags if t.is_of("split") and t.end <= number.start]
    between = number.words.between(tags[-1].end, number.start) if tags else "-"
    return bool(tags) and len(between) < NEXT and number.words.lexicon.fits("links", between)


def _bare(number: Number, first: str) -> Statement | None:
    """Read numbers without a unit: losses, fractions, percentages that lack their sign."""
    quantity = number.quantity
    if _is_listed(number):
        return _statement("accuracy", "is", number.value.times("0.01"))
    tag = number.words.near(number.start, number.clause, "metric")
    if tag is None or tag.end > number.start:
        return None
    decimals = -int(quantity.step.as_tuple().exponent)
    between = NUMBER.sub(" ", number.words.between(tag.end, number.start))
    is_told = number.words.lexicon.fits("links", between)
    if first == "loss" and is_told and decimals >= 2:
        return _statement("loss", "is", number.value)
    if first != "accuracy" or not is_told:
        return None
    if decimals >= 3 and Decimal("0.2") < quantity.number <= 1:
        return _statement("accuracy", "is", number.value)
    if decimals >= 1 and FLOOR < quantity.number < 100:
        return _statement("accuracy", "is", number.value.times("0.01"))
    return None


def _is_listed(number: Number) -> bool:
    """Tell whether a network stands right before a percentage without its sign.

    "Accuracy: FP32 93.96, PTQ 92.99"
    """
    words, quantity = number.words, number.quantity
    named = [m for m in words.models if 0 <= number.start - m.end <= 3]
    kinds = {t.kind for t in words.within(number.segment, "metric")} or {words.context.metric}
    between = words.between(named[-1].end, number.start) if named else "-"
    is_level = FLOOR < quantity.number < 100 and quantity.step < 1
    return is_level and kinds == {"accuracy"} and between.strip(":= ") == ""


def _split(number: Number) -> str:
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


def _paired(words: Words, numbers: list[Number]) -> dict[int, Tag]:
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


def _owner(number: Number, paired: dict[int, Tag]) -> tuple[str, bool, str]:
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
