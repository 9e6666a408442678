"""Parts 1 to 3 together: quantization after training."""

import math
from collections.abc import Callable, Mapping
from functools import partial

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
    answer, _ = ask(client, inputs)
    for name, known in sorted(answer.qparams.items()):
        for what, scale in (("output", known.scale), ("weight", known.weight_scale)):
            if scale is not None:
                evidence.add(f"scale of the {what} of {name}", "2**-S with 0 <= S <= 8",
                             exponent(scale), is_shift(scale))  # fmt: skip
    computes = try_layers(client, inputs)
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


def try_layers(client: Client, inputs: Inputs) -> dict[str, bool]:
    """Tell of each INT8 layer whether its integers are those that its named scales give.

    What was not fused computes without its BatchNorm here, which costs other points.
    """

    def compute() -> dict[str, bool]:
        answer, tensors = ask(client, inputs)
        network = reference.filled(SMALL, 10, WIDTH, inputs.seed)
        computes: dict[str, bool] = {}

        def compare(name: str, real: Callable[[Qparams], Tensor]) -> None:
            known, got = answer.qparams.get(name), tensors.get(name)
            computes[name] = known is not None and got is not None and agrees(got, real, known)

        for layer, (front, _) in test_fusion.examine(client, inputs).items():
            tried = reference.Layer(network, layer, inputs.seed)
            compare(layer.conv, partial(convolution, tried, front))
            if layer.conv.endswith("conv3"):
                name = layer.conv.replace("conv3", "skip_add_relu")
                shape = len(tried.conv.weight)
                a, b = (
                    experiments.integers(
                        experiments.layer_input(inputs.seed, f"{name}.{n}", shape)
                    ).dequantize()
                    for n in "ab"
                )
                compare(name, lambda _, total=a + b: F.relu(total))  # type: ignore[misc]
        compare("quant", lambda _: experiments.layer_input(inputs.seed, "quant", 3))
        return computes

    return client.derive(f"INT8 layers {inputs.seed}", compute)


@torch.no_grad()
def convolution(tried: reference.Layer, front: str, known: Qparams) -> Tensor:
    """Return what a convolution gives for the integers it was tried with, before rounding."""
    conv, bn = tried.conv, tried.bn
    weight, bias = conv.weight, None
    if "bn" in front.split():  # Jacob et al., arXiv:1712.05877, equation 14
        factor = bn.weight / torch.sqrt(bn.running_var + bn.eps)
        weight = weight * factor[:, None, None, None]
        bias = bn.bias - bn.running_mean * factor
    if known.weight_scale is None or not 0 < known.weight_scale < math.inf:
        return torch.full((1,), math.nan)
    weight = torch.fake_quantize_per_tensor_affine(weight, known.weight_scale, 0, -128, 127)
    values = experiments.integers(tried.tried).dequantize()
    output = F.conv2d(values, weight, bias, conv.stride, conv.padding)
    return F.relu(output) if "relu" in front.split() else output


def agrees(got: Tensor, real: Callable[[Qparams], Tensor], known: Qparams) -> bool:
    """Tell whether integers are those of real numbers on a grid.

    Numbers that lie between two integers may round to either: the folded weights differ in their
    last bits, and a weight next to a rounding border moves an output by up to a step.
    """
    if not 0 < known.scale < math.inf:
        return False
    numbers = real(known)
    if got.shape != numbers.shape:
        return False
    expected = torch.clamp(torch.round(numbers / known.scale) + known.zero_point, 0, 255)
    steps = (got.to(torch.float32) - expected).abs()
    return bool((steps <= 1).all() and (steps == 0).float().mean() > 0.98)


@about("CusQuantObserver.calculate_qparams")
def test_zero_points(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The zero point is the integer that stands for 0.0: 128 for quint8, 0 for qint8."""
    answer, _ = ask(client, inputs)
    for name, known in sorted(answer.qparams.items()):
        evidence.add(f"zero point of the output of {name}", "128", str(known.zero_point),
                     known.zero_point == 128)  # fmt: skip
        if known.weight_zero_point is not None:
            evidence.add(f"zero point of the weight of {name}", "0", str(known.weight_zero_point),
                         known.weight_zero_point == 0)  # fmt: skip
    holds = try_layers(client, inputs)["quant"]
    evidence.add("the input quantizer, tried alone", "the integers of these numbers",
                 "the integers of these numbers" if holds else "others", holds)  # fmt: skip
    evidence.judge("The quantization is symmetric.")


@about(NETWORK)
def test_per_tensor_weights(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """Each weight has one scale, so each layer has one shift."""
    answer, _ = ask(client, inputs)
    layers = {name: known for name, known in answer.qparams.items() if known.per_tensor is not None}
    for name, known in sorted(layers.items()):
        evidence.add(f"weight of {name}", "one scale",
                     "one scale" if known.per_tensor else "one scale a channel",
                     bool(known.per_tensor))  # fmt: skip
    computes = try_layers(client, inputs)
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
    compare_int8(evidence, SMALL, WIDTH, inputs.seed, 2, answer, tensors)
    evidence.judge("Both networks have the same weights, scales and kernels.")


@about(NETWORK, needs=(*NEEDED, "ptq.converts"))
def test_full_size(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The full ResNet-50 is fused, quantized and computes what the reference computes."""
    seed = inputs.course_seed  # shared by all submissions: the reference computes once
    answer, tensors = client.ask(
        "ptq", Converted, layers=FULL, num_classes=10, width=FULL_WIDTH, seed=seed,
        observer="student", batch=1,
    )  # fmt: skip
    compare_int8(evidence, FULL, FULL_WIDTH, seed, 1, answer, tensors)
    evidence.judge("Both networks have the same weights, scales and kernels.")


def compare_int8(
    evidence: Evidence,
    layers: list[int],
    width: int,
    seed: int,
    batch: int,
    answer: Converted,
    tensors: Mapping[str, Tensor],
) -> None:
    """Observe whether INT8 logits are the reference's at the scales that were named."""
    known = tuple(sorted(answer.qparams.items()))
    try:
        expected = reference.cached_int8_logits(tuple(layers), width, seed, batch, known)
    except (KeyError, RuntimeError, ValueError, OverflowError) as error:
        evidence.add("a scale for each INT8 layer", "usable", f"unusable: {error}", holds=False)
        return
    got = tensors.get("output")
    what = f"the INT8 network on {batch} random image{'s' if batch > 1 else ''}"
    holds = same(got, expected)
    evidence.add(what, numbers(expected), numbers(got), holds)
