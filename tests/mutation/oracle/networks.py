"""``QuantizableResNet.forward``, in floating-point numbers and on integers."""

from functools import cache
from typing import Any

import torch
import torch.ao.quantization as tq
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from tests.mutation import reference
from tests.mutation.oracle.bullets import NETWORK, bullet, demand, judged
from tests.mutation.oracle.demands import (
    AVERAGING_STEPS,
    demand_equal,
    demand_gradients,
    demand_same_at_grids,
    demand_statistics,
)
from tests.mutation.oracle.subjects import SHAPES, WIDTH, network


def try_network(is_training: bool) -> None:
    for index, (layers, classes, batch) in enumerate(
        ((SHAPES[0], 10, 2), (SHAPES[1], 7, 3), (SHAPES[2], 10, 1))
    ):
        if is_training and batch == 1:
            batch = 4
        module = network(layers, classes).train(is_training)
        numbers = reference.numbers_of(module)
        images = reference.images(41 + index, batch, 3, 32, 32)
        for turn in ("", ", again"):
            expected = reference.network(numbers, images, layers, is_training)
            what = f"logits of {batch} images, blocks {layers}{turn}"
            demand_equal(module(images.clone()), expected, what)
            demand_statistics(module, numbers)


@bullet("network.logits", NETWORK)
def network_logits() -> None:
    """Between the stubs come conv1-bn1-relu, layer1 to layer4, avgpool, flatten and fc."""
    try_network(is_training=False)


@bullet("network.training", NETWORK)
def network_training() -> None:
    """In train mode, too, the network computes these, with the batch's statistics."""
    try_network(is_training=True)


@bullet("network.gradients", NETWORK)
def network_gradients() -> None:
    """Gradients reach every weight and the input."""
    for is_training in (False, True):
        module = network(SHAPES[0]).train(is_training)
        images = reference.images(43, 3, 3, 32, 32)

        def compute(numbers: reference.Numbers, x: Tensor, mode: bool = is_training) -> Tensor:
            return reference.network(numbers, x, SHAPES[0], mode)

        demand_gradients(module, images, compute)


class Crossings(TorchDispatchMode):
    """Counts how often values pass into integers and out of them."""

    def __init__(self) -> None:
        super().__init__()
        self.into = self.out = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        name = str(function)
        self.into += "quantize_per" in name and "dequantize" not in name
        self.out += "dequantize" in name or "int_repr" in name
        return function(*args, **(kwargs or {}))


@cache
def int8_of_network() -> Any:
    """Return the mutant's network with our stages in INT8, fused by us.

    That its forward raises in FP32 is another bullet; that it raises once it's observed is not.
    """
    module, images = network(SHAPES[1]).eval(), reference.images(47, 3, 3, 32, 32)
    reference.fuse_network(module)
    module.qconfig = reference.watched()
    with torch.inference_mode():
        judged(lambda: module(images))
        tq.prepare(module, inplace=True)
        module(images)
        return tq.convert(module, inplace=True)


@bullet("network.int8", NETWORK)
def network_int8() -> None:
    """Between the stubs the converted network computes on integers what it should."""
    ours = reference.Network(SHAPES[1], 10, WIDTH).eval()
    reference.fill(ours, 29 + sum(SHAPES[1]))
    reference.fuse_network(ours)
    images = reference.images(48, 3, 3, 32, 32)
    demand_same_at_grids(int8_of_network(), ours, images, AVERAGING_STEPS)


@bullet("network.stubs", NETWORK)
def network_stubs() -> None:
    """quant comes first and dequant last: one way in, one way out, and floats at both ends."""
    crossings, module = Crossings(), judged(int8_of_network)
    with crossings:
        output = module(reference.images(48, 2, 3, 32, 32))
    demand(not output.is_quantized, "the INT8 network returns integers")
    demand((crossings.into, crossings.out) == (1, 1), f"{crossings.into} in, {crossings.out} out")
