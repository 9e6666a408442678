"""Preparing a network otherwise than the lab does, to compare with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab3.eager import QConfig
    from lab3.log.records import Variant
    from lab3.resnet import QuantizableResNet


def limited_qconfig(limit: int) -> QConfig:
    """Return the lab's configuration for PTQ with another limit of the shift."""
    from lab3.eager import QConfig
    from lab3.observer import CusQuantObserver
    from lab3.qconfig import ACTIVATION, SYMMETRIC, WEIGHT

    class LimitedObserver(CusQuantObserver):
        def scale_approximate(self, scale: float, max_shift_amount: int = limit) -> float:
            return super().scale_approximate(scale, max_shift_amount)

    return QConfig(
        activation=LimitedObserver.with_args(**ACTIVATION, **SYMMETRIC),
        weight=LimitedObserver.with_args(**WEIGHT, **SYMMETRIC),
    )


def prepare_variant(network: QuantizableResNet, variant: Variant) -> QuantizableResNet:
    """Give a trained network observers for PTQ, in place, as a variant has it."""
    from lab3 import eager

    network.cpu().eval()
    if variant.is_fused:
        network.fuse_model()
    network.qconfig = limited_qconfig(variant.max_shift_amount)  # type: ignore[assignment]
    return eager.prepare(network, inplace=True)


def prepare_default_qat(network: QuantizableResNet) -> QuantizableResNet:
    """Fuse a trained network and give it PyTorch's own FakeQuantize modules, in place."""
    from lab3 import eager

    network.cpu().train().fuse_model(is_qat=True)
    network.qconfig = eager.default_per_channel_qat_qconfig  # type: ignore[assignment]
    return eager.prepare_qat(network, inplace=True)


def empty_unfused(network: QuantizableResNet) -> QuantizableResNet:
    """Turn a network, nothing fused, into an INT8 one without meaningful numbers."""
    import warnings

    from lab3 import eager
    from lab3.log.records import Variant

    with warnings.catch_warnings():  # that the observers have seen nothing is meant here
        warnings.filterwarnings("ignore", message="must run observer before")
        return eager.convert(prepare_variant(network, Variant(is_fused=False)), inplace=True)
