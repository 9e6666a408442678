"""Parts 1 to 3 together: quantization after training."""

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder import experiments, reference
from autograder.checks import test_fusion
from autograder.checks.test_forward import numbers
from autograder.claims import Evidence, about
from autograder.client import Client, Converted, NoAnswerError, Qparams, same
from autograder.diagnoses import diagnose_fusion_error, diagnose_int8_error
from autograder.inputs import FULL, FULL_WIDTH, SMALL, WIDTH, Inputs

NETWORK, OBSERVER = "QuantizableResNet.forward", "CusQuantObserver.scale_approximate"
LONGEST_SHIFT = 8


def ask(client: Client, inputs: Inputs) -> tuple[Converted, Mapping[str, Tensor]]:
    """Return the network quantized with the student's observer."""
    try:
        return client.ask(
            "ptq", Converted, layers=SMALL, num_classes=10, width=WIDTH, seed=inputs.seed,
            observer="student", try_layers=True,
        )  # fmt: skip
    except NoAnswerError as error:
        if error.error and error.outcome == "crashed":
            error.diagnosis = diagnose_fusion_error(error.error)
        raise


@about(NETWORK, needs=("forward.stub_order", "forward.functional_addition"))
def test_converts(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The calibrated network converts, and its INT8 version computes."""
    answer, tensors = ask(client, inputs)
    error, output = answer.forward_error, tensors.get("output")
    is_finite = output is not None and bool(torch.isfinite(output).all())
    got = str(error) if error else f"{'finite' if is_finite else 'not finite'} logits"
    evidence.add("prepare, calibrate, convert, INT8 forward", "finite logits", got, is_finite)
    evidence.judge("", diagnose_int8_error(error) if error else "")


@about(OBSERVER)
def test_power_of_two_scales(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """Every scale of the INT8 network is a power of two that a right shift can apply.

    Activations, weights and residual additions; each layer, tried alone, has to compute with the
    very scale that it names.
    """
    answer, tensors = ask(client, inputs)
    for name, known in sorted(answer.qparams.items()):
        for what, scale in (("output", known.scale), ("weight", known.weight_scale)):
            if scale is not None:
                evidence.add(f"scale of the {what} of {name}", "2**-S with 0 <= S <= 8",
                             exponent(scale), is_shift(scale))  # fmt: skip
    computes = try_layers(client, inputs, answer, tensors)
    wrong = [name for name, holds in computes.items() if not holds]
    evidence.add("layers that compute with these scales", f"all {len(computes)}",
                 f"not {', '.join(wrong[:5])}" if wrong else f"all {len(computes)}",
                 bool(computes) and not wrong)  # fmt: skip
    evidence.judge("A scale that is no power of two needs a multiplier.")


def exponent(scale: float) -> str:
    if not (math.isfinite(scale) and scale > 0):
        return repr(scale)
    return f"2**{round(math.log2(scale), 4):g}"


def is_shift(scale: float) -> bool:
    return any(scale == 2.0**-shift for shift in range(LONGEST_SHIFT + 1))


def try_layers(
    client: Client, inputs: Inputs, answer: Converted, tensors: Mapping[str, Tensor]
) -> dict[str, bool]:
    """Tell of each INT8 layer whether its integers are those that its named scales give.

    What was not fused computes without its BatchNorm here, which costs other points.
    """
    _, fused = test_fusion.ask(client, inputs)
    states = test_fusion.examine(fused, inputs.seed)
    network = reference.filled(SMALL, 10, WIDTH, inputs.seed)
    computes: dict[str, bool] = {}
    for layer, (front, _) in states.items():
        known = answer.qparams.get(layer.conv)
        got = tensors.get(layer.conv)
        computes[layer.conv] = (
            known is not None
            and got is not None
            and agrees(got, convolution(network, layer, front, inputs.seed, known), known)
        )
    for name in [layer.conv for layer in states if layer.conv.endswith("conv3")]:
        functional = name.replace("conv3", "skip_add_relu")
        known, got = answer.qparams.get(functional), tensors.get(functional)
        channels = network.get_submodule(name).out_channels
        pair = [
            experiments.integers(
                experiments.layer_input(inputs.seed, f"{functional}.{n}", int(channels))
            ).dequantize()
            for n in "ab"
        ]
        computes[functional] = (
            known is not None and got is not None and agrees(got, F.relu(pair[0] + pair[1]), known)
        )
    known, got = answer.qparams.get("quant"), tensors.get("quant")
    values = experiments.layer_input(inputs.seed, "quant", 3)
    computes["quant"] = known is not None and got is not None and agrees(got, values, known)
    return computes


@torch.no_grad()
def convolution(
    network: torch.nn.Module, layer: experiments.ConvLayer, front: str, seed: int, known: Qparams
) -> Tensor:
    """Return what a convolution gives for the integers it was tried with, before rounding."""
    tried = reference.Layer(network, layer, seed)
    weight, bias = tried.conv.weight, None
    if "bn" in front.split():
        bn = tried.bn
        factor = bn.weight / torch.sqrt(bn.running_var + bn.eps)
        weight = weight * factor[:, None, None, None]
        bias = bn.bias - bn.running_mean * factor
    if known.weight_scale is None or not 0 < known.weight_scale < math.inf:
        return torch.full((1,), math.nan)
    weight = torch.fake_quantize_per_tensor_affine(weight, known.weight_scale, 0, -128, 127)
    values = experiments.integers(tried.tried).dequantize()
    conv = tried.conv
    output = F.conv2d(values, weight, bias, conv.stride, conv.padding)
    return F.relu(output) if "relu" in front.split() else output


def agrees(got: Tensor, real: Tensor, known: Qparams) -> bool:
    """Tell whether integers are those of real numbers on a grid.

    Numbers that lie between two integers may round to either: the folded weights differ in their
    last bits, and a weight next to a rounding border moves an output by up to a step.
    """
    if not 0 < known.scale < math.inf or got.shape != real.shape:
        return False
    expected = torch.clamp(torch.round(real / known.scale) + known.zero_point, 0, 255)
    steps = (got.to(torch.float32) - expected).abs()
    return bool((steps <= 1).all() and (steps == 0).float().mean() > 0.98)


@about("CusQuantObserver.calculate_qparams")
def test_zero_points(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The zero point is the integer that stands for 0.0: 128 for quint8, 0 for qint8."""
    answer, tensors = ask(client, inputs)
    for name, known in sorted(answer.qparams.items()):
        evidence.add(f"zero point of the output of {name}", "128", str(known.zero_point),
                     known.zero_point == 128)  # fmt: skip
        if known.weight_zero_point is not None:
            evidence.add(f"zero point of the weight of {name}", "0", str(known.weight_zero_point),
                         known.weight_zero_point == 0)  # fmt: skip
    quant = tensors.get("quant")
    known_quant = answer.qparams.get("quant")
    values = experiments.layer_input(inputs.seed, "quant", 3)
    holds = quant is not None and known_quant is not None and agrees(quant, values, known_quant)
    evidence.add("the input quantizer, tried alone", "the integers of these numbers",
                 "the integers of these numbers" if holds else "others", holds)  # fmt: skip
    evidence.judge("The quantization is symmetric.")


@about(NETWORK)
def test_per_tensor_weights(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """Each weight has one scale, so each layer has one shift."""
    answer, tensors = ask(client, inputs)
    layers = {name: known for name, known in answer.qparams.items() if known.per_tensor is not None}
    for name, known in sorted(layers.items()):
        evidence.add(f"weight of {name}", "one scale",
                     "one scale" if known.per_tensor else "one scale a channel",
                     bool(known.per_tensor))  # fmt: skip
    computes = try_layers(client, inputs, answer, tensors)
    wrong = [name for name in layers if not computes.get(name, name == "fc")]
    evidence.add("convolutions that compute with that scale", "all",
                 f"not {', '.join(wrong[:5])}" if wrong else "all", not wrong)  # fmt: skip
    evidence.judge(
        "", "The default per-channel configuration was used instead of CustomQConfig.PTQ."
        if layers and not any(known.per_tensor for known in layers.values()) else ""
    )  # fmt: skip


NEEDED = (
    "forward.block_without_shortcut",
    "forward.block_with_shortcut",
    "forward.network_logits",
    "forward.functional_addition",
    "forward.stub_order",
    "fusion.stem",
    "fusion.blocks",
    "fusion.shortcuts",
    "fusion.relus",
)


@about(NETWORK, needs=NEEDED)
def test_int8_logits(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The INT8 logits agree with the reference's to the bit, at the same scales."""
    answer, tensors = client.ask(
        "ptq", Converted, layers=SMALL, num_classes=10, width=WIDTH, seed=inputs.seed,
        observer="stock",
    )  # fmt: skip
    compare_int8(evidence, SMALL, WIDTH, inputs.seed, answer, tensors)
    evidence.judge("Both networks have the same weights, scales and kernels.")


@about(NETWORK, needs=(*NEEDED, "ptq.converts"))
def test_full_size(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The full ResNet-50 is fused, quantized and computes what the reference computes."""
    seed = inputs.course_seed  # shared by all submissions: the reference computes once
    answer, tensors = client.ask(
        "ptq", Converted, layers=FULL, num_classes=10, width=FULL_WIDTH, seed=seed,
        observer="student",
    )  # fmt: skip
    compare_int8(evidence, FULL, FULL_WIDTH, seed, answer, tensors)
    evidence.judge("Both networks have the same weights, scales and kernels.")


def compare_int8(
    evidence: Evidence,
    layers: list[int],
    width: int,
    seed: int,
    answer: Converted,
    tensors: Mapping[str, Tensor],
) -> None:
    """Observe whether INT8 logits are the reference's at the scales that were named."""
    known = tuple(sorted(answer.qparams.items()))
    try:
        expected = reference.cached_int8_logits(tuple(layers), 10, width, seed, known)
    except (KeyError, RuntimeError, ValueError, OverflowError) as error:
        evidence.add("a scale for each INT8 layer", "usable", f"unusable: {error}", holds=False)
        return
    got = tensors.get("output")
    what = "the INT8 network on 2 random images"
    holds = same(got, expected)
    evidence.add(what, numbers(expected), numbers(got), holds)
