"""What both sides of the wall do alike: the weights and inputs of an experiment, from a seed.

The worker fills the student's network with them and the trusted side the reference's, so no
weights cross the wall. Nothing here is secret, and nothing here knows an answer.
"""

import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Any, NamedTuple, cast

import numpy
import torch
from torch import Tensor, nn

from lab3 import eager
from lab3.engines import engine, listed_engines

ENGINES = ("fbgemm", "x86", "onednn", "qnnpack")  # the one that packs weights fastest first


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
        return "stem" if self.relu == "relu" else "block"

    @property
    def within(self) -> str:
        """Its name within its block; empty for the stem."""
        stage, _, rest = self.conv.partition(".")
        return rest.partition(".")[2] if stage.startswith("layer") else ""


def conv_layers(layers: Sequence[int]) -> list[ConvLayer]:
    """Return all convolutions of a network; ``layers`` counts the blocks of each stage."""
    convolutions = [*STEM]
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


STEM = (ConvLayer("conv1", "bn1", "relu"),)


def block_layers(in_channels: int, channels: int, stride: int) -> list[ConvLayer]:
    """Return the convolutions of a block alone."""
    has_shortcut = stride != 1 or in_channels != 4 * channels
    main = [ConvLayer(f"conv{n}", f"bn{n}", f"relu{n}" if n < 3 else "") for n in (1, 2, 3)]
    return [*main, ConvLayer("downsample.0", "downsample.1", "")] if has_shortcut else main


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


def input_of(seed: int, *shape: int) -> Tensor:
    """Return what a module is given whose weights come from a seed."""
    return images(seed + 1, *shape)


def labels(batch: int, num_classes: int) -> Tensor:
    """Return the labels of a training step, (batch,)."""
    return torch.arange(batch) % num_classes


def summands(seed: int, channels: int) -> tuple[Tensor, Tensor]:
    """Return two summands whose sum reaches further below zero than above.

    The ranges before and after the ReLU differ then, and with them the scales.
    """
    a, b = (images(seed + n, 2, channels, 4, 4) for n in (1, 2))
    return a - 1, b - 0.5


def generator(seed: int) -> numpy.random.Generator:
    """Return a source of numbers that depends on all bits of a seed; PyTorch's keep 32 of them."""
    return numpy.random.default_rng(seed)


def normal(drawn: numpy.random.Generator, *shape: int) -> Tensor:
    """Return normally distributed float32 values of this shape."""
    return torch.from_numpy(drawn.standard_normal(shape, dtype=numpy.float32))


def uniform(drawn: numpy.random.Generator, *shape: int) -> Tensor:
    """Return float32 values between 0 and 1 of this shape."""
    return torch.from_numpy(drawn.random(shape, dtype=numpy.float32))


def images(seed: int, *shape: int) -> Tensor:
    """Return normally distributed float32 values of this shape that belong to a seed."""
    if math.prod(shape) > KEPT_IMAGES:
        return normal(generator(seed), *shape)
    return torch.from_numpy(drawn_images(seed, shape).copy())


# Several experiments begin with the same numbers. What is kept is copied for each of them.
KEPT_IMAGES, KEPT_WEIGHTS = 1 << 16, 1 << 19  # numbers of one experiment: no more are kept


@lru_cache(maxsize=256)
def drawn_images(seed: int, shape: tuple[int, ...]) -> "numpy.typing.NDArray[numpy.float32]":
    return generator(seed).standard_normal(shape, dtype=numpy.float32)


