"""What a network's layers turn out to be, from what each computed when it was tried alone.

Each function is given a question, and compares its answer with what the reference's layers give:
``client.derive`` keeps the result for the next check.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.expected import grids, reference, trials
from autograder.expected.agreement import agrees, is_on_grid, same
from autograder.expected.fusing import UNKNOWN, FusionState
from autograder.expected.inputs import SMALLEST
from autograder.expected.trials import Source
from autograder.host.client import Client
from autograder.inside import experiments
from autograder.inside.experiments import ConvLayer
from autograder.inside.questions import (
    BlockFusion,
    FusedLayer,
    Fusion,
    Ptq,
    Qat,
    StemFusion,
    TrainedLayer,
)

# Both sides run the same float32 kernels on the same computer; another order of operations moves
# the last bits, about 1e-6 of the largest value. The smallest mistake known moves 1e-2.
TOLERANCE = 1e-4
FEW = 2  # different integers prove no scale
Layers = dict[str, bool]  # of each layer by name, whether it computes as it should
States = dict[ConvLayer, FusionState]


def state_of(
    source: Source, layer: ConvLayer, tried: FusedLayer | None, is_qat: bool
) -> FusionState:
    """Return what a convolution's module turned out to be, and what is left behind it."""
    if tried is None:
        return FusionState(UNKNOWN, UNKNOWN)
    fronts, rests = trials.tried_layer(source, layer, is_qat)
    return FusionState(match(tried.front, fronts), match(tried.rest, rests))


def match(got: Tensor, outputs: dict[str, Tensor]) -> str:
    """Return the name of the output that a tensor agrees with."""
    return next((name for name, value in outputs.items() if same(got, value, TOLERANCE)), UNKNOWN)


def is_folded(source: Source, layer: ConvLayer, tried: FusedLayer) -> bool:
    """Tell whether a layer fused for QAT computes with its BatchNorm's running statistics."""
    fronts, _ = trials.tried_layer(source, layer, False)
    return "bn" in match(tried.front, fronts).split()


def folded_layers(client: Client, question: BlockFusion | Fusion) -> dict[str, bool]:
    """Return the convolutions fused for QAT that use their BatchNorm's running statistics.

    Tells of each whether its BatchNorm is still there to learn, or was folded for good.
    """
    tried, source = tried_layers(client, question), source_of(question)
    return {
        layer.conv: tried[layer.conv].gamma is not None
        for layer in layers_of(question)
        if layer.conv in tried and is_folded(source, layer, tried[layer.conv])
    }


def is_learned(source: Source, layer: ConvLayer, state: FusionState, tried: FusedLayer) -> bool:
    """Tell whether the BatchNorm inside a convolution gets the gradients that training gives it."""
    expected = trials.learned(source, layer, state.has_inside("relu"))
    got = tried.gamma, tried.beta
    return all(same(g, e, TOLERANCE) for g, e in zip(got, expected, strict=True))


def is_rounded(source: Source, layer: ConvLayer, state: FusionState, tried: FusedLayer) -> bool:
    """Tell whether QAT rounds a convolution's weight with the BatchNorm inside in it."""
    expected = trials.behind_fake_quantize(source, layer, state.has_inside("relu"))
    return same(tried.rounded, expected, TOLERANCE)


def rounded_layers(client: Client, question: BlockFusion | Fusion) -> Layers:
    """Tell of each convolution fused for QAT whether its weight is rounded with its BatchNorm.

    That is what tells a module that holds both from two that stand one behind the other.
    """
    tried, source = tried_layers(client, question), source_of(question)
    return {
        layer.conv: layer.conv in tried and is_rounded(source, layer, state, tried[layer.conv])
        for layer, state in client.derive(fused_layers, question).items()
    }


def source_of(question: BlockFusion | Fusion) -> Source:
    """Return where the layers of a fused module stand."""
    if isinstance(question, Fusion):
        return Source(question.width, question.seed, layers=question.layers)
    return Source(
        question.channels,
        question.seed,
        in_channels=question.in_channels,
        stride=question.stride,
    )


def layers_of(question: BlockFusion | Fusion) -> list[ConvLayer]:
    """Return the convolutions of a fused module."""
    if isinstance(question, Fusion):
        return experiments.conv_layers(question.layers)
    return experiments.block_layers(question.in_channels, question.channels, question.stride)


