"""What quantization costs: FP32's accuracy minus the network's, in percentage points."""

from decimal import Decimal
from functools import lru_cache

from tools.review.findings import Sure
from tools.review.reading.facts import QUANTIZED, Facts
from tools.review.reading.lexicon import load
from tools.review.reading.quantities import Interval, exactly
from tools.review.reading.statements import FP32, INT8, NAMES, PLAIN, PTQ, QAT, Statement, percent
from tools.review.rules.registry import Fault, rule
from tools.review.rules.values import RESULTS

TABLE = (
    "| Model | Accuracy (%) | Drop (points) |\n|---|---|---|\n| FP32 | 93.80 | 0 |\n"
    "| PTQ | 93.10 | {} |\n"
)
ALL = (FP32, PTQ, QAT, INT8)
LARGE = Decimal(50)  # percent that no network loses
BOUND = Decimal(1)  # wider than this, a number is only a limit


@lru_cache(maxsize=2048)
def cell_fault(statement: Statement, facts: Facts) -> tuple[str, str, Interval, int] | None:
    """Return the rule that a drop in a table breaks, why, the right drop, and the baseline's line."""
    quantity = statement.quantity
    if statement.relation != "loses" or quantity is None or not statement.is_plain:
        return None
    if statement.place.where not in ("cell", "log"):
        return None
    if statement.model == FP32:
        pairs = [
            (exactly(0), s.value, s.place.line) for s in facts.values(FP32, "accuracy") if s.value
        ]
    else:
        pairs = [(loss, p.base, p.base_line) for loss, p in _row_losses(statement, facts)]
    faults = [(_fault(statement, loss, start, facts), loss, line) for loss, start, line in pairs]
    if not faults or not all(fault for fault, _, _ in faults):
        return None
    fault, loss, line = faults[0]
    assert fault is not None
    return (*fault, loss, line)


def _row_losses(statement: Statement, facts: Facts) -> list:  # type: ignore[type-arg]
    """Return the losses of the drop's own table, else of the report."""
    losses = facts.loss(statement.model)
    own = {
        s.place.line
        for s in facts.values(statement.model, "accuracy")
        if s.place.table == statement.place.table
    }
    same_row = [x for x in losses if x[1].own_line == statement.place.line]
    return same_row or [x for x in losses if x[1].own_line in own] or losses


def _fault(
    statement: Statement, loss: Interval, start: Interval | None, facts: Facts
) -> tuple[str, str] | None:
    """Return what is wrong with a printed drop, or None when it is right as printed."""
    quantity, header = statement.quantity, statement.header
    assert quantity is not None
    assert start is not None
    lexicon = load()
    value, points = quantity.interval, quantity.interval.times("0.01")
    either = any(lexicon.has(f"header.{name}", header) for name in ("signed",))
    is_percent = quantity.kind in ("%", "points") or lexicon.has("header.percent", header)
    own = [s for s in facts.values(statement.model, "accuracy") if s.quantity]
    is_fraction = not is_percent and any(s.quantity and s.quantity.number <= 1 for s in own)
    if _is_finer_fraction(value, quantity.step, loss) and not is_fraction:
        return "drop-unit", "this is a fraction, not percentage points"
    if points.touches(loss) or (either and (-points).touches(loss)):
        return None
    if is_fraction and (value.touches(loss) or (either and (-value).touches(loss))):
        return None
    ratio = Interval(loss.low / start.high, loss.high / start.low)
    if lexicon.has("header.relative", header) and any(s.touches(ratio) for s in (points, -points)):
        return None
    if (-points).touches(loss) and statement.model != FP32:
        return "drop-sign", "a drop is positive when accuracy is lost"
    if value.touches(loss) or (-value).touches(loss):
        return "drop-unit", "this is a fraction, not percentage points"
    if any(s.touches(ratio.widened("0.00005")) for s in (points, -points)):
        return "drop-relative", "this is relative to FP32's accuracy"
    return "drop-arithmetic", "the accuracies give another difference"


def _is_finer_fraction(value: Interval, step: Decimal, loss: Interval) -> bool:
    """Tell whether a drop has two more decimals than the accuracies, and fits as a fraction.

    A drop near 0 may lie within the rounding of the accuracies in either unit.
    """
    nominal = exactly(loss.middle)
    is_finer = step <= (loss.high - loss.low) / 2
    return is_finer and value.touches(nominal) and not value.times("0.01").touches(nominal)


