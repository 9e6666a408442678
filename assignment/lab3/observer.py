"""The observer whose scales a right shift can apply (lab handout, part 3)."""

import math

import torch
from torch import Tensor
from torch.ao.quantization import MinMaxObserver


class CusQuantObserver(MinMaxObserver):
    """Watches a tensor's range and turns it into a power-of-two scale and a zero point.

    The quantization is symmetric: zero is exact, and both ends of the range lie equally far
    from it.
    """

    def scale_approximate(self, scale: float, max_shift_amount: int = 8) -> float:
        """Return the power of two nearest to ``scale`` that a right shift can apply.

        - The result is a whole power of two: ``2.0**-S`` for an integer ``S``.
        - ``S`` is the integer nearest to ``-log2(scale)``.
        - ``S`` stays within ``0`` and ``max_shift_amount``.
        - The result is finite and positive for every input, also for 0, negative, inf and nan.

        Examples:
            >>> CusQuantObserver().scale_approximate(0.3)  # -log2(0.3) = 1.74
            0.25
            >>> CusQuantObserver().scale_approximate(0.3625)  # -log2(0.3625) = 1.46
            0.5
            >>> CusQuantObserver().scale_approximate(0.0001)  # -log2(0.0001) = 13.29
            0.00390625
            >>> CusQuantObserver().scale_approximate(0.0001, max_shift_amount=10)
            0.0009765625
        """
        raise NotImplementedError("CusQuantObserver.scale_approximate: part 3 of the handout")

    def calculate_qparams(self) -> tuple[Tensor, Tensor]:
        """Return (scale, zero point) of the range seen so far, as tensors of shape (1,).

        The range is ``[-m, m]`` with ``m = max(|min|, |max|)``; 255 steps cover it, so the scale
        before approximation is ``2*m / 255`` (Jacob et al., arXiv:1712.05877, section 3). The
        zero point is the integer that stands for 0.0: 128 for quint8, 0 for qint8.
        """
        largest = max(abs(self.min_val.item()), abs(self.max_val.item()))
        scale = float(self.scale_approximate(2 * largest / 255))
        zero_point = 128 if self.dtype == torch.quint8 else 0
        device = self.min_val.device
        return torch.tensor([scale], device=device), torch.tensor([zero_point], device=device)
