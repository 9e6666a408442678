"""The numbers of a sentence as statements: whose they are, of what, and in which sense."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from tools.review.reading.amounts import FLOOR, NEXT, Number, owner_of, paired, split_of
from tools.review.reading.quantities import BYTES, NUMBER, SECONDS, Interval, exactly
from tools.review.reading.statements import CUT, FP32, INT8, Place, Statement
from tools.review.reading.words import Span, Words

SIZES = ("size", "compression")
SPEEDS = ("latency", "speed", "speedup", "throughput")


def read_numbers(words: Words, place: Place) -> Iterator[Statement]:
    """Yield what the numbers of a sentence say."""
    numbers = [Number(words, quantity) for quantity in words.quantities]
    pairs = paired(words, numbers)
    for number in numbers:
        is_divided = number.after.startswith(("/", "÷"))
        if number.quantity.kind == "" and number.has_before("moves.factor") and not is_divided:
            number = Number(words, replace(number.quantity, kind="times"))
        if number.quantity.kind == "" and number.has_after("part_of_points"):
            number = Number(words, replace(number.quantity, kind="points"))
        kind = number.quantity.kind
        if number.quantity.printed.startswith("±") or number.before.endswith("±"):
            continue
        reader = {"bytes": _bytes, "seconds": _seconds, "times": _times, "part": _part}.get(
            kind, _share
        )
        statement = reader(number)
        if statement is None:
            continue
        owner, is_sure, than = owner_of(number, pairs)
        if not owner and not words.models and words.lexicon.has("final_model", words.text):
            owner, is_sure = (FP32, False) if split_of(number) == "test" else ("", False)
        span = Span(number.segment.start, max(number.clause.end, number.end))
        variants = words.within(span, "variant")
        if statement.metric == "throughput":  # "120 images" are no setting there
            variants = [t for t in variants if not words.text[t.start].isdigit()]
        if variants or words.context.is_variant:
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
            split=split_of(number),
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
    is_cut |= number.words.lexicon.has("moves.gone", clause) or _is_apposed(number)
    if is_cut and not number.has_before("moves.to"):
        one = exactly(1)
        return replace(statement, value=one - statement.value)
    return statement


def _is_apposed(number: Number) -> bool:
    """Tell whether a part says again what something shrank by: "by 70.74 MB, three quarters"."""
    words = number.words
    before = [q for q in words.quantities if q.end <= number.start]
    is_next = bool(before) and words.between(before[-1].end, number.start).strip() in (
        ",",
        "(",
        "or",
    )
    return is_next and Number(words, before[-1]).moves


def _share(number: Number) -> Statement | None:
    """Read percentages, points and bare numbers."""
    quantity, words = number.quantity, number.words
    metrics = number.metrics
    first = metrics[0] if metrics else ""
    if words.within(Span(0, len(words.text)), "metric.error"):
        return None
    if quantity.kind == "":
        if is_rate(number):
            return _statement("throughput", "is", number.value)
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
            made = _statement(metric, "ratio", number.value)
            is_cut = number.direction == "loses" and number.has_before("moves.cut")
            return (
                replace(made, header=CUT) if is_cut and not number.has_before("moves.to") else made
            )
        return None
    if "gap" in metrics and quantity.number < FLOOR and quantity.kind in ("%", "points"):
        return _statement("gap", "is", number.value.times("0.01"))
    is_lost = first == "loss" and quantity.kind == "points"
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


def is_rate(number: Number) -> bool:
    """Tell whether a number counts the images of a second."""
    if number.has_after("per_second.after"):
        return True
    words = number.words
    counted = number.has_after("counted_images") or number.quantity.number > FLOOR
    ahead = words.lexicon.has("per_second.before", words.text[number.segment.start : number.start])
    return ahead and counted and not words.within(number.segment, "other.time")


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
