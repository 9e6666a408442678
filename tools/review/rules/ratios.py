"""How much smaller and faster: what follows from the sizes and times."""

from dataclasses import replace
from decimal import Decimal

from tools.review.findings import Sure
from tools.review.reading.facts import Facts, Pair
from tools.review.reading.quantities import Interval, Quantity, exactly
from tools.review.reading.statements import CUT, FP32, INT8, NAMES, PLAIN, PTQ, QAT, Statement
from tools.review.rules.registry import Fault, rule
from tools.review.rules.values import RESULTS

ROUGH = Decimal(3)  # points that a percentage without decimals may be off in a sentence


def is_ratio(quantity: Quantity, value: Interval, base: Interval, own: Interval) -> bool:
    """Tell whether a number, as a factor or as a percentage in any sense, fits two values."""
    ratio = base / own
    if quantity.kind in ("%", "points"):
        part, gain = (own / base).times(100), ratio.times(100)
        hundred = exactly(100)
        senses = (part, hundred - part, gain, gain - hundred)
        return any(value.touches(sense) or (-value).touches(sense) for sense in senses)
    if quantity.kind == "part":
        return value.touches(own / base)
    if quantity.kind not in ("", "times"):
        return True
    part = own / base
    one = exactly(1)
    # A bare number may be the part that is left or saved; a factor may not.
    factors = (ratio,) if quantity.kind == "times" else (ratio, part, one - part, ratio - one)
    return any(value.touches(factor) for factor in factors)


def _fits(statement: Statement, pair: Pair) -> bool:
    """Tell whether a ratio fits two values, as exactly as it is said."""
    quantity, value = statement.quantity, statement.value
    assert quantity is not None
    assert value is not None
    if not pair.own.is_positive or not pair.base.is_positive:
        return True
    if statement.place.where == "cell":
        return is_ratio(quantity, value, pair.base, pair.own)
    if value.high - value.low > 500:  # only a bound
        return quantity.kind == "%" or any(
            value.touches(r) for r in (pair.base / pair.own, pair.own / pair.base)
        )
    if quantity.kind == "part":
        return is_ratio(quantity, value, pair.base, pair.own)
    if quantity.kind == "%" and statement.metric == "size" and value.low > 100:
        return False  # nothing shrinks by more than all of it
    if statement.header == CUT:
        is_round = quantity.is_integer and value.high - value.low <= ROUGH
        cut = exactly(100) - (pair.own / pair.base).times(100)
        return value.widened(ROUGH if is_round else Decimal(0)).touches(cut)
    least = ROUGH if quantity.kind == "%" and quantity.is_integer else quantity.step
    rough = replace(quantity, step=max(least, value.high - value.low))
    both = (pair, Pair(pair.own, pair.base, pair.own_line, pair.base_line))
    return any(is_ratio(rough, rough.interval, p.base, p.own) for p in both)


def judge_ratio(statement: Statement, facts: Facts, metric: str) -> Fault | None:
    if statement.metric != metric or statement.relation != "ratio" or not statement.is_claim:
        return None
    if statement.quantity is None or statement.value is None or "other" in statement.others:
        return None
    if (statement.model and statement.model not in PLAIN) or statement.than == "other":
        return None
    pairs = _pairs(statement, facts, metric)
    if statement.place.where != "cell" and not statement.than and not facts.has(FP32, metric):
        return None
    if not pairs or any(_fits(statement, pair) for _, _, pair in pairs):
        return None
    model, than, pair = pairs[0]
    ratio = (pair.base / pair.own).middle
    what = "sizes" if metric == "size" else "latencies" if metric == "latency" else "throughputs"
    should = f"{ratio:.2f}x"
    if statement.quantity.kind in ("%", "part"):
        should += f", or {abs(100 - 100 / ratio):.1f} % {'less' if ratio > 1 else 'more'}"
        if metric == "latency" and ratio > 1:
            should = f"{ratio:.2f}x, or {100 * ratio - 100:.0f} % faster"
    if model == FP32:
        should = "1.00x: it is the baseline"
    sure: Sure = "certain" if statement.place.where == "cell" else "likely"
    return Fault(
        statement.place,
        should,
        f"the {what} of {NAMES[than]} and {NAMES[model]} (line {pair.own_line}) give that ratio",
        sure,
        also=(pair.base_line, pair.own_line) if statement.place.where != "cell" else (),
        key=f"{statement.model} {should} {statement.quantity.number}",
    )


def _pairs(statement: Statement, facts: Facts, metric: str) -> list[tuple[str, str, Pair]]:
    """Return the values of networks that a ratio may be of, the most likely first."""
    model = statement.model
    if statement.place.where == "cell":
        if model == FP32:
            return [(FP32, FP32, p) for p in facts.pairs(FP32, FP32, metric)]
        return [(model, FP32, pair) for pair in facts.pairs(model, FP32, metric)]
    named = [m for m in statement.others if m in (PTQ, QAT, INT8)]
    own = [model] if model in (PTQ, QAT) and statement.is_sure else []
    models = own or ([model] if model == INT8 else []) or named or [PTQ, QAT, INT8]
    thans = [statement.than] if statement.than in PLAIN and statement.is_sure else []
    thans = [FP32, *thans] if metric == "size" else [*thans, FP32]
    thans += [m for m in named if m not in thans]
    return [
        (m, than, pair)
        for than in dict.fromkeys(thans)
        for m in dict.fromkeys(models)
        if m != than
        for pair in facts.pairs(m, than, metric)
    ]


@rule(
    "compression",
    "The compression follows from the sizes.",
    wrong=[RESULTS + "\nQuantization makes the file 6x smaller.\n"],
    right=[RESULTS + "\nThe file shrinks by 75 %, to a quarter: 3.99x smaller.\n"],
)
def compression(statement: Statement, facts: Facts) -> Fault | None:
    return judge_ratio(statement, facts, "size")


@rule(
    "speed-up",
    "The speed-up follows from the latencies.",
    wrong=[
        RESULTS + "\nPTQ is 3.5x faster than FP32.\n",
        RESULTS + "\n### QAT\n\n- Inference becomes 60 % faster.\n",
    ],
    right=[
        RESULTS + "\nPTQ is 2.5x faster than FP32, and 25 % faster than QAT.\n",
        RESULTS + "\nFP16 is 1.4x faster than FP32.\n",
    ],
)
def speed_up(statement: Statement, facts: Facts) -> Fault | None:
    return judge_ratio(statement, facts, "latency")


@rule(
    "throughput",
    "Gains of throughput follow from the images a second.",
    wrong=[
        "| Model | images/s |\n|---|---|\n| FP32 | 50 |\n| PTQ | 125 |\n\nThe throughput of PTQ "
        "is 4x that of FP32.\n"
    ],
    right=[
        "| Model | images/s |\n|---|---|\n| FP32 | 50 |\n| PTQ | 125 |\n\nThe throughput of PTQ "
        "is 2.5x that of FP32.\n"
    ],
)
def throughput(statement: Statement, facts: Facts) -> Fault | None:
    return judge_ratio(statement, facts, "throughput")
