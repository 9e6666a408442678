"""Parts 1 to 3 together: quantization-aware training."""

import math
from typing import Any

from torch import Tensor

from autograder.checks.observing import (
    CLASSES,
    CONVERTED,
    INT8_FORWARD,
    exponent,
    is_finite,
    observe_layers,
    observe_scales,
    qat,
)
from autograder.claims import Evidence, about
from autograder.expected import reference
from autograder.expected.examination import trained_layers
from autograder.expected.inputs import SMALLEST, WIDTH, Inputs
from autograder.host.client import Client
from autograder.inside.experiments import ConvLayer, conv_layers

FUSE = "QuantizableResNet.fuse_model"
OBSERVER = ("observer.whole_power_of_two", "observer.nearest_exponent", "observer.lower_clamp")
QAT_FUSION = ("fusion.qat_batchnorm",)


@about(FUSE, follows=(*OBSERVER, *QAT_FUSION))
def test_fake_quantize(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """While QAT trains, FakeQuantize rounds the output of every convolution to its grid."""
    convolutions = client.ask(qat(inputs)).convolutions
    scales = {
        name: convolution.fake_scale
        for name, convolution in convolutions.items()
        if convolution.fake_scale is not None
    }
    for name, state in client.derive(trained_layers, qat(inputs)).items():
        got = f"multiples of {exponent(scales[name])}" if name in scales else "no FakeQuantize"
        got = f"no {got}" if name in scales and not state.is_fake else got
        evidence.add(f"output of {name}", "multiples of its scale", got, state.is_fake)
    diagnosis = "Plain observers watch but don't round: training is ordinary fine-tuning."
    evidence.judge("", "" if scales else diagnosis)


@about(FUSE, follows=(*OBSERVER, "forward.gradients", *QAT_FUSION))
def test_weights_move(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """A training step changes every convolution's weight, and its BatchNorm's statistics."""
    trained = client.ask(qat(inputs))
    states = client.derive(trained_layers, qat(inputs))
    network = reference.filled(SMALLEST, CLASSES, WIDTH, inputs.seed)
    for layer in conv_layers(SMALLEST):
        name, convolution = layer.conv, trained.convolutions.get(layer.conv)
        before = network.get_submodule(name).weight.detach()
        holds, got = False, "no weight"
        if convolution is not None and convolution.weight.shape == before.shape:
            moved = float((convolution.weight - before).abs().max())
            holds, got = 0 < moved < math.inf, f"moved by up to {moved:.3g}"
        if holds and not states[name].is_used:
            holds, got = False, f"{got}; the INT8 layer computes with other weights"
        evidence.add(f"weight of {name} after a step", "moved", got, holds)
        if convolution is not None and convolution.mean is not None:
            observe_statistics(evidence, layer, network, convolution.mean)
    losses = trained.losses
    are_finite = bool(losses) and all(map(math.isfinite, losses))
    evidence.add("losses", "finite", ", ".join(f"{loss:.4g}" for loss in losses), are_finite)
    evidence.judge("A weight that never moves has no gradient.")


def observe_statistics(evidence: Evidence, layer: ConvLayer, network: Any, mean: Tensor) -> None:
    """Observe that a BatchNorm learned from the batches; a missing one costs other points."""
    before = network.get_submodule(layer.bn).running_mean
    holds = mean.shape == before.shape and bool((mean != before).any())
    got = "moved" if holds else "as before: it was in eval mode"
    evidence.add(f"statistics of {layer.bn} after a step", "moved", got, holds)


@about(FUSE, follows=(*OBSERVER, *INT8_FORWARD, *QAT_FUSION, "ptq.power_of_two_scales", *CONVERTED))
def test_converts(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The trained network converts, its scales are powers of two, and it computes."""
    converted = client.ask(qat(inputs)).converted
    observe_scales(evidence, converted.qparams, SMALLEST)
    states = client.derive(trained_layers, qat(inputs))
    observe_layers(evidence, {name: state.is_used for name, state in states.items()})
    holds = is_finite(converted.output)
    got = str(converted.error) if converted.error else "no finite logits"
    evidence.add("the INT8 network", "finite logits", "finite logits" if holds else got, holds)
    evidence.judge("QAT trains the weights for the very scales that hardware will have.")
