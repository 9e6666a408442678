"""From a converted network to its integer steps: what PyTorch runs is translated."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from lab3.analysis import shift_of
from lab3.eager import PER_TENSOR, QUINT8
from tools.hardware.arithmetic import INT32_MAX, Ties, exact_blocks
from tools.hardware.program import (
    Addition,
    Average,
    Convolution,
    Grid,
    Linear,
    Product,
    Program,
    Quantize,
    Relu,
    Shifted,
    Step,
)
from tools.hardware.recording import Call, NotShiftOnlyError, record

SHOWN_FAULTS = 3
MAX_SHIFT = 30  # what rounding adds is half of 2**shift


def trace(network: nn.Module, image: Tensor, ties: Ties) -> Program:
    """Return the integer program of a converted network, found with one image (1, C, H, W).

    Raises NotShiftOnlyError when it computes something that integers and shifts alone can't.
    """
    translation = Translation(image)
    calls, output = record(network, image)
    for call in calls:
        translation.add(call)
    if not (translation.has_logits and calls[-1].output is output):
        translation.faults["the output"] = ["it is not what a layer's integers stand for"]
    if faults := translation.faults:
        lines = [f"  {layer}: {'; '.join(texts)}" for layer, texts in faults.items()]
        if len(lines) > SHOWN_FAULTS:
            lines[SHOWN_FAULTS:] = [f"  and {len(lines) - SHOWN_FAULTS} more layers"]
        raise NotShiftOnlyError("\n".join(["the network is not shift-only:", *lines]))
    return Program(tuple(translation.steps), ties, tuple(image.shape[1:]))


class Translation:
    """Turns calls into steps, one after the other.

    Faults are gathered, so that each layer's is told; with one, the steps mean nothing.
    """

    def __init__(self, image: Tensor) -> None:
        self.image = image
        self.steps: list[Step] = []
        self.faults: dict[str, list[str]] = {}  # of each layer
        self.numbers: dict[int, int] = {}  # which step made a tensor, by the tensor's identity
        self.faulty: set[int] = set()  # outputs of calls at fault, by identity
        self.has_logits = False

    def add(self, call: Call) -> None:
        """Translate one call."""
        is_integer = call.output.is_quantized
        self.has_logits = False
        if is_step(call):
            STEPS[call.kernel](self, call)
        elif call.kernel == "aten::dequantize":
            number = self.number(call, call.arguments[0])
            self.has_logits = bool(self.steps) and number == len(self.steps) - 1
        elif is_integer and call.kernel in SAME_VALUES and is_same_order(call):
            self.numbers[id(call.output)] = self.number(call, call.arguments[0])
        elif call.kernel == "quantized::batch_norm2d":
            self.fault(
                call,
                "a BatchNorm that was not fused multiplies each channel by a number "
                "that is no power of two: fuse it (fuse_model)",
            )
        elif is_integer:
            self.fault(call, f"{call.kernel} is no operation of this lab's networks")
        else:
            self.fault(call, f"{call.kernel} computes floating-point numbers")

    def fault(self, call: Call, text: str) -> None:
        self.faulty.add(id(call.output))
        self.faults.setdefault(call.layer or "the network", []).append(text)

    def number(self, call: Call, tensor: Tensor) -> int:
        """Return which step made a tensor that a call reads."""
        if id(tensor) not in self.numbers and id(tensor) not in self.faulty:
            self.fault(call, "it reads numbers that no integer step made")
        return self.numbers.get(id(tensor), 0)

    def put(self, call: Call, step: Step) -> None:
        largest = step.largest + 255 if isinstance(step, Shifted) else 0
        if isinstance(step, Shifted) and step.shift > MAX_SHIFT:
            self.fault(
                call,
                f"its sums would shift by {step.shift} bits, and int32 has no more "
                f"than {MAX_SHIFT}",
            )
        elif largest > INT32_MAX:
            self.fault(call, f"its int32 accumulator can overflow: it may reach {largest:,}")
        self.numbers[id(call.output)] = len(self.steps)
        self.steps.append(step)

    def grid(self, call: Call, tensor: Tensor) -> Grid:
        """Return the grid of a call's output."""
        if tensor.dtype != QUINT8 or tensor.qscheme() != PER_TENSOR:
            self.fault(call, f"its output is {tensor.dtype}, not quint8 with one scale")
            return Grid(0, 0)
        return Grid(self.shift(call, "output", tensor.q_scale()), tensor.q_zero_point())

    def shift(self, call: Call, what: str, scale: float) -> int:
        shift = shift_of(scale)
        if shift is None:
            self.fault(call, f"the scale of its {what}, {scale:.6g}, is no power of two")
        return shift or 0

    def common(self, call: Call, *inputs: Tensor) -> dict[str, Any]:
        """Return what all steps have."""
        numbers = tuple(self.number(call, tensor) for tensor in inputs)
        common = {
            "layer": call.layer,
            "inputs": numbers,
            "grid": self.grid(call, call.output),
            "shape": tuple(call.output.shape[1:]),
        }
        if inputs:
            grids = [self.steps[n].grid if n < len(self.steps) else Grid(0, 0) for n in numbers]
            common["input_grids"] = tuple(grids)
            common["relu"] = "relu" in call.kernel
        return common

    def quantize(self, call: Call) -> None:
        if call.arguments[0] is not self.image:
            self.fault(call, "it quantizes floating-point numbers that are not the image")
        self.put(call, Quantize(**self.common(call)))

    def product(self, call: Call) -> None:
        x, packed = call.arguments[:2]
        weight, bias = packed.unpack()
        common = self.common(call, x)
        weight_shift = self.weight_shift(call, weight)
        scale = 2.0 ** (common["input_grids"][0].shift + weight_shift)
        float_bias = torch.zeros(len(weight)) if bias is None else bias.detach()
        float_bias = float_bias.double() * scale
        common |= {
            "weight": weight.int_repr(),
            "weight_shift": weight_shift,
            "bias": float_bias.round().clamp(-INT32_MAX, INT32_MAX).to(torch.int32),
            "float_bias": float_bias,
        }
        step: Product
        if "linear" in call.kernel:
            if x.dim() != 2:
                self.fault(call, f"its input has {x.dim()} dimensions, not 2: flatten it")
            common["weight"] = common["weight"][:, :, None, None]  # (O, C, 1, 1)
            step = Linear(**common)
        else:
            step = Convolution(
                **common,
                stride=tuple(packed.stride()),
                padding=tuple(packed.padding()),
                dilation=tuple(packed.dilation()),
            )
            if packed.groups() != 1:
                self.fault(call, f"it has {packed.groups()} groups: this lab's networks have one")
        if exact_blocks(step.weight.long(), step.input_grids[0].largest) is None:
            self.fault(call, "its kernel is too large for exact sums of products")
        self.put(call, step)

    def weight_shift(self, call: Call, weight: Tensor) -> int:
        if weight.qscheme() == PER_TENSOR:
            if weight.q_zero_point() != 0:
                self.fault(call, f"the zero point of its weight is {weight.q_zero_point()}, not 0")
            return self.shift(call, "weight", weight.q_scale())
        scales = weight.q_per_channel_scales()
        low, high = scales.min().item(), scales.max().item()
        if low != high:
            channels = f"{len(scales)} scales, one per channel, from {low:.6g} to {high:.6g}"
            self.fault(call, f"its weight has {channels}: one shift can't serve them all")
            return 0
        return self.shift(call, "weight", low)

    def addition(self, call: Call) -> None:
        first, second = call.arguments[:2]
        if not (isinstance(second, Tensor) and first.shape == second.shape):
            self.fault(call, "it does not add two tensors of equal shape")
            second = first
        self.put(call, Addition(**self.common(call, first, second)))

    def average(self, call: Call) -> None:
        x = call.arguments[0]
        pixels = math.prod(x.shape[2:])
        if tuple(call.output.shape[2:]) != (1, 1) or pixels & (pixels - 1):
            size = "x".join(map(str, x.shape[2:]))
            self.fault(
                call,
                f"it averages {size} pixels to {tuple(call.output.shape[2:])}: only "
                "the mean of 2**n pixels is a shift",
            )
        self.put(call, Average(**self.common(call, x), pixels=pixels))

    def relu(self, call: Call) -> None:
        self.put(call, Relu(**self.common(call, call.arguments[0])))


