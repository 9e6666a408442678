"""What the report says of stubs, fusion, additions, fake quantization and the clamp's effect."""

from dataclasses import replace

from tools.review.findings import Sure
from tools.review.reading.composed import STEPS
from tools.review.reading.facts import Facts
from tools.review.reading.lexicon import load
from tools.review.reading.statements import Statement
from tools.review.rules.contract import sure_of
from tools.review.rules.registry import Fault, rule

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
    "multiplied": (
        "quantize-formula",
        "q = clip(round(x / scale) + zero_point), and back: x = scale * (q - zero_point)",
        "quantizing divides by the scale",
    ),
    "step effect": (
        "clamp-effect",
        "a larger scale has coarser steps and a wider range, a smaller one finer steps",
        "the scale is the width of a step",
    ),
    "ste": (
        "gradient",
        "the straight-through estimator passes the gradient through unchanged",
        "the gradient of rounding, which is 0, is taken as 1",
    ),
    "float weights": (
        "scale-weights",
        "the scales of weights and activations are both powers of two",
        "both observers approximate their scale",
    ),
    "scale grows": (
        "scale-direction",
        "the larger S, the smaller the scale",
        "the scale is 2**-S",
    ),
    "limit effect": (
        "scale-direction",
        "S at most 8 keeps the scale from becoming smaller than 2**-8",
        "the scale is 2**-S",
    ),
    "test calibration": (
        "calibration-on-test",
        "calibration on training images",
        "the test images are for the end: what has chosen something is no test any more",
    ),
    "late limit": ("shift-limit", "S stays within 0 and 8", "max_shift_amount is 8"),
    "no dequant": (
        "stubs",
        "QuantStub converts floats to integers, DeQuantStub back",
        "the two are told the other way round",
    ),
}


def _is_general(statement: Statement) -> bool:
    """Tell whether a condition only says when a clamp acts: "if a scale is below 2^-8, it ..."."""
    is_acting = statement.metric in ("clamp effect", "step effect")
    is_if = statement.modality == "supposed"
    return is_acting and is_if and not load().has("contract.not_clamped", statement.place.text)


def told(statement: Statement, name: str) -> Fault | None:
    entry = TOLD.get(statement.metric)
    if entry is None or entry[0] != name or not (statement.is_claim or _is_general(statement)):
        return None
    sure: Sure = "possible" if name in ("scale-tiny", "clamp-effect") else sure_of(statement)
    return Fault(statement.place, entry[1], entry[2], sure, key=f"{name} {statement.place.line}")


@rule(
    "quantize-formula",
    "Quantizing divides by the scale and adds the zero point; dequantizing undoes that.",
    wrong=[
        "$q = \\mathrm{round}(x \\cdot s) + z$",
        "Dequantization is x = s * (q + z).",
        "We quantize by multiplying x with the scale and rounding.",
    ],
    right=["$q = \\mathrm{round}(x / s) + z$, back: $x = s (q - z)$"],
)
def quantize_formula(statement: Statement, _: Facts) -> Fault | None:
    if statement.metric == "mapping" and statement.is_claim:
        key = f"mapping {statement.place.line}"
        return Fault(statement.place, TOLD["multiplied"][1], statement.relation, "likely", key=key)
    return told(statement, "quantize-formula")


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


@rule(
    "gradient",
    "The straight-through estimator lets gradients pass.",
    wrong=["The straight-through estimator sets the gradient of round to 0."],
    right=[
        "The straight-through estimator passes the gradient unchanged.",
        "The derivative of round is 0 almost everywhere, so QAT uses a straight-through estimator.",
    ],
)
def gradient(statement: Statement, _: Facts) -> Fault | None:
    return told(statement, "gradient")


@rule(
    "scale-weights",
    "Weights have scales that are powers of two, as activations have.",
    wrong=["The scale of the weights need not be a power of two."],
    right=["The scales of the weights are powers of two, too."],
)
def scale_weights(statement: Statement, _: Facts) -> Fault | None:
    return told(statement, "scale-weights")


@rule(
    "scale-direction",
    "The larger S, the smaller the scale.",
    wrong=[
        "The larger S, the larger the scale.",
        "The upper limit of S keeps the scale from becoming too large.",
    ],
    right=[
        "The larger S, the smaller the scale.",
        "The upper limit of S keeps the scale from becoming too small.",
    ],
)
def scale_direction(statement: Statement, _: Facts) -> Fault | None:
    if statement.metric == "scale grows" and statement.modality == "supposed":
        return told(replace(statement, modality="claimed"), "scale-direction")
    return told(statement, "scale-direction")


@rule(
    "calibration-on-test",
    "Observers are calibrated on training images.",
    wrong=["For calibration we took 500 images from the test set."],
    right=["For calibration we took 500 training images; the test set was used once."],
)
def calibration_on_test(statement: Statement, _: Facts) -> Fault | None:
    return told(statement, "calibration-on-test")


@rule(
    "shift-limit",
    "The largest S is max_shift_amount, which is 8.",
    wrong=["We cut S only above 16."],
    right=["We cut S above 8.", "Without the limit S would be above 16."],
)
def shift_limit(statement: Statement, _: Facts) -> Fault | None:
    return told(statement, "shift-limit")


@rule(
    "step-order",
    "Fusing, preparing, calibrating, converting; quant first and dequant after the last layer.",
    wrong=[
        "fuse_model is called after prepare.",
        "dequant comes before fc.",
        "```python\ntq.prepare(net, inplace=True)\nnet.fuse_model()\n```",
    ],
    right=[
        "fuse_model is called before prepare.",
        "dequant comes after fc.",
        "```python\nnet.fuse_model()\ntq.prepare(net, inplace=True)\n```",
    ],
)
def step_order(statement: Statement, _: Facts) -> Fault | None:
    # "Before fusing we called prepare" tells what was done.
    if statement.metric != "order" or statement.modality not in ("claimed", "past"):
        return None
    first, second = statement.model.split()
    return Fault(
        statement.place,
        f"{SHOWN.get(first, first)} before {SHOWN.get(second, second)}",
        ORDERS["steps" if first in STEPS else "layers"],
        sure_of(statement),
        key=f"order {statement.place.line}",
    )


SHOWN = {"fuse": "fusing", "prepare": "prepare", "calibrate": "calibration", "body": "the layers"}
ORDERS = {
    "steps": "a model is fused, prepared, calibrated and converted, in this order",
    "layers": "quant comes first and dequant last, after fc",
}
