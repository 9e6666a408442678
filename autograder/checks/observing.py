"""What checks share: how they ask, what they compare, and what of other claims they build on."""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from autograder.claims import Evidence
from autograder.expected import reference
from autograder.expected.agreement import same
from autograder.expected.examination import TOLERANCE
from autograder.expected.inputs import SMALL, SMALLEST, WIDTH, Inputs
from autograder.inside import experiments
from autograder.inside.questions import Converted, Fusion, Ptq, Qat, Qparams

CLASSES = 10
LONGEST_SHIFT = 8
TRAINING_STEPS = 1  # the second shows nothing that the first doesn't, and takes as long
FORWARD = (
    "forward.block_without_shortcut",
    "forward.block_with_shortcut",
    "forward.network_logits",
    "forward.functional_addition",
    "forward.stub_order",
)
INT8_FORWARD = FORWARD[3:]
FUSION = ("fusion.stem", "fusion.blocks", "fusion.shortcuts", "fusion.relus")
CONVERTED = ("ptq.converts",)


def fusion(inputs: Inputs, is_qat: bool = False) -> Fusion:
    """Ask for the fused network; its layers are tried alone where the inputs are public."""
    is_public = inputs.visibility == "public"
    return Fusion(
        SMALL,
        CLASSES,
        WIDTH,
        inputs.seed,
        is_qat,
        tries_layers=is_public,
        tries_int8=is_public and not is_qat,
    )


def ptq(inputs: Inputs) -> Ptq:
    """Ask for the network quantized with the student's observer, each layer tried alone."""
    return Ptq(SMALL, CLASSES, WIDTH, inputs.seed, tries_layers=True)


def qat(inputs: Inputs) -> Qat:
    """Ask for the network after a step of QAT."""
    return Qat(SMALLEST, CLASSES, WIDTH, inputs.seed, TRAINING_STEPS)


def numbers(values: Tensor | None) -> str:
    """Return the first numbers of a tensor, with its shape."""
    if values is None:
        return "nothing"
    first = ", ".join(f"{value:.4f}" for value in values.flatten()[:3].tolist())
    return f"[{first}, ...] of shape {tuple(values.shape)}"


def compare(evidence: Evidence, what: str, expected: Tensor, got: Tensor | None) -> None:
    """Observe whether two float tensors agree."""
    holds = same(got, expected, TOLERANCE)
    text = numbers(got)
    if got is not None and not holds and got.shape == expected.shape:
        text += f"; off by up to {float((got - expected).abs().max()):.4g}"
    evidence.add(what, numbers(expected), text, holds)


def compare_int8(
    evidence: Evidence,
    what: str,
    compute: Callable[[reference.Known], Tensor],
    converted: Converted,
    steps: int = 0,
) -> None:
    """Observe whether a converted module computes what the reference computes at its scales.

    To the bit, or within a number of steps of the output's grid.
    """
    if converted.error:
        evidence.add(what, "computes", str(converted.error), holds=False)
        return
    try:
        expected = compute(tuple(sorted(converted.qparams.items())))
    except (KeyError, RuntimeError, ValueError, OverflowError) as error:
        evidence.add(f"{what}: scales", "one for each layer", f"unusable: {error}", holds=False)
        return
    got = converted.output
    holds = same(got, expected)
    if steps and got is not None and got.shape == expected.shape:
        allowed = min(steps * smallest_step(expected), float(expected.abs().max()) / 10)
        holds |= bool((got - expected).abs().max() <= allowed)
    evidence.add(what, numbers(expected), numbers(got), holds)


def smallest_step(values: Tensor) -> float:
    """Return the step of the grid that values lie on, as far as they show it."""
    gaps = values.flatten().sort().values.diff()
    return float(gaps[gaps > 0].min()) if bool((gaps > 0).any()) else 0.0


def observe_layers(evidence: Evidence, computes: Mapping[str, bool]) -> None:
    """Observe that INT8 layers, tried alone, compute with the scales that they name.

    Three quarters prove that what is named is true; what a layer with other weights computes costs
    the points of other claims.
    """
    wrong = [name for name, holds in computes.items() if not holds]
    got = f"{len(computes) - len(wrong)} of {len(computes)}"
    got += f", not {', '.join(wrong[:5])}" if wrong else ""
    holds = 4 * len(wrong) <= len(computes)
    evidence.add("INT8 layers that compute with their scales", "most", got, holds)


def observe_scales(
    evidence: Evidence, qparams: Mapping[str, Qparams], layers: Sequence[int]
) -> None:
    """Observe that the scales of all layers are powers of two."""
    for name in int8_names(layers):
        known = qparams.get(name)
        both = [] if known is None else [known.scale, known.weight_scale]
        scales = [scale for scale in both if scale is not None]
        got = ", weight ".join(exponent(scale) for scale in scales) or "no INT8 layer"
        holds = bool(scales) and all(is_shift(scale) for scale in scales)
        evidence.add(f"scales of {name}", "2**-S with 0 <= S <= 8", got, holds)


def int8_names(layers: Sequence[int]) -> list[str]:
    """Return the names of all that has a scale: quantizer, convolutions, additions, classifier."""
    names = [layer.conv for layer in experiments.conv_layers(layers)]
    additions = [n.replace("conv3", "skip_add_relu") for n in names if n.endswith("conv3")]
    return ["quant", *names, *additions, "fc"]


def exponent(scale: float) -> str:
    if not (math.isfinite(scale) and scale > 0):
        return repr(scale)
    return f"2**{round(math.log2(scale), 4):g}"


def is_shift(scale: float) -> bool:
    return any(scale == 2.0**-shift for shift in range(LONGEST_SHIFT + 1))


def varies(logits: Tensor | None) -> bool:
    """Tell whether logits take more than a few values, as useful scales give."""
    return logits is not None and len(set(logits.flatten().tolist())) > 4


def is_finite(values: Tensor | None) -> bool:
    return values is not None and bool(torch.isfinite(values).all())
