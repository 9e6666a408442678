"""Parts 1 to 3 together: quantization after training."""

import math
from collections.abc import Callable, Mapping
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.checks import test_fusion
from autograder.checks.test_forward import compare_int8
from autograder.claims import Evidence, about
from autograder.expected import reference, trials
from autograder.expected.diagnoses import diagnose_fusion_error, diagnose_int8_error
from autograder.expected.inputs import FULL, FULL_WIDTH, SMALL, WIDTH, Inputs
from autograder.host.client import Client, Converted, NoAnswerError
from autograder.inside import experiments

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


FORWARD = (
    "forward.block_without_shortcut",
    "forward.block_with_shortcut",
    "forward.network_logits",
    "forward.functional_addition",
    "forward.stub_order",
)
FUSION = ("fusion.stem", "fusion.blocks", "fusion.shortcuts", "fusion.relus")


@about(NETWORK, needs=FORWARD[3:], follows=FORWARD + FUSION)
def test_converts(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The calibrated network converts, and its INT8 version computes."""
    answer, tensors = ask(client, inputs)
    error, output = answer.forward_error, tensors.get("output")
    is_finite = output is not None and bool(torch.isfinite(output).all())
    got = str(error) if error else f"{'finite' if is_finite else 'not finite'} logits"
    evidence.add("prepare, calibrate, convert, INT8 forward", "finite logits", got, is_finite)
    observe_layers(evidence, try_layers(client, inputs))
    evidence.judge("", diagnose_int8_error(error) if error else "")


def observe_layers(evidence: Evidence, computes: Mapping[str, bool]) -> None:
    """Observe that INT8 layers, tried alone, compute with the scales that they name.

    Three quarters prove that what is named is true; what a layer with other weights computes costs
    the points of other claims.
    """
    wrong = [name for name, holds in computes.items() if not holds]
    got = f"{len(computes) - len(wrong)} of {len(computes)}"
    got += f", not {', '.join(wrong[:5])}" if wrong else ""
    evidence.add("INT8 layers that compute with their scales", "most", got,
                 4 * len(wrong) <= len(computes))  # fmt: skip


def observe_scales(answer: Converted, evidence: Evidence, layers: list[int]) -> None:
    """Observe that the scales of all layers are powers of two."""
    for name in int8_names(layers):
        known = answer.qparams.get(name)
        scales = [] if known is None else [known.scale, known.weight_scale]
        named = [scale for scale in scales if scale is not None]
        got = ", weight ".join(exponent(scale) for scale in named) or "no INT8 layer"
        holds = bool(named) and all(is_shift(scale) for scale in named)
        evidence.add(f"scales of {name}", "2**-S with 0 <= S <= 8", got, holds)


def int8_names(layers: list[int]) -> list[str]:
    """Return the names of all that has a scale: quantizer, convolutions, additions, classifier."""
    names = [layer.conv for layer in experiments.conv_layers(layers)]
    additions = [n.replace("conv3", "skip_add_relu") for n in names if n.endswith("conv3")]
    return ["quant", *names, *additions, "fc"]


CONVERTED = ("ptq.converts",)


@about(OBSERVER, follows=("observer.whole_power_of_two", "observer.lower_clamp", *CONVERTED))
def test_power_of_two_scales(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """Every scale of the INT8 network is a power of two that a right shift can apply.

    Activations, weights and residual additions; each layer, tried alone, has to compute with the
    very scale that it names.
    """
    answer, _ = ask(client, inputs)
    observe_scales(answer, evidence, SMALL)
    observe_layers(evidence, try_layers(client, inputs))
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
        seed = inputs.seed
        network = reference.filled(SMALL, 10, WIDTH, seed)
        computes: dict[str, bool] = {}

        def compare(name: str, real: Callable[[float, int], Tensor]) -> None:
            known = answer.qparams.get(name)
            computes[name] = known is not None and trials.is_on_grid(
                tensors.get(name),
                real(known.weight_scale or 0.0, known.weight_zero_point or 0),
                known.scale,
                known.zero_point,
            )

        for layer, (front, _) in test_fusion.examine(client, inputs).items():
            tried, parts = trials.layer_of(tuple(SMALL), WIDTH, seed, layer), front.split()
            weight, bias = tried.folded() if "bn" in parts else (tried.conv.weight, None)
            compare(
                layer.conv, partial(tried.convolved, tried.integers, weight, bias, "relu" in parts)
            )
            if layer.conv.endswith("conv3"):
                name = layer.conv.replace("conv3", "skip_add_relu")
                values = (
                    experiments.layer_input(seed, f"{name}.{n}", len(tried.conv.weight))
                    for n in "ab"
                )
                a, b = (experiments.integers(value).dequantize() for value in values)
                compare(name, partial(lambda total, *_: F.relu(total), a + b))
        shown = experiments.layer_input(seed, "quant", 3)
        compare("quant", partial(lambda real, *_: real, shown))
        compare("fc", partial(classified, network.fc, seed))
        return computes

    return client.derive(f"INT8 layers {inputs.seed}", compute)


@torch.no_grad()
def classified(fc: torch.nn.Linear, seed: int, scale: float, zero_point: int) -> Tensor:
    """Return what the INT8 classifier gives for the integers it is tried with."""
    weight = trials.rounded(fc.weight, scale, zero_point)
    if weight is None:
        return torch.full((1,), math.nan)
    values = experiments.integers(experiments.images(seed, 4, fc.in_features)).dequantize()
    return F.linear(values, weight, fc.bias)


@about("CusQuantObserver.calculate_qparams", follows=CONVERTED)
def test_zero_points(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The zero point is the integer that stands for 0.0: 128 for quint8, 0 for qint8."""
    answer, _ = ask(client, inputs)
    for name in int8_names(SMALL):
        known = answer.qparams.get(name)
        got = "no INT8 layer" if known is None else str(known.zero_point)
        holds = known is not None and known.zero_point == 128
        evidence.add(f"zero point of the output of {name}", "128", got, holds)
        if known is not None and known.per_tensor is not None:
            weight = known.weight_zero_point
            got = "one a channel" if weight is None else str(weight)
            evidence.add(f"zero point of the weight of {name}", "0", got, weight in (0, None))
    observe_layers(evidence, try_layers(client, inputs))
    evidence.judge("The quantization is symmetric.")


@about(NETWORK, follows=CONVERTED)
def test_per_tensor_weights(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """Each weight has one scale, so each layer has one shift."""
    answer, _ = ask(client, inputs)
    layers = [*(layer.conv for layer in experiments.conv_layers(SMALL)), "fc"]
    shapes = {name: answer.qparams[name].per_tensor for name in layers if name in answer.qparams}
    words = {True: "one scale", False: "one scale a channel", None: "no INT8 layer"}
    for name in layers:
        is_one = shapes.get(name)
        evidence.add(f"weight of {name}", "one scale", words[is_one], bool(is_one))
    observe_layers(evidence, try_layers(client, inputs))
    evidence.judge(
        "",
        "The default per-channel configuration was used instead of CustomQConfig.PTQ."
        if shapes and not any(shapes.values())
        else "",
    )


NEEDED = FORWARD + FUSION


@about(NETWORK, needs=NEEDED)
def test_int8_logits(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The INT8 logits agree with the reference's to the bit, at the same scales.

    With the student's observer, or with PyTorch's when that one gives no usable scales.
    """
    try:
        answer, tensors = ask(client, inputs)
        is_usable = varies(tensors.get("output"))
    except NoAnswerError:
        is_usable = False
    if not is_usable:
        answer, tensors = client.ask(
            "ptq", Converted, layers=SMALL, num_classes=10, width=WIDTH, seed=inputs.seed,
            observer="stock",
        )  # fmt: skip
    compute = partial(reference.int8_logits, tuple(SMALL), WIDTH, inputs.seed, 2)
    compare_int8(evidence, "the INT8 network on 2 random images", compute, answer, tensors)
    evidence.judge("Both networks have the same weights, scales and kernels.")


@about(NETWORK, needs=(*NEEDED, "ptq.converts"))
def test_full_size(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The full ResNet-50 is fused, quantized and computes what the reference computes."""
    seed = inputs.course_seed  # shared by all submissions: the reference computes once
    answer, tensors = client.ask(
        "ptq", Converted, layers=FULL, num_classes=10, width=FULL_WIDTH, seed=seed,
        observer="student", batch=1,
    )  # fmt: skip
    compute = partial(reference.int8_logits, tuple(FULL), FULL_WIDTH, seed, 1)
    compare_int8(evidence, "the INT8 ResNet-50 on a random image", compute, answer, tensors)
    evidence.judge("Both networks have the same weights, scales and kernels.")


def varies(logits: Tensor | None) -> bool:
    """Tell whether logits take more than a few values, as useful scales give."""
    return logits is not None and len(set(logits.flatten().tolist())) > 4
