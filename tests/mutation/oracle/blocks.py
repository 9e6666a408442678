"""``QuantizableBottleneck.forward`` and ``add_relu``."""

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
import torch.ao.quantization as tq
import torch.nn.functional as F
from torch import Tensor, nn
from torch.ao.nn.quantized import FloatFunctional

from tests.mutation import reference
from tests.mutation.oracle.bullets import ADD, BLOCK, bullet, demand, judged
from tests.mutation.oracle.demands import (
    demand_equal,
    demand_gradients,
    demand_same_at_grids,
    demand_statistics,
)
from tests.mutation.oracle.subjects import (
    PLAIN_BLOCKS,
    SHORTCUT_BLOCKS,
    block,
    replaced,
    right_additions,
)

BATCHES = ((1, 8, 8), (3, 5, 7), (2, 6, 6))  # images, height, width


def tried_blocks(shapes: Sequence[tuple[int, int, int]]) -> Iterator[tuple[Any, int, Tensor]]:
    """Yield blocks, their stride, and images of several sizes."""
    for shape in shapes:
        for index, (batch, height, width) in enumerate(BATCHES):
            images = reference.images(17 + index, batch, shape[0], height, width)
            yield block(shape), shape[2], images


def try_block(shapes: Sequence[tuple[int, int, int]], is_training: bool) -> None:
    with right_additions():
        for module, stride, images in tried_blocks(shapes):
            module.train(is_training)
            numbers = reference.numbers_of(module)
            what = f"{tuple(images.shape)} with stride {stride}"
            for turn in ("", ", again"):
                expected = reference.block(numbers, images, stride, is_training)
                demand_equal(module(images.clone()), expected, what + turn)
                demand_statistics(module, numbers)


@bullet("block.plain", BLOCK)
def block_plain() -> None:
    """The main path is conv1-bn1-relu1, conv2-bn2-relu2, conv3-bn3, then add_relu with x."""
    try_block(PLAIN_BLOCKS, is_training=False)


@bullet("block.plain_training", BLOCK)
def block_plain_training() -> None:
    """In train mode, too, a block without downsample computes the main path and adds x."""
    try_block(PLAIN_BLOCKS, is_training=True)


@bullet("block.shortcut", BLOCK)
def block_shortcut() -> None:
    """The shortcut is x, sent through downsample when the block has one."""
    try_block(SHORTCUT_BLOCKS, is_training=False)


@bullet("block.shortcut_training", BLOCK)
def block_shortcut_training() -> None:
    """In train mode, too, a block with downsample sends x through it."""
    try_block(SHORTCUT_BLOCKS, is_training=True)


@bullet("block.gradients", BLOCK)
def block_gradients() -> None:
    """Gradients reach every weight and the block's input, on both paths, in both modes."""
    with right_additions():
        for is_training in (False, True):
            for shape in (*PLAIN_BLOCKS[:1], *SHORTCUT_BLOCKS[1:]):
                module = block(shape).train(is_training)
                images = reference.images(7, 2, shape[0], 6, 6)

                def compute(
                    numbers: reference.Numbers,
                    x: Tensor,
                    stride: int = shape[2],
                    mode: bool = is_training,
                ) -> Tensor:
                    return reference.block(numbers, x, stride, mode)

                demand_gradients(module, images, compute)


