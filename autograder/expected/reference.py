"""What is expected: torchvision's quantizable ResNet with the lab's stem, filled from a seed.

Its modules have the names of the lab's network, so weights, checkpoints and scales fit both.
Nothing here comes from the solution or from a student.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autograder.inside import experiments
from autograder.inside.questions import Block, Case, Gradients, Network, NetworkGradients
from autograder.inside.torchvision_models import QuantizableBottleneck, QuantizableResNet
from lab3 import eager


def build(layers: Sequence[int], num_classes: int, width: int) -> Any:
    """Return the reference network in eval mode, its weights not yet set."""
    if width > 8:  # copying saves nothing where weights are most of it
        return construct(layers, num_classes, width)
    return copied(_constructed(tuple(layers), num_classes, width))


@lru_cache(maxsize=8)
def _constructed(layers: tuple[int, ...], num_classes: int, width: int) -> Any:
    return construct(layers, num_classes, width)


def copied(module: Any) -> Any:
    """Return a copy with its own parameters and buffers, ten times as fast as ``deepcopy``.

    No module of these networks is there twice.
    """
    twin = object.__new__(type(module))
    twin.__dict__ = {
        name: value.copy() if isinstance(value, dict | set) else value
        for name, value in module.__dict__.items()
    }
    for name, parameter in twin._parameters.items():
        if parameter is not None:
            fresh = nn.Parameter(parameter.detach().clone(), parameter.requires_grad)
            twin._parameters[name] = fresh
    for name, buffer in twin._buffers.items():
        twin._buffers[name] = None if buffer is None else buffer.clone()
    for name, inner in twin._modules.items():
        twin._modules[name] = None if inner is None else copied(inner)
    return twin


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


def plain(num_classes: int, width: int, seed: int) -> Any:
    """Return the network of the question ``Network``: plain convolutions for stages."""
    network = build((1, 1, 1, 1), num_classes, width)
    for name, stage in experiments.plain_stages(width).items():
        setattr(network, name, stage)
    experiments.fill(network, seed)
    return network.eval()


class AveragedTwice(nn.Module):
    """Averages over one dimension of images after the other, which rounds twice in INT8."""

    def __init__(self, first: int) -> None:
        super().__init__()
        self.first, self.second = first, 5 - first

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W) -> (B, C, 1, 1)
        return x.mean(self.first, keepdim=True).mean(self.second, keepdim=True)


# How a right network may average: at once, or over this dimension first.
AVERAGES = (None, 2, 3)


def averaging(network: Any, first: int | None) -> Any:
    """Return a network that averages in one of these ways; it is changed in place."""
    if first is not None:
        network.avgpool = AveragedTwice(first)
    return network


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


@lru_cache(maxsize=16)
def block_outputs(question: Block) -> list[Tensor]:
    """Return what a block gives in each case, (B, 4*channels, H, W)."""
    module = block(question.in_channels, question.channels, question.stride, question.seed)
    return outputs_of(module, question.in_channels, question.seed, question.cases)


@lru_cache(maxsize=16)
def network_outputs(question: Network) -> list[Tensor]:
    """Return the logits of the network with plain stages in each case, (B, num_classes)."""
    module = plain(question.num_classes, question.width, question.seed)
    return outputs_of(module, 3, question.seed, question.cases)


@torch.no_grad()
def outputs_of(module: Any, channels: int, seed: int, cases: Sequence[Case]) -> list[Tensor]:
    outputs = []
    for case in cases:
        inputs = experiments.input_of(seed, case.batch, channels, case.size, case.size)
        outputs.append(module.train(case.is_training)(inputs))
    return outputs


@lru_cache(maxsize=16)
def block_gradients(question: Gradients) -> tuple[Tensor, dict[str, Tensor]]:
    """Return a block's output, and the gradients of the question's weighted sum."""
    module = block(question.in_channels, question.channels, question.stride, question.seed)
    inputs = experiments.input_of(question.seed, 2, question.in_channels, 8, 8)
    return gradients_of(module, inputs, question.seed)


@lru_cache(maxsize=16)
def network_gradients(question: NetworkGradients) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the logits of the network with plain stages, and the gradients of their sum."""
    module = plain(question.num_classes, question.width, question.seed)
    return gradients_of(module, experiments.input_of(question.seed, 2, 3, 32, 32), question.seed)


def gradients_of(module: Any, inputs: Tensor, seed: int) -> tuple[Tensor, dict[str, Tensor]]:
    """Return a module's output in float64, and the gradients of a weighted sum of it."""
    module, inputs = module.double(), inputs.double().requires_grad_()
    output = module(inputs)
    (output * experiments.images(seed + 2, *output.shape)).sum().backward()
    gradients = {
        name: parameter.grad
        for name, parameter in module.named_parameters()
        if parameter.grad is not None
    }
    assert inputs.grad is not None
    return output.detach(), {**gradients, "input": inputs.grad}


@lru_cache(maxsize=8)
def training_gradients(
    layers: tuple[int, ...], num_classes: int, width: int, seed: int
) -> dict[str, Tensor]:
    """Return the gradient of each convolution's weight in a first training step in FP32."""
    network = copied(filled(layers, num_classes, width, seed)).train()
    labels = experiments.labels(2, num_classes)
    F.cross_entropy(network(experiments.input_of(seed, 2, 3, 32, 32)), labels).backward()
    return {
        layer.conv: network.get_submodule(layer.conv).weight.grad
        for layer in experiments.conv_layers(layers)
    }


def converted(layers: Sequence[int], num_classes: int, width: int) -> Any:
    """Return the reference network, fused completely and in INT8; its numbers are not yet set."""
    if width > 8:
        return convert(layers, num_classes, width)
    return copied(_converted(tuple(layers), num_classes, width))


@lru_cache(maxsize=8)
def _converted(layers: tuple[int, ...], num_classes: int, width: int) -> Any:
    return convert(layers, num_classes, width)


def convert(layers: Sequence[int], num_classes: int, width: int) -> Any:
    """Return the INT8 reference network, made anew."""
    network = construct(layers, num_classes, width)
    for parameter in network.parameters():
        parameter.data.zero_()
    network.fuse_model()
    experiments.prepare_at(network, [])
    return eager.convert(network, inplace=True)


ARCHITECTURES = {"resnet50": (3, 4, 6, 3), "resnet14": (1, 1, 1, 1)}
