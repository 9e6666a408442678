"""Which network is said to be better, smaller, faster, the same or the most."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tools.review.reading.changes import read_changes
from tools.review.reading.lexicon import Tag
from tools.review.reading.orders import (
    KNOWN,
    is_denied,
    is_known,
    oriented,
    read_chains,
    read_rankings,
    split_of,
)
from tools.review.reading.statements import FP32, INT8, PTQ, QAT, Place, Statement
from tools.review.reading.words import Span, Words

# What a comparative is about by itself, and whether it means more of that.
BY_ITSELF = {
    "accurate": ("accuracy", "more"),
    "inaccurate": ("accuracy", "less"),
    "smaller": ("size", "less"),
    "bigger": ("size", "more"),
    "faster": ("latency", "less"),
    "slower": ("latency", "more"),
    "losing": ("drop", "more"),
    "keeping": ("drop", "less"),
}
AMOUNTS = {k: k for k in ("more", "less", "better", "worse", "reach")}
NEXT = 6  # characters between a verb and what it takes
REACH = 90  # characters between two networks that are compared


@dataclass(frozen=True)
class Order:
    """A comparison before it is known what it is of."""

    word: Tag
    subject: str
    than: str
    relation: str
    metric: str
    is_sure: bool


def read_comparisons(words: Words, place: Place) -> Iterator[Statement]:
    """Yield what a sentence says of the order of networks."""
    if (
        not words.models
        and not words.context.models
        and not words.within(Span(0, len(words.text)), "all.three")
    ):
        return
    yield from read_chains(words, place)
    yield from read_rankings(words, place)
    yield from read_changes(words, place)
    for word in words.tags:
        if word.is_of("compares", "beats"):
            order = (
                _order(words, word)
                or _against_all(words, word)
                or _of_two(words, word)
                or _implied(words, word)
            )
        elif word.is_of("extreme") and not words.within(words.segment(word.start), "ranked"):
            order = _extreme(words, word)
            if order is not None and (second := _second(words, word, order)):
                yield _statement(words, place, second)
        elif word.is_of("equal"):
            order = _equal(words, word)
            yield from (_statement(words, place, o) for o in _all_equal(words, word))
        else:
            continue
        if order is not None:
            yield _statement(words, place, order)


def _statement(words: Words, place: Place, order: Order) -> Statement:
    segment = words.segment(order.word.start)
    modality = words.modality(segment)
    is_nobody = order.subject != "any" and any(
        t.start < order.word.start for t in words.within(segment, "nobody")
    )
    if modality == "claimed" and (is_nobody or is_denied(words, segment, order.word)):
        modality = "denied"
    line = place.line + sum(words.text.count(end, 0, order.word.start) for end in "\n\r")
    is_variant = words.within(segment, "variant") or words.context.is_variant
    return Statement(
        order.subject + "+" * bool(is_variant),
        order.metric,
        order.relation,
        replace(place, line=line),
        modality=modality,
        than=order.than,
        split=split_of(words, segment),
        others=tuple(dict.fromkeys(m.kind for m in words.models if segment.holds(m))),
        is_sure=order.is_sure,
    )


def _order(words: Words, word: Tag) -> Order | None:
    segment = words.segment(word.start)
    models = [m for m in words.models if segment.holds(m)]
    before = [m for m in models if m.end <= word.start and m.start not in words.standards]
    standards = [m for m in models if m.start in words.standards]
    after = [m for m in models if m.start >= word.end]
    # A verb takes the network right behind it: "QAT beats PTQ".
    than = None
    if word.is_of("beats"):
        than = after[0] if after and after[0].start - word.end <= REACH else None
        if than and words.within(Span(word.end, than.start), "joint", "contrast"):
            than = None
    if than is None:
        than = min(standards, key=lambda m: abs(m.start - word.start), default=None)
    if than is None:
        return None
    subjects = [m for m in before if m is not than]
    if not subjects and word.is_of("compares"):  # compared with PTQ, ... is higher for QAT
        subjects = [m for m in after if m is not than and m.start not in words.standards][:1]
    subject = _subject(words, subjects, word)
    if subject is None:
        return None
    if abs(than.start - word.end) > REACH or subject == than.kind:
        return None
    metric, relation, is_sure = _measured(words, word, segment)
    if metric is None:
        return None
    return Order(word, subject, than.kind, relation, metric, is_sure)


def _against_all(words: Words, word: Tag) -> Order | None:
    """Read "no network is better than FP32"."""
    segment = words.segment(word.start)
    standards = [m for m in words.standards.values() if segment.holds(m)]
    if not standards or not words.within(Span(segment.start, word.start), "nobody"):
        return None
    metric, relation, is_sure = _measured(words, word, segment)
    if metric is None or any(m.end <= word.start for m in words.models if segment.holds(m)):
        return None
    return Order(word, "any", standards[0].kind, relation, metric, is_sure)


def _of_two(words: Words, word: Tag) -> Order | None:
    """Read "of the two INT8 networks, QAT is more accurate": than PTQ."""
    segment = words.segment(word.start)
    kinds = {m.kind for m in words.models if segment.holds(m)} - {INT8}
    if not word.is_of("compares") or not words.within(segment, "all.quantized"):
        return None
    if len(kinds) != 1 or not kinds <= {PTQ, QAT} or words.standards:
        return None
    metric, relation, is_sure = _measured(words, word, segment)
    (kind,) = kinds
    return (
        Order(word, kind, QAT if kind == PTQ else PTQ, relation, metric, is_sure)
        if metric
        else None
    )


def _implied(words: Words, word: Tag) -> Order | None:
    """Read "PTQ became faster": than FP32."""
    if word.kind not in ("faster", "slower", "smaller") or not word.is_of("compares"):
        return None
    segment = words.segment(word.start)
    if words.within(segment, "than.before"):
        return None  # something else that is named
    models = [m for m in words.models if segment.holds(m)]
    kinds = {m.kind for m in models}
    if len(kinds) != 1 or not kinds <= {PTQ, QAT, INT8} or words.standards:
        return None
    metric, relation, _ = _measured(words, word, segment)
    if metric not in ("latency", "size"):
        return None
    return Order(word, models[0].kind, FP32, relation, metric, False)


def _all_equal(words: Words, word: Tag) -> Iterator[Order]:
    """Read "all three have the same accuracy"."""
    segment = words.segment(word.start)
    if words.within(segment, "rough", "variant") or not words.within(segment, "all.three"):
        return
    tags = [t for t in words.within(segment, "metric") if abs(t.start - word.start) < 40]
    is_own = word.kind in ("size", "latency")
    if not (tags or is_own) or any(m for m in words.models if segment.holds(m)):
        return
    metric = word.kind if is_own else min(tags, key=lambda t: abs(t.start - word.start)).kind
    if metric in ("accuracy", "size", "latency"):
        yield Order(word, FP32, PTQ, "same", metric, True)
        yield Order(word, PTQ, QAT, "same", metric, True)


def _subject(words: Words, before: list[Tag], word: Tag) -> str | None:
    """Return the network that is compared: the first of its clause, else the last before."""
    if not before:
        if len(words.context.models) == 1:
            return words.context.models[0]
        return None
    clause = words.clause(word.start)
    own = [m for m in before if clause.holds(m)]
    if len({m.kind for m in own}) > 1:
        return "both" if {m.kind for m in own} == {PTQ, QAT} else None
    if own:
        return own[-1].kind
    segment = words.segment(word.start)
    first = [m for m in before if segment.holds(m)]
    # Behind a comma the sentence goes on with its own subject.
    return first[0].kind if first else None


def _measured(words: Words, word: Tag, segment: Span) -> tuple[str | None, str, bool]:
    """Return what a comparison is of, the relation, and whether that is said."""
    kind = word.kind
    if kind in BY_ITSELF:
        clause = words.clause(word.start)
        near = words.near(word.end, clause, "metric")
        own, relation = BY_ITSELF[kind]
        if words.within(clause, "other.time", "other.ratio") or (near and near.kind == "other"):
            return None, "", False
        if (
            kind in ("smaller", "bigger")
            and near
            and near.kind in ("drop", "loss", "latency", "error", "accuracy")
        ):
            return near.kind, relation, True
        if kind in ("smaller", "bigger") and near and near.kind not in ("size", "compression"):
            return None, "", False
        return own, relation, True
    relation, clause = AMOUNTS.get(kind, ""), words.clause(word.start)
    metric, is_said = metric_near(words, word, segment)
    if metric is None or not relation:
        return None, "", False
    lost = [t for t in words.within(clause, "change.loses") if 0 <= word.start - t.end <= NEXT]
    if metric == "accuracy" and lost and relation in ("more", "less"):
        metric = "drop"  # "loses more accuracy"
    is_placed = word.is_of("beats") and is_known(words, segment)  # "stays below PTQ"
    if relation in ("more", "less") and not (is_said or is_placed or words.context.metric):
        is_of_accuracy = any(q.kind == "points" for q in words.quantities) or any(
            t.role == "metric.accuracy" for t in words.tags
        )
        if metric != "accuracy" or not is_of_accuracy:
            return None, "", False
    return (*oriented(metric, relation), is_said)


def metric_near(words: Words, word: Tag, segment: Span) -> tuple[str | None, bool]:
    """Return what a comparative is about, and whether it is named; None when it is unknown."""
    clause = words.clause(word.start)
    for span in (clause, _with_neighbours(words, clause, segment), segment):
        tags = [t for t in words.within(span, "metric") if t.role != "metric.unit"]
        if tags:
            tag = words.near(word.start, span, "metric")
            assert tag is not None
            kinds = {t.kind for t in tags}
            if "other" in kinds and tag.kind != "other" and len(kinds) == 2:
                other = next(t for t in tags if t.kind == "other")
                if other.start > word.start and tag.kind == "accuracy" and other.start < tag.start:
                    return None, False
            return (tag.kind if tag.kind in (*KNOWN, "speed", "speedup") else None), True
    if words.context.metric:
        known = words.context.metric in (*KNOWN, "speed", "speedup")
        return (words.context.metric if known else None), known
    numbers = [q for q in words.quantities if segment.start <= q.start < segment.end]
    if numbers and all(q.kind in ("%", "points") and q.number > 0 for q in numbers):
        return "accuracy", any(q.kind == "%" and q.number > 50 for q in numbers)
    if numbers and {q.kind for q in numbers} == {"bytes"}:
        return "size", True
    if numbers and {q.kind for q in numbers} == {"seconds"}:
        return "latency", True
    return ("accuracy" if is_known(words, segment) else None), False


def _with_neighbours(words: Words, clause: Span, segment: Span) -> Span:
    index = words.clauses.index(clause)
    start = words.clauses[index - 1].start if index else clause.start
    return Span(max(segment.start, start), clause.end)


def _extreme(words: Words, word: Tag) -> Order | None:
    """Read "QAT has the highest accuracy", "PTQ is the fastest"."""
    segment = words.segment(word.start)
    clause = words.clause(word.start)
    models = [m for m in words.models if segment.holds(m) and m.start not in words.standards]
    own = [m for m in models if clause.holds(m)] or models
    plain = [m for m in own if m.kind != INT8]
    is_among = len({m.kind for m in plain}) == 1 and len(plain) < len(
        own
    )  # "the best INT8 network is"
    own = plain if is_among else own
    rows = {m.kind for m in models if m.kind.startswith("row_")}
    if len({m.kind for m in own}) != 1 and len(rows) == 1:
        own = [m for m in models if m.kind in rows]
    if len({m.kind for m in own}) != 1:
        before = [m for m in own if m.end <= word.start and word.start - m.end < 40]
        after = [m for m in own if m.start >= word.end]
        if len(own) > 1 and before and words.within(Span(before[-1].end, word.start), "than"):
            return None
        own = before[-1:] or after[:1]
    if not own:
        if len(words.context.models) != 1:
            return None
        kind = words.context.models[0]
    else:
        kind = own[0].kind
    if word.kind in BY_ITSELF:
        metric, relation = BY_ITSELF[word.kind]
        is_said = True
    else:
        near, is_said = metric_near(words, word, segment)
        is_unsaid = (
            near == "accuracy" and word.kind in ("best", "worst") and is_known(words, segment)
        )
        if near is None or not (is_said or is_unsaid):
            return None
        relation = {"most": "more", "least": "less", "best": "better", "worst": "worse"}[word.kind]
        metric, relation = oriented(near, relation)
    relation = {"more": "most", "less": "least"}[relation]
    rivals = [INT8] if is_among or words.within(segment, "all.quantized") else []
    than = INT8 if rivals else FP32 if words.within(segment, "all.three") else ""
    return Order(word, kind, than, relation, metric, is_said)


def _second(words: Words, word: Tag, first: Order) -> Order | None:
    """Read "PTQ is the smallest, followed by QAT": smaller than QAT."""
    segment = words.segment(word.start)
    tags = [t for t in words.within(segment, "followed") if 0 <= t.start - word.end <= REACH]
    for tag in tags[:1]:
        clause = words.clause(tag.start)
        near = [m for m in words.models if clause.holds(m)]
        if len({m.kind for m in near}) == 1 and near[0].kind != first.subject:
            relation = {"most": "more", "least": "less"}[first.relation]
            return replace(first, than=near[0].kind, relation=relation)
    return None


def _equal(words: Words, word: Tag) -> Order | None:
    """Read "PTQ and QAT have the same size", "QAT is as accurate as FP32"."""
    segment = words.segment(word.start)
    if words.within(segment, "rough") or words.within(segment, "variant"):
        return None
    models = [m for m in words.models if segment.holds(m)]
    clause = words.clause(word.start)
    near = _with_neighbours(words, clause, segment)
    kinds = list(dict.fromkeys(m.kind for m in models if clause.holds(m)))
    if len(kinds) != 2 and INT8 not in kinds:
        kinds = list(dict.fromkeys(m.kind for m in models if near.holds(m)))
    if word.kind == "par":
        first = [m for m in models if m.end <= word.start and m.start not in words.standards][:1]
        after = [m for m in models if m.start >= word.end][:1]
        ahead = list({m.kind: m for m in models if m.end <= word.start}.values())
        kinds = [m.kind for m in (*first, *after)] if after else [m.kind for m in ahead]
        near = segment
    if word.kind == "apart":
        kinds, near = list(dict.fromkeys(m.kind for m in models)), segment
    if kinds == [INT8] and words.within(segment, "all.quantized", "all.both"):
        kinds = [PTQ, QAT]
    if len(kinds) != 2 or "other" in kinds:
        return None
    tags = [t for t in words.within(near, "metric") if abs(t.start - word.start) < 40]
    if word.kind != "apart":
        tags = [t for t in tags if clause.holds(t)] or tags
    if word.kind in ("size", "latency"):
        return Order(word, kinds[0], kinds[1], "same", word.kind, True)
    if word.kind == "par" and not tags and {q.kind for q in words.quantities} <= {"%", "points"}:
        return Order(word, kinds[0], kinds[1], "par", "accuracy", False)
    if not tags or any(t.kind not in (*KNOWN, "speed") for t in tags):
        return None
    metric = min(tags, key=lambda t: abs(t.start - word.start)).kind
    if metric in ("loss", "drop"):
        return None
    relation = "par" if word.kind == "par" else "same"
    return Order(word, kinds[0], kinds[1], relation, oriented(metric, "more")[0], True)
