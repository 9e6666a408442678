"""What quantization does to each tensor: scale, shift, histogram and noise."""

import copy
import math
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from lab3.data import ImageData
from lab3.eager import (
    PER_TENSOR,
    QINT8,
    Quantize,
    QuantizedConv2d,
    QuantizedFunctional,
    QuantizedLinear,
    disable_fake_quant,
)
from lab3.log.records import Analysis, QuantizedTensor, Role

MAX_SHIFT_AMOUNT = 8
BINS = 64  # of a histogram: four steps of the grid each
ANALYSED_IMAGES = 16
BATCH_SIZE = 8  # all activations of both networks are held at once


def float_copy(network: nn.Module) -> nn.Module:
    """Return a copy of a prepared network, on the CPU, that computes without quantization."""
    return copy.deepcopy(network).cpu().eval().apply(disable_fake_quant)


@torch.inference_mode()
def analyse(
    float_network: nn.Module,
    int8_network: nn.Module,
    data: ImageData,
    images: int = ANALYSED_IMAGES,
    on_batch: Callable[[int], None] = lambda _: None,
) -> Analysis:
    """Compare a network from ``float_copy`` with what ``convert`` made of the original.

    Uses the first ``images`` validation images. Weights with a scale per channel are left out.
    """
    sample = data.validation.images[:images]
    ranges = observed_ranges(float_network)  # before its observers see these images too
    tensors: dict[str, Tally] = {}
    for batch in sample.split(BATCH_SIZE):
        inputs = data.normalise(batch)
        values, rounded = activations(float_network, inputs), activations(int8_network, inputs)
        for layer, x_q in rounded.items():
            if layer in values and x_q.is_quantized:
                if layer not in tensors:
                    tensors[layer] = Tally(x_q)
                tensors[layer].add(values[layer], x_q)
        on_batch(len(batch))
    records: list[QuantizedTensor] = []
    for layer, tally in tensors.items():
        module: Any = float_network.get_submodule(layer)
        converted: Any = int8_network.get_submodule(layer)
        if is_per_tensor(converted):
            records.append(weight_record(layer, module, converted.weight()))
        role: Role = "addition" if isinstance(converted, QuantizedFunctional) else "activation"
        records.append(tally.record(layer, role, ranges[layer]))
    return Analysis(images=len(sample), tensors=tuple(records))


def is_per_tensor(layer: Any) -> bool:
    """Tell whether a layer has a weight with one scale."""
    is_layer = isinstance(layer, QuantizedConv2d | QuantizedLinear)
    return is_layer and layer.weight().qscheme() == PER_TENSOR


def observed_ranges(network: nn.Module) -> dict[str, tuple[float, float]]:
    """Return the least and the greatest value that the observer behind each layer saw."""
    return {
        name.removesuffix(".activation_post_process"): observed_range(module)
        for name, module in network.named_modules()
        if name.endswith(".activation_post_process")
    }


def observed_range(observer: Any) -> tuple[float, float]:
    observer = getattr(observer, "activation_post_process", observer)  # inside a FakeQuantize
    return observer.min_val.min().item(), observer.max_val.max().item()


def activations(network: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """Return the output of each layer that has, or had, an observer, in the order of forward."""
    outputs: dict[str, Tensor] = {}
    handles = []
    for name, module in network.named_modules():
        layer = name.removesuffix(".activation_post_process")
        if layer != name:  # an observer; in an INT8 network, only additions still have its place

            def before(_: nn.Module, inputs: tuple[Tensor], layer: str = layer) -> None:
                outputs[layer] = inputs[0]

            handles.append(module.register_forward_pre_hook(before))
        elif isinstance(module, QuantizedConv2d | QuantizedLinear | Quantize):

            def after(_: nn.Module, __: object, output: Tensor, layer: str = layer) -> None:
                outputs[layer] = output

            handles.append(module.register_forward_hook(after))
    try:
        network(images)
    finally:
        for handle in handles:
            handle.remove()
    return outputs


class Tally:
    """Adds up a tensor's signal, noise and histogram over batches; ``x_q`` tells the grid."""

    def __init__(self, x_q: Tensor) -> None:
        self.scale, self.zero_point = x_q.q_scale(), x_q.q_zero_point()
        self.low = -128 if x_q.dtype == QINT8 else 0
        self.signal = self.noise = 0.0
        self.values = self.outside = 0
        self.counts = torch.zeros(BINS, dtype=torch.int64)

    def add(self, x: Tensor, x_q: Tensor) -> None:
        noise = x - x_q.dequantize()
        self.signal += torch.linalg.vector_norm(x, dtype=torch.float64).item() ** 2
        self.noise += torch.linalg.vector_norm(noise, dtype=torch.float64).item() ** 2
        first = self.scale * (self.low - self.zero_point - 0.5)  # what rounds to the first integer
        last = first + 256 * self.scale
        below, above = int((x < first).sum()), int((x > last).sum())
        self.counts += x.histc(BINS, first, last).long()
        self.counts[0] += below
        self.counts[-1] += above
        self.outside += below + above
        self.values += x.numel()

    def record(self, layer: str, role: Role, seen: tuple[float, float]) -> QuantizedTensor:
        """Return what was added up, beside the range that the tensor's observer saw."""
        minimum, maximum = seen
        scale_before = 2 * max(abs(minimum), abs(maximum)) / 255
        shift = shift_of(self.scale)
        clamped: Literal["below", "above"] | None = None
        if shift is not None and scale_before > 0:
            nearest = round(-math.log2(scale_before))
            clamped = "below" if nearest > MAX_SHIFT_AMOUNT else "above" if nearest < 0 else None
        has_ratio = 0 < self.signal < math.inf and 0 < self.noise < math.inf
        return QuantizedTensor(
            layer=layer,
            role=role,
            minimum=minimum,
            maximum=maximum,
            scale_before=scale_before,
            scale=self.scale,
            zero_point=self.zero_point,
            shift=shift,
            clamped=clamped,
            outside=self.outside / self.values,
            sqnr_db=round(10 * math.log10(self.signal / self.noise), 3) if has_ratio else None,
            counts=tuple(self.counts.tolist()),
        )


def weight_record(layer: str, module: Any, quantized: Tensor) -> QuantizedTensor:
    """Return how a layer's weight lies on its grid; its observer sees it as in ``convert``."""
    if not hasattr(module, "weight"):
        module = module[0]  # fused for PTQ: the convolution, and perhaps its ReLU behind it
    weight = module.weight
    if hasattr(module, "bn"):  # fused for QAT
        bn = module.bn
        statistics = (bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias)
        weight = fuse_conv_bn_weights(weight, module.bias, *statistics)[0]
    observer = getattr(module, "weight_fake_quant", None) or module.qconfig.weight()
    observer(weight)
    tally = Tally(quantized)
    tally.add(weight, quantized)
    return tally.record(layer, "weight", observed_range(observer))


def shift_of(scale: float) -> int | None:
    """Return S when a scale is 2**-S, else None."""
    mantissa, exponent = math.frexp(scale)
    return 1 - exponent if mantissa == 0.5 else None
