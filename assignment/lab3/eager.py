"""PyTorch's eager quantization, under names that could be kept without it.

``torch.ao`` and quantized tensors are deprecated. The files that the lab is about (``resnet``,
``observer``, ``qconfig`` and ``quantize``) show them as they are; everything else takes them from
here, so that another implementation has one file to replace.
"""

from functools import partial

import torch
from torch.ao.nn.quantized import Conv2d as QuantizedConv2d
from torch.ao.nn.quantized import FloatFunctional, Quantize
from torch.ao.nn.quantized import Linear as QuantizedLinear
from torch.ao.nn.quantized import QFunctional as QuantizedFunctional
from torch.ao.quantization import (
    DeQuantStub,
    FakeQuantize,
    FixedQParamsObserver,
    MinMaxObserver,
    ObserverBase,
    QConfig,
    QuantStub,
    convert,
    default_fake_quant,
    default_per_channel_qconfig,
    default_per_channel_weight_fake_quant,
    disable_fake_quant,
    disable_observer,
    fuse_modules,
    prepare,
    prepare_qat,
)

__all__ = [
    "PER_TENSOR",
    "PER_TENSOR_SYMMETRIC",
    "QINT8",
    "QUINT8",
    "DeQuantStub",
    "FakeQuantize",
    "FixedQParamsObserver",
    "FloatFunctional",
    "MinMaxObserver",
    "ObserverBase",
    "QConfig",
    "QuantStub",
    "Quantize",
    "QuantizedConv2d",
    "QuantizedFunctional",
    "QuantizedLinear",
    "convert",
    "default_per_channel_qat_qconfig",
    "default_per_channel_qconfig",
    "disable_fake_quant",
    "disable_observer",
    "fuse_modules",
    "per_tensor_qconfig",
    "prepare",
    "prepare_qat",
    "quantize_per_tensor",
    "tensor_of_integers",
]

QINT8, QUINT8 = torch.qint8, torch.quint8
PER_TENSOR, PER_TENSOR_SYMMETRIC = torch.per_tensor_affine, torch.per_tensor_symmetric
quantize_per_tensor = torch.quantize_per_tensor
_observer = partial(MinMaxObserver, qscheme=PER_TENSOR_SYMMETRIC)
per_tensor_qconfig = QConfig(  # PyTorch's own observers, with one scale a tensor
    activation=partial(_observer, dtype=QUINT8), weight=partial(_observer, dtype=QINT8)
)
default_per_channel_qat_qconfig = QConfig(  # PyTorch's own, which it has names for one by one
    activation=default_fake_quant, weight=default_per_channel_weight_fake_quant
)
tensor_of_integers = torch._make_per_tensor_quantized_tensor  # of int8 or uint8, with its scale
