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
    if statement.metric != "example" or statement.modality != "claimed":
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
    if topic(statement, "limit"):
        what, _, right = statement.relation.rpartition(" ")
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
    wrong=["$S = \\text{round}(\\log_2(scale))$"],
    right=["$S = \\text{round}(-\\log_2(scale))$"],
)
def shift_sign(statement: Statement, _: Facts) -> Fault | None:
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


TOLD = {
    "tiny zero": (
        "scale-tiny",
        "the values saturate: x / scale is huge, and is clamped to the largest integer",
        "only a scale that is too large rounds values to 0",
    ),
    "clamp effect": (
        "clamp-effect",
        "a scale below 2**-8 is raised to 2**-8, one above 1 is lowered to 1",
        "the clamp moves a scale to the nearest that a shift can apply",
    ),
    "plain add": (
        "residual-addition",
        "FloatFunctional's add_relu, a module that observes the sum",
        "a plain + has no observer, and fails on quantized tensors",
    ),
    "functional": (
        "residual-addition",
        "FloatFunctional gives the sum an observer, so that it is computed in INT8",
        "after conversion it is a quantized addition",
    ),
    "fuse train": (
        "fusion",
        "fusing in eval mode for PTQ (train mode is for QAT)",
        "fuse_modules raises 'Fusion only for eval!' in train mode",
    ),
    "fuse part": (
        "fusion",
        "every Conv2d fused with its BatchNorm2d, and the ReLU behind it, shortcut included",
        "the contract of fuse_model",
    ),
    "prepare eval": (
        "fusion",
        "prepare_qat in train mode",
        "prepare_qat only works on models in training mode",
    ),
    "no fake": (
        "fake-quantization",
        "QAT trains float weights through fake quantization",
        "without it the training would be ordinary fine-tuning",
    ),
    "ptq trains": (
        "fake-quantization",
        "PTQ changes no weight by training: it calibrates observers",
        "only QAT trains",
    ),
    "stub order": (
        "stubs",
        "QuantStub first and DeQuantStub last",
        "the layers between them compute on integers",
    ),
    "stem": (
        "stem",
        "a 3x3 convolution with stride 1, and no max pooling",
        "the lab's images have 32x32 pixels",
    ),
    "fuse eval": (
        "fusion",
        "fuse_modules_qat in train mode",
        "QAT fuses in train mode, and BatchNorm goes on learning",
    ),
    "no dequant": (
        "stubs",
        "QuantStub converts floats to integers, DeQuantStub back",
        "the two are told the other way round",
    ),
}


def told(statement: Statement, name: str) -> Fault | None:
    entry = TOLD.get(statement.metric)
    if entry is None or entry[0] != name or not statement.is_claim:
        return None
    sure: Sure = "possible" if name in ("scale-tiny", "clamp-effect") else sure_of(statement)
    return Fault(statement.place, entry[1], entry[2], sure, key=f"{name} {statement.place.line}")


@rule(
    "scale-tiny",
    "Divided by a tiny scale values saturate; they don't become 0.",
    wrong=["If the scale is tiny, every activation is quantized to 0."],
    right=["If the scale is too large, small values are all quantized to 0."],
)
def scale_tiny(statement: Statement, _: Facts) -> Fault | None:
    if statement.metric != "tiny zero" or statement.modality in ("asked", "denied", "elsewhere"):
        return None
    entry = TOLD["tiny zero"]
    return Fault(statement.place, entry[1], entry[2], "possible", key=f"{statement.place.line}")


@rule(
    "clamp-effect",
    "The clamp raises tiny scales to 2**-8 and lowers large ones to 1.",
    wrong=["A scale above 1 becomes 2^-8 by the clamp."],
    right=["A scale below 2^-8 is raised to 2^-8 by the clamp."],
)
def clamp_effect(statement: Statement, _: Facts) -> Fault | None:
    return told(statement, "clamp-effect")


@rule(
    "residual-addition",
    "The residual addition is FloatFunctional's, which observes the sum.",
    wrong=[
        "A plain + works just as well.",
        "FloatFunctional keeps the addition in FP32.",
        "```python\nout = F.relu(out + identity)\n```",
    ],
    right=[
        "A plain + has no observer, so it can't be quantized.",
        "```python\ny = self.skip_add_relu.add_relu(y, shortcut)\n```",
    ],
)
def residual_addition(statement: Statement, _: Facts) -> Fault | None:
    return told(statement, "residual-addition")


@rule(
    "fusion",
    "Convolutions are fused with what follows them, in eval mode for PTQ.",
    wrong=[
        "For PTQ we fuse in train mode.",
        "The shortcut is not fused.",
        "```python\nmodel.train()\nmodel.fuse_model(is_qat=False)\n```",
    ],
    right=[
        "For PTQ we fuse in eval mode, for QAT in train mode.",
        "```python\nmodel.eval()\nmodel.fuse_model(is_qat=False)\n```",
    ],
)
def fusion(statement: Statement, _: Facts) -> Fault | None:
    return told(statement, "fusion")


@rule(
    "fake-quantization",
    "QAT trains through fake quantization; PTQ does not train.",
    wrong=["QAT trains without fake quantization.", "PTQ retrains the weights for two epochs."],
    right=["QAT inserts fake quantization.", "PTQ needs no training."],
)
def fake_quantization(statement: Statement, _: Facts) -> Fault | None:
    return told(statement, "fake-quantization")


@rule(
    "stem",
    "The stem is a 3x3 convolution with stride 1.",
    wrong=["The stem is a 7x7 convolution with stride 2."],
    right=["Unlike ImageNet's, our stem is no 7x7 convolution."],
)
def stem(statement: Statement, _: Facts) -> Fault | None:
    return told(statement, "stem")


@rule(
    "stubs",
    "QuantStub comes first, DeQuantStub last.",
    wrong=["DeQuantStub comes first and QuantStub last."],
    right=["QuantStub comes first and DeQuantStub last."],
)
def stubs(statement: Statement, _: Facts) -> Fault | None:
    return told(statement, "stubs")
