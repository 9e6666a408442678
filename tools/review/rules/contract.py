"""What the report says about scale, zero point and shift, against the lab's contract."""

from tools.review.findings import Sure
from tools.review.reading.facts import Facts
from tools.review.reading.statements import Statement
from tools.review.rules.registry import Fault, rule

ZERO_POINTS = {"quint8": 128, "qint8": 0}
CONTRACT = "the contract of scale_approximate"


def sure_of(statement: Statement) -> Sure:
    return "certain" if statement.place.where == "formula" else "likely"


def topic(statement: Statement, name: str) -> bool:
    return statement.metric == name and statement.is_claim


@rule(
    "zero-point",
    "The zero point is 128 for quint8 and 0 for qint8.",
    wrong=[
        "The zero point is 0 for qint8 and 127 for quint8.",
        "```python\nzero_point = 0 if self.dtype == torch.qint8 else 127\n```",
        "quint8 的零點為 0。",
    ],
    right=[
        "The zero point is 128 for quint8 and 0 for qint8.",
        "```python\nzero_point = 128 if dtype == torch.quint8 else 0\n```",
        "With an affine scheme, activations after ReLU get zero point 0.",
    ],
)
def zero_point(statement: Statement, _: Facts) -> Fault | None:
    if not topic(statement, "zero point") or statement.value is None:
        return None
    right = ZERO_POINTS[statement.model]
    if statement.value.middle == right:
        return None
    return Fault(
        statement.place,
        f"{right} for {statement.model}",
        "the lab's quantization is symmetric: 128 for quint8, 0 for qint8",
        sure_of(statement),
        key=f"{statement.model} {statement.value.middle}",
    )


@rule(
    "integer-range",
    "quint8 has the integers 0 to 255, which are 255 steps.",
    wrong=[
        "- activation: quint8, range [0, 255], so qmax - qmin = 254",
        "quint8 has the range [0, 254].",
    ],
    right=["- activation: quint8, range [0, 255], so qmax - qmin = 255"],
)
def integer_range(statement: Statement, _: Facts) -> Fault | None:
    value = statement.value
    if value is None or not statement.is_claim:
        return None
    if statement.metric == "levels" and value.middle != 256:
        return Fault(
            statement.place, "256 values", "0 to 255 are 256 values, and 255 steps", "likely"
        )
    if statement.metric not in ("steps", "integer range"):
        return None
    if statement.metric == "steps":
        if value.middle == 255:
            return None
        return Fault(
            statement.place, "qmax - qmin = 255", "255 - 0 = 127 - (-128) = 255", "certain"
        )
    right = (-128, 127) if statement.model == "qint8" else (0, 255)
    if (int(value.low), int(value.high)) == right:
        return None
    return Fault(
        statement.place,
        f"{right[0]} to {right[1]}",
        "8 bits have 256 values",
        sure_of(statement),
        key=f"{value.low} {value.high}",
    )


