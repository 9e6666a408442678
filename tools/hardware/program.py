"""The network as a list of integer steps: what hardware has to do, and nothing else.

A value is a uint8 tensor on a grid: the real number is ``(q - zero_point) * 2**-shift``. Step k
computes value k; step 0 is the input quantizer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import ClassVar, Literal

import torch
from torch import Tensor

from tools.hardware.arithmetic import (
    Ties,
    convolve,
    exact_blocks,
    on_grid,
    shift_right,
)

Operation = Literal["quantize", "convolution", "linear", "addition", "average", "relu"]


@dataclass(frozen=True)
class Grid:
    """Where the integers of a value stand: scale ``2**-shift``, and the integer of 0.0."""

    shift: int
    zero_point: int

    @property
    def largest(self) -> int:
        """The largest magnitude of a uint8 value minus the zero point."""
        return max(self.zero_point, 255 - self.zero_point)


@dataclass
class Tally:
    """What a step's accumulators and outputs were over all images of a proof."""

    largest: int = 0  # magnitude of an accumulator
    below: int = 0
    above: int = 0


def clip(n: Tensor, low: int, tally: Tally | None, counts_below: bool = True) -> Tensor:
    """Return whole numbers as uint8, at least ``low`` and at most 255, in place; count the others.

    What a ReLU sets to zero is not counted: ``counts_below`` is False then.
    """
    if tally is not None:
        tally.above += int((n > 255).sum())
        tally.below += int((n < low).sum()) if counts_below else 0
    return n.clamp_(low, 255).to(torch.uint8)


@dataclass(frozen=True, eq=False)
class Step:
    """One step: which values it reads, the grid of its output, and the output's shape (C, H, W)."""

    operation: ClassVar[Operation]
    layer: str
    inputs: tuple[int, ...]
    grid: Grid
    shape: tuple[int, ...]

    @property
    def values(self) -> int:
        """How many values an image's output has."""
        return prod(self.shape)

    @property
    def multiplications(self) -> int:
        """INT8 multiplications per image."""
        return 0

    @property
    def saved(self) -> int:
        """Multiplications per image that scales other than powers of two would add."""
        return 0

    def compute(self, inputs: Sequence[Tensor], ties: Ties, tally: Tally | None = None) -> Tensor:
        """Return the uint8 output (B, ...) for uint8 inputs."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Quantize(Step):
    """The input quantizer: the one step that reads floating-point numbers."""

    operation: ClassVar[Operation] = "quantize"

    def compute(self, inputs: Sequence[Tensor], _: Ties, tally: Tally | None = None) -> Tensor:
        return clip(on_grid(inputs[0], self.grid.shift, self.grid.zero_point), 0, tally)


@dataclass(frozen=True, eq=False)
class Shifted(Step):
    """A step that shifts accumulators and clips them to 0..255, or at its zero point for ReLU."""

    follows_engine: ClassVar[bool] = False  # rounds halves as the program's engine does
    input_grids: tuple[Grid, ...]
    relu: bool

    @property
    def shift(self) -> int:
        """By how many bits the accumulator moves to the right; negative to the left."""
        raise NotImplementedError

    @property
    def bound(self) -> int:
        """The largest magnitude that an accumulator, or a part of its sum, can have."""
        raise NotImplementedError

    @property
    def largest(self) -> int:
        """The largest magnitude on the way, with what rounding adds or a left shift makes."""
        return self.bound + (1 << self.shift >> 1) if self.shift > 0 else self.bound << -self.shift

    def accumulate(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return the int32 accumulators for uint8 inputs."""
        raise NotImplementedError

    def compute(self, inputs: Sequence[Tensor], ties: Ties, tally: Tally | None = None) -> Tensor:
        accumulator = self.accumulate(inputs)
        ties = ties if self.follows_engine else "even"
        n = shift_right(accumulator, self.shift, ties).add_(self.grid.zero_point)
        if tally is not None:
            low, high = accumulator.aminmax()
            tally.largest = max(tally.largest, -int(low), int(high))
        return clip(n, self.grid.zero_point if self.relu else 0, tally, not self.relu)


