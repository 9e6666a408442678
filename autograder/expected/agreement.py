"""When numbers agree: to the bit, within a tolerance, or up to a step of their grid."""

import torch
from torch import Tensor


def same(got: Tensor | None, expected: Tensor, tolerance: float = 0.0) -> bool:
    """Tell whether a tensor agrees with what is expected, relative to its largest value."""
    if got is None or got.shape != expected.shape or got.dtype != expected.dtype:
        return False
    if not expected.numel():
        return True
    if tolerance == 0:
        return torch.equal(got, expected)
    allowed = tolerance * float(expected.abs().max())
    return bool((got - expected).abs().max() <= allowed)  # false for nan


def agrees(got: Tensor, expected: Tensor) -> bool:
    """Tell whether integers agree, give or take a step in few places.

    Folded weights differ in their last bits: numbers that lie between two integers may round to
    either, and a weight next to a rounding border moves an output by up to a step.
    """
    if got.shape != expected.shape:
        return False
    steps = (got.to(torch.float32) - expected.to(torch.float32)).abs()
    return bool((steps <= 1).all() and (steps == 0).float().mean() > 0.98)  # false for nan


def is_on_grid(got: Tensor | None, real: Tensor, scale: float, zero_point: int) -> bool:
    """Tell whether integers are those of real numbers on a grid."""
    if got is None or not 2.0**-64 < scale < 2.0**64:
        return False
    return agrees(got, torch.clamp(torch.round(real / scale) + zero_point, 0, 255))
