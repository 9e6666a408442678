"""What both sides of the wall do alike: the weights and inputs of an experiment, from a seed.

The worker fills the student's network with them and the trusted side the reference's, so no
weights cross the wall. Nothing here is secret, and nothing here knows an answer.
"""

import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lab3 import eager
from lab3.engines import engine, listed_engines

ENGINES = ("x86", "fbgemm", "onednn", "qnnpack")  # in this order, as far as PyTorch has them
BLOCK_VALUES = 1 << 16  # large tensors repeat this many random values: drawing more takes long


class ConvLayer(NamedTuple):
    """A convolution and what follows it, by the names of the modules; ``relu`` may be empty."""

    conv: str
    bn: str
    relu: str

    @property
    def place(self) -> str:
        """``stem``, ``block`` or ``shortcut``."""
        if "downsample" in self.conv:
            return "shortcut"
        return "block" if self.conv.startswith("layer") else "stem"


def conv_layers(layers: Sequence[int]) -> list[ConvLayer]:
    """Return all convolutions of a network; ``layers`` counts the blocks of each stage."""
    convolutions = [ConvLayer("conv1", "bn1", "relu")]
    for stage, blocks in enumerate(layers, 1):
        for index in range(blocks):
            block = f"layer{stage}.{index}"
            convolutions += [
                ConvLayer(f"{block}.conv{n}", f"{block}.bn{n}", f"{block}.relu{n}" if n < 3 else "")
                for n in (1, 2, 3)
            ]
            if index == 0:
                convolutions.append(ConvLayer(f"{block}.downsample.0", f"{block}.downsample.1", ""))
    return convolutions


@contextmanager
def same_engine() -> Iterator[None]:
    """Compute INT8 with the engine that both sides of the wall take, whatever was set before.

    It need not be exact: both sides saturate alike, and layers are tried with small integers.
    """
    here = listed_engines()
    with engine(next(name for name in ENGINES if name in here)):
        yield


def layer_input(seed: int, name: str, channels: int) -> Tensor:
    """Return the input that one layer is tried with, (2, channels, 6, 6)."""
    return images(seed + zlib.crc32(name.encode()), 2, channels, 6, 6)


LAYER_SCALE, LAYER_ZERO_POINT = 2.0**-4, 64  # of the integers that an INT8 layer is tried with


def integers(values: Tensor) -> Tensor:
    """Quantize a layer's input the way every experiment does, to integers of at most 128.

    CPUs without VNNI instructions add pairs of products in 16 bits. Two products of 128 with an
    int8 weight fit: every engine computes exactly then, on every CPU.
    """
    largest = LAYER_SCALE * (128 - LAYER_ZERO_POINT)
    return eager.quantize_per_tensor(
        values.clamp(max=largest), LAYER_SCALE, LAYER_ZERO_POINT, eager.QUINT8
    )


def summands(seed: int, channels: int) -> tuple[Tensor, Tensor]:
    """Return two summands whose sum reaches further below zero than above.

    The ranges before and after the ReLU differ then, and with them the scales.
    """
    a, b = (images(seed + n, 2, channels, 4, 4) for n in (1, 2))
    return a - 1, b - 0.5


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed % (1 << 63))


def images(seed: int, *shape: int) -> Tensor:
    """Return normally distributed float32 values of this shape."""
    return torch.randn(shape, generator=generator(seed))