@dataclass(frozen=True, eq=False)
class Product(Shifted):
    """A convolution or a fully connected layer: weights (O, C, KH, KW) int8, bias (O,) int32.

    A linear layer is a convolution of a 1x1 image. ``float_bias`` (O,) float64 is the bias in
    units of the accumulator before it was rounded; equal to ``bias`` when that is on the grid.
    """

    weight: Tensor
    weight_shift: int
    bias: Tensor
    float_bias: Tensor
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)

    @property
    def shift(self) -> int:
        return self.input_grids[0].shift + self.weight_shift - self.grid.shift

    @cached_property
    def bound(self) -> int:
        sums = self.weight.long().abs().flatten(1).sum(1) * self.input_grids[0].largest  # (O,)
        return int((sums + self.bias.long().abs()).max())

    @property
    def multiplications(self) -> int:
        return self.values * prod(self.weight.shape[1:])

    @property
    def saved(self) -> int:
        return self.values  # Jacob et al., equation 4: each accumulator times M

    @cached_property
    def blocks(self) -> list[slice]:
        blocks = exact_blocks(self.weight.long(), self.input_grids[0].largest)
        assert blocks is not None, "tracing has refused kernels this large"
        return blocks

    @cached_property
    def float_weight(self) -> Tensor:
        return self.weight.to(torch.float32, memory_format=torch.channels_last)

    def products(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return the int32 sums of products (B, O, H, W), before the bias."""
        x = inputs[0].to(torch.float32).sub_(self.input_grids[0].zero_point)  # (B, C, H, W)
        if self.operation == "linear":
            x = x.flatten(1)[:, :, None, None]  # (B, C, 1, 1)
        return convolve(
            x,
            self.float_weight,
            self.blocks,
            list(self.stride),
            list(self.padding),
            list(self.dilation),
        )

    def accumulate(self, inputs: Sequence[Tensor]) -> Tensor:
        sums = self.products(inputs).add_(self.bias[:, None, None])  # (B, O, H, W)
        return sums.flatten(1) if self.operation == "linear" else sums  # (B, O) of a linear layer


class Convolution(Product):
    operation: ClassVar[Operation] = "convolution"


class Linear(Product):
    operation: ClassVar[Operation] = "linear"


@dataclass(frozen=True, eq=False)
class Addition(Shifted):
    """A residual addition: the operand on the coarser grid moves to the left first."""

    operation: ClassVar[Operation] = "addition"
    follows_engine: ClassVar[bool] = True

    @property
    def finest(self) -> int:
        return max(grid.shift for grid in self.input_grids)

    @property
    def alignment(self) -> tuple[int, int]:
        """By how many bits each operand moves to the left."""
        first, second = (self.finest - grid.shift for grid in self.input_grids)
        return first, second

    @property
    def shift(self) -> int:
        return self.finest - self.grid.shift

    @property
    def bound(self) -> int:
        grids = zip(self.input_grids, self.alignment, strict=True)
        return sum(grid.largest << amount for grid, amount in grids)

    @property
    def saved(self) -> int:
        return 2 * self.values  # Jacob et al., appendix A.2: one operand, and the sum

    def accumulate(self, inputs: Sequence[Tensor]) -> Tensor:
        first, second = (
            x.to(torch.int32).sub_(grid.zero_point).mul_(1 << amount)
            for x, grid, amount in zip(inputs, self.input_grids, self.alignment, strict=True)
        )  # (B, C, H, W) each
        return first.add_(second)


@dataclass(frozen=True, eq=False)
class Average(Shifted):
    """The mean over a square of 2**shift pixels, on the same grid."""

    operation: ClassVar[Operation] = "average"
    pixels: int

    @property
    def shift(self) -> int:
        return self.pixels.bit_length() - 1

    @property
    def bound(self) -> int:
        return self.pixels * self.grid.largest

    def accumulate(self, inputs: Sequence[Tensor]) -> Tensor:
        x = inputs[0].to(torch.int32) - self.grid.zero_point  # (B, C, H, W)
        return x.sum((2, 3), keepdim=True, dtype=torch.int32)  # (B, C, 1, 1)


@dataclass(frozen=True, eq=False)
class Relu(Shifted):
    """A ReLU that was not fused: values below the zero point become the zero point."""

    operation: ClassVar[Operation] = "relu"

    @property
    def shift(self) -> int:
        return 0

    @property
    def bound(self) -> int:
        return self.grid.largest

    def accumulate(self, inputs: Sequence[Tensor]) -> Tensor:
        return inputs[0].to(torch.int32) - self.grid.zero_point


@dataclass(frozen=True)
class Program:
    """All steps in their order, and how additions round halves; ``input_shape`` is (C, H, W)."""

    steps: tuple[Step, ...]
    ties: Ties
    input_shape: tuple[int, ...]

    @torch.inference_mode()
    def run(self, images: Tensor) -> Tensor:
        """Return the logits (B, classes) as uint8 integers for normalised images (B, C, H, W)."""
        last_use = {number: k for k, step in enumerate(self.steps) for number in step.inputs}
        values: dict[int, Tensor] = {}
        for k, step in enumerate(self.steps):
            inputs = [values[number] for number in step.inputs] or [images]
            values[k] = step.compute(inputs, self.ties)
            for number in step.inputs:
                if last_use[number] == k:
                    values.pop(number, None)
        return values[len(self.steps) - 1]

    def real(self, logits: Tensor) -> Tensor:
        """Return the float32 logits of integer ones; exact."""
        grid = self.steps[-1].grid
        return (logits.to(torch.int32) - grid.zero_point) * 2.0**-grid.shift
