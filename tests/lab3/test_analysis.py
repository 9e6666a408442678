"""What the lab logs of quantization agrees with the networks, computed by other means."""

import copy
import math

import pytest
import torch

from lab3.analysis import BINS, activations, analyse, float_copy, shift_of
from lab3.data import ImageData
from lab3.engines import exact_engines
from lab3.log.records import Analysis
from lab3.qconfig import CustomQConfig
from lab3.quantize import calibrate, convert, prepare_ptq, prepare_qat
from lab3.resnet import QuantizableResNet, build_network
from tests.making.networks import randomised

Quantized = tuple[QuantizableResNet, QuantizableResNet, Analysis]
IMAGES = 12  # one full batch and a part of the next


def quantize(kind: str, data: ImageData) -> Quantized:
    """A float network, the INT8 network that was made of it, and their analysis."""
    torch.backends.quantized.engine = exact_engines()[0]
    torch.manual_seed(0)
    network = randomised(build_network("resnet14", width=8)).eval()
    prepared = prepare_qat(network) if kind == "qat" else prepare_ptq(network)
    calibrate(prepared, data, 64)
    original = float_copy(prepared)
    fresh = copy.deepcopy(original)
    converted = convert(prepared)
    return fresh, converted, analyse(original, converted, data, IMAGES)


@pytest.fixture(scope="module", params=["ptq", "qat"])
def quantized(request: pytest.FixtureRequest, digits: ImageData) -> Quantized:
    return quantize(request.param, digits)


def test_every_weight_activation_and_addition_is_there_once(quantized: Quantized) -> None:
    _, _, found = quantized
    keys = [(tensor.layer, tensor.role) for tensor in found.tensors]
    assert len(set(keys)) == len(keys)
    roles = [role for _, role in keys]
    # 17 convolutions and one linear layer; the input has an activation too.
    assert (roles.count("weight"), roles.count("activation"), roles.count("addition")) == (
        18,
        19,
        4,
    )
    assert keys[0] == ("quant", "activation")
    assert keys[-2:] == [("fc", "weight"), ("fc", "activation")]
    assert found.images == IMAGES


def test_the_scale_before_leads_to_the_scale_of_the_network(quantized: Quantized) -> None:
    _, converted, found = quantized
    for tensor in found.tensors:
        largest = max(abs(tensor.minimum), abs(tensor.maximum))
        assert tensor.scale_before == pytest.approx(2 * largest / 255)
        nearest = round(-math.log2(tensor.scale_before))
        assert tensor.shift == min(max(nearest, 0), 8)
        assert tensor.scale == 2.0**-tensor.shift
        assert tensor.clamped == ("below" if nearest > 8 else "above" if nearest < 0 else None)
        module = converted.get_submodule(tensor.layer)
        scale = module.weight().q_scale() if tensor.role == "weight" else float(module.scale)
        assert tensor.scale == scale


def test_the_noise_is_that_of_the_two_networks(quantized: Quantized, digits: ImageData) -> None:
    original, converted, found = quantized
    images = digits.normalise(digits.validation.images[:IMAGES])
    with torch.inference_mode():
        floats, rounded = activations(original, images), activations(converted, images)
    for tensor in found.tensors:
        if tensor.role == "weight":
            continue
        x, x_q = floats[tensor.layer].double(), rounded[tensor.layer].dequantize().double()
        ratio = 10 * math.log10(x.square().sum() / (x - x_q).square().sum())
        # The record has three decimals; batches of other sizes move FP32 sums in the last bit.
        assert tensor.sqnr_db == pytest.approx(ratio, abs=0.02)
        assert len(tensor.counts) == BINS
        assert sum(tensor.counts) == x.numel()


def test_histograms_lie_on_the_grid(quantized: Quantized) -> None:
    _, converted, found = quantized
    for tensor in found.tensors:
        if tensor.role == "weight" and tensor.outside == 0:
            integers = converted.get_submodule(tensor.layer).weight().int_repr().long() + 128
            expected = (integers // (256 // BINS)).flatten().bincount(minlength=BINS)
            # The histogram is of the values before rounding: an exact tie may fall to the next.
            assert (expected - torch.tensor(tensor.counts)).abs().sum() <= 2


def test_the_analysis_leaves_the_networks_as_they_are(digits: ImageData) -> None:
    torch.manual_seed(0)
    prepared = prepare_ptq(randomised(build_network("resnet14", width=8)).eval())
    calibrate(prepared, digits, 8)
    before = copy.deepcopy(prepared.state_dict())
    float_copy(prepared)
    assert all(torch.equal(before[key], value) for key, value in prepared.state_dict().items())


def test_float_copies_do_not_round(digits: ImageData) -> None:
    torch.manual_seed(0)
    network = randomised(build_network("resnet14", width=8)).eval()
    images = digits.normalise(digits.train.images[:4])
    prepared = prepare_qat(copy.deepcopy(network))
    prepared(images)
    with torch.inference_mode():
        # prepare_qat's one training batch moved BatchNorm statistics: compare with its own.
        rounded, plain = prepared.eval()(images), float_copy(prepared)(images)
    assert not torch.equal(rounded, plain)
    assert torch.isfinite(plain).all()


def test_shifts_are_those_of_powers_of_two() -> None:
    assert [shift_of(2.0**-s) for s in range(-2, 12)] == [*range(-2, 12)]
    assert [shift_of(scale) for scale in (0.3, 0.1, 3.0)] == [None] * 3


def test_an_analysis_is_small(digits: ImageData) -> None:
    _, _, found = quantize("ptq", digits)
    per_tensor = len(found.model_dump_json()) / len(found.tensors)
    assert per_tensor * 125 < 200_000  # ResNet-50 has 125 tensors; logs stay well below 1 MB


def test_weights_with_a_scale_per_channel_are_left_out(digits: ImageData) -> None:
    torch.backends.quantized.engine = exact_engines()[0]
    prepared = prepare_ptq(build_network("resnet14", width=8), CustomQConfig.DEFAULT)
    calibrate(prepared, digits, 8)
    original = float_copy(prepared)
    found = analyse(original, convert(prepared), digits, images=1)
    assert {tensor.role for tensor in found.tensors} == {"activation", "addition"}
    assert any(tensor.shift is None for tensor in found.tensors)