class Uses:
    """Notes which operations of which FloatFunctionals are used."""

    OPERATIONS = ("add", "add_relu", "mul", "cat", "add_scalar", "mul_scalar", "matmul")

    def __init__(self) -> None:
        self.seen: list[tuple[Any, str]] = []

    @contextlib.contextmanager
    def noted(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for name in self.OPERATIONS:
                stack.enter_context(replaced(FloatFunctional, name, self.noting(name)))
            yield

    def noting(self, name: str) -> Callable[..., Tensor]:
        original = getattr(FloatFunctional, name)

        def operation(functional: Any, *operands: Any) -> Tensor:
            self.seen.append((functional, name))
            return original(functional, *operands)

        return operation


def demand_one_addition(uses: Uses, functional: Any) -> None:
    operations = [name for _, name in uses.seen]
    demand(operations, "a plain addition")
    demand(set(operations) == {"add_relu"}, f"uses {operations}")
    demand(all(used is functional for used, _ in uses.seen), "another FloatFunctional")


@bullet("block.addition", BLOCK)
def block_addition() -> None:
    """The two meet in self.add_relu(out, identity)."""
    with right_additions():
        for shape in (PLAIN_BLOCKS[0], SHORTCUT_BLOCKS[1]):
            module, uses = block(shape).eval(), Uses()
            images = reference.images(1, 2, shape[0], 6, 6)
            with uses.noted():
                judged(lambda: module(images))  # noqa: B023 - called at once
            demand_one_addition(uses, module.skip_add_relu)


@bullet("block.int8", BLOCK)
def block_int8() -> None:
    """Each step is a module that watches its output, so the block computes in INT8."""
    with right_additions():
        for shape in (PLAIN_BLOCKS[0], *SHORTCUT_BLOCKS[1:]):
            images = reference.images(11, 3, shape[0], 6, 6)
            ours = reference.Bottleneck(*shape)
            theirs = block(shape)
            reference.fill(ours, 3 + sum(shape))
            for module in (ours, theirs):
                reference.fuse_block(module.eval(), is_qat=False)
            demand_same_int8(in_stubs(theirs), in_stubs(ours), images)


def in_stubs(module: nn.Module) -> nn.Module:
    return nn.Sequential(tq.QuantStub(), module, tq.DeQuantStub()).eval()


@torch.inference_mode()
def demand_same_int8(
    theirs: nn.Module, ours: nn.Module, images: Tensor, steps: int = 0
) -> nn.Module:
    """Demand that two fused modules compute the same in INT8, at the grids that one chose."""
    judged(lambda: theirs(images))
    theirs.qconfig = reference.watched()
    tq.prepare(theirs, inplace=True)
    theirs(images)
    tq.convert(theirs, inplace=True)
    demand_same_at_grids(theirs, ours, images, steps)
    return theirs


def summands(seed: int, channels: int) -> tuple[Tensor, Tensor]:
    return reference.images(seed, 3, channels, 4, 5), reference.images(seed + 1, 3, channels, 4, 5)


@bullet("add.value", ADD)
def add_value() -> None:
    """add_relu returns relu(out + identity), in both modes, with its gradients."""
    for is_training in (False, True):
        module = block(PLAIN_BLOCKS[0]).train(is_training)
        pair = [value.requires_grad_() for value in summands(1, 16)]
        before = [value.detach().clone() for value in pair]
        got = module.add_relu(*pair)
        demand_equal(got, F.relu(pair[0] + pair[1]), "the sum")
        demand(all(map(torch.equal, before, pair)), "add_relu changed a summand")
        demand(module.training == is_training, "add_relu changed the mode")
        demand(all(p.requires_grad for p in module.parameters()), "add_relu froze the block")
        demand(got.requires_grad, "no gradient at all")
        got.sum().backward()
        right = (pair[0] + pair[1] > 0).float()
        for value in pair:
            demand(value.grad is not None and torch.equal(value.grad, right), "wrong gradient")


@bullet("add.functional", ADD)
def add_functional() -> None:
    """The addition and its ReLU are one operation of self.skip_add_relu."""
    module, uses = block(PLAIN_BLOCKS[0]).eval(), Uses()
    with uses.noted():
        module.add_relu(*summands(2, 16))
    demand_one_addition(uses, module.skip_add_relu)


@bullet("add.int8", ADD)
@torch.inference_mode()
def add_int8() -> None:
    """The addition can be quantized."""
    module = block(PLAIN_BLOCKS[0]).eval()
    module.skip_add_relu.qconfig = reference.watched()
    tq.prepare(module, inplace=True)
    pair = summands(3, 16)
    module.add_relu(*pair)
    tq.convert(module, inplace=True)
    integers = [torch.quantize_per_tensor(v, 0.03, 128, torch.quint8) for v in pair]
    got = module.add_relu(*integers)
    exact = F.relu(integers[0].dequantize() + integers[1].dequantize())
    largest = float(F.relu(pair[0] + pair[1]).max())
    demand(got.is_quantized, "the INT8 addition returns no integers")
    scale = got.q_scale()
    demand(math.isclose(scale, 2 * largest / 255, rel_tol=1e-4), f"another scale: {scale}")
    clamped = exact.clamp(0, 127 * scale)
    off = float((got.dequantize() - clamped).abs().max())
    demand(off <= 0.51 * scale, f"off by {off / scale:.2f} steps")
