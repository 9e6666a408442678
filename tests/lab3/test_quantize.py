"""PTQ and QAT step by step, on a small trained network."""

import copy
import math

import pytest
import torch
import torch.ao.nn.quantized as nnq
import torch.ao.quantization as tq
import torch.nn.functional as F
from torch import nn

from lab3.data import ImageData
from lab3.engines import exact_engines, is_exact, use_fastest_engine
from lab3.evaluation import predict
from lab3.qconfig import CustomQConfig
from lab3.quantize import (
    QuantizationError,
    begin_qat_epoch,
    convert,
    empty_int8,
    prepare_ptq,
    prepare_qat,
    put_biases_on_grid,
    scheme_of,
)
from lab3.resnet import QuantizableResNet, build_network
from tests.making.networks import ptq, randomised


@pytest.fixture
def network() -> QuantizableResNet:
    torch.manual_seed(0)
    return randomised(build_network("resnet14", width=8)).eval()


def is_power_of_two(scale: float) -> bool:
    return math.frexp(scale)[0] == 0.5 and 2.0**-8 <= scale <= 1


def quantized_layers(network: nn.Module) -> list[nn.Module]:
    return [m for m in network.modules() if isinstance(m, nnq.Conv2d | nnq.Linear)]


def test_every_scale_is_a_power_of_two_and_zero_points_are_fixed(
    network: QuantizableResNet, digits: ImageData
) -> None:
    int8 = ptq(network, digits, CustomQConfig.PTQ)
    layers = quantized_layers(int8)
    additions = [m for m in int8.modules() if isinstance(m, nnq.QFunctional)]
    assert (len(layers), len(additions)) == (18, 4)
    for layer in layers:
        weight = layer.weight()
        assert weight.qscheme() == torch.per_tensor_affine
        assert weight.q_zero_point() == 0
        assert is_power_of_two(weight.q_scale())
    for module in [*layers, *additions, int8.quant]:
        assert is_power_of_two(float(module.scale))
        assert int(module.zero_point) == 128
    assert scheme_of(int8) == "int8-per-tensor"


def test_the_default_configuration_is_per_channel(
    network: QuantizableResNet, digits: ImageData
) -> None:
    assert scheme_of(network) == "fp32"
    assert scheme_of(ptq(network, digits, CustomQConfig.DEFAULT)) == "int8-per-channel"


@pytest.mark.parametrize("qconfig", [CustomQConfig.PTQ, CustomQConfig.DEFAULT])
def test_biases_become_whole_multiples_of_the_accumulators_scale(
    network: QuantizableResNet, digits: ImageData, qconfig: CustomQConfig
) -> None:
    int8 = ptq(network, digits, qconfig)
    image = digits.normalise(digits.train.images[:2])
    before = [layer.bias().clone() for layer in quantized_layers(int8)]
    put_biases_on_grid(int8, image)
    input_scales = {}
    for name, module in int8.named_modules():
        if isinstance(module, nnq.Conv2d | nnq.Linear):
            module.register_forward_pre_hook(
                lambda _, inputs, name=name: input_scales.update({name: inputs[0].q_scale()})
            )
    int8(image)
    changed = 0
    for (name, layer), old in zip(
        ((n, m) for n, m in int8.named_modules() if m in quantized_layers(int8)),
        before,
        strict=True,
    ):
        weight = layer.weight()
        is_per_tensor = weight.qscheme() == torch.per_tensor_affine
        scale = weight.q_scale() if is_per_tensor else weight.q_per_channel_scales()
        steps = layer.bias().double() / (torch.as_tensor(scale).double() * input_scales[name])
        # A per-channel scale is no power of two, so the product is rounded to float32.
        tolerance = 0 if is_per_tensor else 1e-2
        assert (steps - steps.round()).abs().max() <= tolerance
        half_step = torch.as_tensor(scale).max() * input_scales[name] / 2
        assert (layer.bias() - old).abs().max() <= half_step * 1.001
        changed += int(not torch.equal(layer.bias(), old))
    assert changed > 0


