"""What both sides of the wall do alike: the weights and inputs of an experiment, from a seed.

The worker fills the student's network with them and the trusted side the reference's, so no
weights cross the wall. Nothing here is secret, and nothing here knows an answer.
"""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
import torch.ao.quantization as tq
from torch import Tensor, nn

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


def conv_layers(layers: list[int]) -> list[ConvLayer]:
    """Return all convolutions of a network; ``layers`` counts the blocks of each stage."""
    found = [ConvLayer("conv1", "bn1", "relu")]
    for stage, blocks in enumerate(layers, 1):
        for index in range(blocks):
            block = f"layer{stage}.{index}"
            found += [
                ConvLayer(f"{block}.conv{n}", f"{block}.bn{n}", f"{block}.relu{n}" if n < 3 else "")
                for n in (1, 2, 3)
            ]
            if index == 0:
                found.append(ConvLayer(f"{block}.downsample.0", f"{block}.downsample.1", ""))
    return found


def layer_input(seed: int, name: str, channels: int) -> Tensor:
    """Return the input that one layer is tried with, (2, channels, 6, 6)."""
    return images(seed + zlib.crc32(name.encode()), 2, channels, 6, 6)


LAYER_SCALE, LAYER_ZERO_POINT = 2.0**-5, 128  # of the integers that an INT8 layer is tried with


def integers(values: Tensor) -> Tensor:
    """Quantize a layer's input the way every experiment does."""
    return torch.quantize_per_tensor(values, LAYER_SCALE, LAYER_ZERO_POINT, torch.quint8)


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


def plain_stages(width: int) -> dict[str, nn.Module]:
    """Return stand-ins for a network's four stages, so that no block takes part."""
    channels = [width, 4 * width, 8 * width, 16 * width, 32 * width]
    return {
        f"layer{n}": nn.Conv2d(channels[n - 1], channels[n], 1, stride=1 if n == 1 else 2)
        for n in (1, 2, 3, 4)
    }


def stock_config() -> tq.QConfig:
    """Return a per-tensor symmetric configuration made of PyTorch's own observers."""
    symmetric = {"qscheme": torch.per_tensor_symmetric}
    return tq.QConfig(
        activation=tq.MinMaxObserver.with_args(dtype=torch.quint8, **symmetric),
        weight=tq.MinMaxObserver.with_args(dtype=torch.qint8, **symmetric),
    )


FIXED_SCALE = 2.0**-4


def fixed_config() -> tq.QConfig:
    """Return a configuration whose activation scales are known beforehand."""
    return tq.QConfig(
        activation=tq.FixedQParamsObserver.with_args(
            scale=FIXED_SCALE, zero_point=LAYER_ZERO_POINT, dtype=torch.quint8,
            quant_min=0, quant_max=255,
        ),
        weight=stock_config().weight,
    )  # fmt: skip
