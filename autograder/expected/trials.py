"""What is expected of single layers, tried alone: in FP32, with FakeQuantize and in INT8."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autograder.expected.reference import block, filled
from autograder.inside import experiments
from autograder.inside.experiments import ConvLayer
from lab3 import eager


class Layer:
    """One convolution of the reference with what follows it, tried alone like the student's."""

    def __init__(self, network: nn.Module, layer: ConvLayer, seed: int) -> None:
        self.layer, self.seed = layer, seed
        self.conv = cast(Any, network.get_submodule(layer.conv))
        self.bn = cast(Any, network.get_submodule(layer.bn))
        weight: Tensor = self.conv.weight
        out_channels, in_channels = weight.shape[:2]
        self.tried = experiments.layer_input(seed, layer.conv, in_channels)
        self.rest = experiments.layer_input(seed, layer.bn, out_channels)

    def normalised(self, values: Tensor, is_training: bool) -> Tensor:
        """Return BatchNorm's output, with the batch's statistics when training."""
        bn = self.bn
        mean, var = (None, None) if is_training else (bn.running_mean, bn.running_var)
        return F.batch_norm(values, mean, var, bn.weight, bn.bias, is_training, 0.1, bn.eps)

    @torch.no_grad()
    def fronts(self, is_training: bool) -> dict[str, Tensor]:
        """Return what the convolution's module may compute, by the names of what is in it."""
        plain = self.conv(self.tried)
        normal = self.normalised(plain, is_training)
        return {
            "conv": plain,
            "conv relu": F.relu(plain),
            "conv bn": normal,
            "conv bn relu": F.relu(normal),
        }

    def folded(self) -> tuple[Tensor, Tensor]:
        """Return weight and bias with the BatchNorm in them (arXiv:1712.05877, equation 14)."""
        bn = self.bn
        return fold(self.conv.weight, bn.weight, bn.bias, bn.running_mean, bn.running_var, bn.eps)

    @property
    def integers(self) -> Tensor:
        """What an INT8 layer is tried with, as real numbers."""
        return experiments.integers(self.tried).dequantize()

    @torch.no_grad()
    def convolved(
        self,
        values: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        has_relu: bool,
        scale: float,
        zero_point: int = 0,
    ) -> Tensor:
        """Return what the layer gives for values with its weight on a grid, before rounding.

        With FakeQuantize a layer is tried with the real numbers of ``tried``, in INT8 with
        ``integers``.
        """
        on_grid = rounded(weight, scale, zero_point)
        if on_grid is None:
            return torch.full((1,), math.nan)
        output = F.conv2d(values, on_grid, bias, self.conv.stride, self.conv.padding)
        return F.relu(output) if has_relu else output

    @torch.no_grad()
    def rests(self, is_training: bool) -> dict[str, Tensor]:
        """Return what the modules behind it may still do, by the names of what is in them."""
        normal = self.normalised(self.rest, is_training)
        return {
            "": self.rest,
            "relu": F.relu(self.rest),
            "bn": normal,
            "bn relu": F.relu(normal),
        }

    @torch.no_grad()
    def behind_fake_quantize(self, has_relu: bool) -> Tensor:
        """Return what a convolution gives in train mode that rounds its BatchNorm's weight, too."""
        bn = self.bn
        factor = (bn.weight / torch.sqrt(bn.running_var + bn.eps))[:, None, None, None]
        weight = self.conv.weight * factor
        output = self.convolved(self.tried, weight, None, False, weight_scale(weight))
        normal = self.normalised(output / factor.view(1, -1, 1, 1), is_training=True)
        return F.relu(normal) if has_relu else normal

    def learned(self, has_relu: bool) -> tuple[Tensor, Tensor]:
        """Return the gradients of the BatchNorm's weight and bias inside a fused convolution."""
        parameters = [self.bn.weight, self.bn.bias]
        normal = self.normalised(self.conv(self.tried), is_training=True)
        front = F.relu(normal) if has_relu else normal
        weighted = (front * experiments.images(self.seed + 2, *front.shape)).sum()
        gamma, beta = torch.autograd.grad(weighted, parameters)
        return gamma, beta


def rounded(weight: Tensor, scale: float, zero_point: int) -> Tensor | None:
    """Return a weight on the grid of its INT8 numbers; None for a grid that no kernel takes."""
    if not 2.0**-64 < scale < 2.0**64 or not -128 <= zero_point <= 127:
        return None
    return torch.fake_quantize_per_tensor_affine(weight, scale, zero_point, -128, 127)


@dataclass(frozen=True)
class Source:
    """Where a layer stands: in a network's ``layers``, or in one block alone."""

    width: int
    seed: int
    layers: tuple[int, ...] = ()
    in_channels: int = 0
    stride: int = 1


@lru_cache(maxsize=16)
def network_of(source: Source) -> Any:
    """Return the network or block of an experiment; leave it as it is."""
    if source.layers:
        return filled(source.layers, 10, source.width, source.seed)
    return block(source.in_channels, source.width, source.stride, source.seed)


@lru_cache(maxsize=256)
def layer_of(source: Source, layer: ConvLayer) -> Layer:
    """Return a layer of an experiment; public experiments are every submission's."""
    return Layer(network_of(source), layer, source.seed)


@lru_cache(maxsize=512)
def tried_layer(
    source: Source, layer: ConvLayer, is_training: bool
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the ``fronts`` and the ``rests`` of a layer of an experiment."""
    tried = layer_of(source, layer)
    return tried.fronts(is_training), tried.rests(is_training)


@lru_cache(maxsize=128)
def learned(source: Source, layer: ConvLayer, has_relu: bool) -> tuple[Tensor, Tensor]:
    """Return what a layer's BatchNorm learns; see ``Layer.learned``."""
    return layer_of(source, layer).learned(has_relu)


@lru_cache(maxsize=128)
def behind_fake_quantize(source: Source, layer: ConvLayer, has_relu: bool) -> Tensor:
    """Return what a layer fused for QAT gives; see ``Layer.behind_fake_quantize``."""
    return layer_of(source, layer).behind_fake_quantize(has_relu)


@lru_cache(maxsize=128)
def int8_layer(source: Source, layer: ConvLayer, front: str) -> Tensor:
    """Return what a layer with this front gives in INT8, its weight at the stock scale."""
    tried, parts = layer_of(source, layer), front.split()
    weight, bias = tried.folded() if "bn" in parts else (tried.conv.weight, None)
    return tried.convolved(tried.integers, weight, bias, "relu" in parts, weight_scale(weight))


def added(name: str, channels: int, seed: int) -> Tensor:
    """Return the sum of what an INT8 addition is tried with, as real numbers."""
    values = (experiments.layer_input(seed, f"{name}.{n}", channels) for n in "ab")
    a, b = (experiments.integers(value).dequantize() for value in values)
    return a + b


def fold(
    weight: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, var: Tensor, eps: float = 1e-5
) -> tuple[Tensor, Tensor]:
    """Return a convolution's weight and bias with a BatchNorm in them."""
    factor = gamma / torch.sqrt(var + eps)
    return (weight * factor[:, None, None, None]).detach(), (beta - mean * factor).detach()


def weight_scale(weight: Tensor) -> float:
    """Return the scale that PyTorch's symmetric observer gives a weight."""
    return _observed(eager.per_tensor_qconfig.weight(), weight)


def activation_scale(values: Tensor) -> float:
    """Return the scale that PyTorch's symmetric observer gives an activation."""
    return _observed(eager.per_tensor_qconfig.activation(), values)


def _observed(observer: Any, values: Tensor) -> float:
    observer(values)
    return float(observer.calculate_qparams()[0])
