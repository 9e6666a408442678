"""How many images, or which share of them, a network is said to get right or wrong."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from tools.review.reading.amounts import Number
from tools.review.reading.lexicon import Tag
from tools.review.reading.quantities import Quantity
from tools.review.reading.statements import FP32, PTQ, QAT, Place, Statement
from tools.review.reading.words import Span, Words

FEWEST = 200  # images of a test set
REACH = 40  # characters between a number and the word that says right or wrong


def read_hits(words: Words, place: Place) -> Iterator[Statement]:
    """Yield counts of images as ``right`` or ``wrong``, and shares of them as ``error``."""
    tags = words.within(Span(0, len(words.text)), "hits", "metric.error")
    whole = Span(0, len(words.text))
    if words.within(whole, "split.train", "split.validation"):
        return
    yield from _moved(words, place)
    yield from _apart(words, place)
    if not tags:
        return
    candidates = []
    for quantity in words.quantities:
        tag = min(tags, key=lambda t: abs(t.start - quantity.start))
        segment = words.segment(quantity.start)
        metric = _metric(words, quantity, tag)
        if metric and segment.holds(tag) and abs(tag.start - quantity.start) <= REACH:
            candidates.append((quantity, tag, metric, segment))
    for quantity, tag, metric, segment in candidates:
        owner, than = _of(words, quantity, segment)
        alike = [c for c in candidates if c[3] == segment and c[0].kind == quantity.kind]
        if not owner or len(alike) > 1 or _is_of_few(words, segment):
            continue
        value = quantity.interval
        relation = "is"
        if (
            than
            and not words.within(segment, "compares.more", "compares.less")
            and not _says_more(words, segment)
        ):
            continue
        if than:
            fewer = words.within(segment, "compares.less", "change.loses") and not _says_more(
                words, segment
            )
            value, relation = (-value if fewer else value), "exceeds"
        if quantity.kind == "%":
            value = value.times("0.01")
        yield Statement(
            owner,
            metric,
            relation,
            replace(place, line=place.line + words.text.count("\n", 0, quantity.start)),
            value,
            modality=words.modality(segment, without=tag),
            than=than,
            quantity=quantity,
            is_sure=True,
        )


def _is_of_few(words: Words, segment: Span) -> bool:
    """Tell whether images of another whole than the test set are counted: "of every 100"."""
    return any(
        q.number < FEWEST
        and words.lexicon.has("whole_before", words.shown[: q.start].rstrip()[-12:])
        for q in words.quantities
        if segment.start <= q.start < segment.end
    )


def _says_more(words: Words, segment: Span) -> bool:
    return words.lexicon.has("hits_more", words.text[segment.start : segment.end])


def _metric(words: Words, quantity: Quantity, tag: Tag) -> str:
    after = words.shown[quantity.end :].lstrip()
    is_right = tag.role == "hits.right"
    is_whole = words.lexicon.has("of_images", after[:40])
    if quantity.kind == "%" and quantity.number > 0:
        is_moved = words.within(
            words.clause(quantity.start), "metric.accuracy", "change", "compares"
        )
        if is_moved or not (is_whole or tag.role == "metric.error"):
            return ""
        return "hit rate" if is_right else "error rate"
    if words.lexicon.has("whole_before", words.shown[: quantity.start].rstrip()[-12:]):
        return ""
    if quantity.kind or quantity.step < Decimal("0.1"):
        return ""
    if words.lexicon.has("counted_images", after[:24]) or is_whole:
        return "right" if is_right else "wrong"
    return (
        "right" if is_right and tag.start >= quantity.end and tag.start - quantity.end <= 2 else ""
    )


def _of(words: Words, quantity: Quantity, segment: Span) -> tuple[str, str]:
    """Return whose images are counted, and with whom they are compared."""
    models = [m for m in words.models if segment.holds(m)]
    if {m.kind for m in models} - {FP32, PTQ, QAT}:
        return "", ""
    standards = [m for m in models if m.start in words.standards]
    subjects = [m for m in models if m.start not in words.standards and m.end <= quantity.start]
    kinds = {m.kind for m in subjects}
    # "9,369 of 10,000 images" is no setting.
    variants = [t for t in words.within(segment, "variant") if not words.text[t.start].isdigit()]
    if len(kinds) != 1 or len(standards) > 1 or variants:
        return "", ""
    return subjects[0].kind, standards[0].kind if standards else ""


def _moved(words: Words, place: Place) -> Iterator[Statement]:
    """Read "the error rate rises from 6.2 % to 7.1 % with PTQ", and how far two rates are apart."""
    if not words.within(Span(0, len(words.text)), "metric.error"):
        return
    for quantity in words.quantities:
        number = Number(words, quantity)
        segment = number.segment
        models = [m for m in words.models if segment.holds(m)]
        kinds = {m.kind for m in models}
        if quantity.kind not in ("%", "points") or not kinds <= {FP32, PTQ, QAT}:
            continue
        made = Statement(
            "", "error rate", "is", place, quantity.interval.times("0.01"), quantity=quantity
        )
        made = replace(made, modality=words.modality(segment))
        changed = kinds - {FP32}
        if number.has_before("moves.to") and len(changed) == 1 and quantity.kind == "%":
            yield replace(made, model=next(iter(changed)))
        elif number.has_before("moves.from") and quantity.kind == "%" and quantity.number > 1:
            yield replace(made, model=FP32)
        standards = [m.kind for m in models if m.start in words.standards]
        owners = [m.kind for m in models if m.start not in words.standards]
        way = words.within(segment, "compares.more", "compares.less", "change")
        if (
            len(standards) == len(owners) == 1
            and way
            and number.moves
            and quantity.kind == "points"
        ):
            is_more = way[0].kind in ("more", "gains")
            relation = "loses" if is_more else "gains"
            yield replace(
                made, model=owners[0], than=standards[0], metric="accuracy", relation=relation
            )


def _apart(words: Words, place: Place) -> Iterator[Statement]:
    """Read "between PTQ and QAT there are 67 images"."""
    for quantity in words.quantities:
        segment = words.segment(quantity.start)
        kinds = list(dict.fromkeys(m.kind for m in words.models if segment.holds(m)))
        if quantity.kind or len(kinds) != 2 or not set(kinds) <= {FP32, PTQ, QAT}:
            continue
        after = words.shown[quantity.end :].lstrip()
        if words.lexicon.has("counted_images", after[:24]) and words.within(segment, "apart"):
            modality = words.modality(segment)
            yield Statement(
                kinds[0],
                "right",
                "apart",
                place,
                quantity.interval,
                modality=modality,
                than=kinds[1],
                quantity=quantity,
            )