STEPS: dict[str, Callable[[Translation, Call], None]] = {
    "aten::quantize_per_tensor": Translation.quantize,
    "quantized::conv2d": Translation.product,
    "quantized::conv2d_relu": Translation.product,
    "quantized::linear": Translation.product,
    "quantized::linear_relu": Translation.product,
    "quantized::add": Translation.addition,
    "quantized::add_relu": Translation.addition,
    "aten::_adaptive_avg_pool2d": Translation.average,
    "aten::relu": Translation.relu,
    "aten::relu_": Translation.relu,
}
SAME_VALUES = (
    "aten::view",
    "aten::_reshape_alias",
    "aten::reshape",
    "aten::_unsafe_view",
    "aten::squeeze",
    "aten::clone",
    "aten::detach",
    "aten::alias",
)


def is_step(call: Call) -> bool:
    """Tell whether a call makes a new value of the integer network."""
    return call.output.is_quantized and call.kernel in STEPS


def is_same_order(call: Call) -> bool:
    """Tell whether an output holds the same values per image, with other dimensions of size 1.

    Or in one dimension: flattening keeps the order too.
    """
    x, y = call.arguments[0], call.output
    sizes = [[size for size in tensor.shape[1:] if size != 1] for tensor in (x, y)]
    is_same = sizes[0] == sizes[1] or sizes[1] == [math.prod(sizes[0])]
    return x.is_quantized and len(x) == len(y) and is_same


def integers_of(network: nn.Module, images: Tensor, program: Program) -> list[Tensor]:
    """Return what PyTorch computes for each step of a program, as uint8.

    Raises NotShiftOnlyError when it is not what the program was made from, for other images or
    in a larger batch, or when the network's output is not what the last step's integers stand for.
    """
    calls, output = record(network, images)
    outputs = [call.integers for call in calls if is_step(call) and call.integers is not None]
    if [tuple(x.shape[1:]) for x in outputs] != [step.shape for step in program.steps]:
        raise NotShiftOnlyError("the network computes other layers for other images")
    logits = program.real(outputs[-1]).flatten(1)  # (B, classes)
    if not (isinstance(output, Tensor) and output.flatten(1).equal(logits)):
        raise NotShiftOnlyError("the network's output is not what its last layer's integers are")
    return outputs
