"""Why an engine's values may differ from the integer steps: computed that way, they are equal.

Each rule is what was seen in the kernels of PyTorch 2.11 to 2.14.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lab3.log.certificate import Reason
from tools.hardware.arithmetic import shift_right
from tools.hardware.program import Addition, Product, Quantize, Shifted, Step


@dataclass(frozen=True)
class Case:
    """A step for one batch: what it read, what an engine made of it, and whether that is exact."""

    step: Step
    inputs: Sequence[Tensor]
    theirs: Tensor
    is_exact: bool

    def is_explained_by(self, step: Shifted, n: Tensor) -> bool:
        """Tell whether clipping gives the engine's values."""
        return bool((self.theirs == n.clamp(step.grid.zero_point if step.relu else 0, 255)).all())


def ties_differ(case: Case) -> bool:
    """The engine rounds the halves of an addition the other way."""
    step = case.step
    if not isinstance(step, Addition):
        return False
    return any(case.theirs.equal(step.compute(case.inputs, ties)) for ties in ("even", "away"))


def rounds_with_zero_point(case: Case) -> bool:
    """The engine rounds after adding the zero point: an odd one makes an even half odd."""
    step = case.step
    if isinstance(step, Quantize):  # PyTorch 2.13 does so, in float32, others don't
        shifted = case.inputs[0] * 2.0**step.grid.shift + step.grid.zero_point
        return bool((case.theirs == shifted.round().clamp(0, 255)).all())
    if not isinstance(step, Shifted) or step.shift <= 0:
        return False
    sums = step.accumulate(case.inputs).long() + (step.grid.zero_point << step.shift)
    return case.is_explained_by(step, shift_right(sums, step.shift))


def has_float_bias(case: Case) -> bool:
    """The engine adds a bias that is no whole number of accumulator units, in float32."""
    step = case.step
    if not isinstance(step, Product) or torch.equal(step.float_bias, step.bias.double()):
        return False
    sums = step.products(case.inputs) + step.float_bias.float()[:, None, None]  # (B, O, H, W)
    scaled = (sums.flatten(1) if step.operation == "linear" else sums) * 2.0**-step.shift
    z = step.grid.zero_point
    return any(case.is_explained_by(step, n) for n in (scaled.round() + z, (scaled + z).round()))


def saturates(case: Case) -> bool:
    """The engine was seen to add products in 16 bits on this CPU, and here some would not fit."""
    step = case.step
    if case.is_exact or not isinstance(step, Product):
        return False
    weights = step.weight.to(torch.int32).abs().flatten(1)  # (O, C*KH*KW)
    two_largest = weights.topk(min(2, weights.shape[1])).values.sum(1).max()
    return int(two_largest) * int(case.inputs[0].max()) > 2**15 - 1


REASONS: dict[Reason, Callable[[Case], bool]] = {
    "ties": ties_differ,
    "zero_point": rounds_with_zero_point,
    "bias": has_float_bias,
    "saturation": saturates,
}
