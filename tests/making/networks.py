"""Networks and layers for tests: the one room here that needs PyTorch."""

import random
from typing import Any

import torch
import torch.ao.nn.intrinsic.quantized as nniq
import torch.ao.nn.quantized as nnq
import torch.nn.functional as F
from torch import Tensor, nn

from lab3.data import ImageData
from lab3.qconfig import CustomQConfig
from lab3.quantize import (
    calibrate,
    convert,
    prepare_ptq,
    put_biases_on_grid,
)
from lab3.resnet import QuantizableResNet, build_network


def randomised(network: nn.Module) -> nn.Module:
    """Give BatchNorm weights and statistics that a wrong fusion can't hide behind."""
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight.data, module.running_var):
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
            for tensor in (module.bias.data, module.running_mean):
                tensor.copy_(torch.randn(tensor.shape, generator=generator) / 4)
    return network


def ptq(network: QuantizableResNet, data: ImageData, qconfig: CustomQConfig) -> QuantizableResNet:
    prepared = prepare_ptq(network, qconfig)
    calibrate(prepared, data, 64)
    return convert(prepared)


def quantized(data: ImageData, qconfig: CustomQConfig = CustomQConfig.PTQ) -> nn.Module:
    torch.manual_seed(0)
    network = ptq(randomised(build_network("resnet14", width=8)).eval(), data, qconfig)
    put_biases_on_grid(network, data.normalise(data.validation.images[:1]))
    return network


ENGINES = [e for e in torch.backends.quantized.supported_engines if e != "none"]


def integers(shape: tuple[int, ...], low: int, high: int, seed: int) -> Tensor:
    """Random integers with both ends among them."""
    generator = torch.Generator().manual_seed(seed)
    made = torch.randint(low, high + 1, shape, generator=generator)
    flat = made.flatten()
    flat[: len(flat) // 4] = torch.where(flat[: len(flat) // 4] % 2 == 0, low, high)
    return made


class Operators(nn.Module):
    """A small network of one kind of operator between a quantizer and the output.

    Its numbers are small: CPUs that saturate sums of 16 bits compute these exactly.
    """

    def __init__(self, seed: int, kind: str, zero_points: list[int]) -> None:
        super().__init__()
        self.pick, self.seed, self.kind = random.Random(seed), seed, kind
        self.channels = 4 * self.pick.randint(1, 4)
        first, second, third = zero_points
        self.shift = self.pick.randint(3, 6)
        self.quant = nnq.Quantize(2.0**-self.shift, first, torch.quint8)
        if kind == "convolution":
            self.layer = self.convolution(self.pick.randint(1, 9), second)
        elif kind == "linear":
            outputs, inputs = self.pick.randint(1, 9), 16 * self.channels
            self.layer = self.filled(nnq.Linear(inputs, outputs), (outputs, inputs), second)
        elif kind == "addition":
            self.layer = self.filled(
                nnq.Conv2d(self.channels, self.channels, 1),
                (self.channels, self.channels, 1, 1),
                second,
            )
            self.add = nnq.QFunctional()
            self.add.scale, self.add.zero_point = 2.0 ** -self.pick.randint(0, 6), third
            self.has_relu = self.pick.random() < 0.5

    def convolution(self, outputs: int, zero_point: int) -> Any:
        kernel = self.pick.choice([1, 3])
        made = self.pick.choice([nnq.Conv2d, nniq.ConvReLU2d])(
            self.channels, outputs, kernel, stride=self.pick.randint(1, 2), padding=kernel // 2
        )
        return self.filled(made, (outputs, self.channels, kernel, kernel), zero_point)

    def filled(self, layer: Any, shape: tuple[int, ...], zero_point: int) -> Any:
        weight_shift = self.pick.randint(2, 8)
        values = integers(shape, -60, 60, self.seed).to(torch.int8)
        weight = torch._make_per_tensor_quantized_tensor(values, 2.0**-weight_shift, 0)
        bias = integers((shape[0],), -500, 500, self.seed + 1) * 2.0 ** -(self.shift + weight_shift)
        layer.set_weight_bias(weight, bias.float())
        layer.scale, layer.zero_point = 2.0 ** -self.pick.randint(0, 6), zero_point
        return layer

    def forward(self, x: Tensor) -> Tensor:
        x = self.quant(x)
        if self.kind == "convolution":
            x = self.layer(x)
        elif self.kind == "linear":
            x = self.layer(torch.flatten(x, 1))
        elif self.kind == "addition":
            x = (self.add.add_relu if self.has_relu else self.add.add)(x, self.layer(x))
        elif self.kind == "average":
            x = F.adaptive_avg_pool2d(x, 1)
        else:
            x = F.relu(x)
        return torch.flatten(x, 1).dequantize()


def images_for(channels: int, seed: int) -> Tensor:
    return 2 * torch.randn(3, channels, 4, 4, generator=torch.Generator().manual_seed(seed))
