"""Limits that networks are said to keep, and what is said to be lost by none or regained in full."""

from decimal import Decimal

from tools.review.reading.facts import Facts
from tools.review.reading.lexicon import load
from tools.review.reading.quantities import Interval
from tools.review.reading.statements import FP32, INT8, NAMES, PLAIN, PTQ, QAT, Statement, percent
from tools.review.rules.registry import Fault, rule
from tools.review.rules.training import Said
from tools.review.rules.values import RESULTS, shown

OPEN = {"accuracy": Decimal(4), "size": Decimal(10**9), "latency": Decimal(1)}
LOST = Decimal("0.0004")  # an accuracy lower by this is not the same


@rule(
    "claim-bound",
    "A limit that is given for networks holds for each of them.",
    wrong=[
        RESULTS + "\nAll three networks reach at least 93.4 % on the test images.\n",
        RESULTS + "\nThe file of PTQ has less than 20 MB.\n",
    ],
    right=[
        RESULTS + "\nAll three networks reach at least 93 % on the test images.\n",
        RESULTS + "\nThe file of PTQ has less than 25 MB.\n",
    ],
)
def claim_bound(statement: Statement, facts: Facts) -> Fault | None:
    value = statement.value
    if statement.metric not in OPEN or statement.relation != "is" or value is None:
        return None
    if statement.place.where != "prose" or not statement.is_claim:
        return None
    if value.high - value.low < OPEN[statement.metric]:
        return None
    models, is_kept = _meant(statement)
    for model in models:
        found = [s for s in facts.values(model, statement.metric, statement.split) if s.value]
        found = [s for s in found if s.place != statement.place]
        if found and all(s.value and _is_outside(s.value, value) == is_kept for s in found):
            return Fault(
                statement.place,
                f"{NAMES[model]}: {shown(found[0])}",
                f"line {found[0].place.line} gives it",
                "likely",
                also=(found[0].place.line,),
                key=f"{model} {statement.metric} {statement.place.line}",
            )
    return None


def _meant(statement: Statement) -> tuple[tuple[str, ...], bool]:
    """Return the networks that a limit is of, and whether they keep it: "no network falls below"."""
    lexicon, text, named = load(), statement.place.text, set(statement.others)
    every = FP32, PTQ, QAT
    if lexicon.has("nobody", text) or "other" in named:
        return every if lexicon.has("nobody", text) and not named else (), False
    if lexicon.has("only_one", text):
        return tuple(m for m in every if len(named) == 1 and m not in named), False
    if lexicon.has("all.three", text) and named in (set(), set(every), {FP32, INT8}):
        return every, True
    if named in ({INT8}, {PTQ, QAT}, {PTQ, QAT, INT8}) and statement.model in (INT8, PTQ, QAT, ""):
        both = lexicon.has("all.both", text) or statement.model == INT8
        return (PTQ, QAT) if both else (), True
    is_own = statement.model in every and statement.is_sure and not statement.than
    is_one = named == {statement.model} or len(named) == 2
    return (statement.model,) if is_own and is_one else (), True


def _is_outside(value: Interval, bound: Interval) -> bool:
    return value.high <= bound.low or value.low >= bound.high


