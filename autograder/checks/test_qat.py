"""Parts 1 to 3 together: quantization-aware training."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from autograder.checks.test_ptq import (
    CONVERTED,
    FORWARD,
    exponent,
    observe_layers,
    observe_scales,
)
from autograder.claims import Evidence, about
from autograder.expected import reference, trials
from autograder.expected.diagnoses import diagnose_fusion_error
from autograder.expected.inputs import SMALLEST, WIDTH, Inputs
from autograder.host.client import Client, NoAnswerError, QatAnswer
from autograder.inside import experiments

STEPS = 1  # the second shows nothing that the first doesn't, and takes as long
PARTS = ("weight", "gamma", "beta", "mean", "var")
FUSE = "QuantizableResNet.fuse_model"
OBSERVER = ("observer.whole_power_of_two", "observer.nearest_exponent", "observer.lower_clamp")
QAT_FUSION = ("fusion.qat_batchnorm",)


def ask(client: Client, inputs: Inputs) -> tuple[QatAnswer, Mapping[str, Tensor]]:
    """Return the network after a step of QAT."""
    try:
        return client.ask(
            "qat", QatAnswer, layers=SMALLEST, num_classes=10, width=WIDTH, seed=inputs.seed,
            steps=STEPS,
        )  # fmt: skip
    except NoAnswerError as error:
        if error.error and error.outcome == "crashed":
            error.diagnosis = diagnose_fusion_error(error.error)
        raise


def examine(client: Client, inputs: Inputs) -> dict[str, tuple[bool, bool]]:
    """Tell of each convolution whether its FakeQuantize, and its INT8 version, compute as trained.

    Both are computed here from the trained weight and BatchNorm, at the scales that were named.
    """

    def compute() -> dict[str, tuple[bool, bool]]:
        answer, tensors = ask(client, inputs)
        shape, found = tuple(SMALLEST), {}
        for layer in experiments.conv_layers(SMALLEST):
            name, tried = layer.conv, trials.layer_of(shape, WIDTH, inputs.seed, layer)
            known = answer.qparams.get(name)
            trained = [tensors.get(f"{part} of {name}") for part in PARTS]
            if known is None or trained[0] is None or trained[0].shape != tried.conv.weight.shape:
                found[name] = False, False
                continue
            weight, bias = trained[0], tensors.get(f"bias of {name}")
            if all(part is not None for part in trained):
                weight, bias = trials.fold(*trained)  # type: ignore[arg-type]
            grid = known.scale, known.zero_point
            convolved = partial(
                tried.convolved, weight=weight, bias=bias, has_relu=False,
                scale=known.weight_scale or 0.0, zero_point=known.weight_zero_point or 0,
            )  # fmt: skip
            output = tensors.get(f"output of {name}")
            is_fake = (
                answer.fake.get(name) == known.scale
                and output is not None
                and is_whole(output / known.scale)
                and is_one_of(output / known.scale + known.zero_point, convolved(tried.tried), grid)
            )
            integers = tensors.get(f"INT8 {name}")
            found[name] = is_fake, is_one_of(integers, convolved(tried.integers), grid)
        return found

    return client.derive(f"QAT {inputs.seed}", compute)


def is_one_of(got: Tensor | None, real: Tensor, grid: tuple[float, int]) -> bool:
    """Tell whether integers are a layer's, with its ReLU or without.

    A ReLU that was not fused costs other points.
    """
    return any(trials.is_on_grid(got, values, *grid) for values in (torch.relu(real), real))


def is_whole(steps: Tensor) -> bool:
    """Tell whether all values are integers, and not all zero."""
    return bool(steps.abs().max() > 0 and (steps - steps.round()).abs().max() < 1e-3)


@about(FUSE, follows=(*OBSERVER, *QAT_FUSION))
def test_fake_quantize(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """While QAT trains, FakeQuantize rounds the output of every convolution to its grid."""
    answer, _ = ask(client, inputs)
    for name, (is_fake, _) in examine(client, inputs).items():
        scale = answer.fake.get(name)
        got = "no FakeQuantize" if scale is None else f"multiples of {exponent(scale)}"
        evidence.add(f"output of {name}", "multiples of its scale",
                     got if is_fake or scale is None else f"no {got}", is_fake)  # fmt: skip
    evidence.judge(
        "",
        "Plain observers watch but don't round: training is ordinary fine-tuning."
        if not answer.fake
        else "",
    )


@about(FUSE, follows=(*OBSERVER, "forward.gradients", *QAT_FUSION))
def test_weights_move(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """A training step changes every convolution's weight, and its BatchNorm's statistics."""
    answer, tensors = ask(client, inputs)
    network = reference.filled(SMALLEST, 10, WIDTH, inputs.seed)
    for name, (_, is_used) in examine(client, inputs).items():
        before = network.get_submodule(name).weight.detach()
        after = tensors.get(f"weight of {name}")
        holds, got = False, "no weight"
        if after is not None and after.shape == before.shape:
            moved = float((after - before).abs().max())
            holds, got = 0 < moved < math.inf, f"moved by up to {moved:.3g}"
        if holds and not is_used:
            holds, got = False, f"{got}; the INT8 layer computes with other weights"
        evidence.add(f"weight of {name} after a step", "moved", got, holds)
        observe_statistics(evidence, name, network, tensors.get(f"mean of {name}"))
    finite = [math.isfinite(loss) for loss in answer.losses]
    evidence.add("losses", "finite", ", ".join(f"{loss:.4g}" for loss in answer.losses),
                 bool(finite) and all(finite))  # fmt: skip
    evidence.judge("A weight that never moves has no gradient.")


def observe_statistics(evidence: Evidence, conv: str, network: Any, mean: Tensor | None) -> None:
    """Observe that a BatchNorm learned from the batches; a missing one costs other points."""
    if mean is None:
        return
    layer = next(found for found in experiments.conv_layers(SMALLEST) if found.conv == conv)
    before = network.get_submodule(layer.bn).running_mean
    holds = mean.shape == before.shape and bool((mean != before).any())
    evidence.add(f"statistics of {layer.bn} after a step", "moved",
                 "moved" if holds else "as before: it was in eval mode", holds)  # fmt: skip


@about(FUSE, follows=(*OBSERVER, *FORWARD[3:], *QAT_FUSION, "ptq.power_of_two_scales", *CONVERTED))
def test_converts(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The trained network converts, its scales are powers of two, and it computes."""
    answer, tensors = ask(client, inputs)
    observe_scales(answer, evidence, SMALLEST)
    observe_layers(evidence, {name: used for name, (_, used) in examine(client, inputs).items()})
    output = tensors.get("INT8 output")
    is_finite = output is not None and bool(torch.isfinite(output).all())
    got = str(answer.forward_error) if answer.forward_error else "no finite logits"
    evidence.add("the INT8 network", "finite logits", "finite logits" if is_finite else got,
                 is_finite)  # fmt: skip
    evidence.judge("QAT trains the weights for the very scales that hardware will have.")
