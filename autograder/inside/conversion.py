"""Conversion to INT8, and what the INT8 layers compute when each is tried alone."""

from collections.abc import Mapping
from typing import Any

import torch
import torch.ao.nn.quantized as nnq
import torch.ao.quantization as tq
from torch import Tensor, nn

from autograder.inside import experiments
from autograder.inside.telling import Answer, Stage, describe_error, number
from autograder.inside.watching import StubCalls


def quantize(module: Any, inputs: Tensor) -> Answer:
    """Prepare, calibrate and convert a module with PyTorch's observers, without fusing it."""
    Stage.name = "prepare"
    module.qconfig = experiments.stock_config()
    tq.prepare(module, inplace=True)
    Stage.name = "calibrate"
    with torch.inference_mode(), StubCalls(module) as stubs:
        output = module(inputs)
    report, tensors = convert(module, inputs, [], 0)
    return {**report, "stubs": stubs.places(inputs, output)}, tensors


@torch.inference_mode()
def convert(module: Any, inputs: Tensor, layers: list[int], seed: int) -> Answer:
    """Convert a prepared network: qparams, what each INT8 layer computes alone, and the logits.

    A forward pass that fails is reported beside the rest: the layers were converted all the same.
    """
    Stage.name = "convert"
    with Packing() as packing:
        tq.convert(module.eval(), inplace=True)
    report: dict[str, Any] = {"qparams": qparams(module, packing.weights)}
    Stage.name = "INT8 layers"
    tensors = try_integer_layers(module, layers, seed)
    Stage.name = "INT8 forward"
    try:
        output = module(inputs)
        report["returns_integers"] = bool(output.is_quantized)
        tensors["output"] = (output.dequantize() if output.is_quantized else output).float()
    except Exception as error:
        report["forward_error"] = describe_error(error)
    return report, tensors


class Packing:
    """Puts off, while a network is converted, the packing of weights for the INT8 kernels.

    PyTorch packs each layer twice, first with zeros. ``weights`` has each layer's INT8 weight
    afterwards, which unpacking would take long to give back.
    """

    def __init__(self) -> None:
        self.original = nnq.Conv2d.set_weight_bias
        self.layers: dict[nnq.Conv2d, tuple[Tensor, Tensor | None]] = {}

    @property
    def weights(self) -> dict[nn.Module, Tensor]:
        return {layer: weight for layer, (weight, _) in self.layers.items()}

    def __enter__(self) -> "Packing":
        def put_off(layer: nnq.Conv2d, weight: Tensor, bias: Tensor | None) -> None:
            self.layers[layer] = weight, bias

        nnq.Conv2d.set_weight_bias = put_off  # type: ignore[assignment,method-assign]
        return self

    def __exit__(self, *exception: object) -> None:
        nnq.Conv2d.set_weight_bias = self.original  # type: ignore[method-assign]
        for layer, (weight, bias) in self.layers.items():
            self.original(layer, weight, bias)


def try_integer_layers(module: Any, layers: list[int], seed: int) -> dict[str, Tensor]:
    """Return the integers that the input quantizer and each INT8 layer compute alone."""
    tried: dict[str, Tensor] = {}
    for layer in experiments.conv_layers(layers) if layers else []:
        convolution = module.get_submodule(layer.conv)
        if not isinstance(convolution, nnq.Conv2d):
            continue
        values = experiments.layer_input(seed, layer.conv, convolution.in_channels)
        tried[layer.conv] = convolution(experiments.integers(values)).int_repr()
        if layer.conv.endswith("conv3"):
            name = layer.conv.replace("conv3", "skip_add_relu")
            functional = module.get_submodule(name)
            if isinstance(functional, nnq.QFunctional):
                shape = convolution.out_channels
                pair = (experiments.layer_input(seed, f"{name}.{n}", shape) for n in "ab")
                out = functional.add_relu(*(experiments.integers(values) for values in pair))
                tried[name] = out.int_repr()
    if layers and isinstance(module.quant, nnq.Quantize):
        tried["quant"] = module.quant(experiments.layer_input(seed, "quant", 3)).int_repr()
    if layers and isinstance(module.fc, nnq.Linear):
        values = experiments.images(seed, 4, module.fc.in_features)
        tried["fc"] = module.fc(experiments.integers(values)).int_repr()
    return tried


def qparams(module: nn.Module, weights: Mapping[nn.Module, Tensor]) -> dict[str, dict[str, Any]]:
    """Return scale and zero point of each INT8 module, and those of its weight."""
    found: dict[str, dict[str, Any]] = {}
    for name, inner in module.named_modules():
        if not hasattr(inner, "scale") or not hasattr(inner, "zero_point"):
            continue
        entry = {"scale": number(inner.scale), "zero_point": int(inner.zero_point)}
        if isinstance(inner, nnq.Conv2d | nnq.Linear):
            weight = weights[inner] if inner in weights else inner.weight()
            entry["per_tensor"] = weight.qscheme() == torch.per_tensor_affine
            if entry["per_tensor"]:
                entry["weight_scale"] = number(weight.q_scale())
                entry["weight_zero_point"] = int(weight.q_zero_point())
        found[name] = entry
    return found