@rule(
    "claim-limit",
    "A limit of the loss that is given for several networks, or for one only, is so.",
    wrong=[
        RESULTS + "\nBoth INT8 networks lose less than 0.5 points.\n",
        RESULTS + "\nOnly QAT stays below one point of loss.\n",
    ],
    right=[
        RESULTS + "\nBoth INT8 networks lose less than one point.\n",
        RESULTS + "\nOnly QAT stays below half a point of loss.\n",
    ],
)
def claim_limit(statement: Statement, facts: Facts) -> Fault | None:
    value, text, lexicon = statement.value, statement.place.text, load()
    if statement.metric != "accuracy" or statement.relation not in ("loses", "changes"):
        return None
    if value is None or not statement.is_claim or value.high - value.low < OPEN["accuracy"]:
        return None
    named = set(statement.others)
    is_only = lexicon.has("only_one", text) and len(named) == 1 and named <= {PTQ, QAT}
    is_each = lexicon.has("all.both", text) or lexicon.has("all.quantized", text)
    if not is_only and not (is_each and named in (set(), {INT8}, {PTQ, QAT}, {PTQ, QAT, INT8})):
        return None
    for model in (PTQ, QAT):
        losses = facts.loss(model)
        is_meant = not is_only or model in named
        if losses and all(_is_outside(loss, value) == is_meant for loss, _ in losses):
            loss, pair = losses[0]
            return Fault(
                statement.place,
                f"{NAMES[model]} loses {percent(loss)} points",
                f"{percent(pair.base)} - {percent(pair.own)} = {percent(loss)}",
                "likely",
                also=(pair.base_line, pair.own_line),
                key=f"limit {model} {statement.place.line}",
            )
    return None


@rule(
    "claim-lossless",
    "What is said to cost no accuracy, or to win all of it back, does so.",
    wrong=[
        RESULTS + "\nPTQ works without any loss of accuracy.\n",
        RESULTS + "\nQAT recovers all of the accuracy that PTQ had lost.\n",
    ],
    right=[
        RESULTS + "\nPTQ works almost without any loss of accuracy.\n",
        RESULTS + "\nQAT recovers most of the accuracy that PTQ had lost.\n",
    ],
)
def claim_lossless(said: Said, facts: Facts) -> Fault | None:
    is_back = said.has("claim.regained")
    if not said.is_claim or not (is_back or said.has("claim.lossless")) or said.has("rough"):
        return None
    if (
        said.has("claim.nearly")
        or said.words.quantities
        or any(t.is_of("negates") for t in said.words.tags)
    ):
        return None
    models = [m.kind for m in said.words.models if m.kind in (PTQ, QAT)]
    others = {m.kind for m in said.words.models} - set(PLAIN)
    if others or not models or (len(set(models)) > 1 and not is_back):
        return None
    model = QAT if is_back else models[0]
    if model not in models:
        return None
    losses = facts.loss(model)
    if not losses or any(loss.low <= LOST for loss, _ in losses):
        return None
    loss, pair = losses[0]
    return Fault(
        said.place,
        f"{percent(loss)} points are lost",
        f"{percent(pair.base)} - {percent(pair.own)} = {percent(loss)}",
        "likely",
        also=(pair.base_line, pair.own_line),
    )


@rule(
    "claim-change",
    "By how much files shrink and times fall follows from the sizes and times.",
    wrong=[RESULTS + "\nThe file of PTQ shrinks from 94.40 MB to 23.66 MB, by 60.74 MB.\n"],
    right=[RESULTS + "\nThe file of PTQ shrinks from 94.40 MB to 23.66 MB, by 70.74 MB.\n"],
)
def claim_change(statement: Statement, facts: Facts) -> Fault | None:
    metric, value = statement.metric, statement.value
    if metric not in ("size", "latency") or statement.relation != "changes" or value is None:
        return None
    if statement.place.where != "prose" or not statement.is_claim or "other" in statement.others:
        return None
    if statement.model and statement.model not in PLAIN:
        return None
    pairs = [
        pair
        for than, model in ((FP32, PTQ), (FP32, QAT), (FP32, INT8), (PTQ, QAT))
        for pair in facts.pairs(model, than, metric)
    ]
    slack = Decimal(60_000) if metric == "size" else Decimal("0.00006")
    if not pairs or value.high - value.low > OPEN[metric]:
        return None
    differences = [pair.base - pair.own for pair in pairs]
    if any(
        value.widened(slack).touches(d) or (-value).widened(slack).touches(d) for d in differences
    ):
        return None
    first = pairs[0]
    right = first.base - first.own
    return Fault(
        statement.place,
        shown(statement, right),
        f"the difference of lines {first.base_line} and {first.own_line}",
        "likely",
        also=(first.base_line, first.own_line),
    )
