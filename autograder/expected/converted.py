"""What a converted network has to compute with the numbers that it says it has."""

from collections.abc import Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.expected.agreement import is_on_grid
from autograder.expected.checkpoints import Int8Numbers, Numbers, from_numbers, require_usable
from autograder.expected.reference import averaging, filled
from autograder.expected.trials import Source, added, layer_of
from autograder.host.answers import NoAnswerError
from autograder.inside import experiments
from autograder.inside.questions import Converted
from lab3 import eager


def logits_of(
    answer: Converted,
    layers: Sequence[int],
    num_classes: int,
    width: int,
    seed: int,
    adds_relu: bool = True,
    first: int | None = None,
) -> Tensor | None:
    """Return what the reference computes with the scales and integers of an INT8 network.

    Perhaps without the ReLU of its additions; ``first`` is how it averages, see ``AVERAGES``. None
    when these are no network, or no completely fused one.
    """
    try:
        network = from_numbers(layers, num_classes, width, numbers_of(answer))
    except (KeyError, RuntimeError, ValueError, NoAnswerError):
        return None
    if not adds_relu:
        for functional in network.modules():
            if isinstance(functional, eager.QuantizedFunctional):
                functional.add_relu = functional.add  # type: ignore[method-assign]
    averaging(network, first)
    with torch.inference_mode():
        logits: Tensor = network(experiments.input_of(seed, 2, 3, 32, 32))
    return logits


@torch.no_grad()
def consistent_layers(answer: Converted, layers: Sequence[int], width: int, seed: int) -> set[str]:
    """Return the INT8 layers that give, tried alone, what their own numbers give.

    Which numbers they should have is the subject of other claims. With a ReLU or without: one that
    was not fused costs other points.
    """
    source = Source(width, seed, layers=tuple(layers))
    real: dict[str, Tensor | None] = {"quant": experiments.layer_input(seed, "quant", 3)}
    for layer in experiments.conv_layers(layers):
        tried = layer_of(source, layer)
        own = own_numbers(answer, layer.conv, tried.conv.weight.shape)
        convolved = partial(F.conv2d, stride=tried.conv.stride, padding=tried.conv.padding)
        real[layer.conv] = None if own is None else convolved(tried.integers, *own)
        if layer.conv.endswith("conv3"):
            name = layer.conv.replace("conv3", "skip_add_relu")
            real[name] = torch.relu(added(name, len(tried.conv.weight), seed))
    fc = filled(tuple(layers), 10, width, seed).fc
    own = own_numbers(answer, "fc", fc.weight.shape)
    values = experiments.integers(experiments.images(seed, 4, fc.in_features)).dequantize()
    real["fc"] = None if own is None else F.linear(values, *own)
    return {name for name, values in real.items() if is_consistent(answer, name, values)}


def is_consistent(answer: Converted, name: str, real: Tensor | None) -> bool:
    """Tell whether a layer's integers are real numbers on the grid that it names."""
    known, got = answer.qparams.get(name), answer.layers.get(name)
    if known is None or real is None:
        return False
    grid = known.scale, known.zero_point
    return any(is_on_grid(got, values, *grid) for values in (torch.relu(real), real))


def own_numbers(
    answer: Converted, name: str, shape: torch.Size
) -> tuple[Tensor, Tensor | None] | None:
    """Return weight and bias that a layer says it has, as real numbers; None if they don't fit."""
    known, own = answer.qparams.get(name), answer.weights.get(name)
    if known is None or own is None or known.weight_scale is None:
        return None
    if own.weight.dtype != torch.int8 or own.weight.shape != shape:
        return None
    if own.bias is not None and (own.bias.dtype, own.bias.shape) != (torch.float32, shape[:1]):
        return None
    zero_point = known.weight_zero_point or 0
    return (own.weight.to(torch.float32) - zero_point) * known.weight_scale, own.bias


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
