"""What a network's layers turn out to be, from what each computed when it was tried alone.

Each function is given a question, and compares its answer with what the reference's layers give:
``client.derive`` keeps the result for the next check.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.expected import reference, trials
from autograder.expected.agreement import is_on_grid, same
from autograder.host.client import Client
from autograder.inside import experiments
from autograder.inside.experiments import FIXED_SCALE, FIXED_ZERO_POINT, ConvLayer
from autograder.inside.questions import Fusion, Ptq, Qat, TrainedLayer

# Both sides run the same float32 kernels on the same computer; another order of operations moves
# the last bits, about 1e-6 of the largest value. The smallest mistake known moves 1e-2.
TOLERANCE = 1e-4
UNKNOWN = "something else"
Layers = dict[str, bool]  # of each layer by name, whether it computes as it should


@dataclass(frozen=True)
class FusionState:
    """What a convolution's module computes, ``conv bn relu``, and what comes behind it."""

    front: str
    rest: str

    @property
    def is_known(self) -> bool:
        return UNKNOWN not in (self.front, self.rest)

    def has_inside(self, part: str) -> bool:
        return part in self.front.split()

    def has_behind(self, part: str) -> bool:
        return part in self.rest.split()


def fused_layers(client: Client, question: Fusion) -> dict[ConvLayer, FusionState]:
    """Return the state of each convolution of a fused network."""
    answer = client.ask(question)
    states: dict[ConvLayer, FusionState] = {}
    for layer in experiments.conv_layers(question.layers):
        fronts, rests = trials.tried_layer(
            question.layers, question.width, question.seed, layer, question.is_qat
        )
        tried = answer.layers.get(layer.conv)
        states[layer] = (
            FusionState(match(tried.front, fronts), match(tried.rest, rests))
            if tried
            else FusionState(UNKNOWN, UNKNOWN)
        )
    return states


def match(got: Tensor, outputs: dict[str, Tensor]) -> str:
    """Return the name of the output that a tensor agrees with."""
    return next((name for name, value in outputs.items() if same(got, value, TOLERANCE)), UNKNOWN)


def fused_int8_layers(client: Client, question: Fusion) -> Layers:
    """Tell of each convolution whether its INT8 version computes with the weights of its front.

    Nothing has to be calibrated for that, so ``forward`` takes no part.
    """
    integers = client.ask(question).integers
    computes: Layers = {}
    for layer, state in client.derive(fused_layers, question).items():
        real = trials.int8_layer(question.layers, question.width, question.seed, layer, state.front)
        got = integers.get(layer.conv)
        computes[layer.conv] = is_on_grid(got, real, FIXED_SCALE, FIXED_ZERO_POINT)
    return computes


def int8_layers(client: Client, question: Ptq) -> Layers:
    """Tell of each INT8 layer whether its integers are those that its named scales give.

    What was not fused computes without its BatchNorm here, which costs other points.
    """
    layers, width, seed = question.layers, question.width, question.seed
    answer = client.ask(question)
    fusion = Fusion(layers, question.num_classes, width, seed, tries_layers=True, tries_int8=True)
    computes: Layers = {}

    def compare(name: str, real: Callable[[float, int], Tensor]) -> None:
        known = answer.qparams.get(name)
        computes[name] = known is not None and is_on_grid(
            answer.layers.get(name),
            real(known.weight_scale or 0.0, known.weight_zero_point or 0),
            known.scale,
            known.zero_point,
        )

    for layer, state in client.derive(fused_layers, fusion).items():
        tried = trials.layer_of(layers, width, seed, layer)
        weight, bias = tried.folded() if state.has_inside("bn") else (tried.conv.weight, None)
        has_relu = state.has_inside("relu")
        compare(layer.conv, partial(tried.convolved, tried.integers, weight, bias, has_relu))
        if layer.conv.endswith("conv3"):
            name = layer.conv.replace("conv3", "skip_add_relu")
            values = (
                experiments.layer_input(seed, f"{name}.{n}", len(tried.conv.weight)) for n in "ab"
            )
            a, b = (experiments.integers(value).dequantize() for value in values)
            compare(name, partial(lambda total, *_: F.relu(total), a + b))
    shown = experiments.layer_input(seed, "quant", 3)
    compare("quant", partial(lambda real, *_: real, shown))
    fc = reference.filled(layers, question.num_classes, width, seed).fc
    compare("fc", partial(classified, fc, seed))
    return computes


@torch.no_grad()
def classified(fc: torch.nn.Linear, seed: int, scale: float, zero_point: int) -> Tensor:
    """Return what the INT8 classifier gives for the integers it is tried with."""
    weight = trials.rounded(fc.weight, scale, zero_point)
    if weight is None:
        return torch.full((1,), math.nan)
    values = experiments.integers(experiments.images(seed, 4, fc.in_features)).dequantize()
    return F.linear(values, weight, fc.bias)


@dataclass(frozen=True)
class TrainedState:
    """Whether a convolution's FakeQuantize, and its INT8 version, compute as trained."""

    is_fake: bool
    is_used: bool


def trained_layers(client: Client, question: Qat) -> dict[str, TrainedState]:
    """Return the state of each convolution after quantization-aware training.

    Both are computed here from the trained weight and BatchNorm, at the scales that were named.
    """
    answer = client.ask(question)
    states: dict[str, TrainedState] = {}
    for layer in experiments.conv_layers(question.layers):
        name = layer.conv
        tried = trials.layer_of(question.layers, question.width, question.seed, layer)
        known, trained = answer.converted.qparams.get(name), answer.convolutions.get(name)
        if known is None or trained is None or trained.weight.shape != tried.conv.weight.shape:
            states[name] = TrainedState(False, False)
            continue
        weight, bias = folded(trained)
        grid = known.scale, known.zero_point
        convolved = partial(
            tried.convolved,
            weight=weight,
            bias=bias,
            has_relu=False,
            scale=known.weight_scale or 0.0,
            zero_point=known.weight_zero_point or 0,
        )
        steps = trained.output / known.scale
        is_fake = (
            trained.fake_scale == known.scale
            and is_whole(steps)
            and is_one_of(steps + known.zero_point, convolved(tried.tried), grid)
        )
        integers = answer.converted.layers.get(name)
        states[name] = TrainedState(is_fake, is_one_of(integers, convolved(tried.integers), grid))
    return states


def folded(trained: TrainedLayer) -> tuple[Tensor, Tensor | None]:
    """Return weight and bias of a trained convolution, its BatchNorm in them if it has one."""
    gamma, beta, mean, variance = trained.gamma, trained.beta, trained.mean, trained.variance
    if gamma is None or beta is None or mean is None or variance is None:
        return trained.weight, trained.bias
    return trials.fold(trained.weight, gamma, beta, mean, variance)


def is_one_of(got: Tensor | None, real: Tensor, grid: tuple[float, int]) -> bool:
    """Tell whether integers are a layer's, with its ReLU or without.

    A ReLU that was not fused costs other points.
    """
    return any(is_on_grid(got, values, *grid) for values in (torch.relu(real), real))


def is_whole(steps: Tensor) -> bool:
    """Tell whether all values are integers, and not all zero."""
    return bool(steps.abs().max() > 0 and (steps - steps.round()).abs().max() < 1e-3)
