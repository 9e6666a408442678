"""What is expected: torchvision's quantizable ResNet with the lab's stem, filled from a seed.

Its modules have the names of the lab's network, so weights, checkpoints and scales fit both.
Nothing here comes from the solution or from a student.
"""

import copy
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autograder.inside import experiments
from autograder.inside.experiments import FixedObserver
from autograder.inside.questions import Block, Case, Gradients, Network, NetworkGradients
from autograder.inside.torchvision_models import QuantizableBottleneck, QuantizableResNet
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


def plain(num_classes: int, width: int, seed: int) -> Any:
    """Return the network of the question ``Network``: plain convolutions for stages."""
    network = build((1, 1, 1, 1), num_classes, width)
    for name, stage in experiments.plain_stages(width).items():
        setattr(network, name, stage)
    experiments.fill(network, seed)
    return network.eval()


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
    network = copy.deepcopy(filled(layers, num_classes, width, seed)).train()
    labels = experiments.labels(2, num_classes)
    F.cross_entropy(network(experiments.input_of(seed, 2, 3, 32, 32)), labels).backward()
    return {
        layer.conv: network.get_submodule(layer.conv).weight.grad
        for layer in experiments.conv_layers(layers)
    }


def quantized(network: Any, qparams: Mapping[str, Any]) -> Any:
    """Fuse a reference network completely and convert it with given scales, in place.

    Raises KeyError when a module's scale is missing.
    """
    network.fuse_model()
    network.qconfig = eager.per_tensor_qconfig
    eager.prepare(network, inplace=True)
    for name, module in network.named_modules():
        watcher = getattr(module, "activation_post_process", None)
        if not isinstance(watcher, eager.ObserverBase):
            continue
        scales = qparams[name]
        module.activation_post_process = FixedObserver(
            eager.QUINT8, scales.scale, scales.zero_point
        )
        if scales.weight_scale is not None:
            weight = partial(
                FixedObserver, eager.QINT8, scales.weight_scale, scales.weight_zero_point
            )
            inner = module[0] if isinstance(module, nn.Sequential) else module
            for part in (module, inner):  # a fused module asks the convolution inside it
                part.qconfig = eager.QConfig(activation=None, weight=weight)
    return eager.convert(network, inplace=True)


ARCHITECTURES = {"resnet50": (3, 4, 6, 3), "resnet14": (1, 1, 1, 1)}
