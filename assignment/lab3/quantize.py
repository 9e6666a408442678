"""Quantization after training (PTQ) and with quantization-aware training (QAT), step by step."""

import warnings
from collections.abc import Callable

import torch
import torch.ao.nn.quantized as nnq
import torch.ao.quantization as tq
from torch import Tensor, nn

from lab3.data import ImageData
from lab3.errors import LabError
from lab3.evaluation import predict
from lab3.log.records import Scheme
from lab3.qconfig import CustomQConfig
from lab3.resnet import QuantizableResNet


class QuantizationError(LabError):
    """A network is not in the state that the next step needs; the text says the remedy."""


def prepare_ptq(
    network: QuantizableResNet, qconfig: CustomQConfig = CustomQConfig.PTQ
) -> QuantizableResNet:
    """Fuse a trained network in eval mode and give it observers, in place."""
    network.cpu().eval().fuse_model()
    network.qconfig = qconfig.value  # type: ignore[assignment]
    return tq.prepare(network, inplace=True)


def calibrate(
    network: QuantizableResNet,
    data: ImageData,
    images: int,
    on_batch: Callable[[int], None] = lambda _: None,
) -> None:
    """Show the observers the first ``images`` training images, without augmentation."""
    shown = data.train.take(torch.arange(min(images, len(data.train))))
    predict(network, data, shown, on_batch)


def prepare_qat(network: QuantizableResNet) -> QuantizableResNet:
    """Fuse a trained network in train mode and give it FakeQuantize modules, in place.

    Raises QuantizationError when there are none: then training would be ordinary fine-tuning.
    """
    network.cpu().train().fuse_model(is_qat=True)
    network.qconfig = CustomQConfig.QAT.value  # type: ignore[assignment]
    tq.prepare_qat(network, inplace=True)
    if not any(isinstance(module, tq.FakeQuantize) for module in network.modules()):
        raise QuantizationError(
            "prepare_qat left no FakeQuantize module: let CustomQConfig.QAT wrap the observers "
            "with FakeQuantize.with_args(observer=CusQuantObserver, ...)"
        )
    return network


def begin_qat_epoch(network: nn.Module, epoch: int, epochs: int) -> None:
    """Freeze late: BatchNorm statistics after half of the epochs, ranges after three quarters.

    The last epochs then train the weights for the very scales that the INT8 network will have
    (Krishnamoorthi, arXiv:1806.08342, section 3.2). ``epoch`` counts from 0; a single epoch
    freezes nothing.
    """
    if epoch >= max(1, epochs // 2):
        network.apply(torch.ao.nn.intrinsic.qat.freeze_bn_stats)
    is_frozen = epoch >= max(1, 3 * epochs // 4)
    network.apply(tq.disable_observer if is_frozen else tq.enable_observer)


def convert(network: QuantizableResNet) -> QuantizableResNet:
    """Turn a calibrated or QAT-trained network into an INT8 network, in place, on the CPU.

    Raises QuantizationError when no observer has seen data.
    """
    observers = [m for m in network.modules() if isinstance(m, tq.MinMaxObserver)]
    if observers and all(torch.isinf(o.min_val).all() for o in observers if o.min_val.numel()):
        raise QuantizationError(
            "no observer has seen data: run calibrate(network, data, images) between prepare and "
            "convert"
        )
    return tq.convert(network.cpu().eval(), inplace=True)


@torch.inference_mode()
def put_biases_on_grid(network: nn.Module, images: Tensor) -> None:
    """Round each bias of an INT8 network to a whole multiple of input scale times weight scale.

    That product is the scale of the int32 accumulator, so hardware can store the bias as an
    integer (Jacob et al., arXiv:1712.05877, equation 11). One forward pass of ``images``, (B, 3,
    H, W) normalised, tells each layer its input scale.
    """

    def snap(layer: nnq.Conv2d | nnq.Linear, inputs: tuple[Tensor]) -> None:
        weight, bias = layer.weight(), layer.bias()
        if bias is None:
            return
        is_per_tensor = weight.qscheme() == torch.per_tensor_affine
        weight_scale = weight.q_scale() if is_per_tensor else weight.q_per_channel_scales()
        step = inputs[0].q_scale() * weight_scale
        layer.set_weight_bias(weight, (torch.round(bias / step) * step).float())

    layers = [m for m in network.modules() if isinstance(m, nnq.Conv2d | nnq.Linear)]
    handles = [layer.register_forward_pre_hook(snap) for layer in layers]
    network(images)
    for handle in handles:
        handle.remove()


def empty_int8(network: QuantizableResNet, qconfig: CustomQConfig) -> QuantizableResNet:
    """Turn a network into an INT8 one without meaningful numbers, for loading a checkpoint."""
    with warnings.catch_warnings():  # that the observers have seen nothing is meant here
        warnings.filterwarnings("ignore", message="must run observer before")
        return tq.convert(prepare_ptq(network, qconfig), inplace=True)


def scheme_of(network: nn.Module) -> Scheme:
    """Return what the convolutions of a network compute with."""
    for module in network.modules():
        if isinstance(module, nnq.Conv2d):
            is_per_tensor = module.weight().qscheme() == torch.per_tensor_affine
            return "int8-per-tensor" if is_per_tensor else "int8-per-channel"
    return "fp32"
