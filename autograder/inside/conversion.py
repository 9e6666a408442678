"""Conversion to INT8, and what the INT8 layers compute when each is tried alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from autograder.inside import experiments
from autograder.inside.questions import Converted, Int8Run, Qparams, Weights
from autograder.inside.telling import describe_error, stage, submodule, tensor_from
from autograder.inside.values import RaisedError
from autograder.inside.watching import Crossings, StubCalls
from lab3 import eager


def run_int8(module: Any, inputs: Tensor, grids: Sequence[tuple[str, float, int]]) -> Int8Run:
    """Convert a module with activations on given grids, and return what it computes."""
    with stage("convert"), Packing():
        experiments.prepare_at(module.eval(), grids)
        eager.convert(module, inplace=True)
    try:
        with stage("INT8 forward"), torch.inference_mode():
            with Crossings() as crossed:
                output = tensor_from(module, inputs)
            returns_integers = bool(output.is_quantized)
            values = (output.dequantize() if returns_integers else output).float()
    except Exception as error:
        return Int8Run(error=describe_error(error))
    crossings = crossed.inwards, crossed.outwards
    return Int8Run(output=values, returns_integers=returns_integers, crossings=crossings)


def stub_places(module: Any, inputs: Tensor) -> tuple[int, int, str, str]:
    """Return how often quant and dequant are called in forward, in FP32, and where they stand."""
    with StubCalls(module) as stubs, torch.inference_mode():
        output = tensor_from(module, inputs)
    return stubs.places(inputs, output)


@torch.inference_mode()
def convert(module: Any, inputs: Tensor, layers: Sequence[int], seed: int) -> Converted:
    """Convert a prepared network: qparams, what each INT8 layer computes alone, and the logits.

    A forward pass that fails is reported beside the rest: the layers were converted all the same.
    """
    with stage("convert"), Packing() as packing:
        eager.convert(module.eval(), inplace=True)
    scales = qparams(module, packing.weights)
    weights = weights_of(module, packing)
    with stage("INT8 layers"):
        integers = integers_of(module, layers, seed)
    output: Tensor | None = None
    raised: RaisedError | None = None
    try:
        with stage("INT8 forward"):
            output = tensor_from(module, inputs)
            output = (output.dequantize() if output.is_quantized else output).float()
    except Exception as error:
        output, raised = None, describe_error(error)
    return Converted(qparams=scales, weights=weights, layers=integers, output=output, error=raised)


class Packing:
    """Puts off, while a network is converted, the packing of weights for the INT8 kernels.

    PyTorch packs each layer twice, first with zeros. ``weights`` has each layer's INT8 weight
    afterwards, which unpacking would take long to give back.
    """

    def __init__(self) -> None:
        self.original = eager.QuantizedConv2d.set_weight_bias
        self.layers: dict[nn.Module, tuple[Tensor, Tensor | None]] = {}

    @property
    def weights(self) -> dict[nn.Module, Tensor]:
        return {layer: weight for layer, (weight, _) in self.layers.items()}

    def __enter__(self) -> "Packing":
        def put_off(layer: eager.QuantizedConv2d, weight: Tensor, bias: Tensor | None) -> None:
            self.layers[layer] = weight, bias

        eager.QuantizedConv2d.set_weight_bias = put_off  # type: ignore[assignment,method-assign]
        return self

    def __exit__(self, *exception: object) -> None:
        eager.QuantizedConv2d.set_weight_bias = self.original  # type: ignore[method-assign]
        for layer, (weight, bias) in self.layers.items():
            self.original(layer, weight, bias)  # type: ignore[arg-type]


def integers_of(module: Any, layers: Sequence[int], seed: int) -> dict[str, Tensor]:
    """Return the integers that the input quantizer and each INT8 layer compute alone."""
    tried: dict[str, Tensor] = {}
    for layer in experiments.conv_layers(layers):
        convolution = submodule(module, layer.conv)
        if not isinstance(convolution, eager.QuantizedConv2d):
            continue
        values = experiments.layer_input(seed, layer.conv, convolution.in_channels)
        tried[layer.conv] = convolution(experiments.integers(values)).int_repr()
        if layer.conv.endswith("conv3"):
            name = layer.conv.replace("conv3", "skip_add_relu")
            functional = submodule(module, name)
            if isinstance(functional, eager.QuantizedFunctional):
                channels = convolution.out_channels
                pair = (experiments.layer_input(seed, f"{name}.{n}", channels) for n in "ab")
                out = functional.add_relu(*(experiments.integers(values) for values in pair))
                tried[name] = out.int_repr()
    if isinstance(module.quant, eager.Quantize):
        tried["quant"] = module.quant(experiments.layer_input(seed, "quant", 3)).int_repr()
    if isinstance(module.fc, eager.QuantizedLinear):
        values = experiments.images(seed, 4, module.fc.in_features)
        tried["fc"] = module.fc(experiments.integers(values)).int_repr()
    return tried


def weights_of(module: nn.Module, packing: Packing) -> dict[str, Weights]:
    """Return the numbers of each INT8 layer."""
    found: dict[str, Weights] = {}
    for name, inner in module.named_modules():
        if inner in packing.layers:
            weight, bias = packing.layers[inner]
        elif isinstance(inner, eager.QuantizedConv2d | eager.QuantizedLinear):
            weight, bias = inner.weight(), inner.bias()
        else:
            continue
        found[name] = Weights(weight=weight.int_repr(), bias=bias)
    return found


def qparams(module: nn.Module, weights: Mapping[nn.Module, Tensor]) -> dict[str, Qparams]:
    """Return scale and zero point of each INT8 module, and those of its weight."""
    known: dict[str, Qparams] = {}
    for name, inner in module.named_modules():
        if not hasattr(inner, "scale") or not hasattr(inner, "zero_point"):
            continue
        of_weight: dict[str, Any] = {}
        if isinstance(inner, eager.QuantizedConv2d | eager.QuantizedLinear):
            weight = weights[inner] if inner in weights else inner.weight()
            of_weight["per_tensor"] = weight.qscheme() == eager.PER_TENSOR
            if of_weight["per_tensor"]:
                of_weight["weight_scale"] = float(weight.q_scale())
                of_weight["weight_zero_point"] = int(weight.q_zero_point())
        known[name] = Qparams(
            scale=float(inner.scale), zero_point=int(inner.zero_point), **of_weight
        )
    return known