def _cell(statement: Statement, facts: Facts, name: str) -> Fault | None:
    found = cell_fault(statement, facts)
    if found is None or found[0] != name:
        return None
    _, why, loss, line = found
    if statement.model == FP32:
        should = "0, or nothing: it is the baseline"
        why = "the baseline loses nothing against itself"
    else:
        should = f"{percent(loss)} points"
        pairs = [p for x, p in _row_losses(statement, facts) if x == loss]
        if pairs:
            why += f"; {percent(pairs[0].base)} - {percent(pairs[0].own)} = {percent(loss)}"
    also = tuple(
        {line, *(p.own_line for x, p in facts.loss(statement.model)[:1])} - {statement.place.line}
    )
    return Fault(
        statement.place,
        should,
        why,
        "certain",
        also=also if statement.model != FP32 and len(also) < 3 else (),
        key=f"{statement.model} {should} {statement.quantity and statement.quantity.number}",
    )


@rule(
    "drop-arithmetic",
    "The drop is FP32's accuracy minus the network's, in percentage points.",
    wrong=[TABLE.format("1.70")],
    right=[TABLE.format("0.70"), TABLE.format("0.7 %")],
)
def drop_arithmetic(statement: Statement, facts: Facts) -> Fault | None:
    return _cell(statement, facts, "drop-arithmetic")


@rule(
    "drop-sign",
    "The drop is positive when accuracy is lost.",
    wrong=[TABLE.format("-0.70"), RESULTS + "\nPTQ improves accuracy by 0.70 points over FP32.\n"],
    right=[TABLE.format("-0.70").replace("Drop", "Change")],
)
def drop_sign(statement: Statement, facts: Facts) -> Fault | None:
    return _cell(statement, facts, "drop-sign") or _prose(statement, facts, "drop-sign")


@rule(
    "drop-unit",
    "The drop is in percentage points, not a fraction.",
    wrong=[TABLE.format("0.007"), RESULTS + "\nPTQ loses only 0.007 % of accuracy.\n"],
    right=[
        TABLE.format("0.007")
        .replace("93.80", "0.9380")
        .replace("93.10", "0.9310")
        .replace("(points)", "")
        .replace(" (%)", "")
    ],
)
def drop_unit(statement: Statement, facts: Facts) -> Fault | None:
    return _cell(statement, facts, "drop-unit") or _prose(statement, facts, "drop-unit")


@rule(
    "drop-relative",
    "The drop is in percentage points, not relative to FP32.",
    wrong=[TABLE.format("0.75"), RESULTS + "\nPTQ loses 0.75 % of accuracy.\n"],
    right=[
        TABLE.format("0.75").replace("Drop (points)", "Relative drop (%)"),
        RESULTS + "\nIn relative terms PTQ loses 0.75 % of accuracy.\n",
    ],
)
def drop_relative(statement: Statement, facts: Facts) -> Fault | None:
    return _cell(statement, facts, "drop-relative") or _prose(statement, facts, "drop-relative")


@rule(
    "claim-drop",
    "Losses and gains in the text follow from the accuracies.",
    wrong=[
        RESULTS + "\nThe accuracy of PTQ drops by 0.90 points.\n",
        RESULTS + "\nQAT gains 0.70 points over PTQ.\n",
    ],
    right=[
        RESULTS + "\nPTQ loses less than 1 % of accuracy, and QAT gains 0.4 points over it.\n",
        RESULTS + "\nCompared with FP32 (93.80 %), PTQ is 0.7 points lower.\n",
    ],
)
def claim_drop(statement: Statement, facts: Facts) -> Fault | None:
    return _prose(statement, facts, "claim-drop")


def _prose(statement: Statement, facts: Facts, name: str) -> Fault | None:
    found = prose_fault(statement, facts)
    if found is None or found[0] != name:
        return None
    _, should, why, also = found
    sure: Sure = "likely" if statement.is_sure else "possible"
    number = statement.quantity and statement.quantity.number
    return Fault(
        statement.place, should, why, sure, also=also, key=f"{statement.model} {should} {number}"
    )


