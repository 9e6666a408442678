"""What follows from the results by one more step: ratios of losses, and images a second."""

from decimal import Decimal

from tools.review.reading.facts import Facts
from tools.review.reading.lexicon import load
from tools.review.reading.quantities import Interval, exactly
from tools.review.reading.statements import FP32, INT8, NAMES, PTQ, QAT, Statement, percent
from tools.review.rules.registry import Fault, rule
from tools.review.rules.values import RESULTS

LEAST = Decimal("0.0005")  # a loss that can be divided by
SLACK = Decimal("0.03")  # relatively, that a rounded ratio may be off
ROUGH = Decimal("0.04")  # relatively, of images a second


@rule(
    "claim-share",
    "How large one loss is beside another follows from the accuracies.",
    wrong=[
        RESULTS + "\nPTQ loses three times as much accuracy as QAT.\n",
        RESULTS + "\nQAT wins back a third of what PTQ lost.\n",
    ],
    right=[
        RESULTS + "\nPTQ loses more than twice as much accuracy as QAT.\n",
        RESULTS + "\nQAT wins back more than half of what PTQ lost.\n",
    ],
)
def claim_share(statement: Statement, facts: Facts) -> Fault | None:
    value = statement.value
    if statement.metric != "loss ratio" or value is None or not statement.is_claim:
        return None
    found = []
    for own, own_pair in facts.loss(statement.model)[:4]:
        for base, base_pair in facts.loss(statement.than)[:4]:
            if base.low < LEAST or own.low < -base.high:
                return None
            ratio = _ratio(statement.relation, own, base)
            found.append((ratio, own, base, (base_pair.own_line, own_pair.own_line)))
    if not found or any(_is_near(value, ratio) for ratio, _, _, _ in found):
        return None
    ratio, own, base, lines = found[0]
    shown = (
        f"{ratio.middle:.2f} times"
        if statement.relation == "ratio"
        else f"{100 * ratio.middle:.0f} %"
    )
    return Fault(
        statement.place,
        f"{shown} of the loss of {NAMES[statement.than]}",
        f"{NAMES[statement.model]} loses {percent(own)} points, {NAMES[statement.than]} {percent(base)}",
        "likely",
        also=lines,
        key=f"share {statement.place.line}",
    )


def _ratio(relation: str, own: Interval, base: Interval) -> Interval:
    ends = [own.low / base.low, own.low / base.high, own.high / base.low, own.high / base.high]
    ratio = Interval(min(ends), max(ends))
    return exactly(1) - ratio if relation == "regains" else ratio


def _is_near(value: Interval, ratio: Interval) -> bool:
    return value.touches(ratio.widened(abs(ratio.middle) * SLACK))


@rule(
    "claim-throughput",
    "Images a second follow from the latency.",
    wrong=[RESULTS.replace("(ms)", "(ms, one image)") + "\nPTQ handles 250 images per second.\n"],
    right=[
        RESULTS.replace("(ms)", "(ms, one image)") + "\nPTQ handles 125 images per second.\n",
        RESULTS.replace("(ms)", "(ms, batch of 32)") + "\nPTQ handles 4,000 images per second.\n",
    ],
)
def claim_throughput(statement: Statement, facts: Facts) -> Fault | None:
    value = statement.value
    if statement.metric != "throughput" or statement.relation != "is" or value is None:
        return None
    models = (PTQ, QAT) if statement.model == INT8 else (statement.model,)
    if (
        statement.place.where != "prose"
        or not statement.is_claim
        or not {*models} <= {FP32, PTQ, QAT}
    ):
        return None
    rates = [
        s.value
        for m in models
        for s in facts.values(m, "throughput")
        if s.value and s.place != statement.place
    ]
    times = [
        s for m in models for s in facts.values(m, "latency") if s.value and s.value.is_positive
    ]
    for time in times:
        assert time.value is not None
        for batch in _batches(time, facts):
            rates.append(exactly(batch) / time.value)
    if not rates or not times or any(value.touches(r.widened(r.middle * ROUGH)) for r in rates):
        return None
    best = min(rates, key=lambda r: abs(r.middle - value.middle))
    return Fault(
        statement.place,
        f"{best.middle:.0f} images per second",
        f"the latency in line {times[0].place.line} gives that",
        "likely",
        also=(times[0].place.line,),
    )


def _batches(time: Statement, facts: Facts) -> set[int]:
    """Return how many images may have been timed together."""
    header = f"{time.header} {time.label} {time.place.text}"
    for match in load().matches("claim.batch_timed", header):
        return {int(match["value"])}
    return {1} if load().has("claim.one_timed", header) else {1, *facts.batches}
