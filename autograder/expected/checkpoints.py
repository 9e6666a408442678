"""INT8 checkpoints as numbers, and the reference network that computes with them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.ao.nn.quantized as nnq
from torch import Tensor

from autograder.expected.reference import build, quantized
from autograder.host.client import NoAnswerError


@dataclass(frozen=True)
class Numbers:
    """The integers of one INT8 layer: its weight on the grid, its bias, and both scales."""

    weight: Tensor
    weight_scale: float
    weight_zero_point: int
    bias: Tensor | None
    scale: float
    zero_point: int


@dataclass(frozen=True)
class Int8Numbers:
    """All numbers of an INT8 checkpoint."""

    layers: Mapping[str, Numbers]
    activations: Mapping[str, tuple[float, int]]  # input quantizer and additions

    @classmethod
    def read(cls, entries: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> "Int8Numbers":
        """Sort a checkpoint's tensors by module; raise NoAnswerError when one is not INT8."""
        layers: dict[str, Numbers] = {}
        activations: dict[str, tuple[float, int]] = {}
        for key in tensors:
            name = key.removesuffix(".scale")
            if name == key or f"{name}.zero_point" not in tensors:
                continue
            own = scalar(tensors[key]), int(scalar(tensors[f"{name}.zero_point"]))
            require_usable(name, *own)
            packed = f"{name}._packed_params._packed_params"
            prefix = packed if f"{packed}.weight" in tensors else name
            if f"{prefix}.weight" not in tensors:
                activations[name] = own
                continue
            entry = entries[f"{prefix}.weight"]
            if entry.scale is None or entry.zero_point is None:
                raise NoAnswerError(
                    "failed",
                    f"the weight of {name} has one scale a channel, or is not INT8: the lab's "
                    "configuration is CustomQConfig.PTQ or QAT",
                )
            require_usable(f"the weight of {name}", entry.scale, entry.zero_point, (0, 0))
            weight, bias = tensors[f"{prefix}.weight"], tensors.get(f"{prefix}.bias")
            layers[name] = Numbers(weight, entry.scale, entry.zero_point, bias, *own)
        return cls(layers, activations)

    def scales(self) -> dict[str, float]:
        """Return every scale by the name of what it belongs to."""
        found = {name: scale for name, (scale, _) in self.activations.items()}
        for name, numbers in self.layers.items():
            found |= {name: numbers.scale, f"weight of {name}": numbers.weight_scale}
        return found


def scalar(tensor: Tensor) -> float:
    """Return the only number of a tensor; raise NoAnswerError when it has another count."""
    if tensor.numel() != 1:
        raise NoAnswerError("failed", f"a scale or zero point has {tensor.numel()} numbers")
    number = float(tensor.item())
    return number if math.isfinite(number) else -1.0


def require_usable(
    name: str, scale: float, zero_point: int, between: tuple[int, int] = (0, 255)
) -> None:
    """Raise NoAnswerError for numbers that INT8 kernels are not made for."""
    if not 2.0**-64 < scale < 2.0**64 or not between[0] <= zero_point <= between[1]:
        raise NoAnswerError(
            "failed", f"{name[:60]} has the scale {scale!r} and the zero point {zero_point}"
        )


def from_numbers(layers: list[int], num_classes: int, width: int, numbers: Int8Numbers) -> Any:
    """Return an INT8 reference network that computes with a checkpoint's integers.

    Raises KeyError or ValueError when a layer is missing or has another shape.
    """
    network = build(layers, num_classes, width)
    for parameter in network.parameters():
        parameter.data.zero_()
    known = {
        name: Qparams(scale=scale, zero_point=zero_point)
        for name, (scale, zero_point) in numbers.activations.items()
    } | {
        name: Qparams(scale=n.scale, zero_point=n.zero_point, weight_scale=1.0, weight_zero_point=0)
        for name, n in numbers.layers.items()
    }
    quantized(network, known)
    found = {n: m for n, m in network.named_modules() if isinstance(m, nnq.Conv2d | nnq.Linear)}
    if unknown := sorted(set(numbers.layers) - set(found)):
        raise ValueError(f"{unknown[0]} is no layer of the fused network")
    for name, module in found.items():
        of = numbers.layers[name]
        if of.weight.dtype != torch.int8 or of.weight.shape != module.weight().shape:
            raise ValueError(f"the weight of {name} has the shape {tuple(of.weight.shape)}")
        if of.bias is None or of.bias.shape != (of.weight.shape[0],):
            raise ValueError(f"{name} has no bias of {of.weight.shape[0]} numbers: was it fused?")
        weight = torch._make_per_tensor_quantized_tensor(
            of.weight, of.weight_scale, of.weight_zero_point
        )
        module.set_weight_bias(weight, of.bias.to(torch.float32))
    return network.eval()


class Qparams(NamedTuple):
    """Scale and zero point of a module's output and of its weight."""

    scale: float
    zero_point: int
    weight_scale: float | None = None
    weight_zero_point: int | None = None