@lru_cache(maxsize=2048)
def prose_fault(statement: Statement, facts: Facts) -> tuple[str, str, str, tuple[int, ...]] | None:
    """Return the rule that a loss or gain in a sentence breaks, what is right, why, and where."""
    if statement.metric != "accuracy" or statement.relation not in ("loses", "gains", "changes"):
        return None
    if statement.place.where != "prose" or not statement.is_claim or statement.value is None:
        return None
    if (statement.model and statement.model not in PLAIN) or statement.split in (
        "train",
        "validation",
    ):
        return None
    if "other" in statement.others or statement.than == "other":
        return None
    if not statement.model and statement.than:
        return None  # something that is not known is compared
    is_meant = statement.model or statement.others
    if not is_meant and not load().has("topic.quantization", statement.place.text):
        return None
    pairs = _pairs(statement, facts)
    if not pairs or _is_of_size(statement, facts):
        return None
    value = statement.value
    if statement.relation != "changes" and value.low < -BOUND:
        value = Interval(Decimal("-0.0005"), value.high)  # "less than" is still a loss, or none
    senses = {"loses": [value], "gains": [-value]}.get(statement.relation, [value, -value])
    if statement.relation == "changes" and value.high - value.low > BOUND:
        limit = value.nominal
        is_below = value.low < -BOUND
        sizes = [abs(loss.middle) for loss, _, _, _ in pairs]
        if any((size <= limit) == is_below for size in sizes):
            return None
    elif any(sense.touches(loss) for sense in senses for loss, _, _, _ in pairs):
        return None
    model, than, loss, pair = (lambda p: (p[2], p[3], p[0], p[1]))(pairs[0])
    ratio = Interval(loss.low / pair.base.high, loss.high / pair.base.low)
    is_relative = load().has("header.relative", statement.place.text)
    if is_relative and any(s.touches(ratio) for s in (value, -value)):
        return None
    name, why = _prose_why(statement, loss, ratio)
    verb = "loses" if loss.middle >= 0 else "gains"
    amount = percent(abs(loss.middle))
    should = f"{amount} points: {NAMES[model]} {verb} them against {NAMES[than]}"
    if name == "claim-drop":
        why = f"{percent(pair.base)} - {percent(pair.own)} = {percent(loss)}"
    return name, should, why, (pair.base_line, pair.own_line)[: 2 if pair.base_line else 0]


def _is_of_size(statement: Statement, facts: Facts) -> bool:
    """Tell whether an unnamed percentage is the share that the files lost: "(74.9 % less)"."""
    value, quantity = statement.value, statement.quantity
    if statement.is_sure or value is None or quantity is None or quantity.number < LARGE:
        return False
    models = (statement.model,) if statement.model in QUANTIZED else QUANTIZED
    sizes = [p for m in models for p in facts.pairs(m, FP32, "size") if p.base.is_positive]
    return any(value.touches(exactly(1) - p.own / p.base) for p in sizes)


def _prose_why(statement: Statement, loss: Interval, ratio: Interval) -> tuple[str, str]:
    value, quantity = statement.value, statement.quantity
    assert value is not None
    assert quantity is not None
    if value.high - value.low > BOUND:
        return "claim-drop", ""
    senses = {"loses": [value], "gains": [-value]}.get(statement.relation, [value, -value])
    if any((-sense).touches(loss) for sense in senses):
        lost = "lost" if loss.middle > 0 else "gained"
        return "drop-sign", f"accuracy is {lost}, not the other way round"
    if any(sense.touches(ratio) for sense in senses) and quantity.kind == "%":
        return "drop-relative", "this is relative to FP32's accuracy"
    if any(sense.times(100).touches(loss) for sense in senses) and not quantity.is_integer:
        return "drop-unit", "this is a fraction, not percentage points"
    return "claim-drop", ""


def _pairs(statement: Statement, facts: Facts) -> list:  # type: ignore[type-arg]
    """Return the differences that a sentence may mean, the most likely first."""
    model = statement.model
    models = [model] if model in (PTQ, QAT, INT8) else []
    if model in (PTQ, QAT) and not facts.loss(model):
        return []
    if not model or not statement.is_sure or model == INT8:
        named = [m for m in statement.others if m in QUANTIZED]
        models += [m for m in (named or QUANTIZED) if m not in models]
    thans = [statement.than] if statement.than in PLAIN else []
    # A gain may be over PTQ, a loss against what the sentence also names.
    if not (thans and statement.is_sure and statement.relation == "gains"):
        thans += [FP32]
    if statement.relation != "loses" or PTQ in statement.others:
        thans.append(PTQ)
    is_bound = statement.value is not None and statement.value.low < -BOUND
    if len(set(statement.others)) > 1 and not (statement.is_sure and is_bound):
        thans += [m for m in statement.others if m in ALL]
    if model == FP32:
        models += [m for m in statement.others if m != FP32] or list(QUANTIZED)
        models = list(dict.fromkeys(models))
        found = [(-x, p, m, FP32) for m in models for x, p in facts.loss(m)]
        return [*found, *((x, p, m, FP32) for m in models for x, p in facts.loss(m))]
    return [
        (loss, pair, m, than)
        for than in dict.fromkeys(thans)
        for m in models
        if m != than
        for loss, pair in facts.loss(m, than)
    ]
