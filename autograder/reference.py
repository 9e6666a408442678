"""What is expected: torchvision's quantizable ResNet with the lab's stem, filled from a seed.

Its modules have the names of the lab's network, so weights, checkpoints and scales fit both.
Nothing here comes from the solution or from a student.
"""

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, NamedTuple, cast

import torch
import torch.ao.nn.quantized as nnq
import torch.ao.quantization as tq
import torch.nn.functional as F
from torch import Tensor, nn

from autograder import experiments
from autograder.client import NoAnswerError
from autograder.experiments import ConvLayer
from autograder.torchvision_models import QuantizableBottleneck, QuantizableResNet


def build(layers: list[int], num_classes: int, width: int) -> Any:
    """Return the reference network in eval mode, its weights not yet set."""
    if width > 8:  # copying saves nothing where weights are most of it
        return construct(layers, num_classes, width)
    return copy.deepcopy(_constructed(tuple(layers), num_classes, width))


@lru_cache(maxsize=8)
def _constructed(layers: tuple[int, ...], num_classes: int, width: int) -> Any:
    return construct(list(layers), num_classes, width)


def construct(layers: list[int], num_classes: int, width: int) -> Any:
    """Return the reference network in eval mode, made anew."""
    with experiments.without_initialisation():
        with torch.device("meta"):  # its own stages have another width: they take no memory
            network = QuantizableResNet(QuantizableBottleneck, [1, 1, 1, 1], num_classes)
        network.inplanes = width
        network.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
        network.bn1 = nn.BatchNorm2d(width)
        network.maxpool = nn.Identity()
        for n, blocks in enumerate(layers):
            stride = 1 if n == 0 else 2
            stage = network._make_layer(QuantizableBottleneck, width << n, blocks, stride)
            setattr(network, f"layer{n + 1}", stage)
        network.fc = nn.Linear(network.inplanes, num_classes)
    return network.eval()


def filled(layers: list[int], num_classes: int, width: int, seed: int) -> Any:
    """Return the reference network with the weights of an experiment; leave it as it is."""
    return _filled(tuple(layers), num_classes, width, seed)


@lru_cache(maxsize=4)
def _filled(layers: tuple[int, ...], num_classes: int, width: int, seed: int) -> Any:
    network = build(list(layers), num_classes, width)
    experiments.fill(network, seed)
    return network


Known = tuple[tuple[str, Any], ...]  # the qparams of an INT8 network by module, sorted


def plain(num_classes: int, width: int, seed: int) -> Any:
    """Return the network of the probe ``network``: plain convolutions for stages."""
    network = build([1, 1, 1, 1], num_classes, width)
    for name, stage in experiments.plain_stages(width).items():
        setattr(network, name, stage)
    experiments.fill(network, seed)
    return network.eval()


@lru_cache(maxsize=8)
@torch.inference_mode()
def plain_logits(num_classes: int, width: int, seed: int) -> Tensor:
    """Return what the network of the probe ``network`` computes."""
    logits: Tensor = plain(num_classes, width, seed)(experiments.images(seed + 1, 2, 3, 32, 32))
    return logits


@lru_cache(maxsize=8)
@torch.inference_mode()
def plain_int8_logits(num_classes: int, width: int, seed: int, known: Known) -> Tensor:
    """Return the INT8 logits of that network at given scales; raise KeyError when one is missing.

    Right submissions have the same scales for the same inputs, so the answer serves all of them.
    """
    network = quantized(plain(num_classes, width, seed), dict(known), is_fused=False)
    logits: Tensor = network(experiments.images(seed + 1, 2, 3, 32, 32))
    return logits


@lru_cache(maxsize=8)
@torch.inference_mode()
def block_int8_output(
    in_channels: int, channels: int, stride: int, seed: int, known: Known
) -> Tensor:
    """Return what a block computes in INT8 at given scales; raise KeyError when one is missing."""
    between = block(in_channels, channels, stride, seed)
    module = nn.Sequential(tq.QuantStub(), between, tq.DeQuantStub()).eval()
    images = experiments.images(seed + 1, 2, in_channels, 8, 8)
    output: Tensor = quantized(module, dict(known), is_fused=False)(images)
    return output


@lru_cache(maxsize=8)
@torch.inference_mode()
def block_output(in_channels: int, channels: int, stride: int, seed: int) -> Tensor:
    """Return what a block computes for the images of the probe ``block``."""
    images = experiments.images(seed + 1, 2, in_channels, 8, 8)
    output: Tensor = block(in_channels, channels, stride, seed)(images)
    return output


def block(in_channels: int, channels: int, stride: int, seed: int) -> Any:
    """Return one reference bottleneck with the weights of an experiment, in eval mode."""
    out_channels = 4 * channels
    downsample = None
    if stride != 1 or in_channels != out_channels:
        downsample = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
            nn.BatchNorm2d(out_channels),
        )
    module = QuantizableBottleneck(in_channels, channels, stride, downsample)
    experiments.fill(module, seed)
    return module.eval()


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

    @torch.no_grad()
    def computed(
        self,
        weight: Tensor,
        bias: Tensor | None,
        has_relu: bool,
        scale: float,
        zero_point: int = 0,
    ) -> Tensor:
        """Return what an INT8 layer gives for the integers it is tried with, before rounding."""
        tried = experiments.integers(self.tried).dequantize()
        return self._convolved(tried, weight, bias, has_relu, scale, zero_point)

    @torch.no_grad()
    def imitated(self, weight: Tensor, bias: Tensor | None, has_relu: bool, scale: float) -> Tensor:
        """Return the same for the real numbers that a layer with FakeQuantize is tried with."""
        return self._convolved(self.tried, weight, bias, has_relu, scale)

    def _convolved(
        self,
        values: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        has_relu: bool,
        scale: float,
        zero_point: int = 0,
    ) -> Tensor:
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