@rule(
    "scale-formula",
    "The scale is 2*max(|min|, |max|)/255, approximated by 2**-S.",
    wrong=[
        "The scale is $s = \\frac{\\max(|x_{min}|, |x_{max}|)}{255}$.",
        "For weights, scale = 2 * max(|min|, |max|) / 127.",
        "The scale becomes 2^S, S being the bits of a right shift: S = round(-log2(scale)).",
        "Our observer computes scale = (max - min) / 255.",
    ],
    right=[
        "scale = 2 * max(|min|, |max|) / 255, or s = max(|a|, |b|) / 127.5",
        "In general, scale = (max - min) / 255; our observer is symmetric.",
        "1 / scale = 2^S",
    ],
)
def scale_formula(statement: Statement, facts: Facts) -> Fault | None:
    if topic(statement, "positive power"):
        if statement.place.where == "formula" and not _has_shift(facts):
            return None
        return Fault(
            statement.place,
            "2**-S",
            "S is the number of bits of a right shift, so the scale is 2**-S",
            "likely",
            key=f"power {statement.place.line}",
        )
    if topic(statement, "affine own"):
        return Fault(
            statement.place,
            "symmetric: 2*max(|min|, |max|)/255",
            "the lab's observer is symmetric",
            "likely",
        )
    if topic(statement, "half formula"):
        why = "255 steps reach from -max to max, so the factor 2 is missing"
        return Fault(statement.place, "2*max(|min|, |max|)/255", why, "likely")
    if not topic(statement, "scale factor") or statement.value is None:
        return None
    factor = float(statement.value.middle)
    text = statement.place.text
    if 1.003 <= factor <= 1.005 and not _is_general(text):
        why = "the lab's 255 steps make that max/127.5"
        return Fault(statement.place, "2*max(|min|, |max|)/255", why, "possible", key="127")
    if 0.98 <= factor <= 1.02:
        return None
    if 0.75 <= factor <= 0.8:  # (max - min) / 255
        if not _is_own(text):
            return None
        why = "the lab's observer is symmetric"
    elif 0.49 <= factor <= 0.51:
        why = "255 steps reach from -max to max, so the factor 2 is missing"
    elif 1.9 <= factor <= 2.1:
        why = "this scale is twice the lab's: 2*max/255, or max/127"
    else:
        return None
    return Fault(
        statement.place,
        "2*max(|min|, |max|)/255",
        why,
        "likely",
        key=f"factor {factor} {statement.place.line}",
    )


def _is_general(text: str) -> bool:
    from tools.review.reading.lexicon import load

    return load().has("in_general", text)


def _is_own(text: str) -> bool:
    from tools.review.reading.lexicon import load

    return load().has("own_observer", text)


def _has_shift(facts: Facts) -> bool:
    return any(s.metric == "shift" or s.metric == "shift range" for s in facts.statements)


@rule(
    "scale-power",
    "The scale is a whole power of two: S is an integer.",
    wrong=[
        "We round to quarter steps, so the scale is 2^(n/4).",
        "```python\nreturn 2 ** (round(math.log2(scale) * 4) / 4)\n```",
    ],
    right=["The scale is 2^-S with S = round(-log2(scale))."],
)
def scale_power(statement: Statement, _: Facts) -> Fault | None:
    is_said = topic(statement, "fraction power") or topic(statement, "unrounded")
    is_computed = statement.metric == "shift" and statement.relation == "fraction"
    is_unrounded = (
        statement.metric == "shift"
        and statement.relation == "unrounded"
        and "2" in statement.place.text
        and "**" in statement.place.text
    )
    if not (is_said or is_computed or is_unrounded):
        return None
    return Fault(
        statement.place,
        "2**-S with an integer S",
        "S has to be an integer: 2**0.25 is no shift",
        sure_of(statement),
        key="power",
    )


@rule(
    "scale-value",
    "Scales that are called powers of two are powers of two.",
    wrong=[
        "The approximated scale is 0.0167, a power of two.",
        "近似後的縮放因子為 0.015625 與 0.03,都是 2 的冪次。",
    ],
    right=[
        "The approximated scale is 0.0156, a power of two.",
        "A scale of 0.3 becomes a power of two, 0.25.",
    ],
)
def scale_value(statement: Statement, _: Facts) -> Fault | None:
    if statement.metric != "no power" or statement.modality not in ("claimed", "supposed"):
        return None
    return Fault(
        statement.place,
        f"{statement.relation}",
        "that is the nearest power of two",
        "likely",
        key=f"{statement.place.line} {statement.relation}",
    )


@rule(
    "shift-example",
    "S in an example is the logarithm, rounded to the nearest integer.",
    wrong=[
        "The scale 0.3 has -log2 of 1.74, so S is 1.",
        "A scale of 0.02 becomes 2^-5.",
        "Scales above 1 get S = 8.",
    ],
    right=[
        "The scale 0.3 has -log2 of 1.74, so S is 2.",
        "A scale of 0.02 becomes 2^-6.",
        "With floor, a scale of 0.3 would become 0.5.",
    ],
)
def shift_example(statement: Statement, _: Facts) -> Fault | None:
    if statement.metric != "example" or statement.modality not in ("claimed", "supposed"):
        return None
    return Fault(
        statement.place,
        f"S = {statement.relation}",
        "S is the nearest integer",
        "likely",
        key=f"{statement.place.line}",
    )