def test_converting_without_calibration_says_the_remedy(network: QuantizableResNet) -> None:
    with pytest.raises(QuantizationError, match="calibrate"):
        convert(prepare_ptq(network))


def test_qat_rounds_in_the_forward_pass_and_trains_every_weight(
    network: QuantizableResNet, digits: ImageData
) -> None:
    floats = copy.deepcopy(network)
    prepared = prepare_qat(network)
    fakes = [m for m in prepared.modules() if isinstance(m, tq.FakeQuantize)]
    assert len(fakes) == 2 * 18 + 4 + 1  # weights and outputs of layers, additions, the input
    images, labels = digits.normalise(digits.train.images[:16]), digits.train.labels[:16]
    loss = F.cross_entropy(prepared(images), labels)
    loss.backward()
    weights = {n: p for n, p in prepared.named_parameters() if p.dim() > 1}
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in weights.values())
    int8 = convert(prepared)
    assert all(is_power_of_two(layer.weight().q_scale()) for layer in quantized_layers(int8))
    assert not torch.equal(floats(images), int8(images))


def test_qat_with_plain_observers_is_refused(
    network: QuantizableResNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CustomQConfig.QAT, "_value_", CustomQConfig.PTQ.value)
    with pytest.raises(QuantizationError, match="FakeQuantize"):
        prepare_qat(network)


def test_statistics_and_ranges_freeze_late(network: QuantizableResNet, digits: ImageData) -> None:
    prepared = prepare_qat(network)
    images = digits.normalise(digits.train.images[:8])

    def moves(epoch: int) -> tuple[bool, bool]:
        prepared.train()
        begin_qat_epoch(prepared, epoch, epochs=4)
        statistics = prepared.conv1.bn.running_mean.clone()
        prepared.quant.activation_post_process.activation_post_process.reset_min_max_vals()
        prepared(images)
        observer = prepared.quant.activation_post_process.activation_post_process
        seen = bool(torch.isfinite(observer.min_val))
        return not torch.equal(statistics, prepared.conv1.bn.running_mean), seen

    assert moves(epoch=0) == (True, True)
    assert moves(epoch=2) == (False, True)
    assert moves(epoch=3) == (False, False)


def test_a_checkpoint_gives_the_same_logits_on_every_engine(
    network: QuantizableResNet, digits: ImageData
) -> None:
    int8 = ptq(copy.deepcopy(network), digits, CustomQConfig.PTQ)
    put_biases_on_grid(int8, digits.normalise(digits.train.images[:1]))
    state = int8.state_dict()
    some = digits.test.take(torch.arange(32))
    previous = torch.backends.quantized.engine
    try:
        logits = []
        for engine in exact_engines():
            torch.backends.quantized.engine = engine
            again = empty_int8(copy.deepcopy(network), CustomQConfig.PTQ)
            again.load_state_dict(state)
            logits.append(predict(again, digits, some))
        # qnnpack rounds half of the additions' ties the other way; the others agree to the bit.
        exact = [x for x, e in zip(logits, exact_engines(), strict=True) if e != "qnnpack"]
        assert all(torch.equal(exact[0], other) for other in exact)
    finally:
        torch.backends.quantized.engine = previous


def test_the_fastest_engine_is_one_that_computes_exactly(
    network: QuantizableResNet, digits: ImageData
) -> None:
    image = digits.normalise(digits.test.images[:1])
    previous = torch.backends.quantized.engine
    try:
        int8, engine = use_fastest_engine(
            lambda: empty_int8(copy.deepcopy(network), CustomQConfig.PTQ), image
        )
        assert engine == torch.backends.quantized.engine
        assert is_exact(engine)
        assert int8(image).shape == (1, 10)
    finally:
        torch.backends.quantized.engine = previous
