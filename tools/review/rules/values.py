"""The same network has the same numbers wherever a report gives them."""

from decimal import Decimal

from tools.review.findings import Sure
from tools.review.reading.facts import Facts
from tools.review.reading.lexicon import load
from tools.review.reading.quantities import BYTES, Interval
from tools.review.reading.statements import (
    FP32,
    INT8,
    PLAIN,
    PTQ,
    QAT,
    Statement,
    megabytes,
    milliseconds,
    percent,
)
from tools.review.rules.registry import Fault, rule

FAR = Decimal("0.10")  # an accuracy further away than 10 points is of something else
SLACK = Decimal(15_000)  # bytes by which files of one network differ
MEGABYTE = Decimal(10**6)
MEBI = Decimal(2**20) / Decimal(10**6)
RESULTS = "| Model | Size (MB) | Accuracy (%) | Latency (ms) |\n|---|---|---|---|\n" + "".join(
    f"| {row} |\n"
    for row in (
        "FP32 | 94.40 | 93.80 | 20.0",
        "PTQ | 23.66 | 93.10 | 8.0",
        "QAT | 23.66 | 93.50 | 10.0",
    )
)


def shown(statement: Statement, value: Interval | None = None) -> str:
    """Return a value as a reader would print it."""
    value = value or statement.value
    assert value is not None
    if statement.metric == "accuracy":
        return f"{percent(value)} %"
    if statement.metric == "size":
        return megabytes(value)
    if statement.metric == "latency":
        return milliseconds(value)
    return f"{value.middle:f}"


@rule(
    "accuracy-range",
    "An accuracy lies between 0 and 100 %.",
    wrong=["| Model | Accuracy (%) |\n|---|---|\n| FP32 | 938.0 |\n| PTQ | 93.10 |\n"],
    right=["| Model | Accuracy (%) |\n|---|---|\n| FP32 | 100 |\n| PTQ | 93.10 |\n"],
)
def accuracy_range(statement: Statement, _: Facts) -> Fault | None:
    value = statement.value
    if statement.metric != "accuracy" or statement.relation != "is" or value is None:
        return None
    if value.low <= 1 and value.high >= 0:
        return None
    is_cell = statement.place.where == "cell"
    printed = statement.quantity.printed if statement.quantity else ""
    return Fault(
        statement.place,
        "an accuracy between 0 and 100 %",
        f"{printed} is no accuracy",
        "certain" if is_cell else "likely",
    )


@rule(
    "accuracy-unit",
    "Percent columns hold percentages, not fractions.",
    wrong=["| Model | Accuracy (%) |\n|---|---|\n| FP32 | 93.80 |\n| PTQ | 0.9310 |\n"],
    right=["| Model | Accuracy |\n|---|---|\n| FP32 | 0.9380 |\n| PTQ | 0.9310 |\n"],
)
def accuracy_unit(statement: Statement, _: Facts) -> Fault | None:
    quantity = statement.quantity
    if statement.metric != "accuracy" or statement.relation != "is" or quantity is None:
        return None
    if statement.place.where != "cell" or quantity.is_integer or not 0 < quantity.number <= 1:
        return None
    if quantity.kind != "%" and not load().has("header.percent", statement.header):
        return None
    return Fault(
        statement.place,
        f"{percent(quantity.number)} %",
        "a fraction stands where a percentage is announced",
        "certain",
    )


