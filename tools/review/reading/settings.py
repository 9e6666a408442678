"""Hyperparameters that the text gives: "40 epochs", "learning rate of 0.1", "批次大小為 128"."""

import re
from collections.abc import Iterator
from dataclasses import replace

from tools.review.reading.quantities import quantities
from tools.review.reading.statements import FP32, PTQ, Place, Statement
from tools.review.reading.words import Words

# In a sentence on these, a batch is one of those that were timed.
MEASURED = (
    "compares.faster",
    "compares.slower",
    "metric.latency",
    "metric.speed",
    "metric.speedup",
)


def read_settings(words: Words, place: Place) -> Iterator[Statement]:
    """Yield the hyperparameters of a sentence, each with the network that it belongs to."""
    text = words.text
    lowered = words.shown
    seen: set[tuple[str, int]] = set()
    for match, role in _matches(words, lowered):
        name = role.partition(".")[2]
        quantity = next(quantities(match["value"]), None)
        if quantity is None or quantity.kind or (name, match.start("value")) in seen:
            continue
        seen.add((name, match.start("value")))
        segment = words.segment(match.start())
        modality = words.modality(segment)
        if name == "best_epoch" and modality == "past":
            modality = "claimed"
        own_clause = words.within(words.clause(match.start()), "negates")
        if modality == "claimed" and any(t.start < match.start("value") for t in own_clause):
            modality = "denied"
        models = [m for m in words.models if m.start < match.end()] or list(words.models)
        clause = words.clause(match.start())
        own = [m for m in words.models if clause.holds(m)]
        named = (own or models)[-1].kind if (own or models) else ""
        context = words.context.models[0] if len(words.context.models) == 1 else ""
        behind = [m for m in words.models if 0 <= m.start - match.end() <= 3]
        if behind and words.between(match.end(), behind[0].start) == "的":
            named = behind[0].kind
        model = named or context or FP32
        if name == "calibration":
            model = PTQ
        is_measured = name == "batch_size" and words.within(segment, *MEASURED)
        if words.within(segment, "other.setting") or words.context.is_variant or is_measured:
            model += "+"
        line = place.line + sum(text.count(end, 0, match.start()) for end in "\n\r")
        yield Statement(
            model,
            name,
            "is",
            replace(place, line=line),
            quantity.interval,
            modality=modality,
            quantity=quantity,
            is_sure=bool(named or context),
        )


def _matches(words: Words, text: str) -> Iterator[tuple[re.Match[str], str]]:
    for role in words.lexicon.named:
        if role.startswith("assigned."):
            for match in words.lexicon.matches(role, text):
                yield match, role