@torch.no_grad()
def fill(network: nn.Module, seed: int) -> None:
    """Overwrite all weights, BatchNorm parameters and statistics by name, in place.

    As initialised, a BatchNorm changes nothing, so dropping it would change nothing either: its
    weight and variance lie in [0.5, 1.5), its bias and mean vary around 0. The last BatchNorm of a
    block is damped, so that activations keep their size over many blocks.
    """
    tensors = {
        name: tensor
        for name, tensor in sorted(network.state_dict(keep_vars=True).items())
        if tensor.is_floating_point()
    }
    shapes = tuple((name, tuple(tensor.shape)) for name, tensor in tensors.items())
    is_kept = sum(tensor.numel() for tensor in tensors.values()) <= KEPT_WEIGHTS
    drawn = drawn_weights(seed, shapes) if is_kept else draw_weights(seed, shapes)
    for tensor, values in zip(tensors.values(), drawn, strict=True):
        tensor.copy_(values)


Shapes = tuple[tuple[str, tuple[int, ...]], ...]  # of tensors, by name


@lru_cache(maxsize=32)
def drawn_weights(seed: int, shapes: Shapes) -> list[Tensor]:
    """Return the values of all tensors of a network; they are to be copied, and never changed."""
    with torch.inference_mode(False):
        return list(draw_weights(seed, shapes))


def draw_weights(seed: int, shapes: Shapes) -> Iterator[Tensor]:
    """Yield the values of each tensor of a network in turn."""
    drawn = generator(seed)
    for name, shape in shapes:
        if len(shape) > 1:
            values = normal(drawn, *shape)
            values *= (2 / math.prod(shape[1:])) ** 0.5  # He et al., arXiv:1502.01852
        elif name.endswith(("running_var", "weight")):
            values = 0.5 + uniform(drawn, *shape)
            if name.endswith("bn3.weight"):
                values *= 0.4
        else:
            values = normal(drawn, *shape) / 4
        yield values.view(shape)


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


def walk(network: Any, x: Tensor) -> Tensor:
    """Return the logits of a network's modules in the handout's order, without its ``forward``."""
    x = network.relu(network.bn1(network.conv1(x)))
    for n in range(1, 5):
        for block in getattr(network, f"layer{n}"):
            x = torch.relu(walk_main_path(block, x) + walk_shortcut(block, x))
    logits: Tensor = network.fc(torch.flatten(network.avgpool(x), 1))
    return logits


def walk_main_path(block: Any, x: Tensor) -> Tensor:
    """Return what the modules of a block's main path give in the handout's order."""
    out = block.relu1(block.bn1(block.conv1(x)))
    out = block.relu2(block.bn2(block.conv2(out)))
    out = block.bn3(block.conv3(out))
    return cast(Tensor, out)


def walk_shortcut(block: Any, x: Tensor) -> Tensor:
    """Return what a block's shortcut gives."""
    return x if block.downsample is None else cast(Tensor, block.downsample(x))


PATHS: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "main_path": walk_main_path,
    "shortcut": walk_shortcut,
}


def walk_integers(block: Any, values: Tensor, path: str) -> Tensor:
    """Return the integers that the modules on one path of an INT8 block give."""
    return PATHS[path](block, integers(values)).int_repr()


def plain_stages(width: int) -> dict[str, nn.Module]:
    """Return stand-ins for a network's four stages, so that no block of the student takes part.

    Each is two blocks of ours whose output, like that of a real one, is never negative.
    """
    channels = [width, 4 * width, 8 * width, 16 * width, 32 * width]

    def stage(n: int) -> nn.Module:
        first = nn.Conv2d(channels[n - 1], channels[n], 1, stride=1 if n == 1 else 2)
        second = nn.Conv2d(channels[n], channels[n], 1)
        return nn.Sequential(*(nn.Sequential(conv, nn.ReLU()) for conv in (first, second)))

    return {f"layer{n}": stage(n) for n in (1, 2, 3, 4)}


def on_cpu(config: eager.QConfig) -> eager.QConfig:
    """Return a configuration that makes the same observers, without a choice of their device.

    PyTorch makes two observers a module just to find out whether they take a device: that is half
    of the time that ``prepare`` needs.
    """

    def made_by(make: Callable[..., Any]) -> Callable[..., Any]:
        return lambda **arguments: make(**arguments)

    return eager.QConfig(activation=made_by(config.activation), weight=made_by(config.weight))


