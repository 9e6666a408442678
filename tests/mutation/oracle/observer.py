"""``CusQuantObserver``: scales that are powers of two, ranges and zero points."""

import math
from collections.abc import Iterator
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor

from tests.mutation.oracle.bullets import (
    QPARAMS,
    SCALE,
    BrokenError,
    bullet,
    demand,
    judged,
    student,
)

DEFAULT_LIMIT = 8
# Of exponents, around the ties between two integers, where either answer is right.
TIE = 0.03
# Of 127 steps on each side of zero, three are left; most weights are much smaller than the largest.
COARSE = 32
LIMITS = (0, 1, 3, 5, 7, 9, 10, 12, 15, 20)
# Nearer to a limit than this is a matter of rounding, which is other bullets'.
HALF_STEP = 2.0**0.5
# Ranges beside a tie show a factor of 1.004, and the sweep one of 1.5.
BESIDE_TIES = ((-2.82, 1.0), (0.3, 2.81), (-0.5, 1.412), (-1.406, 0.2))
SWEEP = tuple((-0.3 * 1.17**step, 0.7 * 1.17**step) for step in range(-8, 20))
RANGES = ((-12.3, -2.2), (0.02, 0.05), (-0.007, 0.001), *BESIDE_TIES, *SWEEP)


def approximated(scale: float, limit: int | None = None, index: int = 0) -> float:
    """Ask one of two observers that live on, or a fresh one, by position or by name."""
    observer = observers()[index % 3] or student("observer", "CusQuantObserver")()
    if limit is None:
        return float(observer.scale_approximate(scale))
    if index % 2:
        return float(observer.scale_approximate(scale, limit))
    return float(observer.scale_approximate(scale, max_shift_amount=limit))


@cache
def observers() -> tuple[Any, Any, None]:
    made = student("observer", "CusQuantObserver")
    quint8 = made(dtype=torch.quint8, qscheme=torch.per_tensor_symmetric)
    return quint8, made(dtype=torch.qint8, qscheme=torch.per_tensor_symmetric), None


def exponents(low: float, high: float, count: int = 400) -> Iterator[tuple[int, float]]:
    """Yield exponents between two bounds, with numbers, none at a tie between two integers."""
    for index in range(count):
        exponent = low + (high - low) * (index + 0.37) / count
        if abs(exponent % 1 - 0.5) > TIE:
            yield index, exponent


@bullet("scale.varies", SCALE)
def scale_varies() -> None:
    """The result depends on the scale."""
    results = {approximated(2.0**-exponent) for exponent in (0.2, 2.8, 5.1, 7.3)}
    demand(len(results) > 1, f"always {results}")


@bullet("scale.power", SCALE)
def scale_power() -> None:
    """The result is a whole power of two: 2.0**-S for an integer S."""
    # Beyond the limits there is one right value, which is another bullet.
    for index, exponent in exponents(0, DEFAULT_LIMIT):
        got = approximated(2.0**-exponent, index=index)
        is_power = math.isfinite(got) and math.frexp(got)[0] == 0.5
        demand(is_power, f"2**-{exponent:.4f} gives {got!r}")


@bullet("scale.nearest", SCALE)
def scale_nearest() -> None:
    """S is the integer nearest to -log2(scale)."""
    # Next to the limits it is the subject of the clamp as well, which is another bullet.
    for index, exponent in exponents(0.51, DEFAULT_LIMIT - 0.51, 2000):
        got = approximated(2.0**-exponent, index=index)
        demand(got == 2.0 ** -round(exponent), f"2**-{exponent:.4f} gives {got!r}")


@bullet("scale.coarse", SCALE)
def scale_coarse() -> None:
    """No grid is so much coarser than asked for that a network's weights become zero on it."""
    for index, exponent in exponents(0, DEFAULT_LIMIT):
        got = approximated(2.0**-exponent, index=index)
        demand(got < COARSE * 2.0**-exponent, f"2**-{exponent:.4f} gives {got!r}")


@bullet("scale.lower", SCALE)
def scale_lower() -> None:
    """S stays within 0 and max_shift_amount: no shift is longer."""
    for index, exponent in exponents(DEFAULT_LIMIT + 0.51, 60):
        got = approximated(2.0**-exponent, index=index)
        demand(got >= 2.0**-DEFAULT_LIMIT / HALF_STEP, f"2**-{exponent:.4f} gives {got!r}")


