"""Integer arithmetic of a network whose scales are powers of two: no rounding but in a shift.

Source of the scheme: Jacob et al., arXiv:1712.05877, sections 2.1 and 2.4 and appendix A.2; with
scales that are powers of two, its fixed-point multiplier is a shift alone.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Ties = Literal["even", "away"]  # where a half goes: to the even neighbour, or away from zero
INT32_MAX = 2**31 - 1
FLOAT32_EXACT = 2**24  # float32 holds every integer up to here


def shift_right(n: Tensor, amount: int, ties: Ties = "even") -> Tensor:
    """Return ``n / 2**amount`` rounded to nearest, for int32 or int64 of any shape.

    An arithmetic right shift rounds down, so a constant just below one half is added first:
    ``(n + (half - 1) + bit) >> amount``. With ``bit`` the lowest bit that is kept, a half goes to
    the even neighbour; with 1 for ``n >= 0`` and 0 below, away from zero. A negative ``amount``
    shifts to the left. The caller sees to it that nothing overflows.
    """
    if amount <= 0:
        return n << -amount
    half = 1 << (amount - 1)
    if ties == "even":
        bit, below = (n >> amount).bitwise_and_(1), half - 1
    else:
        bit, below = n >> (8 * n.element_size() - 1), half  # -1 for negative n, else 0
    return bit.add_(n).add_(below).bitwise_right_shift_(amount)


def on_grid(x: Tensor, shift: int, zero_point: int) -> Tensor:
    """Return float values as whole numbers on the grid of scale ``2**-shift``, halves to even.

    The product with ``2**shift`` only changes a float's exponent, so the rounding is the only one.
    """
    return (x * 2.0**shift).round_().add_(zero_point)


def convolve(
    x: Tensor,
    weight: Tensor,
    blocks: list[slice],
    stride: list[int],
    padding: list[int],
    dilation: list[int],
) -> Tensor:
    """Return the int32 accumulators of a convolution of integers.

    ``x`` (B, C, H, W) holds activations minus their zero point, so that zero padding is right;
    ``weight`` (O, C, KH, KW) those of int8; both as float32. ``blocks`` from ``exact_blocks``
    divide C so that a float32 product is exact: in each block no sum of products, in whichever
    order and of whichever part, exceeds 2**24 in magnitude; integers up to there are float32
    numbers, so that no addition, fused or not, rounds. Methods that compute with fractions
    (Winograd, FFT) would round: NNPACK, which uses them, is off, and oneDNN convolves directly.
    """
    total: Tensor | None = None  # (B, O, H, W)
    with torch.backends.nnpack.flags(enabled=False):
        for block in blocks:
            part = F.conv2d(x[:, block], weight[:, block], None, stride, padding, dilation)
            total = part.to(torch.int32) if total is None else total.add_(part.to(torch.int32))
    assert total is not None
    return total


def exact_blocks(weight: Tensor, largest: int) -> list[slice] | None:
    """Return how to divide the input channels of int8 weights so that float32 sums are exact.

    ``weight`` (O, C, ...), ``largest`` the largest magnitude of an activation minus its zero
    point. None when a single channel is too much.
    """
    magnitudes = weight.abs().flatten(2).sum(2) * largest  # (O, C): what a channel adds at most
    channels = weight.shape[1]
    size = channels
    while size:
        blocks = [slice(i, i + size) for i in range(0, channels, size)]
        if all(int(magnitudes[:, block].sum(1).max()) <= FLOAT32_EXACT for block in blocks):
            return blocks
        size //= 2
    return None


def bits_needed(largest: int) -> int:
    """Return the bits of a two's complement number for magnitudes up to ``largest``."""
    return largest.bit_length() + 1
