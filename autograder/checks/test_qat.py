"""Parts 1 to 3 together: quantization-aware training."""

import copy
import math
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from autograder.checks.observing import (
    CLASSES,
    CONVERTED,
    FORWARD,
    FP32_FORWARD,
    INT8_FORWARD,
    QAT_FUSION,
    SCALES,
    caller_of_layers,
    exponent,
    fusion,
    observe_layers,
    observe_output,
    observe_ranges,
    observe_scales,
    qat,
)
from autograder.claims import Charged, Evidence, about
from autograder.expected import grids, reference
from autograder.expected.agreement import same
from autograder.expected.contract import LONGEST_SHIFT, approximated
from autograder.expected.examination import TOLERANCE, is_whole, trained_layers
from autograder.expected.inputs import PUBLIC_CALLS, SMALL, SMALLEST, WIDTH, Inputs
from autograder.host.answers import NoAnswerError
from autograder.host.client import Client
from autograder.inside.experiments import ConvLayer, conv_layers, input_of
from autograder.inside.questions import Qparams, Ranges, Scales, TrainedLayer

# FakeQuantize rounds what a gradient is taken of: cosines of 0.73 to 0.94 with FP32's were seen on
# the solution, and about 0 is what any other change of so many weights has.
ALIGNED = 0.3
# Rounding moves the ranges of activations: the solution's by up to 13 %, on 40 seeds.
TRAINED_ERROR = 0.5
FUSE = "QuantizableResNet.fuse_model"
OBSERVER_CLAIMS = (*SCALES, "ptq.zero_points")
MODES = ("forward.block_modes", "forward.network_modes")
FUNCTION_CLAIMS = (*FP32_FORWARD, *MODES, "fusion.output_unchanged", *QAT_FUSION)
# What gives activations other ranges, or other scales for them.
RANGES = (*FORWARD, *FUNCTION_CLAIMS, *OBSERVER_CLAIMS, *CONVERTED)
RUNS = (*FP32_FORWARD, *SCALES, *QAT_FUSION)  # without these no step of training is as it should be


@about(FUSE, follows=(*RUNS, "forward.network_gradients"), excused_by=RANGES)
def test_fake_quantize(
    client: Client, inputs: Inputs, evidence: Evidence, charged: Charged
) -> None:
    """While QAT trains, FakeQuantize rounds the output of every convolution to its grid."""
    question = qat(inputs)
    trained, is_any = client.ask(question), False
    for name, state in client.derive(trained_layers, question).items():
        layer, known = trained.convolutions.get(name), trained.converted.qparams.get(name)
        got = rounded_text(layer, known, state.is_fake)
        evidence.add(f"output of {name}", "multiples of its scale", got, state.is_fake)
        is_any |= layer is not None and layer.fake_scale is not None
    diagnosis = "Plain observers watch but don't round: training is ordinary fine-tuning."
    text, place = "", None
    if not charged(*RANGES):
        shape = question.layers, question.num_classes, question.width, question.seed
        ranges = grids.trained(*shape)
        largest = {layer.conv: ranges[layer.conv] for layer in conv_layers(question.layers)}
        what = "scales of convolutions after training"
        if wrong := observe_ranges(evidence, what, trained.converted, largest, TRAINED_ERROR):
            text = "In forward, self.conv1(x) rounds as well; self.conv1.forward(x) goes past that."
            place = caller_of_layers(client, wrong)
    evidence.judge(text, "" if is_any else diagnosis, place=place)


def rounded_text(layer: TrainedLayer | None, known: Qparams | None, is_fake: bool) -> str:
    """Return what the output of a layer is rounded to while it trains, in words."""
    if layer is None or layer.fake_scale is None:
        return "no FakeQuantize"
    scale = layer.fake_scale
    if not 0 < scale < math.inf:
        return f"a scale of {scale!r}"
    if not is_fake and not bool(layer.output.any()):
        return f"zeros alone, at the scale {exponent(scale)}"
    if not is_fake and not is_whole(layer.output / scale):
        return f"no multiples of {exponent(scale)}"
    text = f"multiples of {exponent(scale)}"
    if known is not None and known.scale != scale:
        return f"{text}, but in INT8 the scale {exponent(known.scale)}"
    return text if is_fake else f"{text}, but not those of its weight and BatchNorm"


