"""INT8 computations at scales that are drawn here, on the reference's modules.

The scales fit what the reference's modules give, so that integers use their range, and no
submission has a say in them.
"""

import random
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from autograder.expected import reference
from autograder.expected.fusing import FusionState, fuse_as
from autograder.inside import experiments
from autograder.inside.experiments import ConvLayer
from autograder.inside.questions import Grids
from lab3 import eager

ZERO_POINTS = range(120, 137, 2)  # odd ones move the halves on some engines


def draw(prepared: nn.Module, inputs: Tensor, seed: int) -> Grids:
    """Return a grid for each module of a prepared network that watches its output."""
    source = random.Random(f"{seed} grids")
    grids = []
    for name, largest in watched(prepared, inputs).items():
        scale = 2 * largest / 255 * source.uniform(0.8, 1.2)
        grids.append((name, scale, source.choice(ZERO_POINTS)))
    return tuple(grids)


@torch.no_grad()
def watched(prepared: nn.Module, inputs: Tensor) -> dict[str, float]:
    """Return the largest magnitude of what each module of a prepared network gives."""
    prepared(inputs)
    largest: dict[str, float] = {}
    for name, module in prepared.named_modules():
        watcher: Any = getattr(module, "activation_post_process", None)
        if isinstance(watcher, eager.MinMaxObserver):
            largest[name] = max(abs(float(watcher.min_val)), abs(float(watcher.max_val)))
    return largest


def drawn_for(module: nn.Module, inputs: Tensor, seed: int) -> Grids:
    """Return grids for the modules of a network that is left as it is."""
    prepared = reference.copied(module)
    prepared.qconfig = eager.per_tensor_qconfig
    return draw(eager.prepare(prepared, inplace=True), inputs, seed)


@torch.inference_mode()
def compute(module: nn.Module, inputs: Tensor, grids: Grids) -> Tensor:
    """Return what a module computes in INT8 with activations on these grids, as floats."""
    experiments.prepare_at(module, grids)
    output: Tensor = eager.convert(module, inplace=True)(inputs)
    return output


def between_stubs(block: nn.Module) -> nn.Module:
    """Return a block that takes and gives floats, for conversion."""
    return nn.Sequential(eager.QuantStub(), block, eager.DeQuantStub()).eval()


Shape = tuple[int, int, int, int]  # in_channels, channels, stride, seed


def block_input(shape: Shape) -> Tensor:
    """Return what a block is tried with, (2, in_channels, 8, 8)."""
    in_channels, *_, seed = shape
    return experiments.input_of(seed, 2, in_channels, 8, 8)


@lru_cache(maxsize=16)
def block_grids(shape: Shape) -> Grids:
    """Return grids for a block between stubs that is not fused."""
    return drawn_for(between_stubs(reference.block(*shape)), block_input(shape), shape[-1])


@lru_cache(maxsize=16)
def block_output(shape: Shape) -> Tensor:
    """Return what a block that is not fused computes at its grids, (2, 4*channels, H, W)."""
    module = between_stubs(reference.block(*shape))
    return compute(module, block_input(shape), block_grids(shape))


@lru_cache(maxsize=16)
def fused_block_grids(shape: Shape) -> Grids:
    """Return grids that fit a block's modules whether they are fused or not."""
    grids = drawn_for(reference.block(*shape), block_input(shape), shape[-1])
    scales = {name: scale for name, scale, _ in grids}
    return tuple(
        (name, max(scale, scales.get(after_of(name), 0.0)), zero_point)
        for name, scale, zero_point in grids
    )


def after_of(name: str) -> str:
    """Return the BatchNorm that follows a convolution of a block."""
    return {"downsample.0": "downsample.1"}.get(name, name.replace("conv", "bn"))


States = tuple[tuple[ConvLayer, FusionState], ...]


@lru_cache(maxsize=16)
@torch.inference_mode()
def fused_block_integers(shape: Shape, states: States) -> tuple[Tensor, Tensor]:
    """Return the integers on both paths of a block whose layers are fused as the states say."""
    module = reference.block(*shape)
    fuse_as(module, states)
    experiments.prepare_at(module, fused_block_grids(shape))
    eager.convert(module, inplace=True)
    main_path, shortcut = (
        experiments.walk_integers(module, block_input(shape), path) for path in experiments.PATHS
    )
    return main_path, shortcut


@lru_cache(maxsize=8)
def plain_grids(num_classes: int, width: int, seed: int) -> Grids:
    """Return grids for the network with plain stages."""
    network = reference.plain(num_classes, width, seed)
    return drawn_for(network, experiments.input_of(seed, 2, 3, 32, 32), seed)


@lru_cache(maxsize=16)
def plain_logits(
    num_classes: int, width: int, seed: int, batch: int, first: int | None = None
) -> Tensor:
    """Return the INT8 logits of the network with plain stages, (B, num_classes).

    ``first`` is how it averages; see ``reference.AVERAGES``.
    """
    inputs = experiments.input_of(seed, batch, 3, 32, 32)
    network = reference.averaging(reference.plain(num_classes, width, seed), first)
    return compute(network, inputs, plain_grids(num_classes, width, seed))


@lru_cache(maxsize=8)
def network_grids(layers: tuple[int, ...], num_classes: int, width: int, seed: int) -> Grids:
    """Return grids for the fused network."""
    prepared = fused_and_prepared(layers, num_classes, width, seed)
    return draw(prepared, experiments.input_of(seed, 1, 3, 32, 32), seed)


@lru_cache(maxsize=8)
def calibrated(
    layers: tuple[int, ...], num_classes: int, width: int, seed: int
) -> dict[str, float]:
    """Return the largest magnitude that calibration shows to each observer of the fused network."""
    prepared = fused_and_prepared(layers, num_classes, width, seed)
    return watched(prepared, experiments.input_of(seed, 2, 3, 32, 32))


@lru_cache(maxsize=8)
def trained(layers: tuple[int, ...], num_classes: int, width: int, seed: int) -> dict[str, float]:
    """Return the largest magnitude that a training step in FP32 shows to each observer."""
    prepared = fused_and_prepared(layers, num_classes, width, seed, is_qat=True)
    return watched(prepared, experiments.input_of(seed, 2, 3, 32, 32))


def fused_and_prepared(
    layers: tuple[int, ...], num_classes: int, width: int, seed: int, is_qat: bool = False
) -> Any:
    """Return the fused network with an observer behind each of its modules."""
    network = reference.copied(reference.filled(layers, num_classes, width, seed))
    network.train(is_qat).fuse_model(is_qat)
    network.qconfig = eager.per_tensor_qconfig
    return eager.prepare(network, inplace=True)


@lru_cache(maxsize=16)
def network_logits(
    layers: tuple[int, ...],
    num_classes: int,
    width: int,
    seed: int,
    batch: int,
    first: int | None = None,
) -> Tensor:
    """Return the INT8 logits of the fused network, (B, num_classes).

    ``first`` is how it averages; see ``reference.AVERAGES``.
    """
    grids = network_grids(layers, num_classes, width, seed)
    network = reference.copied(reference.filled(layers, num_classes, width, seed))
    network.fuse_model()
    reference.averaging(network, first)
    return compute(network, experiments.input_of(seed, batch, 3, 32, 32), grids)