@rule(
    "shift-rounding",
    "S is rounded to the nearest integer.",
    wrong=[
        "S is rounded down to an integer.",
        "$S = \\lfloor -\\log_2 s \\rfloor$",
        "```python\nshift = math.floor(-math.log2(scale))\n```",
    ],
    right=[
        "$S = \\lfloor -\\log_2 s \\rceil$",
        "For S we take floor(-log2(scale) + 0.5).",
        "A right shift rounds down.",
    ],
)
def shift_rounding(statement: Statement, _: Facts) -> Fault | None:
    is_computed = statement.metric == "shift" and statement.relation in ("floor", "ceil")
    if not (topic(statement, "floor") or is_computed):
        return None
    return Fault(
        statement.place,
        "S is the integer nearest to -log2(scale)",
        CONTRACT,
        sure_of(statement),
        key=f"rounding {statement.place.line}",
    )


@rule(
    "shift-range",
    "S stays within 0 and max_shift_amount, which is 8.",
    wrong=[
        "S is clamped to [0, 7].",
        "S can be at most 4.",
        "The limit makes 2**-8 the largest scale that can occur.",
        "```python\nS = max(1, min(round(-math.log2(scale)), 8))\n```",
    ],
    right=["S is clamped to [0, 8].", "In our network S lies between 4 and 8."],
)
def shift_range(statement: Statement, _: Facts) -> Fault | None:
    if statement.metric == "shift" and statement.relation.startswith("at "):
        why = f"S is {statement.relation} here; {CONTRACT}"
        return Fault(statement.place, "0 to max_shift_amount (8)", why, sure_of(statement))
    if topic(statement, "negative shift"):
        return Fault(statement.place, "S is at least 0", CONTRACT, "likely")
    if topic(statement, "limit"):
        what, _space, right = statement.relation.rpartition(" ")
        names = {
            "shift most": "the largest S",
            "scale least": "the smallest scale",
            "scale most": "the largest scale",
        }
        return Fault(statement.place, f"{names[what]} is {right}", CONTRACT, "likely")
    value = statement.value
    if not topic(statement, "shift range") or value is None:
        return None
    if (int(value.low), int(value.high)) in ((0, 8), (-8, 0)):
        return None
    return Fault(
        statement.place,
        "0 to max_shift_amount (8)",
        CONTRACT,
        "likely",
        key=f"{value.low} {value.high}",
    )


@rule(
    "shift-sign",
    "S is the negative logarithm: scales below 1 have a positive S.",
    wrong=[
        "$S = \\text{round}(\\log_2(scale))$",
        "```python\ndef f(scale):\n    S = round(-math.log2(scale))\n    return 2.0 ** S\n```",
    ],
    right=["$S = \\text{round}(-\\log_2(scale))$"],
)
def shift_sign(statement: Statement, _: Facts) -> Fault | None:
    if statement.metric == "shift" and statement.relation == "power":
        why = "S is the number of bits of a right shift, so the scale is 2**-S"
        return Fault(statement.place, "2.0 ** -S", why, sure_of(statement), key="sign")
    if statement.metric != "shift" or statement.relation != "sign":
        return None
    return Fault(
        statement.place,
        "S = round(-log2(scale))",
        "the logarithm of a scale below 1 is negative, and S counts bits",
        "likely",
        key="sign",
    )


@rule(
    "shift-direction",
    "The scale is applied by a right shift.",
    wrong=["We implement the multiplication by a left shift.", "使用左移取代乘法。"],
    right=["A left shift would multiply instead.", "We shift to the right, not to the left."],
)
def shift_direction(statement: Statement, _: Facts) -> Fault | None:
    if not topic(statement, "left"):
        return None
    return Fault(
        statement.place,
        "a right shift (x >> S)",
        "multiplying by 2**-S shifts to the right",
        sure_of(statement),
        key=f"left {statement.place.line}",
    )