@about(
    FUSE,
    follows=(
        *OBSERVER_CLAIMS,
        "forward.gradients",
        "forward.network_gradients",
        *FUNCTION_CLAIMS,
    ),
)
def test_weights_move(client: Client, inputs: Inputs, evidence: Evidence, charged: Charged) -> None:
    """A training step changes every convolution's weight, and its BatchNorm's statistics."""
    trained = client.ask(qat(inputs))
    states = client.derive(trained_layers, qat(inputs))
    network = reference.filled(SMALLEST, CLASSES, WIDTH, inputs.seed)
    gradients = reference.training_gradients(SMALLEST, CLASSES, WIDTH, inputs.seed)
    # Another function has other gradients, and other scales bend them: both are charged elsewhere.
    is_right = not charged(*FUNCTION_CLAIMS) or is_function_right(client, inputs)
    is_right &= not charged(*OBSERVER_CLAIMS) or is_observer_right(client)
    expected, is_still = "moved down its gradient" if is_right else "moved", False
    for layer in conv_layers(SMALLEST):
        name, convolution = layer.conv, trained.convolutions.get(layer.conv)
        before = network.get_submodule(name).weight.detach()
        holds, got = False, "no weight"
        if convolution is not None and convolution.weight.shape == before.shape:
            moved = float((convolution.weight - before).abs().max())
            holds, got = 0 < moved < math.inf, f"moved by up to {moved:.3g}"
            got = got if math.isfinite(moved) else "no longer finite"
            if moved == 0:
                is_still, got = True, "as before"
            if holds and is_right:
                way = alignment(before - convolution.weight, gradients[name])
                if way < ALIGNED:
                    holds, got = False, f"{got}, but not down its gradient (cosine {way:.2f})"
        if holds and not states[name].is_used:
            holds, got = False, f"{got}, but the INT8 layer computes with other weights"
        evidence.add(f"weight of {name} after a step", expected, got, holds)
        if convolution is not None and convolution.mean is not None:
            observe_statistics(evidence, layer, network, convolution.mean)
    losses = trained.losses
    are_finite = bool(losses) and all(map(math.isfinite, losses))
    evidence.add("losses", "finite", ", ".join(f"{loss:.4g}" for loss in losses), are_finite)
    evidence.judge("A weight that stays as it was got no gradient." if is_still else "")


def alignment(a: Tensor, b: Tensor) -> float:
    """Return the cosine of the angle between two tensors of one shape."""
    return float(F.cosine_similarity(a.flatten(), b.flatten(), dim=0))


def is_function_right(client: Client, inputs: Inputs) -> bool:
    """Tell whether the network fused for QAT gives the reference's logits, in both modes."""
    try:
        fused = client.ask(fusion(inputs, is_qat=True))
    except NoAnswerError:
        return False
    network = copy.deepcopy(reference.filled(SMALL, CLASSES, WIDTH, inputs.seed))
    images = input_of(inputs.seed, 2, 3, 32, 32)
    in_eval_mode, output = network(images).detach(), network.train()(images).detach()
    return same(fused.in_eval_mode, in_eval_mode, TOLERANCE) and same(
        fused.output, output, TOLERANCE
    )


def is_observer_right(client: Client) -> bool:
    """Tell whether scales and zero points are those of the contract: others bend gradients."""
    try:
        scales = client.ask(Scales(PUBLIC_CALLS)).results
        qparams = client.ask(Ranges(((-1.0, 2.0, "quint8"),)))
    except NoAnswerError:
        return False
    expected = [
        approximated(scale, LONGEST_SHIFT if most is None else most) for scale, most in PUBLIC_CALLS
    ]
    return [result.value for result in scales] == expected and qparams.zero_points == [128]


def observe_statistics(evidence: Evidence, layer: ConvLayer, network: Any, mean: Tensor) -> None:
    """Observe that a BatchNorm learned from the batches; a missing one costs other points."""
    before = network.get_submodule(layer.bn).running_mean
    holds = mean.shape == before.shape and bool((mean != before).any())
    got = "moved" if holds else "as before"
    evidence.add(f"statistics of {layer.bn} after a step", "moved", got, holds)


@about(FUSE, follows=(*RUNS, *INT8_FORWARD, "ptq.power_of_two_scales", *CONVERTED))
def test_converts(client: Client, inputs: Inputs, evidence: Evidence, charged: Charged) -> None:
    """The trained network converts, its scales are powers of two, and it computes."""
    question = qat(inputs)
    converted = client.ask(question).converted
    observe_scales(evidence, question, converted)
    states = client.derive(trained_layers, question)
    observe_layers(evidence, {name: state.is_used for name, state in states.items()})
    place = observe_output(evidence, "the INT8 network", question, converted, charged)
    text = "QAT trains the weights for the very scales that hardware will have."
    evidence.judge(text, place=place)