@rule(
    "tables-differ",
    "Two tables or logs give a network the same numbers.",
    wrong=[
        RESULTS + "\n## Summary\n\n| Model | Accuracy (%) |\n|---|---|\n| FP32 | 94.20 |\n"
        "| PTQ | 93.10 |\n"
    ],
    right=[
        RESULTS + "\n| Model | Validation accuracy (%) |\n|---|---|\n| FP32 | 94.20 |\n",
        RESULTS + "\n| Model | Accuracy (%) |\n|---|---|\n| FP32 | 93.8 |\n| PTQ, histogram "
        "observer | 92.90 |\n",
    ],
)
def tables_differ(statement: Statement, facts: Facts) -> Fault | None:
    if statement.place.where not in ("cell", "log") or statement.relation != "is":
        return None
    if statement.metric not in ("accuracy", "size", "latency") or statement.model not in PLAIN:
        return None
    own = statement.value
    others = [
        s
        for s in facts.values(statement.model, statement.metric, statement.split)
        if s.place.table != statement.place.table
        and s.model == statement.model
        and (s.split == statement.split or {s.split, statement.split} <= {"", "test"})
    ]
    alike = [s for s in _same_place(statement, facts) if s.value]
    if own is None or not others or len(alike) > 1:
        return None
    groups = {s.place.table for s in others}
    if any(sum(s.place.table == t for s in others) > 1 for t in groups):
        return None
    slack = SLACK if statement.metric == "size" else Decimal(0)
    if any(o.value and o.value.widened(slack).touches(own) for o in others):
        return None
    other = others[0]
    if other.place.line > statement.place.line or other.value is None:
        return None  # told once, where the report contradicts what it said before
    return Fault(
        statement.place,
        f"{statement.name}: {shown(other)} or {shown(statement)}, in both",
        f"line {other.place.line} gives {statement.name} {shown(other)}, and line "
        f"{statement.place.line} {shown(statement)}",
        "certain" if statement.metric != "latency" else "likely",
        also=(other.place.line,),
        key=f"{statement.model} {statement.metric} {statement.split}",
    )


def _same_place(statement: Statement, facts: Facts) -> list[Statement]:
    found = facts.values(statement.model, statement.metric, statement.split)
    return [s for s in found if s.place.table == statement.place.table]


def known(statement: Statement, facts: Facts) -> list[Statement]:
    """Return what the report gives for the network and metric of a statement, besides itself."""
    found = facts.values(statement.model, statement.metric, statement.split)
    return [s for s in found if s.place != statement.place]


def fits(statement: Statement, facts: Facts) -> bool:
    """Tell whether some number of the report explains that of a sentence."""
    value, model = statement.value, statement.model
    assert value is not None
    if statement.metric == "size":
        value = value.widened(SLACK)
    models = {model, *(() if statement.is_sure else (FP32, PTQ, QAT, INT8))}
    if model == INT8:
        models |= {PTQ, QAT}
    candidates = facts.all_values(statement.metric, models)
    own = [s.value for s in facts.statements if s.place == statement.place and s.value is not None]
    if statement.place.where == "prose":
        candidates = [c for c in candidates if c not in own or c != statement.value] or []
        candidates += [s.value for s in known(statement, facts) if s.value]
    candidates += facts.others(statement.metric)
    if statement.metric == "accuracy":
        bases = facts.all_values("accuracy", (FP32,))
        candidates += [
            own / base
            for own in facts.all_values("accuracy", (PTQ, QAT, INT8))
            for base in bases
            if base.is_positive
        ]
    if statement.metric == "size":
        bases, sizes = facts.all_values("size", (FP32,)), facts.all_values("size", (PTQ, QAT, INT8))
        candidates += [base - size for base in bases[:4] for size in sizes[:8]]
        if "mib" in statement.place.text.lower():  # programs that count in them may round up
            candidates += [c.times(1 / MEBI).widened(MEGABYTE / 2) for c in candidates]
    return any(value.touches(candidate) for candidate in candidates)


def prose_value(statement: Statement, facts: Facts, metric: str) -> Fault | None:
    """Return the fault of a number in a sentence that another place contradicts."""
    if statement.metric != metric or statement.relation != "is" or not statement.is_claim:
        return None
    if statement.place.where != "prose" or statement.value is None:
        return None
    if statement.model not in PLAIN and not statement.model.startswith("row_"):
        return None
    others = known(statement, facts)
    first = min((s.place.line for s in others), default=0)
    in_tables = [s for s in others if s.place.where in ("cell", "log")]
    if not others or (not in_tables and statement.place.line < first) or fits(statement, facts):
        return None
    nearest = min(others, key=lambda s: _distance(s, statement))
    if not _is_near(nearest, statement):
        return None
    sure: Sure = "likely" if statement.is_sure else "possible"
    return Fault(
        statement.place,
        f"{statement.name}: {shown(nearest)}",
        f"line {nearest.place.line} gives {statement.name} {shown(nearest)}",
        sure,
        also=(nearest.place.line,),
        key=f"{statement.model} {statement.metric} {statement.split} {statement.quantity and statement.quantity.number}",
    )


