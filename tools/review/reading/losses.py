"""How large one loss of accuracy is beside another: "QAT loses half of what PTQ loses"."""

from collections.abc import Iterator
from dataclasses import replace

from tools.review.reading.amounts import Number
from tools.review.reading.quantities import Interval, exactly
from tools.review.reading.statements import FP32, PTQ, QAT, Place, Statement
from tools.review.reading.words import Words

# In a clause on these a ratio is of something else.
OTHER = (
    *("metric.size", "metric.latency", "metric.speed", "metric.speedup", "metric.throughput"),
    *("metric.compression", "metric.parameters", "metric.other", "split.train", "metric.error"),
)
KINDS = ("times", "part", "%")


def read_losses(words: Words, place: Place) -> Iterator[Statement]:
    """Yield ratios of losses: of two networks, and of what QAT wins back to what PTQ lost."""
    lexicon = words.lexicon
    kinds = {m.kind for m in words.models}
    if not kinds <= {FP32, PTQ, QAT} or QAT not in kinds | set(words.context.models):
        return
    for quantity in words.quantities:
        if quantity.kind not in KINDS or (quantity.kind == "%" and quantity.number > 100):
            continue
        number = Number(words, quantity)
        segment = number.segment
        text = words.text[segment.start : segment.end]
        if words.within(segment, *OTHER) or not lexicon.has("loss_said", text):
            continue
        # "Less than 1 %" is of accuracy unless it is said to be of a loss.
        is_of_loss = number.has_after("loss_of") or number.before.endswith("的")
        if quantity.kind == "%" and not is_of_loss:
            continue
        named = [m for m in words.models if segment.holds(m)]
        ahead = words.shown[: named[-1].start].rstrip() if named else ""
        if named and named[-1].end <= number.start:  # in Chinese "less than" stands before "QAT's"
            bounds = {
                "<": lexicon.has("bound.below", ahead),
                ">": lexicon.has("bound.above", ahead),
            }
            found = next((sign for sign, is_so in bounds.items() if is_so), quantity.comparator)
            number = Number(words, replace(quantity, comparator=found))
        value = number.value.times("0.01") if quantity.kind == "%" else number.value
        line = place.line + sum(words.text.count(e, 0, number.start) for e in "\n\r")
        made = Statement(
            QAT,
            "loss ratio",
            "regains",
            replace(place, line=line),
            value,
            modality=words.modality(segment),
            than=PTQ,
            quantity=quantity,
            others=tuple(kinds),
        )
        if lexicon.has("loss_regained", text):
            is_left = lexicon.has("loss_left", text)
            is_share = quantity.kind in ("part", "%") or value.low < 1
            if is_share and not lexicon.has("loss_half", text):
                yield replace(made, relation="leaves") if is_left else made
        elif lexicon.has("loss_left", text) and quantity.kind != "times":
            yield replace(made, relation="leaves")
        elif len({m.kind for m in named}) == 2 and named[0].kind != FP32:
            first, last = named[0].kind, named[-1].kind
            is_ratio = quantity.kind != "%" or is_of_loss
            if first != last and last != FP32 and is_ratio:
                is_less = quantity.kind == "times" and lexicon.has("loss_fewer", text)
                value = _inverted(value) if is_less else value
                yield replace(made, model=first, relation="ratio", than=last, value=value)


def _inverted(value: Interval) -> Interval:
    return exactly(1) / value if value.low > 0 else value
