"""INT8 checkpoints as numbers, and the reference network that computes with them."""

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from autograder.expected.reference import ARCHITECTURES, build, converted
from autograder.host.answers import NoAnswerError
from autograder.inside.questions import Checkpoint, StoredTensor
from lab3 import eager
from lab3.data import IMAGE_SIZE
from lab3.engines import engine, exact_engines
from lab3.log.records import RunKind, Start


@dataclass(frozen=True)
class Numbers:
    """The integers of one INT8 layer: its weight on the grid, its bias, and both scales."""

    weight: Tensor
    weight_scale: float
    weight_zero_point: int
    bias: Tensor | None
    scale: float
    zero_point: int


@dataclass(frozen=True)
class Int8Numbers:
    """All numbers of an INT8 checkpoint."""

    layers: Mapping[str, Numbers]
    activations: Mapping[str, tuple[float, int]]  # input quantizer and additions

    @classmethod
    def read(cls, entries: Mapping[str, StoredTensor]) -> "Int8Numbers":
        """Sort a checkpoint's tensors by module; raise NoAnswerError when one is not INT8."""
        layers: dict[str, Numbers] = {}
        activations: dict[str, tuple[float, int]] = {}
        for key, entry in entries.items():
            name = key.removesuffix(".scale")
            if name == key or f"{name}.zero_point" not in entries:
                continue
            own = scalar(entry.values), int(scalar(entries[f"{name}.zero_point"].values))
            require_usable(name, *own)
            packed = f"{name}._packed_params._packed_params"
            prefix = packed if f"{packed}.weight" in entries else name
            if f"{prefix}.weight" not in entries:
                activations[name] = own
                continue
            weight, bias = entries[f"{prefix}.weight"], entries.get(f"{prefix}.bias")
            if weight.scale is None or weight.zero_point is None:
                raise NoAnswerError(
                    "failed",
                    f"the weight of {name} has one scale a channel, or is not INT8: the lab's "
                    "configuration is CustomQConfig.PTQ or QAT",
                )
            require_usable(f"the weight of {name}", weight.scale, weight.zero_point, (0, 0))
            bias_values = None if bias is None else bias.values
            layers[name] = Numbers(
                weight.values, weight.scale, weight.zero_point, bias_values, *own
            )
        return cls(layers, activations)

    def scales(self) -> dict[str, float]:
        """Return every scale by the name of what it belongs to."""
        scales = {name: scale for name, (scale, _) in self.activations.items()}
        for name, numbers in self.layers.items():
            scales |= {name: numbers.scale, f"weight of {name}": numbers.weight_scale}
        return scales


def scalar(tensor: Tensor) -> float:
    """Return the only number of a tensor; raise NoAnswerError when it has another count."""
    if tensor.numel() != 1:
        raise NoAnswerError("failed", f"a scale or zero point has {tensor.numel()} numbers")
    number = float(tensor.item())
    return number if math.isfinite(number) else -1.0


def require_usable(
    name: str, scale: float, zero_point: int, between: tuple[int, int] = (0, 255)
) -> None:
    """Raise NoAnswerError for numbers that INT8 kernels are not made for."""
    if not 2.0**-64 < scale < 2.0**64 or not between[0] <= zero_point <= between[1]:
        raise NoAnswerError(
            "failed", f"{name[:60]} has the scale {scale!r} and the zero point {zero_point}"
        )


def from_numbers(layers: Sequence[int], num_classes: int, width: int, numbers: Int8Numbers) -> Any:
    """Return an INT8 reference network that computes with a checkpoint's integers.

    Raises KeyError or ValueError when a layer is missing or unknown or has another shape.
    """
    network = converted(layers, num_classes, width)
    modules = of_kind(network, eager.QuantizedConv2d, eager.QuantizedLinear)
    rest = of_kind(network, eager.Quantize, eager.QuantizedFunctional)
    if unknown := sorted({*numbers.layers} - {*modules} | {*numbers.activations} - {*rest}):
        raise ValueError(f"{unknown[0][:60]} is no layer of the fused network")
    for name, module in rest.items():
        set_scale(module, *numbers.activations[name])
    for name, module in modules.items():
        of = numbers.layers[name]
        if of.weight.dtype != torch.int8 or of.weight.shape != weight_shape(module):
            raise ValueError(f"the weight of {name} has the shape {tuple(of.weight.shape)}")
        if of.bias is None or of.bias.shape != (of.weight.shape[0],):
            raise ValueError(f"{name} has no bias of {of.weight.shape[0]} numbers: was it fused?")
        weight = eager.tensor_of_integers(of.weight, of.weight_scale, of.weight_zero_point)
        module.set_weight_bias(weight, of.bias.to(torch.float32))
        set_scale(module, of.scale, of.zero_point)
    return network.eval()


