"""Which observer watches what: the quantization configurations of the lab."""

from enum import Enum

import torch
from torch.ao.quantization import FakeQuantize, QConfig, default_per_channel_qconfig

from lab3.observer import CusQuantObserver

# Per-tensor symmetric: one scale for the whole tensor, so one shift per layer.
ACTIVATION = {"dtype": torch.quint8, "quant_min": 0, "quant_max": 255}
WEIGHT = {"dtype": torch.qint8, "quant_min": -128, "quant_max": 127}
SYMMETRIC = {"qscheme": torch.per_tensor_symmetric}


class CustomQConfig(Enum):
    """The configurations by name; hand ``CustomQConfig.PTQ.value`` to ``network.qconfig``.

    ``PTQ`` only watches. ``QAT`` also rounds: FakeQuantize passes values through the INT8 grid
    in the forward pass and lets gradients through unchanged (the straight-through estimator).
    ``DEFAULT`` is PyTorch's per-channel configuration, for comparison: its scales are not
    powers of two.
    """

    PTQ = QConfig(
        activation=CusQuantObserver.with_args(**ACTIVATION, **SYMMETRIC),
        weight=CusQuantObserver.with_args(**WEIGHT, **SYMMETRIC),
    )
    QAT = QConfig(
        activation=FakeQuantize.with_args(observer=CusQuantObserver, **ACTIVATION, **SYMMETRIC),
        weight=FakeQuantize.with_args(observer=CusQuantObserver, **WEIGHT, **SYMMETRIC),
    )
    DEFAULT = default_per_channel_qconfig
