"""What an export tells of each step: its name, its numbers, and the buffer of its output."""

import re
from dataclasses import dataclass
from math import prod
from typing import Any

from tools.hardware.arithmetic import bits_needed
from tools.hardware.program import Addition, Operation, Product, Program, Shifted, Step

Shape = tuple[int, ...]  # (C, H, W)
Pair = tuple[int, int]  # of a kernel: down and to the right; of an addition: per operand


@dataclass(frozen=True)
class Row:
    """A step and all numbers that it computes with, but weights and biases.

    ``inputs`` are numbers of steps, ``input_buffers`` where their values lie. ``shift`` is to the
    right, ``low`` the least output byte, ``bits`` the width that the accumulator needs. What an
    operation does not have is 0; a linear layer is a convolution of a 1x1 image.
    """

    name: str
    operation: Operation
    inputs: tuple[int, ...]
    input_buffers: tuple[int, ...]
    buffer: int
    input_shape: Shape
    shape: Shape
    input_zero_points: tuple[int, ...]
    zero_point: int
    output_shift: int
    shift: int = 0
    low: int = 0
    bits: int = 0
    alignment: Pair = (0, 0)
    kernel: Pair = (0, 0)
    stride: Pair = (0, 0)
    padding: Pair = (0, 0)
    dilation: Pair = (0, 0)

    @property
    def window(self) -> int:
        """How many values a kernel sees at one place."""
        return self.input_shape[0] * prod(self.kernel)

    @property
    def values(self) -> int:
        return prod(self.shape)


def rows(program: Program) -> list[Row]:
    """Return the steps of a program as rows, in their order."""
    names, buffers = unique_names(program), assign_buffers(program)
    table = []
    for name, buffer, step in zip(names, buffers, program.steps, strict=True):
        sources = [program.steps[number] for number in step.inputs]
        shape = sources[0].shape if sources else program.input_shape
        row = Row(
            name=name,
            operation=step.operation,
            inputs=step.inputs,
            input_buffers=tuple(buffers[number] for number in step.inputs),
            buffer=buffer,
            input_shape=as_image((prod(shape),) if step.operation == "linear" else shape),
            shape=as_image(step.shape),
            input_zero_points=tuple(source.grid.zero_point for source in sources),
            zero_point=step.grid.zero_point,
            output_shift=step.grid.shift,
            **own_numbers(step),
        )
        table.append(row)
    return table


def own_numbers(step: Step) -> dict[str, Any]:
    """Return what only some operations have."""
    numbers: dict[str, Any] = {}
    if isinstance(step, Shifted):
        numbers["shift"] = step.shift
        numbers["low"] = step.grid.zero_point if step.relu else 0
        numbers["bits"] = bits_needed(step.largest)
    if isinstance(step, Addition):
        numbers["alignment"] = step.alignment
    if isinstance(step, Product):
        numbers["kernel"] = tuple(step.weight.shape[2:])
        numbers["stride"] = tuple(step.stride)
        numbers["padding"] = tuple(step.padding)
        numbers["dilation"] = tuple(step.dilation)
    return numbers


def as_image(shape: Shape) -> Shape:
    """Return a shape as (C, H, W): a vector is an image of one pixel."""
    return (*shape, 1, 1)[:3]


def unique_names(program: Program) -> list[str]:
    """Return a name per step that fits into a C comment: its layer's, numbered if used again."""
    names: list[str] = []
    for step in program.steps:
        name = re.sub(r"[^A-Za-z0-9_.]", "_", step.layer) or step.operation
        again, number = name, 1
        while again in names:
            number += 1
            again = f"{name}-{number}"
        names.append(again)
    return names


def assign_buffers(program: Program) -> list[int]:
    """Return the number of the buffer that holds each value: one whose value nobody needs now."""
    last_use = {number: k for k, step in enumerate(program.steps) for number in step.inputs}
    needed_until: list[int] = []
    assigned = []
    for k in range(len(program.steps)):
        free = (buffer for buffer, until in enumerate(needed_until) if until < k)
        buffer = next(free, len(needed_until))
        needed_until[buffer : buffer + 1] = [last_use.get(k, k)]
        assigned.append(buffer)
    return assigned