def tried_layers(client: Client, question: BlockFusion | Fusion) -> dict[str, FusedLayer]:
    """Return what each convolution of a fused module computed alone."""
    if isinstance(question, Fusion):
        return client.ask(question).layers
    return client.ask(question).layers


def fused_layers(client: Client, question: BlockFusion | Fusion) -> States:
    """Return the state of each convolution of a fused block or network."""
    tried, source = tried_layers(client, question), source_of(question)
    return {
        layer: state_of(source, layer, tried.get(layer.conv), question.is_qat)
        for layer in layers_of(question)
    }


def learning_layers(client: Client, question: BlockFusion | Fusion) -> Layers:
    """Tell of each convolution whether the BatchNorm inside it learns as in the reference."""
    tried, source = tried_layers(client, question), source_of(question)
    return {
        layer.conv: layer.conv in tried and is_learned(source, layer, state, tried[layer.conv])
        for layer, state in client.derive(fused_layers, question).items()
    }


def fused_int8_layers(client: Client, question: Fusion) -> Layers:
    """Tell of each convolution whether its INT8 version computes with the weights of its front.

    Nothing has to be calibrated for that, so ``forward`` takes no part.
    """
    integers, source = client.ask(question).integers, source_of(question)
    grid = experiments.one_grid(question.seed)
    return {
        layer.conv: is_on_grid(
            integers.get(layer.conv), trials.int8_layer(source, layer, state.front), *grid
        )
        for layer, state in client.derive(fused_layers, question).items()
    }


@dataclass(frozen=True)
class StemState:
    """What a fused stem turned out to be, and whether its numbers are those of that state."""

    state: FusionState
    is_proven: bool
    is_learning: bool
    is_folded: bool  # for QAT, where it should learn


def stem_alone(client: Client, question: StemFusion) -> StemState:
    """Return the state of a stem in a network whose blocks have nothing to fuse."""
    answer = client.ask(question)
    source = Source(question.width, question.seed, layers=SMALLEST)
    return stem_state(source, answer.layer, answer.integers, question.is_qat)


def stem_in_network(client: Client, question: Fusion) -> StemState:
    """Return the state of a stem in a whole network."""
    answer, name = client.ask(question), experiments.STEM[0].conv
    integers = answer.integers.get(name)
    return stem_state(source_of(question), answer.layers.get(name), integers, question.is_qat)


def stem_state(
    source: Source, tried: FusedLayer | None, integers: Tensor | None, is_qat: bool
) -> StemState:
    layer = experiments.STEM[0]
    state = state_of(source, layer, tried, is_qat)
    if tried is None:
        return StemState(state, False, False, False)
    is_learning = tried.gamma is not None
    if is_qat:
        is_proven = is_learned(source, layer, state, tried)
        is_proven = is_proven and is_rounded(source, layer, state, tried)
        is_proven = is_proven or not state.has_inside("bn")
        return StemState(state, is_proven, is_learning, is_folded(source, layer, tried))
    real = trials.int8_layer(source, layer, state.front)
    is_proven = is_on_grid(integers, real, *experiments.one_grid(source.seed))
    return StemState(state, is_proven, is_learning, False)


def proven_paths(client: Client, question: BlockFusion) -> dict[str, bool]:
    """Tell of a fused block's paths whether they give the integers that their layers' states give.

    By the layers' place, ``block`` or ``shortcut``: all layers one after another, at scales that
    were drawn. On a path with a state that is not known nothing is expected: that costs the points
    of the path's own claim.
    """
    states = client.derive(fused_layers, question)
    unknown = {layer.place for layer, state in states.items() if not state.is_known}
    known = tuple((layer, state) for layer, state in states.items() if layer.place not in unknown)
    paths = ("block", "shortcut")
    shape = question.in_channels, question.channels, question.stride, question.seed
    try:
        expected = grids.fused_block_integers(shape, known)
    except (AssertionError, AttributeError, RuntimeError, ValueError):
        return {place: place in unknown for place in paths}
    answer = client.ask(question)
    got = answer.main_path, answer.shortcut
    return {
        place: place in unknown or (g is not None and agrees(g, e))
        for place, g, e in zip(paths, got, expected, strict=True)
    }


def changed_layers(client: Client, question: Fusion) -> list[str]:
    """Return the convolutions behind which fusing dropped or added something, as far as known."""
    return [
        layer.conv
        for layer, state in client.derive(fused_layers, question).items()
        if state.is_known and not state.is_complete(layer)
    ]


