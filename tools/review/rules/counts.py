"""Images that networks are said to get right or wrong, and error rates, against the accuracies."""

from decimal import Decimal

from tools.review.reading.facts import Facts
from tools.review.reading.quantities import Interval, exactly
from tools.review.reading.statements import FP32, PLAIN, PTQ, QAT, Statement
from tools.review.rules.registry import Fault, rule
from tools.review.rules.sizes import FLOAT
from tools.review.rules.values import RESULTS

TESTED = RESULTS.replace("| Model", "10,000 test images\n\n| Model", 1)


@rule(
    "claim-images",
    "Images right and wrong, and error rates, follow from the accuracies.",
    wrong=[
        TESTED + "\nPTQ gets 9,130 of the images right.\n",
        TESTED + "\nPTQ makes 700 more mistakes than FP32.\n",
        TESTED + "\nThe error rate of PTQ is 7.90 %.\n",
    ],
    right=[
        TESTED + "\nPTQ gets 9,310 of the images right.\n",
        TESTED + "\nPTQ makes 70 more mistakes than FP32.\n",
        TESTED + "\nThe error rate of PTQ is 6.90 %.\n",
    ],
)
def claim_images(statement: Statement, facts: Facts) -> Fault | None:
    value, metric = statement.value, statement.metric
    if metric not in ("right", "wrong", "error rate", "hit rate") or value is None:
        return None
    if not statement.is_claim or statement.model not in (FP32, PTQ, QAT):
        return None
    found = facts.values(statement.model, "accuracy")
    known = [s.value for s in found if s.value and s.place.where == "cell"]
    if statement.relation in ("exceeds", "apart"):
        pairs = (
            facts.pairs(statement.model, statement.than, "accuracy")
            if statement.than in PLAIN
            else []
        )
        rates = [p.own - p.base for p in pairs]
        if statement.relation == "apart":
            rates = [r if r.middle >= 0 else -r for r in rates]
        if metric not in ("right", "wrong") or 2 * abs(value.middle) > facts.images:
            return None
    else:
        rates = list(known)
    if not rates:
        return None
    if metric in ("wrong", "error rate"):
        one = exactly(0 if statement.relation == "exceeds" else 1)
        rates = [one - r for r in rates]
    if metric in ("right", "wrong"):
        if statement.relation == "is" and value.high > facts.images:
            return None
        rates = [r.times(facts.images) for r in rates]
        value = value.widened(Decimal("0.6"))
    if any(value.touches(r) for r in rates):
        return None
    return Fault(
        statement.place,
        f"{_shown(metric, rates[0])}",
        f"that is what its accuracy gives (line {found[0].place.line})" if found else "",
        "likely",
        also=(found[0].place.line,) if found else (),
    )


def _shown(metric: str, rate: Interval) -> str:
    if metric in ("right", "wrong"):
        return f"{rate.middle:.0f} images {metric}"
    return f"{100 * rate.middle:.2f} % {'right' if metric == 'hit rate' else 'wrong'}"


@rule(
    "parameters-differ",
    "A network has one number of parameters, and four bytes for each.",
    wrong=[
        "The network has 23,520,842 parameters.\n\nWith 94.4 million parameters it is large.\n",
        RESULTS + "\nThe network has 94.4 million parameters.\n",
    ],
    right=["The network has 23,520,842 parameters.\n\nWith 23.5 million parameters it is large.\n"],
)
def parameters_differ(statement: Statement, facts: Facts) -> Fault | None:
    value = statement.value
    if statement.metric != "parameters" or statement.relation != "is" or value is None:
        return None
    if (
        statement.place.where != "prose"
        or not statement.is_claim
        or statement.model not in (FP32, "")
    ):
        return None
    if "other" in statement.others:
        return None
    others = [
        s
        for s in facts.statements
        if s.metric == "parameters"
        and s.value
        and s.is_claim
        and s.place != statement.place
        and s.model in (FP32, "", "fp32+")
        and s.place.line < statement.place.line
    ]
    counts = [(s.value, s.place.line) for s in others if s.value]
    if not counts:
        sizes = [(s.value, s.place.line) for s in facts.values(FP32, "size") if s.value]
        counts = [(v.times("0.25"), line) for v, line in sizes if FLOAT.fits(v)]
    if not counts or any(
        c.low * Decimal("0.9") <= value.high and value.low <= c.high * Decimal("1.1")
        for c, _ in counts
    ):
        return None
    count, line = counts[0]
    return Fault(
        statement.place,
        f"{count.middle / 10**6:.2f} million parameters",
        f"line {line} gives that, at four bytes a parameter",
        "likely",
        also=(line,),
        key="parameters",
    )