def rounded(weight: Tensor, scale: float, zero_point: int) -> Tensor | None:
    """Return a weight on the grid of its INT8 numbers; None for a grid that no kernel takes."""
    if not 2.0**-64 < scale < 2.0**64 or not -128 <= zero_point <= 127:
        return None
    return torch.fake_quantize_per_tensor_affine(weight, scale, zero_point, -128, 127)


@lru_cache(maxsize=128)
def layer_of(layers: tuple[int, ...], width: int, seed: int, layer: ConvLayer) -> Layer:
    """Return a layer of an experiment's network; public experiments are every submission's."""
    return Layer(filled(list(layers), 10, width, seed), layer, seed)


@lru_cache(maxsize=128)
def tried_layer(
    layers: tuple[int, ...], width: int, seed: int, layer: ConvLayer, is_training: bool
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the ``fronts`` and the ``rests`` of a layer of an experiment's network."""
    tried = layer_of(layers, width, seed, layer)
    return tried.fronts(is_training), tried.rests(is_training)


@lru_cache(maxsize=128)
def int8_layer(
    layers: tuple[int, ...], width: int, seed: int, layer: ConvLayer, front: str
) -> Tensor:
    """Return what a layer with this front gives in INT8, its weight at the stock scale."""
    tried, parts = layer_of(layers, width, seed, layer), front.split()
    weight, bias = tried.folded() if "bn" in parts else (tried.conv.weight, None)
    return tried.computed(weight, bias, "relu" in parts, weight_scale(weight))


def fold(
    weight: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, var: Tensor, eps: float = 1e-5
) -> tuple[Tensor, Tensor]:
    """Return a convolution's weight and bias with a BatchNorm in them."""
    factor = gamma / torch.sqrt(var + eps)
    return (weight * factor[:, None, None, None]).detach(), (beta - mean * factor).detach()


def weight_scale(weight: Tensor) -> float:
    """Return the scale that PyTorch's symmetric observer gives a weight."""
    return _observed(experiments.stock_config().weight(), weight)


def activation_scale(values: Tensor) -> float:
    """Return the scale that PyTorch's symmetric observer gives an activation."""
    return _observed(experiments.stock_config().activation(), values)


def _observed(observer: Any, values: Tensor) -> float:
    observer(values)
    return float(observer.calculate_qparams()[0])


def is_on_grid(got: Tensor | None, real: Tensor, scale: float, zero_point: int) -> bool:
    """Tell whether integers are those of real numbers on a grid.

    Numbers that lie between two integers may round to either: the folded weights differ in their
    last bits, and a weight next to a rounding border moves an output by up to a step.
    """
    if got is None or got.shape != real.shape or not 2.0**-64 < scale < 2.0**64:
        return False
    expected = torch.clamp(torch.round(real / scale) + zero_point, 0, 255)
    steps = (got.to(torch.float32) - expected).abs()
    return bool((steps <= 1).all() and (steps == 0).float().mean() > 0.98)


class FixedObserver(tq.ObserverBase):
    """Stands for an observer whose scale and zero point are known."""

    qscheme = torch.per_tensor_symmetric

    def __init__(self, dtype: torch.dtype, scale: float, zero_point: int) -> None:
        super().__init__(dtype)
        self.scale, self.zero_point = scale, zero_point
        self.quant_min, self.quant_max = (-128, 127) if dtype == torch.qint8 else (0, 255)

    def forward(self, values: Tensor) -> Tensor:
        return values

    def calculate_qparams(self, **_: Any) -> tuple[Tensor, Tensor]:
        return torch.tensor([self.scale]), torch.tensor([self.zero_point])


def quantized(network: Any, qparams: Mapping[str, Any], is_fused: bool = True) -> Any:
    """Fuse a reference network completely and convert it with given scales, in place.

    Raises KeyError when a module's scale is missing.
    """
    if is_fused:
        network.fuse_model()
    network.qconfig = experiments.stock_config()
    tq.prepare(network, inplace=True)
    for name, module in network.named_modules():
        watcher = getattr(module, "activation_post_process", None)
        if not isinstance(watcher, tq.ObserverBase):
            continue
        known = qparams[name]
        module.activation_post_process = FixedObserver(torch.quint8, known.scale, known.zero_point)
        if known.weight_scale is not None:
            weight = partial(
                FixedObserver, torch.qint8, known.weight_scale, known.weight_zero_point
            )
            inner = module[0] if isinstance(module, nn.Sequential) else module
            for part in (module, inner):  # a fused module asks the convolution inside it
                part.qconfig = tq.QConfig(activation=None, weight=weight)
    return tq.convert(network, inplace=True)


@lru_cache(maxsize=4)
@torch.inference_mode()
def int8_logits(layers: tuple[int, ...], width: int, seed: int, batch: int, known: Known) -> Tensor:
    """Return the INT8 logits of an experiment's weights and images at given scales."""
    network = quantized(copy.deepcopy(filled(list(layers), 10, width, seed)), dict(known))
    logits: Tensor = network(experiments.images(seed + 1, batch, 3, 32, 32))
    return logits


ARCHITECTURES = {"resnet50": [3, 4, 6, 3], "resnet14": [1, 1, 1, 1]}


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
