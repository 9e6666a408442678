"""Networks in an order: chains and rankings, and what comparing sentences have in common."""

import re
from collections.abc import Iterator
from itertools import pairwise

from tools.review.reading.lexicon import Tag, masked
from tools.review.reading.quantities import NUMBER
from tools.review.reading.statements import Modality, Place, Statement
from tools.review.reading.words import Span, Words

MORE_IS_WORSE = ("size", "latency", "drop", "loss", "error", "gap")
KNOWN = ("accuracy", "size", "latency", "drop", "loss", "throughput", "compression", "gap")
CHINESE = re.compile(r"[\u3400-\u9fff]")
RANKED = "ranking"  # of a statement that is one of many, and no praise
LISTED = re.compile(r"[\s(]*(?:[0-9][0-9.]*\s*(?:%|MB|ms)?)?[\s)]*(?:[,、/>]|and|then)*[\s(]*")


def split_of(words: Words, segment: Span) -> str:
    tags = words.within(segment, "split")
    return tags[0].kind if tags else words.context.split


def is_denied(words: Words, segment: Span, word: Tag) -> bool:
    """Tell whether a word is negated: an odd number of negations before it, in its clause."""
    clause = words.clause(word.start)
    start = max(segment.start, min(clause.start, _subject_start(words, segment, word)))
    start = clause.start if CHINESE.search(words.text) else start  # there it stands by its verb
    counted = [q.start for q in words.quantities if q.end <= word.start]
    tags = [t for t in words.tags if t.is_of("negates") and start <= t.start]
    # "Not exactly four times smaller" denies the number alone.
    tags = [t for t in tags if not any(t.end <= q for q in counted)]
    return sum(t.start < word.start or t.start < word.end for t in tags) % 2 == 1


def _subject_start(words: Words, segment: Span, word: Tag) -> int:
    before = [m.start for m in words.models if segment.holds(m) and m.end <= word.start]
    return max(segment.start, before[0] - 24) if before else word.start - 24


def oriented(metric: str, relation: str) -> tuple[str, str]:
    """Return a metric and "more" or "less" for what is called better, faster or higher."""
    opposite = {"more": "less", "less": "more"}
    if metric == "speed" or metric == "speedup":
        relation = {"more": "less", "less": "more"}.get(relation, relation)
        metric = "latency"
    if metric == "compression":
        metric, relation = "size", opposite.get(relation, relation)
    if relation == "reach" and metric in MORE_IS_WORSE:
        relation = ""
    if relation in ("better", "worse"):
        is_more = (relation == "better") != (metric in MORE_IS_WORSE)
        relation = "more" if is_more else "less"
    return metric, relation


def is_known(words: Words, segment: Span) -> bool:
    """Tell whether a part has no word that the lexicon doesn't know: then it is of results."""
    shown = masked(words.shown, words.tags)[segment.start : segment.end]
    shown = NUMBER.sub(" ", shown)
    reason = next((t.start for t in words.within(segment, "reason")), segment.end)
    shown = shown[: reason - segment.start]
    pattern = words.lexicon.roles.get("neutral")
    rest = pattern.sub(" ", shown) if pattern else shown
    return not re.search(r"[a-z]{2,}|[^\x00-\x7f。、%≈]", rest, re.I)


def read_chains(words: Words, place: Place) -> Iterator[Statement]:
    """Read "QAT > PTQ > FP32"."""
    for first, second in pairwise(words.models):
        between = words.shown[first.end : second.start]
        match = re.fullmatch(r"[\s(]*[\d.%]*[\s)]*(?P<sign>[<>])[\s(]*", between)
        if not match:
            continue
        segment = words.segment(first.start)
        tags = words.within(segment, "metric")
        metric = tags[0].kind if tags else words.context.metric or "accuracy"
        if metric not in (*KNOWN, "speed", "speedup"):
            continue
        relation = "more" if match["sign"] == ">" else "less"
        metric, relation = oriented(metric, relation)
        modality: Modality = words.modality(segment)
        yield Statement(
            first.kind,
            metric,
            relation,
            place,
            modality=modality,
            than=second.kind,
            others=(first.kind, second.kind),
            is_sure=bool(tags),
        )


def read_rankings(words: Words, place: Place) -> Iterator[Statement]:
    """Read "from best to worst: QAT, FP32, PTQ"."""
    for tag in words.tags:
        if not tag.is_of("ranked"):
            continue
        listed = [m for m in words.models if m.start >= tag.end]
        segment = words.segment(tag.start)
        metrics = {t.kind for t in words.within(segment, "metric")} or {"accuracy"}
        if len(metrics) > 1 or not metrics <= set(KNOWN):
            continue
        metric = metrics.pop()
        is_down = tag.kind == "down"
        for first, second in pairwise(listed):
            if not LISTED.fullmatch(words.shown[first.end : second.start]):
                break
            is_best_first = (
                "best" in words.text[tag.start : tag.end].lower() and metric in MORE_IS_WORSE
            )
            relation = "more" if is_down != is_best_first else "less"
            yield Statement(
                first.kind,
                metric,
                relation,
                place,
                modality=words.modality(segment),
                than=second.kind,
                others=tuple(m.kind for m in listed),
                header=RANKED,
                is_sure=bool(words.within(segment, "metric")),
            )
