"""The contract of ``scale_approximate``: what each input asks for."""

import math

LONGEST_SHIFT = 8


def shift_of(scale: float, limit: int = LONGEST_SHIFT) -> int:
    """Return S: the integer nearest to -log2(scale), within 0 and the limit."""
    return max(0, min(round(-math.log2(scale)), limit))


def approximated(scale: float, limit: int = LONGEST_SHIFT) -> float:
    """Return what ``scale_approximate`` should return for a finite and positive scale."""
    return 2.0 ** -shift_of(scale, limit)


def is_shift(scale: float) -> bool:
    """Tell whether a right shift can apply a scale."""
    return any(scale == 2.0**-shift for shift in range(LONGEST_SHIFT + 1))


def exponent_of(value: float) -> float:
    """Return the exponent of a result, or nan, which agrees with nothing."""
    return math.log2(value) if math.isfinite(value) and value > 0 else math.nan
