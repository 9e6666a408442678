"""Which network is said to be better, smaller, faster or the same, against the numbers."""

from decimal import Decimal

from tools.review.findings import Sure
from tools.review.reading.facts import Facts, Pair
from tools.review.reading.quantities import Interval
from tools.review.reading.statements import FP32, INT8, PLAIN, PTQ, QAT, Statement, name_of
from tools.review.rules.registry import Fault, rule
from tools.review.rules.values import RESULTS, shown

WORDS = {
    "accuracy": ("more accurate than", "less accurate than"),
    "size": ("larger than", "smaller than"),
    "latency": ("slower than", "faster than"),
    "drop": ("losing more than", "losing less than"),
    "throughput": ("above", "below"),
    "loss": ("above", "below"),
    "gap": ("further apart than", "closer than"),
}
PAR = Decimal("0.004")  # relative difference of networks that are said to be on par


def drop_pairs(model: str, than: str, facts: Facts) -> list[Pair]:
    """Return the drops of two networks against FP32, as far as there are accuracies."""
    found = []
    for own, own_pair in facts.loss(model)[:4]:
        for base, base_pair in facts.loss(than)[:4]:
            found.append(Pair(base, own, base_pair.own_line, own_pair.own_line))
    return found


def pairs_of(statement: Statement, model: str, than: str, facts: Facts) -> list[Pair]:
    if statement.metric == "drop":
        return drop_pairs(model, than, facts)
    if statement.metric == "gap":
        own_gaps, base_gaps = facts.gaps(model), facts.gaps(than)
        return [Pair(b, o, bl, ol) for o, ol in own_gaps for b, bl in base_gaps]
    if statement.split in ("train", "validation") and statement.metric == "accuracy":
        own = facts.values(model, "accuracy", statement.split)
        bases = facts.values(than, "accuracy", statement.split)
        if not own and not bases:
            return facts.pairs(model, than, "accuracy")
        return [
            Pair(b.value, o.value, b.place.line, o.place.line)
            for o in own[:4]
            for b in bases[:4]
            if o.value and b.value
        ]
    return facts.pairs(model, than, statement.metric)


def contradicts(relation: str, pair: Pair, is_denied: bool) -> bool:
    """Tell whether two values say the opposite; equal ones contradict "more", not "not more"."""
    own, base = pair.own, pair.base
    if relation == "reach":
        is_far = own.middle / base.middle < 1 - PAR
        return own.middle > base.middle and not overlap(own, base) if is_denied else is_far
    if overlap(own, base):
        is_same_print = own == base
        return is_same_print and not is_denied and relation in ("more", "less")
    is_more = own.middle > base.middle
    said = (relation == "more") != is_denied
    return is_more != said


def overlap(one: Interval, two: Interval) -> bool:
    """Tell whether two printed values may be one: neighbours that only touch are not."""
    return one.low < two.high and two.low < one.high


def is_known(model: str) -> bool:
    return model in PLAIN or model.startswith("row_")


def _of(model: str, facts: Facts, metric: str) -> list[str]:
    """Return the networks that a name stands for."""
    if model == "both":
        return [PTQ, QAT]
    if model == INT8:
        return [m for m in (PTQ, QAT) if facts.has(m, metric)] or [INT8]
    return [model]


@rule(
    "claim-order",
    "What is said to be better, smaller or faster is so.",
    wrong=[
        RESULTS + "\nPTQ is more accurate than QAT.\n",
        RESULTS + "\nQAT is faster than PTQ.\n",
        RESULTS + "\nThe file of QAT is smaller than that of PTQ.\n",
        RESULTS + "\nPTQ has the highest accuracy of all three.\n",
    ],
    right=[
        RESULTS + "\nPTQ is better than QAT in ease of use.\n",
        RESULTS + "\nFor quick deployment, PTQ beats QAT.\n",
        RESULTS + "\nQAT is not better than FP32, as expected.\n",
        RESULTS + "\nWe expected PTQ to be better than QAT.\n",
    ],
)
def claim_order(statement: Statement, facts: Facts) -> Fault | None:
    if statement.relation not in ("more", "less", "most", "least", "reach"):
        return None
    if statement.modality not in ("claimed", "denied"):
        return None
    if not is_known(statement.model) and statement.model not in ("both", "any"):
        return None
    if "other" in statement.others and statement.relation in ("most", "least"):
        return None
    if statement.than == "base":
        return _against_bases(statement, facts)
    if statement.relation in ("more", "less", "reach"):
        return _compared(statement, facts)
    return _extreme(statement, facts)


