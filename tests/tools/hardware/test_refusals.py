"""What is refused, because integers and shifts alone can't compute it."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.ao.nn.quantized as nnq
import torch.nn.functional as F
from torch import Tensor, nn

from lab3.data import ImageData
from lab3.engines import exact_engines
from lab3.qconfig import CustomQConfig
from lab3.quantize import convert, prepare_ptq
from lab3.resnet import QuantizableResNet
from tests.making.networks import (
    ENGINES,
    images_for,
    integers,
    quantized,
)
from tools.hardware.program import Product
from tools.hardware.proof import Proof
from tools.hardware.recording import NotShiftOnlyError
from tools.hardware.tracing import trace

pytestmark = pytest.mark.usefixtures("same_engine_afterwards")


def refusal(network: nn.Module, image: Tensor) -> str:
    with pytest.raises(NotShiftOnlyError) as caught:
        trace(network, image, "even")
    return str(caught.value)


@pytest.fixture
def image(digits: ImageData) -> Tensor:
    torch.backends.quantized.engine = exact_engines()[0]
    return digits.normalise(digits.test.images[:1])


def test_the_default_configuration_is_refused(digits: ImageData, image: Tensor) -> None:
    said = refusal(quantized(digits, CustomQConfig.DEFAULT), image)
    assert "\n  conv1: " in said
    assert "8 scales, one per channel" in said
    assert "is no power of two" in said
    assert "and 21 more layers" in said


def test_one_scale_is_refused_by_its_layer(digits: ImageData, image: Tensor) -> None:
    network = quantized(digits)
    layer: Any = network.get_submodule("layer2.0.conv2")
    layer.scale *= 1.5
    said = refusal(network, image)
    assert "\n  layer2.0.conv2: the scale of its output, 0.046875, is no power of two" in said
    assert said.count("\n") == 1


def test_a_batchnorm_that_was_not_fused_is_refused(image: Tensor) -> None:
    class Unfused(QuantizableResNet):
        def fuse_model(self, is_qat: bool = False) -> None:
            for block in [*self.layer1, *self.layer2, *self.layer3, *self.layer4]:
                block.fuse_model(is_qat)

    network = Unfused((1, 1, 1, 1), width=8)
    prepare_ptq(network)(image)
    said = refusal(convert(network), image)
    assert "\n  bn1: a BatchNorm that was not fused" in said
    assert "fuse_model" in said


class Tiny(nn.Module):
    """One small convolution, with a forward pass that a test replaces."""

    def __init__(self, groups: int = 1) -> None:
        super().__init__()
        self.quant = nnq.Quantize(2.0**-5, 128, torch.quint8)
        self.conv = nnq.Conv2d(8, 8, 1, groups=groups)
        weight = integers((8, 8 // groups, 1, 1), -60, 60, 0).to(torch.int8)
        self.weight = torch._make_per_tensor_quantized_tensor(weight, 2.0**-6, 0)
        self.conv.set_weight_bias(self.weight, torch.zeros(8))
        self.conv.scale, self.conv.zero_point = 2.0**-4, 128
        self.fc = nn.Linear(8, 8)


def floats_between(network: Tiny, x: Tensor) -> Tensor:
    x = F.relu(network.conv(network.quant(x)).dequantize())
    return torch.quantize_per_tensor(x, 2.0**-4, 128, torch.quint8).dequantize()


def floats_at_the_end(network: Tiny, x: Tensor) -> Tensor:
    return 2 * network.conv(network.quant(x)).dequantize()


def floats_at_the_start(network: Tiny, x: Tensor) -> Tensor:
    return network.conv(network.quant(x / 2)).dequantize()


def floats_by_the_way(network: Tiny, x: Tensor) -> Tensor:
    x = network.conv(network.quant(x)).dequantize()
    return torch.quantize_per_tensor(x, 2.0**-4, 128, torch.quint8).dequantize()


def integers_at_the_end(network: Tiny, x: Tensor) -> Tensor:
    return network.conv(network.quant(x))


def an_earlier_output(network: Tiny, x: Tensor) -> Tensor:
    x = network.quant(x)
    network.conv(x)
    return x.dequantize()


def another_output(network: Tiny, x: Tensor) -> Tensor:
    network.conv(network.quant(x)).dequantize()
    return network.fc.weight


def a_layer_for_nothing(network: Tiny, x: Tensor) -> Tensor:
    x = network.conv(network.quant(x))
    logits = x.dequantize()
    network.conv(x)
    return logits


def a_regrouping(network: Tiny, x: Tensor) -> Tensor:
    return network.conv(network.quant(x)).reshape(2, -1).dequantize()


def a_mean_of_nine(network: Tiny, x: Tensor) -> Tensor:
    return F.adaptive_avg_pool2d(network.conv(network.quant(x[:, :, :3, :3])), 1).dequantize()


def a_maximum(network: Tiny, x: Tensor) -> Tensor:
    return F.max_pool2d(network.conv(network.quant(x)), 2).dequantize()


def a_sum_with_a_number(network: Tiny, x: Tensor) -> Tensor:
    return torch.ops.quantized.add_scalar(network.conv(network.quant(x)), 1.0).dequantize()


@pytest.mark.parametrize(
    ("forward", "text"),
    [
        (floats_between, "the network: aten::relu computes floating-point numbers"),
        (floats_at_the_end, "aten::mul computes floating-point numbers"),
        (floats_at_the_start, "aten::div computes floating-point numbers"),
        (floats_by_the_way, "it quantizes floating-point numbers that are not the image"),
        (integers_at_the_end, "the output: it is not what a layer's integers stand for"),
        (an_earlier_output, "the output: it is not what a layer's integers stand for"),
        (another_output, "the output: it is not what a layer's integers stand for"),
        (a_layer_for_nothing, "the output: it is not what a layer's integers stand for"),
        (a_regrouping, "is no operation of this lab's networks"),
        (a_mean_of_nine, "it averages 3x3 pixels"),
        (a_maximum, "is no operation of this lab's networks"),
        (a_sum_with_a_number, "is no operation of this lab's networks"),
    ],
)
def test_what_shifts_cannot_do_is_refused(
    forward: Callable[[Tiny, Tensor], Tensor], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tiny, "forward", forward)
    assert text in refusal(Tiny(), images_for(8, 0)[:1])


def plainly(network: Tiny, x: Tensor) -> Tensor:
    return network.conv(network.quant(x)).dequantize()


def test_groups_and_overflow_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tiny, "forward", plainly)
    image = images_for(8, 0)[:1]
    assert "conv: it has 2 groups" in refusal(Tiny(groups=2), image)
    network = Tiny()
    network.conv.set_weight_bias(network.weight, torch.full((8,), 2.0**20))
    assert "conv: its int32 accumulator can overflow" in refusal(network, image)
    # The accumulator fits, but not with the half that rounding adds.
    network.conv.set_weight_bias(
        torch._make_per_tensor_quantized_tensor(
            torch.zeros_like(network.weight.int_repr()), 1.0, 0
        ),
        torch.full((8,), (2.0**31 - 384) * 2.0**-5),
    )
    network.conv.scale = 2.0**5
    assert "it may reach 2,147,484,031" in refusal(network, image)
    network.conv.scale = 2.0**-4
    assert len(trace(network, image, "even").steps) == 2


@pytest.mark.skipif("fbgemm" not in ENGINES, reason="no engine here takes such weights")
def test_a_zero_point_of_weights_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tiny, "forward", plainly)
    torch.backends.quantized.engine = "fbgemm"
    network = Tiny()
    weight = torch._make_per_tensor_quantized_tensor(network.weight.int_repr(), 2.0**-6, 5)
    network.conv.set_weight_bias(weight, torch.zeros(8))
    assert "conv: the zero point of its weight is 5, not 0" in refusal(network, images_for(8, 0))


def test_equal_scales_of_all_channels_are_one_shift(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tiny, "forward", plainly)
    network = Tiny()
    one = trace(network, images_for(8, 0)[:1], "even").steps[1]
    scales = torch.full((8,), 2.0**-6, dtype=torch.float64)
    weight = torch.quantize_per_channel(
        network.weight.dequantize(), scales, torch.zeros(8, dtype=torch.int64), 0, torch.qint8
    )
    network.conv.set_weight_bias(weight, torch.zeros(8))
    other = trace(network, images_for(8, 0)[:1], "even").steps[1]
    assert isinstance(one, Product)
    assert isinstance(other, Product)
    assert torch.equal(one.weight, other.weight)
    assert one.shift == other.shift


def sorted_logits(network: Tiny, x: Tensor) -> Tensor:
    return network.conv(network.quant(x)).dequantize().sort(1).values


def sorted_batches(network: Tiny, x: Tensor) -> Tensor:
    logits = network.conv(network.quant(x)).dequantize()
    return logits if len(x) == 1 else logits.sort(1).values


def negated_logits(network: Tiny, x: Tensor) -> Tensor:
    logits = network.conv(network.quant(x)).dequantize()
    torch._foreach_mul_([logits], -1.0)
    return logits


def halved_images(network: Tiny, x: Tensor) -> Tensor:
    torch._foreach_mul_([x], 0.5)
    return network.conv(network.quant(x)).dequantize()


def a_pair(network: Tiny, x: Tensor) -> Any:
    logits = network.conv(network.quant(x)).dequantize()
    return logits, logits


@pytest.mark.parametrize(
    ("forward", "text"),
    [
        (sorted_logits, "the output"),
        (sorted_batches, "output is not what"),
        (negated_logits, "output is not what"),
        (halved_images, "changes the images"),
        (a_pair, "the output"),
    ],
)
def test_the_output_must_be_what_the_last_layer_computed(
    forward: Callable[[Tiny, Tensor], Any], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tiny, "forward", forward)
    engine = torch.backends.quantized.engine = exact_engines()[0]
    images = images_for(8, 0)
    with pytest.raises(NotShiftOnlyError, match=text):
        Proof(Tiny, images[:1], engine).add(images)


def test_squeezing_is_no_fault_and_too_large_a_shift_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def forward(network: Tiny, x: Tensor) -> Tensor:
        x = F.adaptive_avg_pool2d(network.conv(network.quant(x)), 1)
        return x.squeeze(-1).squeeze(-1).dequantize()

    monkeypatch.setattr(Tiny, "forward", forward)
    engine = torch.backends.quantized.engine = exact_engines()[0]
    images = images_for(8, 0)
    proof = Proof(Tiny, images[:1], engine)
    proof.add(images)
    assert proof.proofs()[0].different == 0
    monkeypatch.setattr(Tiny, "forward", plainly)
    network = Tiny()
    network.conv.scale = 2.0**40
    assert "conv: its sums would shift by 51 bits" in refusal(network, images[:1])


def test_a_network_that_changes_with_its_input_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def forward(network: Tiny, x: Tensor) -> Tensor:
        x = network.conv(network.quant(x))
        return (network.conv(x) if len(x) > 1 else x).dequantize()

    monkeypatch.setattr(Tiny, "forward", forward)
    engine = torch.backends.quantized.engine = exact_engines()[0]
    images = images_for(8, 0)
    proof = Proof(Tiny, images[:1], engine)
    with pytest.raises(NotShiftOnlyError, match="other layers for other images"):
        proof.add(images)


def test_a_relu_that_works_in_place_is_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def forward(network: Tiny, x: Tensor) -> Tensor:
        x = network.conv(network.quant(x))
        return F.relu(x, inplace=True).dequantize()

    monkeypatch.setattr(Tiny, "forward", forward)
    engine = torch.backends.quantized.engine = exact_engines()[0]
    images = images_for(8, 0)
    proof = Proof(Tiny, images[:1], engine)
    proof.add(images)
    assert [step.operation for step in proof.program.steps] == ["quantize", "convolution", "relu"]
    assert proof.proofs()[0].different == 0
    assert torch.equal(proof.program.real(proof.program.run(images)), Tiny()(images))
