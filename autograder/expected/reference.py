"""What is expected: torchvision's quantizable ResNet with the lab's stem, filled from a seed.

Its modules have the names of the lab's network, so weights, checkpoints and scales fit both.
Nothing here comes from the solution or from a student.
"""

import copy
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import torch
from torch import Tensor, nn

from autograder.expected.torchvision_models import QuantizableBottleneck, QuantizableResNet
from autograder.inside import experiments
from lab3 import eager


def build(layers: Sequence[int], num_classes: int, width: int) -> Any:
    """Return the reference network in eval mode, its weights not yet set."""
    if width > 8:  # copying saves nothing where weights are most of it
        return construct(layers, num_classes, width)
    return copy.deepcopy(_constructed(tuple(layers), num_classes, width))


@lru_cache(maxsize=8)
def _constructed(layers: tuple[int, ...], num_classes: int, width: int) -> Any:
    return construct(layers, num_classes, width)


def construct(layers: Sequence[int], num_classes: int, width: int) -> Any:
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


@lru_cache(maxsize=4)
def filled(layers: tuple[int, ...], num_classes: int, width: int, seed: int) -> Any:
    """Return the reference network with the weights of an experiment; leave it as it is."""
    network = build(layers, num_classes, width)
    experiments.fill(network, seed)
    return network


Known = tuple[tuple[str, Any], ...]  # the qparams of an INT8 network by module, sorted


def plain(num_classes: int, width: int, seed: int) -> Any:
    """Return the network of the probe ``network``: plain convolutions for stages."""
    network = build((1, 1, 1, 1), num_classes, width)
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
def plain_int8_logits(num_classes: int, width: int, seed: int, qparams: Known) -> Tensor:
    """Return the INT8 logits of that network at given scales; raise KeyError when one is missing.

    Right submissions have the same scales for the same inputs, so the answer serves all of them.
    """
    network = quantized(plain(num_classes, width, seed), dict(qparams), is_fused=False)
    logits: Tensor = network(experiments.images(seed + 1, 2, 3, 32, 32))
    return logits


@lru_cache(maxsize=8)
@torch.inference_mode()
def block_int8_output(
    in_channels: int, channels: int, stride: int, seed: int, qparams: Known
) -> Tensor:
    """Return what a block computes in INT8 at given scales; raise KeyError when one is missing."""
    between = block(in_channels, channels, stride, seed)
    module = nn.Sequential(eager.QuantStub(), between, eager.DeQuantStub()).eval()
    images = experiments.images(seed + 1, 2, in_channels, 8, 8)
    output: Tensor = quantized(module, dict(qparams), is_fused=False)(images)
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


class FixedObserver(eager.ObserverBase):
    """Stands for an observer whose scale and zero point are known."""

    qscheme = eager.PER_TENSOR_SYMMETRIC

    def __init__(self, dtype: torch.dtype, scale: float, zero_point: int) -> None:
        super().__init__(dtype)
        self.scale, self.zero_point = scale, zero_point
        self.quant_min, self.quant_max = (-128, 127) if dtype == eager.QINT8 else (0, 255)

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
    network.qconfig = eager.per_tensor_qconfig
    eager.prepare(network, inplace=True)
    for name, module in network.named_modules():
        watcher = getattr(module, "activation_post_process", None)
        if not isinstance(watcher, eager.ObserverBase):
            continue
        known = qparams[name]
        module.activation_post_process = FixedObserver(eager.QUINT8, known.scale, known.zero_point)
        if known.weight_scale is not None:
            weight = partial(
                FixedObserver, eager.QINT8, known.weight_scale, known.weight_zero_point
            )
            inner = module[0] if isinstance(module, nn.Sequential) else module
            for part in (module, inner):  # a fused module asks the convolution inside it
                part.qconfig = eager.QConfig(activation=None, weight=weight)
    return eager.convert(network, inplace=True)


@lru_cache(maxsize=4)
@torch.inference_mode()
def int8_logits(
    layers: tuple[int, ...], width: int, seed: int, batch: int, qparams: Known
) -> Tensor:
    """Return the INT8 logits of an experiment's weights and images at given scales."""
    network = quantized(copy.deepcopy(filled(layers, 10, width, seed)), dict(qparams))
    logits: Tensor = network(experiments.images(seed + 1, batch, 3, 32, 32))
    return logits


ARCHITECTURES = {"resnet50": (3, 4, 6, 3), "resnet14": (1, 1, 1, 1)}