@bullet("scale.upper", SCALE)
def scale_upper() -> None:
    """S stays within 0 and max_shift_amount: a scale above 1 gives 1.0."""
    for index, exponent in exponents(-40, -0.51):
        got = approximated(2.0**-exponent, index=index)
        demand(got <= HALF_STEP, f"2**{-exponent:.4f} gives {got!r}")


@bullet("scale.limit", SCALE)
def scale_limit() -> None:
    """S stays within 0 and max_shift_amount: the limit is the argument."""
    for limit in filter(None, LIMITS):  # 0 is only reached where 1.0 is
        for index, exponent in exponents(-10, 40, 60):
            got = approximated(2.0**-exponent, limit, index)
            # Above 1 without a limit, too, is another bullet.
            is_at_most_1 = got <= HALF_STEP or approximated(2.0**-exponent, index=index) > 1
            is_within = 2.0**-limit / HALF_STEP <= got and is_at_most_1
            demand(is_within, f"2**{-exponent:.4f} gives {got!r} with the limit {limit}")


@bullet("scale.clamped", SCALE)
def scale_clamped() -> None:
    """Beyond a limit S is that limit, and before it the nearest integer, whatever the limit is."""
    for limit in (None, *LIMITS):
        most = DEFAULT_LIMIT if limit is None else limit
        bounds = ((-40, 0.49), (most - 0.49, 60)) if limit is None else ((-40, 60),)
        for low, high in bounds:
            for index, exponent in exponents(low, high, 300):
                expected = 2.0 ** -min(max(round(exponent), 0), most)
                got = approximated(2.0**-exponent, limit, index)
                demand(got == expected, f"2**-{exponent:.4f}, limit {limit}: {got!r}")


@bullet("scale.finite", SCALE)
def scale_finite() -> None:
    """The result is finite and positive for every input, also for 0, negative, inf and nan."""
    special = (0.0, -0.0, -1e-9, -0.3, -1.0, -1e30, math.inf, -math.inf, math.nan)
    for scale in (*special, 5e-324, 1e-308, 1.0, 1e30, 1e300, 1.7e308):
        for limit in (None, 3, 12):
            for index in range(2):
                try:
                    got = approximated(scale, limit, index)
                except Exception as error:
                    raise BrokenError(f"{scale!r} raises {type(error).__name__}") from error
                demand(0 < got < math.inf, f"{scale!r} gives {got!r}")


def watched_ranges() -> Iterator[tuple[Any, float, Tensor, Tensor]]:
    """Yield an observer, the scale that it should give, and the scale and zero point it gives."""
    for low, high in RANGES:
        for dtype in (torch.quint8, torch.qint8):
            made = student("observer", "CusQuantObserver")
            observer = made(dtype=dtype, qscheme=torch.per_tensor_symmetric)
            for values in ([low, high], [low / 2, high / 3]):
                observer(torch.tensor(values))
            largest = torch.tensor(max(abs(low), abs(high))).item()  # as float32 holds it
            expected = judged(partial(observer.scale_approximate, 2 * largest / 255))
            scale, zero_point = observer.calculate_qparams()
            yield observer, float(expected), scale, zero_point


@bullet("qparams.range", QPARAMS)
def qparams_range() -> None:
    """calculate_qparams is as given: it approximates 2*m/255, m = max(|min|, |max|)."""
    for _, expected, scale, _ in watched_ranges():
        close = math.isclose(float(scale), expected, rel_tol=1e-6)
        demand(close and scale.shape == (1,), f"the scale is {scale}, not {expected}")


@bullet("qparams.zero_point", QPARAMS)
def qparams_zero_point() -> None:
    """The zero point is the integer that stands for 0.0: 128 for quint8, 0 for qint8."""
    for observer, _, _, zero_point in watched_ranges():
        expected = 128 if observer.dtype == torch.quint8 else 0
        # PyTorch takes the integer part.
        holds = [int(value) for value in zero_point.tolist()] == [expected]
        demand(holds, f"{observer.dtype} has {zero_point}")
