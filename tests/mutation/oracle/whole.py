"""Everything together: the mutant's network quantized as the lab does, by PTQ and by QAT."""

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
import torch.ao.nn.quantized as nnq
import torch.ao.quantization as tq
import torch.nn.functional as F
from torch import Tensor, nn

from tests.mutation import reference
from tests.mutation.oracle.bullets import WHOLE, bullet, demand, judged, student
from tests.mutation.oracle.demands import AVERAGING_STEPS, demand_same_at_grids
from tests.mutation.oracle.observer import DEFAULT_LIMIT
from tests.mutation.oracle.subjects import SHAPES, WIDTH, network

IMAGES = (4, 3, 32, 32)
PTQ_LAYERS, QAT_LAYERS = SHAPES[1], SHAPES[0]


def scales_of(converted: nn.Module) -> dict[str, float]:
    outputs, weights = reference.grids(converted)
    return {name: scale for name, (scale, _) in outputs.items()} | {
        f"weight of {name}": scale for name, (scale, _) in weights.items()
    }


@dataclass(frozen=True)
class Ptq:
    ranges: dict[str, tuple[float, float]]
    converted: Any
    logits: Tensor


@cache
def ptq() -> Ptq:
    """Quantize the mutant's network as the lab does."""
    module = network(PTQ_LAYERS, has_own_blocks=True).eval()
    module.fuse_model()
    module.qconfig = student("qconfig", "CustomQConfig").PTQ.value
    with torch.inference_mode():
        tq.prepare(module, inplace=True)
        for seed in (81, 82):
            module(reference.images(seed, *IMAGES))
        ranges = observed(module)
        tq.convert(module.eval(), inplace=True)
        return Ptq(ranges, module, module(reference.images(83, *IMAGES)))


def observed(prepared: nn.Module) -> dict[str, tuple[float, float]]:
    return {
        name: (float(m.min_val), float(m.max_val))
        for name, m in prepared.named_modules()
        if isinstance(m, tq.MinMaxObserver) and name.endswith("activation_post_process")
    }


@bullet("ptq.converts", WHOLE)
def ptq_converts() -> None:
    """The calibrated network converts, and its INT8 version computes."""
    logits = ptq().logits
    demand(not logits.is_quantized, "the INT8 network returns integers")
    demand(bool(torch.isfinite(logits).all()), "logits are not finite")
    demand(logits.shape == (IMAGES[0], 10), f"logits of shape {tuple(logits.shape)}")


@bullet("ptq.scales", WHOLE)
def ptq_scales() -> None:
    """Every scale of the INT8 network is a power of two that a right shift can apply."""
    demand_shifts(judged(ptq).converted, PTQ_LAYERS)


def demand_shifts(converted: nn.Module, layers: Sequence[int]) -> None:
    names = [name for name, m in converted.named_modules() if isinstance(m, nnq.Conv2d)]
    blocks = sum(layers)
    shortcuts = 4
    demand(len(names) == 1 + 3 * blocks + shortcuts, f"{len(names)} INT8 convolutions")
    for name, scale in scales_of(converted).items():
        is_shift = scale in {2.0**-shift for shift in range(DEFAULT_LIMIT + 1)}
        demand(is_shift, f"{name} has the scale {scale!r}")


@bullet("ptq.zero_points", WHOLE)
def ptq_zero_points() -> None:
    """Zero points are 128 for activations and 0 for weights."""
    outputs, weights = reference.grids(judged(ptq).converted)
    for name, (_, zero_point) in outputs.items():
        demand(zero_point == 128, f"{name} has the zero point {zero_point}")
    for name, (_, zero_point) in weights.items():
        demand(zero_point == 0, f"the weight of {name} has the zero point {zero_point}")


@bullet("ptq.logits", WHOLE)
def ptq_logits() -> None:
    """The INT8 logits agree with the reference's, at the same scales."""
    demand_same_at_grids(
        judged(ptq).converted, fused_reference(), reference.images(83, *IMAGES), AVERAGING_STEPS
    )


def fused_reference() -> reference.Network:
    ours = reference.Network(PTQ_LAYERS, 10, WIDTH).eval()
    reference.fill(ours, 29 + sum(PTQ_LAYERS))
    reference.fuse_network(ours)
    return ours