class FixedObserver(eager.ObserverBase):
    """Stands for an observer whose scale and zero point are given."""

    qscheme = eager.PER_TENSOR_SYMMETRIC

    def __init__(self, dtype: torch.dtype, scale: float, zero_point: int) -> None:
        super().__init__(dtype)
        self.scale, self.zero_point = scale, zero_point
        self.quant_min, self.quant_max = (-128, 127) if dtype == eager.QINT8 else (0, 255)

    def forward(self, values: Tensor) -> Tensor:
        return values

    def calculate_qparams(self, **_: Any) -> tuple[Tensor, Tensor]:
        return torch.tensor([self.scale]), torch.tensor([self.zero_point])


UNSEEN = partial(FixedObserver, eager.QUINT8, 1.0, 0)  # as an observer that has seen nothing says


class WeightObserver(eager.ObserverBase):
    """PyTorch's observer for a weight with one scale, without what only training needs."""

    qscheme = eager.PER_TENSOR_SYMMETRIC
    quant_min, quant_max = -128, 127

    def __init__(self) -> None:
        super().__init__(eager.QINT8)
        self.scale = torch.ones(1)

    def forward(self, weight: Tensor) -> Tensor:
        self.scale = scale_of(weight)
        return weight

    def calculate_qparams(self, **_: Any) -> tuple[Tensor, Tensor]:
        return self.scale, torch.tensor([0])


def scale_of(weight: Tensor) -> Tensor:
    """Return the scale that puts a weight's range on integers up to 127.5, as PyTorch does."""
    largest = weight.detach().abs().max().reshape(1)
    return (largest / 127.5).clamp(min=torch.finfo(torch.float32).eps)


class Rounding(nn.Module):
    """FakeQuantize of a weight by its own range: no observer, no buffers, so quickly made."""

    def forward(self, weight: Tensor) -> Tensor:
        return torch.fake_quantize_per_tensor_affine(weight, float(scale_of(weight)), 0, -128, 127)


def prepare_at(module: nn.Module, grids: Sequence[tuple[str, float, int]]) -> None:
    """Prepare a module for conversion with activations on these grids, in place.

    A module without a grid would have to be calibrated.
    """
    config = eager.QConfig(activation=UNSEEN, weight=lambda **_: WeightObserver())
    module.qconfig = config  # type: ignore[assignment]
    eager.prepare(module, inplace=True)
    modules = dict(module.named_modules())
    for name, scale, zero_point in grids:
        inner = modules.get(name)
        if hasattr(inner, "activation_post_process"):
            inner.activation_post_process = FixedObserver(  # type: ignore[union-attr]
                eager.QUINT8, scale, zero_point
            )


def prepare_qat_weights(module: nn.Module) -> None:
    """Put each weight behind FakeQuantize, as QAT does, and leave activations as they are."""
    config = eager.QConfig(activation=UNSEEN, weight=lambda **_: Rounding())
    for inner in module.modules():  # whatever configuration one of them was given before
        inner.qconfig = config  # type: ignore[assignment]
    eager.prepare_qat(module.train(), inplace=True)


def one_grid(seed: int) -> tuple[float, int]:
    """Return the grid of all activations of a fused network whose layers are tried alone."""
    drawn = generator(seed + 3)
    return 2.0**-4 * drawn.uniform(0.8, 1.2), 120 + 2 * int(drawn.integers(9))


def prepare_at_one(network: nn.Module, seed: int) -> None:
    """Prepare a network for conversion with all activations on the same grid, in place."""
    grid = partial(FixedObserver, eager.QUINT8, *one_grid(seed))
    config = eager.QConfig(activation=grid, weight=lambda **_: WeightObserver())
    network.qconfig = config  # type: ignore[assignment]
    eager.prepare(network, inplace=True)