@torch.no_grad()
def fill(network: nn.Module, seed: int) -> None:
    """Overwrite all weights, BatchNorm parameters and statistics by name, in place.

    As initialised, a BatchNorm changes nothing, so dropping it would change nothing either: its
    weight and variance lie in [0.5, 1.5), its bias and mean vary around 0. The last BatchNorm of a
    block is damped, so that activations keep their size over many blocks.
    """
    drawn = generator(seed)
    for name, tensor in sorted(network.state_dict(keep_vars=True).items()):
        if not tensor.is_floating_point():
            continue
        if tensor.dim() > 1:
            block = torch.randn(min(tensor.numel(), BLOCK_VALUES), generator=drawn)
            block *= (2 / tensor[0].numel()) ** 0.5  # He et al., arXiv:1502.01852
            flat, whole = tensor.view(-1), tensor.numel() // len(block)
            flat[: whole * len(block)].view(whole, -1).copy_(block)
            flat[whole * len(block) :] = block[: tensor.numel() % len(block)]
            continue
        if name.endswith(("running_var", "weight")):
            values = 0.5 + torch.rand(tensor.shape, generator=drawn)
            if name.endswith("bn3.weight"):
                values *= 0.4
        else:
            values = torch.randn(tensor.shape, generator=drawn) / 4
        tensor.copy_(values.view(tensor.shape))


@contextmanager
def without_initialisation() -> Iterator[None]:
    """Skip drawing initial weights, which ``fill`` is going to overwrite."""
    names = ("kaiming_uniform_", "kaiming_normal_", "uniform_", "normal_")
    originals = {name: getattr(nn.init, name) for name in names}

    def leave(tensor: Tensor, *_: Any, **__: Any) -> Tensor:
        return tensor

    try:
        for name in names:
            setattr(nn.init, name, leave)
        yield
    finally:
        for name, original in originals.items():
            setattr(nn.init, name, original)


@contextmanager
def shared_copies() -> Iterator[None]:
    """Let copied parameters share their numbers.

    PyTorch copies a convolution, weight and all, before it computes the fused weight: of a large
    network that is a tenth of the time.
    """
    original = nn.Parameter.__deepcopy__

    def share(parameter: nn.Parameter, memo: dict[int, Any]) -> nn.Parameter:
        memo[id(parameter)] = nn.Parameter(parameter.data, parameter.requires_grad)
        shared: nn.Parameter = memo[id(parameter)]
        return shared

    nn.Parameter.__deepcopy__ = share  # type: ignore[assignment,method-assign]
    try:
        yield
    finally:
        nn.Parameter.__deepcopy__ = original  # type: ignore[method-assign]


def walk(network: Any, x: Tensor) -> Tensor:
    """Return the logits of a network's modules in the handout's order, without its ``forward``."""
    x = network.relu(network.bn1(network.conv1(x)))
    for n in range(1, 5):
        for block in getattr(network, f"layer{n}"):
            out = block.relu1(block.bn1(block.conv1(x)))
            out = block.relu2(block.bn2(block.conv2(out)))
            out = block.bn3(block.conv3(out))
            x = torch.relu(out + (x if block.downsample is None else block.downsample(x)))
    logits: Tensor = network.fc(torch.flatten(network.avgpool(x), 1))
    return logits


def plain_stages(width: int) -> dict[str, nn.Module]:
    """Return stand-ins for a network's four stages, so that no block takes part."""
    channels = [width, 4 * width, 8 * width, 16 * width, 32 * width]
    return {
        f"layer{n}": nn.Conv2d(channels[n - 1], channels[n], 1, stride=1 if n == 1 else 2)
        for n in (1, 2, 3, 4)
    }


def on_cpu(config: eager.QConfig) -> eager.QConfig:
    """Return a configuration that makes the same observers, without a choice of their device.

    PyTorch makes two observers a module just to find out whether they take a device: that is half
    of the time that ``prepare`` needs.
    """

    def made_by(make: Callable[..., Any]) -> Callable[..., Any]:
        return lambda **arguments: make(**arguments)

    return eager.QConfig(activation=made_by(config.activation), weight=made_by(config.weight))


FIXED_SCALE, FIXED_ZERO_POINT = 2.0**-4, 128


def fixed_config() -> eager.QConfig:
    """Return a configuration whose activation scales are known beforehand."""
    return eager.QConfig(
        activation=partial(
            eager.FixedQParamsObserver,
            scale=FIXED_SCALE,
            zero_point=FIXED_ZERO_POINT,
            dtype=eager.QUINT8,
            quant_min=0,
            quant_max=255,
        ),
        weight=eager.per_tensor_qconfig.weight,
    )
