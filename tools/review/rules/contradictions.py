"""What the text says about the networks, against the tables and against itself."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache

from tools.review.findings import Finding
from tools.review.reading.claims import Claim, claims
from tools.review.reading.cues import (
    CHOSEN_OTHERWISE,
    FINAL_MODEL,
    FROM,
    GAINS,
    LOSES,
    OTHER_ACCURACY,
    OTHER_BYTES,
    OTHER_RATIO,
    OTHER_SETTING,
    QUANTIZED,
    SIZE,
    SPEED,
    TO,
)
from tools.review.reading.document import ReportText
from tools.review.reading.quantities import BYTES, Interval, size_bytes
from tools.review.reading.results import (
    NAMES,
    Results,
    accuracy,
    models_in,
    qualifier,
    show_percent,
)
from tools.review.reading.words import (
    ACCURACY_WORD,
    RELATIVE,
    Model,
)
from tools.review.rules.arithmetic import is_ratio
from tools.review.rules.sizes import MEBI, TOLERANCE

FAR = Decimal("0.10")  # a level further away than 10 points is of something else
INT8_KINDS: tuple[Model, ...] = ("ptq", "qat", "int8")


def review_contradictions(document: ReportText, results: Results) -> Iterator[Finding]:
    for claim in claims(document):
        yield from judge(document, results, claim)


def judge(document: ReportText, results: Results, claim: Claim) -> Iterator[Finding]:
    kind, cues = claim.quantity.kind, claim.cues
    is_of_size, is_of_speed = SIZE.search(cues) is not None, SPEED.search(cues) is not None
    is_of_accuracy = ACCURACY_WORD.search(claim.sentence.text) is not None
    if kind == "bytes":
        yield from size_claim(document, results, claim)
    elif kind in ("times", "%") and OTHER_RATIO.search(claim.sentence.text):
        return
    elif kind == "times" and is_of_size != is_of_speed:
        yield from ratio_claim(document, results, claim, is_of_size)
    elif kind == "%" and is_of_size != is_of_speed and not ACCURACY_WORD.search(cues):
        if claim.moves or is_of_speed:
            yield from ratio_claim(document, results, claim, is_of_size)
    elif OTHER_SETTING.search(claim.sentence.text):
        return
    elif kind in ("%", "points") and not (is_of_size or is_of_speed):
        if claim.moves and is_of_accuracy:
            yield from drop_claim(document, results, claim)
        elif kind == "%" and not claim.moves and (is_of_accuracy or claim.quantity.number > 50):
            yield from accuracy_claim(document, results, claim)


@lru_cache(maxsize=16)  # asked anew for every claim
def losses(
    results: Results, model: Model, than: Model = "fp32"
) -> tuple[tuple[Interval, Interval], ...]:
    """Return how much accuracy a network loses against another in each table, and from where."""
    pairs = []
    for table in results.tables:
        starts = [row for row in table if row.model == than] or results.rows(than)
        for row in table:
            if row.model == model and row.accuracy:
                pairs += [(s.accuracy - row.accuracy, s.accuracy) for s in starts if s.accuracy]
    return tuple(dict.fromkeys(pairs))


def drop_claim(document: ReportText, results: Results, claim: Claim) -> Iterator[Finding]:
    """Yield a loss or gain of accuracy that the accuracies contradict."""
    model = claim.model
    is_of_all = not claim.clause.models and QUANTIZED.search(claim.sentence.text)
    about = INT8_KINDS if is_of_all else (model,) if model in INT8_KINDS else ()
    if claim.sentence.is_list:
        about = INT8_KINDS
    pairs = [pair for name in about for pair in losses(results, name)]
    if not pairs or OTHER_ACCURACY.search(claim.cues):
        return
    points, gains = claim.value.times("0.01"), GAINS.search(claim.cues) is not None
    is_loss = LOSES.search(claim.cues) is not None
    senses = [points] * (is_loss or not gains) + [-points] * gains
    also = losses(results, model, "ptq") if model == "qat" and gains else ()
    if any(sense.touches(loss) for sense in senses for loss, _ in [*pairs, *also]):
        return
    loss, start = pairs[0]
    ratio = Interval(loss.low / start.high, loss.high / start.low)
    if points.touches(ratio) and RELATIVE.search(claim.sentence.text):
        return
    rule, why = wrong_drop(claim, loss, ratio)
    yield document.finding(
        rule,
        claim.line,
        claim.sentence.text,
        f"{show_percent(loss)} points",
        why,
        "likely" if claim.clause.is_inherited or rule == "drop-relative" else "certain",
    )


def wrong_drop(claim: Claim, loss: Interval, ratio: Interval) -> tuple[str, str]:
    """Return the rule that a wrong loss breaks, and why."""
    if claim.value.times("0.01").touches(ratio):
        return "drop-relative", "this is relative to FP32's accuracy"
    if claim.quantity.interval.touches(loss) and not claim.quantity.is_integer:
        return "drop-unit", "this is a fraction, not percentage points"
    return "claim-drop", f"the accuracies give {show_percent(loss)} points"


def accuracy_claim(document: ReportText, results: Results, claim: Claim) -> Iterator[Finding]:
    """Yield an accuracy of a network that no table gives."""
    model, value = claim.model or baseline_meant(claim), claim.value.times("0.01")
    if model is None or value.high < Decimal("0.2") or OTHER_ACCURACY.search(claim.cues):
        return
    is_of_any = FROM.search(claim.before) or claim.sentence.is_list
    of: tuple[Model, ...] = ("fp32", *INT8_KINDS) if is_of_any else (model,)
    own = [row.accuracy for row in results.rows(*of) if row.accuracy]
    percentages = [q for c in claim.sentence.clauses for q in c.quantities if q.kind == "%"]
    others = len(percentages) > 1 or "than" in claim.before
    baselines = [row.accuracy for row in results.rows("fp32") if row.accuracy]
    accuracies = own + baselines * others
    shares = [a / base for a in own for base in baselines if base.is_positive]
    if not own or any(value.touches(k) for k in [*accuracies, *shares]):
        return
    if is_in_ablation(results, value):
        return
    if min(abs(value.middle - k.middle) for k in accuracies) > FAR:
        return
    yield document.finding(
        "claim-accuracy",
        claim.line,
        claim.sentence.text,
        f"{show_percent(own[0])} %",
        f"elsewhere the report gives {NAMES[model]} that accuracy",
        "likely" if claim.clause.is_inherited or claim.model is None else "certain",
    )


def baseline_meant(claim: Claim) -> Model | None:
    """Return FP32 for the test accuracy of "our best model", the only number of its sentence."""
    text = claim.sentence.text
    percentages = [q for c in claim.sentence.clauses for q in c.quantities if q.kind == "%"]
    is_other = models_in(text) or QUANTIZED.search(text) or CHOSEN_OTHERWISE.search(text)
    is_meant = FINAL_MODEL.search(text) and qualifier(text) == "test"
    is_exact = not claim.quantity.is_integer and len(percentages) == 1
    return "fp32" if is_meant and is_exact and not is_other else None


def is_in_ablation(results: Results, value: Interval) -> bool:
    reached = (accuracy(s.accuracy) for settings in results.ablations for s in settings)
    return any(a is not None and value.touches(a) for a in reached)


def size_claim(document: ReportText, results: Results, claim: Claim) -> Iterator[Finding]:
    """Yield a size of a network that no table gives, or that is in MiB."""
    is_end = claim.model is None and TO.search(claim.before) and SIZE.search(claim.sentence.text)
    models = INT8_KINDS if is_end else (claim.model,) if claim.model else ()
    sizes = [row.size for row in results.rows(*models) if row.size]
    is_other = OTHER_BYTES.search(claim.cues) or OTHER_SETTING.search(claim.sentence.text)
    if not sizes or is_other:
        return
    quantity = claim.quantity
    value = size_bytes(quantity).widened(TOLERANCE)
    count = sum(q.kind == "bytes" for c in claim.sentence.clauses for q in c.quantities)
    baselines = [row.size for row in results.rows("fp32") if row.size]
    savings = [base - size for base in baselines for size in sizes]
    candidates = sizes + baselines * (count > 1) + savings
    roughly = claim.value.times(BYTES[quantity.unit])
    if any(value.touches(k) or roughly.touches(k) for k in candidates):
        return
    if not any(k.middle / 3 < value.middle < k.middle * 3 for k in candidates):
        return
    is_mib = any(value.times(MEBI).touches(k) for k in candidates)
    yield document.finding(
        "size-mib" if is_mib else "claim-size",
        claim.line,
        claim.sentence.text,
        f"{sizes[0].middle / 10**6:.2f} MB",
        "this is the size in MiB (divided by 2**20)" if is_mib else "the table gives another size",
        "certain" if is_mib or not claim.clause.is_inherited else "likely",
    )


def ratio_claim(
    document: ReportText, results: Results, claim: Claim, is_of_size: bool
) -> Iterator[Finding]:
    """Yield a compression or a speed-up that doesn't follow from sizes or latencies."""
    quantized = tuple(model for model in claim.clause.models if model in ("ptq", "qat"))
    models: tuple[Model, ...] = quantized or INT8_KINDS
    pairs = [
        (base, own)
        for row in results.rows(*models)
        for b in results.rows("fp32")
        if (own := row.size if is_of_size else row.latency)
        and (base := b.size if is_of_size else b.latency)
        and own.is_positive
    ]
    if not pairs or fits_ratio(claim, pairs):
        return
    yield document.finding(
        "compression" if is_of_size else "speed-up",
        claim.line,
        claim.sentence.text,
        f"{(pairs[0][0] / pairs[0][1]).middle:.2f}x",
        f"the {'sizes' if is_of_size else 'latencies'} of the table give that ratio",
        "likely" if claim.quantity.kind == "%" else "certain",
    )


def fits_ratio(claim: Claim, pairs: list[tuple[Interval, Interval]]) -> bool:
    """Tell whether a factor or percentage fits FP32 and INT8 measured, as exactly as it is said."""
    quantity, value = claim.quantity, claim.value
    if claim.is_bound:
        return quantity.kind == "%" or any(value.touches(base / own) for base, own in pairs)
    least = Decimal(3) if quantity.kind == "%" and quantity.is_integer else quantity.step
    rough = replace(quantity, step=max(least, value.high - value.low))
    return any(is_ratio(rough, base, own) for base, own in pairs)
