"""The logits that belong to a converted network, by the numbers that it says it has."""

from collections.abc import Sequence

import torch
from torch import Tensor

from autograder.expected.checkpoints import Int8Numbers, Numbers, from_numbers, require_usable
from autograder.host.answers import NoAnswerError
from autograder.inside import experiments
from autograder.inside.questions import Converted


def logits_of(
    answer: Converted, layers: Sequence[int], num_classes: int, width: int, seed: int
) -> Tensor | None:
    """Return what the reference computes with the scales and integers of an INT8 network.

    None when these are no network, or no completely fused one.
    """
    try:
        network = from_numbers(layers, num_classes, width, numbers_of(answer))
    except (KeyError, RuntimeError, ValueError, NoAnswerError):
        return None
    with torch.inference_mode():
        logits: Tensor = network(experiments.input_of(seed, 2, 3, 32, 32))
    return logits


def numbers_of(answer: Converted) -> Int8Numbers:
    """Return the numbers of an INT8 network; raise NoAnswerError when no kernel takes them."""
    layers: dict[str, Numbers] = {}
    activations: dict[str, tuple[float, int]] = {}
    for name, known in answer.qparams.items():
        require_usable(name, known.scale, known.zero_point)
        if name not in answer.weights:
            activations[name] = known.scale, known.zero_point
            continue
        weight, bias = answer.weights[name].weight, answer.weights[name].bias
        scale, zero_point = known.weight_scale or 0.0, known.weight_zero_point or 0
        require_usable(f"the weight of {name}", scale, zero_point, (-128, 127))
        layers[name] = Numbers(weight, scale, zero_point, bias, known.scale, known.zero_point)
    return Int8Numbers(layers, activations)