@bullet("ptq.ranges", WHOLE)
def ptq_ranges() -> None:
    """Every observer sees the range of its layer's output, and nothing else."""
    ranges, ours = judged(ptq).ranges, fused_reference()
    ours.qconfig = reference.watched()
    with torch.inference_mode():
        tq.prepare(ours, inplace=True)
        for seed in (81, 82):
            ours(reference.images(seed, *IMAGES))
    for name, bounds in observed(ours).items():
        demand(name in ranges, f"{name} watches nothing")
        for got, expected in zip(ranges[name], bounds, strict=True):
            close = math.isclose(got, expected, rel_tol=1e-3, abs_tol=1e-3)
            demand(close, f"{name} saw {got:.4g}, not {expected:.4g}")


@dataclass(frozen=True)
class Qat:
    fakes: dict[str, bool]
    moved: dict[str, bool]
    loss: float
    converted: Any
    logits: Tensor


@cache
def trained() -> tuple[Any, Any, float]:
    """Take a step of QAT as the lab does; return the network before and after, and the loss."""
    module = network(QAT_LAYERS, has_own_blocks=True).train()
    module.fuse_model(is_qat=True)
    module.qconfig = student("qconfig", "CustomQConfig").QAT.value
    tq.prepare_qat(module, inplace=True)
    before = {name: v.detach().clone() for name, v in module.state_dict().items()}
    optimizer = torch.optim.SGD(module.parameters(), lr=0.05)
    loss = F.cross_entropy(module(reference.images(91, *IMAGES)), torch.arange(4))
    loss.backward()
    optimizer.step()
    return before, module, float(loss.detach())


@bullet("qat.fake_quantize", WHOLE)
def qat_fake_quantize() -> None:
    """While QAT trains, FakeQuantize rounds every convolution's weight and output."""
    module = trained()[1]
    for name in (*block_names(QAT_LAYERS), "conv1", "fc"):
        layer = module.get_submodule(name)
        for part in ("weight_fake_quant", "activation_post_process"):
            holds = isinstance(getattr(layer, part, None), tq.FakeQuantize)
            demand(holds, f"{name} has no {part}")
            fake = getattr(layer, part)
            demand(bool(fake.scale != 1 or fake.scale.numel() != 1), f"{name} watched nothing")


def block_names(layers: Sequence[int]) -> Iterator[str]:
    for stage, blocks in enumerate(layers, start=1):
        for index in range(blocks):
            for conv in ("conv1", "conv2", "conv3", *(["downsample.0"] if index == 0 else [])):
                yield f"layer{stage}.{index}.{conv}"


@bullet("qat.trains", WHOLE)
def qat_trains() -> None:
    """A training step changes every convolution's weight, and its BatchNorm's statistics."""
    before, module, loss = judged(trained)
    demand(math.isfinite(loss), f"the loss is {loss}")
    after = module.state_dict()
    for name in (*block_names(QAT_LAYERS), "conv1"):
        for part in ("weight", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"):
            key = f"{name}.{part}"
            demand(key in after, f"{key} is missing")
            holds = bool((after[key] != before[key]).any()) and bool(after[key].isfinite().all())
            demand(holds, f"{key} did not move")


@bullet("qat.converts", WHOLE)
def qat_converts() -> None:
    """The trained network converts, at scales that it was trained with, and it computes."""
    module = copy.deepcopy(judged(trained)[1])
    fakes = {
        name: float(m.scale)
        for name, m in module.named_modules()
        if isinstance(m, tq.FakeQuantize) and name.endswith("activation_post_process")
    }
    with torch.inference_mode():
        tq.convert(module.eval(), inplace=True)
        logits = module(reference.images(92, *IMAGES))
    demand(not logits.is_quantized, "the INT8 network returns integers")
    demand(bool(torch.isfinite(logits).all()), "logits are not finite")
    demand(logits.shape == (IMAGES[0], 10), f"logits of shape {tuple(logits.shape)}")
    demand_shifts(module, QAT_LAYERS)
    for name, scale in scales_of(module).items():
        before = fakes.get(f"{name}.activation_post_process", scale)
        demand(scale == before, f"{name} was trained with {before!r} and has {scale!r}")