def _distance(other: Statement, statement: Statement) -> Decimal:
    assert other.value is not None
    assert statement.value is not None
    return abs(other.value.middle - statement.value.middle)


def _is_near(other: Statement, statement: Statement) -> bool:
    assert other.value is not None
    assert statement.value is not None
    low, high = other.value.middle, statement.value.middle
    if statement.metric == "accuracy":
        return abs(low - high) <= FAR
    return low / 3 < high < low * 3


@rule(
    "claim-accuracy",
    "Accuracies in the text are those of the tables.",
    wrong=[RESULTS + "\nPTQ reaches 92.10 % on the test set.\n"],
    right=[
        RESULTS + "\nWith a histogram observer PTQ reaches 93.60 %.\n",
        RESULTS + "\nAt first PTQ had only 88.20 %.\n",
        RESULTS + "\nIn PTQ, 97.5 % of the activations are small.\n",
    ],
)
def claim_accuracy(statement: Statement, facts: Facts) -> Fault | None:
    if statement.model == FP32 and load().has("claim.best", statement.place.text):
        finals = [s.value for s in known(statement, facts) if s.value]
        if statement.value and finals and statement.value.low > finals[0].high:
            return None  # whether the best was compared is another rule's question
    return prose_value(statement, facts, "accuracy")


@rule(
    "claim-gap",
    "The gap of training and validation accuracy is their difference.",
    wrong=[
        "Training accuracy ends at 97.20 %, validation accuracy at 94.10 %. The gap is 2.10 points."
    ],
    right=[
        "Training accuracy ends at 97.20 %, validation accuracy at 94.10 %. The gap is 3.1 points.",
        "Training accuracy ends at 97.20 %, validation accuracy at 94.10 %. Then the gap changed by "
        "-0.699 points an epoch.",
    ],
)
def claim_gap(statement: Statement, facts: Facts) -> Fault | None:
    if statement.metric != "gap" or statement.relation != "is" or not statement.is_claim:
        return None
    if load().has("rate", statement.place.text):
        return None  # so much an epoch
    model, value = statement.model or FP32, statement.value
    if (
        not statement.split
        and not statement.model.startswith("row_")
        and statement.place.section not in (0, 2)
    ):
        return None  # of something else
    if value is None or not (model == FP32 or model.startswith("row_")):
        return None
    gaps = facts.gaps(model)
    if model == FP32:
        gaps += [g for row in facts.rows() for g in facts.gaps(row)]
        gaps += facts.curve_gaps()
    if not gaps or any(value.touches(g) or value.touches(-g) for g, _ in gaps):
        return None
    gap, line = gaps[0]
    return Fault(
        statement.place,
        f"{100 * gap.middle:.2f} points",
        f"the accuracies (line {line}) differ by that",
        "likely",
        also=(line,),
    )


@rule(
    "claim-size",
    "Sizes in the text are those of the tables.",
    wrong=[RESULTS + "\nThe file of PTQ has 25.10 MB.\n"],
    right=[RESULTS + "\nThe file of PTQ shrinks from 94.4 MB to 23.7 MB.\n"],
)
def claim_size(statement: Statement, facts: Facts) -> Fault | None:
    fault = prose_value(statement, facts, "size")
    return None if fault and is_mib(statement, facts) else fault


@rule(
    "claim-latency",
    "Latencies in the text are those of the tables.",
    wrong=[RESULTS + "\nPTQ takes 7.1 ms per image.\n"],
    right=[RESULTS + "\nPTQ takes 8 ms, and a batch of 32 takes 130 ms with PTQ.\n"],
)
def claim_latency(statement: Statement, facts: Facts) -> Fault | None:
    return prose_value(statement, facts, "latency")


def is_mib(statement: Statement, facts: Facts) -> bool:
    """Tell whether a size of the text is the known one, divided by 2**20."""
    if statement.value is None or statement.quantity is None:
        return False
    if statement.quantity.unit not in BYTES or "i" in statement.quantity.unit:
        return False
    scaled = statement.value.times(MEBI)
    return any(s.value and s.value.touches(scaled) for s in known(statement, facts))