def unfolded_layers(client: Client, question: BlockFusion | Fusion) -> list[str]:
    """Return the convolutions fused for PTQ whose BatchNorm is still there to learn."""
    tried = tried_layers(client, question)
    states = client.derive(fused_layers, question)
    return [
        layer.conv
        for layer, state in states.items()
        if state.has_inside("bn") and tried[layer.conv].gamma is not None
    ]


def int8_layers(client: Client, question: Ptq) -> Layers:
    """Tell of each INT8 layer whether its integers are those that its named scales give.

    What was not fused computes without its BatchNorm here, which costs other points. A scale at
    which all integers are the same proves nothing.
    """
    layers, width, seed = question.layers, question.width, question.seed
    answer = client.ask(question)
    fusion = Fusion(layers, question.num_classes, width, seed)
    source = source_of(fusion)
    computes: Layers = {}

    def compare(name: str, real: Callable[[float, int], Tensor]) -> None:
        known, got = answer.qparams.get(name), answer.layers.get(name)
        computes[name] = (
            known is not None
            and is_telling(got)
            and is_on_grid(
                got,
                real(known.weight_scale or 0.0, known.weight_zero_point or 0),
                known.scale,
                known.zero_point,
            )
        )

    for layer, state in client.derive(fused_layers, fusion).items():
        tried = trials.layer_of(source, layer)
        weight, bias = tried.folded() if state.has_inside("bn") else (tried.conv.weight, None)
        has_relu = state.has_inside("relu")
        compare(layer.conv, partial(tried.convolved, tried.integers, weight, bias, has_relu))
        if layer.conv.endswith("conv3"):
            name = layer.conv.replace("conv3", "skip_add_relu")
            total = trials.added(name, len(tried.conv.weight), seed)
            compare(name, partial(lambda total, *_: F.relu(total), total))
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

    Both are computed here from the trained weight and BatchNorm, at the scales that were named. A
    layer whose numbers tell nothing is believed where most of the others' do.
    """
    answer = client.ask(question)
    source = Source(question.width, question.seed, layers=question.layers)
    states: dict[str, TrainedState] = {}
    silent: list[str] = []
    for layer in experiments.conv_layers(question.layers):
        name = layer.conv
        tried = trials.layer_of(source, layer)
        known, trained = answer.converted.qparams.get(name), answer.convolutions.get(name)
        if known is None or trained is None or not fits(trained, tried.conv.weight):
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
            and is_of_layer(steps + known.zero_point, convolved(tried.tried), grid)
        )
        silent += [] if is_telling(steps) else [name]
        integers = answer.converted.layers.get(name)
        is_used = is_telling(integers) and is_of_layer(integers, convolved(tried.integers), grid)
        states[name] = TrainedState(is_fake, is_used)
    if 2 * len(silent) > len(states):
        states |= {name: replace(states[name], is_fake=False) for name in silent}
    return states


def fits(trained: TrainedLayer, weight: Tensor) -> bool:
    """Tell whether a trained convolution's numbers have the shapes and the type of the layer's."""
    vectors = (trained.bias, trained.gamma, trained.beta, trained.mean, trained.variance)
    shapes = [(trained.weight, weight.shape)]
    shapes += [(vector, weight.shape[:1]) for vector in vectors if vector is not None]
    return all(t.shape == shape and t.dtype == weight.dtype for t, shape in shapes)


def folded(trained: TrainedLayer) -> tuple[Tensor, Tensor | None]:
    """Return weight and bias of a trained convolution, its BatchNorm in them if it has one."""
    gamma, beta, mean, variance = trained.gamma, trained.beta, trained.mean, trained.variance
    if gamma is None or beta is None or mean is None or variance is None:
        return trained.weight, trained.bias
    return trials.fold(trained.weight, gamma, beta, mean, variance)


def is_of_layer(got: Tensor | None, real: Tensor, grid: tuple[float, int]) -> bool:
    """Tell whether integers are a layer's, with its ReLU or without, which costs other points."""
    return any(is_on_grid(got, values, *grid) for values in (torch.relu(real), real))


def is_telling(integers: Tensor | None) -> bool:
    """Tell whether integers differ enough to prove a scale: on a coarse grid all layers agree."""
    return integers is not None and len(integers.unique()) > FEW


def is_whole(steps: Tensor) -> bool:
    """Tell whether all values are integers, and not all zero."""
    if not steps.numel():
        return False
    return bool(steps.abs().max() > 0 and (steps - steps.round()).abs().max() < 1e-3)