def _compared(statement: Statement, facts: Facts) -> Fault | None:
    if not is_known(statement.than):
        return None
    is_denied = statement.modality == "denied"
    metric = "accuracy" if statement.metric == "drop" else statement.metric
    if statement.model == "any":
        rivals = [m for m in (FP32, PTQ, QAT) if m != statement.than]
        for model in rivals:
            pairs = pairs_of(statement, model, statement.than, facts)
            if pairs and all(contradicts(statement.relation, p, True) for p in pairs):
                return _fault(statement, model, statement.than, pairs[0])
        return None
    for model in _of(statement.model, facts, metric):
        for than in _of(statement.than, facts, metric):
            if model == than:
                continue
            pairs = pairs_of(statement, model, than, facts)
            if pairs and all(contradicts(statement.relation, p, is_denied) for p in pairs):
                return _fault(statement, model, than, pairs[0])
    return None


def _against_bases(statement: Statement, facts: Facts) -> Fault | None:
    """Judge "QAT raised accuracy": against FP32, and against PTQ, as either may be meant."""
    is_denied = statement.modality == "denied"
    first = None
    for model in _of(statement.model, facts, "accuracy"):
        bases = (FP32, PTQ) if model == QAT else (FP32,)
        for than in bases:
            pairs = pairs_of(statement, model, than, facts)
            wrong = [p for p in pairs if contradicts(statement.relation, p, is_denied)]
            if not pairs or len(wrong) < len(pairs) or overlap(wrong[0].own, wrong[0].base):
                return None
            first = first or _fault(statement, model, than, wrong[0])
    return first


def _fault(statement: Statement, model: str, than: str, pair: Pair) -> Fault:
    own, base = shown_of(statement, pair.own), shown_of(statement, pair.base)
    if overlap(pair.own, pair.base):
        should = f"{name_of(model)} and {name_of(than)} are the same: {own}"
    else:
        words = WORDS.get(statement.metric, ("above", "below"))
        word = words[0] if pair.own.middle > pair.base.middle else words[1]
        should = f"{name_of(model)} is {word} {name_of(than)}"
    return Fault(
        statement.place,
        should,
        f"the report gives {name_of(model)} {own} and {name_of(than)} {base}",
        sure_of(statement),
        also=(pair.own_line, pair.base_line),
        key=f"{statement.model} {statement.than} {should} {statement.place.line}",
    )


def shown_of(statement: Statement, value: Interval) -> str:
    if statement.metric == "gap":
        return f"a gap of {100 * value.middle:.2f} points"
    if statement.metric == "drop":
        return f"a drop of {100 * value.middle:.2f} points"
    return shown(statement, value)


def sure_of(statement: Statement) -> Sure:
    return "likely" if statement.is_sure else "possible"


def _extreme(statement: Statement, facts: Facts) -> Fault | None:
    if statement.modality == "denied" or statement.model == "both":
        return None
    metric = "accuracy" if statement.metric == "drop" else statement.metric
    rivals = [PTQ, QAT]
    if statement.model.startswith("row_"):
        rivals = [m for m in facts.rows_with(statement.model) if m != statement.model]
    elif (
        statement.model == FP32 or statement.than == FP32 or statement.metric in ("size", "latency")
    ):
        rivals = [FP32, PTQ, QAT]
    if statement.than == INT8:
        rivals = [PTQ, QAT]
    relation = {"most": "more", "least": "less"}[statement.relation]
    models = _of(statement.model, facts, metric)
    for rival in rivals:
        for model in models:
            if rival in models:
                continue
            pairs = pairs_of(statement, model, rival, facts)
            if pairs and all(
                contradicts(relation, p, False) and not overlap(p.own, p.base) for p in pairs
            ):
                return _fault(statement, model, rival, pairs[0])
    return None


@rule(
    "claim-same",
    "What is said to be the same is the same.",
    wrong=[RESULTS + "\nPTQ and QAT reach the same accuracy.\n"],
    right=[
        RESULTS + "\nPTQ and QAT have the same size.\n",
        RESULTS + "\nPTQ and QAT have almost the same accuracy.\n",
    ],
)
def claim_same(statement: Statement, facts: Facts) -> Fault | None:
    if statement.relation not in ("same", "par") or statement.modality not in ("claimed", "denied"):
        return None
    if not is_known(statement.model) or not is_known(statement.than):
        return None
    pairs = pairs_of(statement, statement.model, statement.than, facts)
    apart = [p for p in pairs if not overlap(p.own, p.base)]
    if not pairs or len(apart) < len(pairs) or statement.modality == "denied":
        return None
    if statement.metric == "size" and abs(apart[0].own.middle - apart[0].base.middle) < 15_000:
        return None
    pair = apart[0]
    if statement.relation == "par" and abs(pair.own.middle / pair.base.middle - 1) < PAR:
        return None
    own, base = shown_of(statement, pair.own), shown_of(statement, pair.base)
    return Fault(
        statement.place,
        f"they differ: {name_of(statement.model)} {own}, {name_of(statement.than)} {base}",
        f"lines {pair.own_line} and {pair.base_line} give them",
        sure_of(statement),
        also=(pair.own_line, pair.base_line),
    )
