"""The numbers of one sentence against each other: from, to, and what is said of the step."""

import itertools
import re
from decimal import Decimal

from tools.review.reading.amounts import Number
from tools.review.reading.facts import Facts
from tools.review.reading.lexicon import load
from tools.review.reading.quantities import Quantity, quantities, size_bytes
from tools.review.reading.statements import FP32, Statement, percent
from tools.review.reading.words import Span
from tools.review.rules.registry import Fault, rule
from tools.review.rules.training import Said

ARROW = re.compile(r"\s*(?:->|=>|\u2192|\u27a1)\s*")
LEVEL = 20  # percent; from here on it is where something stood, below it is a step
ROUGH = Decimal("0.06")  # relatively, that a rounded factor may be off
OFF = Decimal("0.015")  # points that a step may be off


def steps(said: Said) -> list[tuple[Quantity, Quantity, Span]]:
    """Return the numbers that a sentence says to be a start and an end, with their part of it."""
    words, found = said.words, []
    numbers = [Number(words, q) for q in words.quantities]
    for first, second in itertools.pairwise(numbers):
        one, two = first.quantity, second.quantity
        between = words.shown[one.end : two.start]
        is_led = first.has_before("moves.from") and second.has_before("moves.to")
        kinds = {one.kind, two.kind} - {""}
        if (
            len(kinds) == 1
            and (is_led or ARROW.fullmatch(between))
            and first.segment == second.segment
        ):
            found.append((one, two, first.segment))
    return found


@rule(
    "step-direction",
    "What is said to fall or rise from one number to another does.",
    wrong=["Label smoothing lowered accuracy from 93.12 % to 93.58 %, so it did not help."],
    right=["Label smoothing raised accuracy from 93.12 % to 93.58 %."],
)
def step_direction(said: Said, _: Facts) -> Fault | None:
    if not said.is_told:
        return None
    words = said.words
    for one, two, segment in steps(said):
        span = Span(segment.start, one.start + 1)
        tags = [t for t in words.within(segment, "change") if t.start < two.end]
        if len({t.kind for t in tags}) != 1 or words.within(
            span, "negates", "metric.drop", "metric.loss", "metric.error"
        ):
            continue
        if {one.kind, two.kind} - {""} != {"%"} or min(one.number, two.number) < LEVEL:
            continue
        is_up = two.number > one.number
        if one.number == two.number or is_up == (tags[0].kind == "gains"):
            continue
        verb = "rises" if is_up else "falls"
        return Fault(
            said.place,
            f"it {verb} by {abs(two.number - one.number)} points",
            f"{two.number} is {'above' if is_up else 'below'} {one.number}",
            "likely",
        )
    return None


@rule(
    "step-size",
    "A factor or difference in a sentence follows from the sentence's own numbers.",
    wrong=[
        "For QAT: 16.2 ms -> 7.5 ms, 2.61x faster.",
        "Label smoothing raised accuracy from 93.12 % to 93.58 %, which is 0.56 points.",
    ],
    right=[
        "For QAT: 16.2 ms -> 7.5 ms, 2.16x faster.",
        "Label smoothing raised accuracy from 93.12 % to 93.58 %, which is 0.46 points.",
    ],
)
def step_size(said: Said, _: Facts) -> Fault | None:
    found = steps(said)
    if len(found) != 1 or not said.is_told:
        return None
    one, two, _segment = found[0]
    words = said.words
    others = [q for q in words.quantities if q not in (one, two) and q.start > two.end]
    if len(others) != 1 or others[0].start - two.end > 40 or one.number <= 0 or two.number <= 0:
        return None
    step, kinds = others[0], {one.kind, two.kind} - {""}
    number = Number(words, step)
    if number.is_rough or number.is_bound:
        return None
    if kinds <= {"bytes", "seconds"} and step.kind == "times" and one.unit in ("", two.unit):
        ratio = max(one.number, two.number) / min(one.number, two.number)
        if abs(step.number / ratio - 1) <= ROUGH:
            return None
        return Fault(said.place, f"{ratio:.2f}x", f"{one.number} / {two.number}", "likely")
    if kinds <= {"bytes", "seconds"} and step.kind == "%" and one.unit in ("", two.unit):
        part = 100 * min(one.number, two.number) / max(one.number, two.number)
        senses = [100 - part, 10_000 / part - 100]
        if not said.has("claim.reduced"):
            senses += [part, 10_000 / part]
        if any(abs(step.number - sense) <= max(Decimal(1), step.step) for sense in senses):
            return None
        return Fault(
            said.place, f"{100 - part:.0f} % less", f"{one.number} and {two.number}", "likely"
        )
    is_step = kinds == {"%"} and step.kind in ("points", "%") and 0 < step.number < LEVEL
    if not is_step or min(one.number, two.number) < LEVEL:
        return None
    difference = abs(one.number - two.number)
    relative = 100 * difference / one.number
    if abs(step.number - difference) <= OFF + step.step / 2 or abs(step.number - relative) <= OFF:
        return None
    return Fault(said.place, f"{difference} points", f"{one.number} and {two.number}", "likely")


@rule(
    "parameter-bytes",
    "A number of parameters times the bytes of each is the size.",
    wrong=["With 23.5 million parameters of four bytes each, the file has 47 MB."],
    right=["With 23.5 million parameters of four bytes each, the file has 94 MB."],
)
def parameter_bytes(statement: Statement, _: Facts) -> Fault | None:
    if statement.metric != "parameters" or statement.relation != "is" or statement.value is None:
        return None
    if statement.place.where != "prose" or not statement.is_claim:
        return None
    text = statement.place.text
    segments = [part for part in re.split(r"[;。]", text) if load().has("claim.four_bytes", part)]
    sizes = [q for q in quantities(segments[0]) if q.unit == "mb"] if len(segments) == 1 else []
    right = statement.value.times(4)
    if len(sizes) != 1 or size_bytes(sizes[0]).touches(right.widened(right.middle / 25)):
        return None
    return Fault(
        statement.place,
        f"{right.middle / 10**6:.0f} MB",
        "parameters times four bytes",
        "likely",
    )


@rule(
    "best-validation-differs",
    "The best validation accuracy is the same wherever it is told.",
    wrong=[
        "*Fig. 1: curves of FP32, best validation accuracy 94.36 %.*\n\n"
        "The best validation accuracy of FP32 was 93.46 %.\n"
    ],
    right=[
        "*Fig. 1: curves of FP32, best validation accuracy 93.46 %.*\n\n"
        "The best validation accuracy of FP32 was 93.46 %.\n"
    ],
)
def best_validation_differs(statement: Statement, facts: Facts) -> Fault | None:
    if not _is_best(statement):
        return None
    others = [s for s in facts.statements if _is_best(s) and s.place.line < statement.place.line]
    values = [s.value for s in others if s.value]
    if not values or any(v.touches(statement.value) for v in values if statement.value):
        return None
    assert statement.value is not None
    return Fault(
        statement.place,
        f"{percent(values[0])} % or {percent(statement.value)} %, in both",
        f"line {others[0].place.line} gives the other",
        "likely",
        also=(others[0].place.line,),
        key="best validation",
    )


def _is_best(statement: Statement) -> bool:
    is_level = statement.metric == "accuracy" and statement.relation == "is" and statement.is_claim
    is_own = statement.model in (FP32, "") and not set(statement.others) - {FP32}
    is_told = statement.place.where == "prose" and statement.split == "validation"
    if not (is_level and is_own and is_told and statement.value) or statement.value.low < Decimal(
        "0.2"
    ):
        return False
    return load().has("claim.best_validation", statement.place.text)