def of_kind(network: Any, *kinds: type[nn.Module]) -> dict[str, Any]:
    """Return the modules of some kinds by name."""
    return {name: module for name, module in network.named_modules() if isinstance(module, kinds)}


def set_scale(module: Any, scale: float, zero_point: int) -> None:
    """Give an INT8 module the grid of its output, whose scale is a float32."""
    scales, zero_points = torch.tensor([scale]), torch.tensor([zero_point])
    if isinstance(module, eager.Quantize):
        module.scale, module.zero_point = scales, zero_points
    else:
        module.scale, module.zero_point = float(scales), int(zero_points)


def weight_shape(module: Any) -> tuple[int, ...]:
    """Return the shape of an INT8 layer's weight, which unpacking it would take longer to tell."""
    if isinstance(module, eager.QuantizedLinear):
        return module.out_features, module.in_features
    return module.out_channels, module.in_channels // module.groups, *module.kernel_size


@torch.inference_mode()
def input_scales(network: nn.Module) -> dict[str, float]:
    """Return the scale of what each layer of an INT8 network takes, found by computing an image."""
    scales: dict[str, float] = {}
    with ExitStack() as stack:
        for name, module in network.named_modules():
            if isinstance(module, eager.QuantizedConv2d | eager.QuantizedLinear):

                def note(_module: nn.Module, inputs: tuple[Tensor], name: str = name) -> None:
                    scales[name] = inputs[0].q_scale()

                stack.enter_context(module.register_forward_pre_hook(note))
        network(torch.zeros(1, 3, IMAGE_SIZE, IMAGE_SIZE))
    return scales


@dataclass(frozen=True)
class Restored:
    """The reference network of a run with its checkpoint's numbers; FP32's is fused.

    ``input_scales`` are those of what each INT8 layer takes.
    """

    kind: RunKind
    network: nn.Module
    numbers: Int8Numbers | None = None  # of INT8
    input_scales: Mapping[str, float] = field(default_factory=dict)  # of INT8
    engine: str = ""  # that packed an INT8 network's weights; FP32 needs none

    @property
    def scales(self) -> dict[str, float]:
        return self.numbers.scales() if self.numbers else {}

    def computing(self) -> AbstractContextManager[None]:
        """Let the network compute: it has to, with the engine that packed its weights."""
        return engine(self.engine) if self.engine else nullcontext()


def restore(start: Start, checkpoint: Checkpoint) -> Restored:
    """Return the network of a run; raise NoAnswerError when the checkpoint doesn't fit it."""
    layers = ARCHITECTURES.get(start.arch)
    if layers is None or not 4 <= start.width <= 64 or not 2 <= start.num_classes <= 1000:
        raise NoAnswerError(
            "failed",
            f"the log names no network of the lab: {start.arch[:40]!r}, width {start.width}, "
            f"{start.num_classes} classes",
        )
    shape = (layers, start.num_classes, start.width)
    if start.kind == "train":
        state = {name: entry.values for name, entry in checkpoint.entries.items()}
        network = build(*shape)
        check_keys(network.state_dict(), state)
        network.load_state_dict(state)
        network.eval().fuse_model()
        return Restored(start.kind, network.to(memory_format=torch.channels_last))
    numbers, packing = Int8Numbers.read(checkpoint.entries), exact_engines()[0]
    try:
        with engine(packing):
            network = from_numbers(*shape, numbers)
            steps = input_scales(network)  # some engines refuse scales when they compute
    except (KeyError, RuntimeError, ValueError) as error:
        raise NoAnswerError(
            "failed", f"the checkpoint doesn't fit an INT8 {start.arch}: {str(error)[:200]}"
        ) from None
    return Restored(start.kind, network, numbers, steps, packing)


def check_keys(expected: Mapping[str, Tensor], got: Mapping[str, Tensor]) -> None:
    """Raise NoAnswerError unless a checkpoint has exactly the tensors of a network."""
    for name, value in expected.items():
        if name not in got:
            raise NoAnswerError("failed", f"the checkpoint lacks {name}")
        if got[name].shape != value.shape or got[name].dtype != value.dtype:
            raise NoAnswerError(
                "failed",
                f"{name} has the shape {tuple(got[name].shape)} in the checkpoint, and "
                f"{tuple(value.shape)} in the network that the log names",
            )
    if extra := sorted(set(got) - set(expected)):
        raise NoAnswerError("failed", f"the checkpoint has {extra[0][:60]!r}, which no network has")
