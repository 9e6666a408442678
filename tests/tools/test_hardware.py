"""The proof: whole networks against every engine, what is refused, and why engines differ."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.ao.nn.quantized as nnq
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from lab3.data import ImageData
from lab3.engines import exact_engines, is_exact
from lab3.errors import LabError
from lab3.qconfig import CustomQConfig
from lab3.quantize import convert, empty_int8, prepare_ptq, put_biases_on_grid
from lab3.resnet import QuantizableResNet, build_network
from tests.making.networks import (
    ENGINES,
    Operators,
    images_for,
    integers,
    ptq,
    quantized,
    randomised,
)
from tools.hardware.program import Product, Quantize, Shifted
from tools.hardware.proof import Engine, Proof
from tools.hardware.reasons import Case, saturates
from tools.hardware.recording import NotShiftOnlyError
from tools.hardware.tracing import trace

INEXACT = [engine for engine in ENGINES if not is_exact(engine)]


@pytest.fixture(autouse=True)
def same_engine_afterwards() -> Iterator[None]:
    before = torch.backends.quantized.engine
    yield
    torch.backends.quantized.engine = before


def test_a_whole_network_is_identical_and_runs_alone(digits: ImageData) -> None:
    engine = torch.backends.quantized.engine = exact_engines()[0]
    images = digits.normalise(digits.test.images[:24])
    proof = Proof(lambda: quantized(digits), images[:1], engine)
    for batch in images.split(10):
        proof.add(batch)
    first = proof.proofs()[0]
    assert (first.engine, first.images, first.different) == (engine, 24, 0)
    layers = [step.layer for step in proof.program.steps]
    assert layers[:3] == ["quant", "conv1", "layer1.0.conv1"]
    assert layers[6] == "layer1.0.skip_add_relu"
    assert layers[-2:] == ["avgpool", "fc"]
    torch.backends.quantized.engine = engine
    assert torch.equal(proof.program.real(proof.program.run(images)), quantized(digits)(images))


def test_tallies_are_those_of_the_accumulators(digits: ImageData) -> None:
    engine = torch.backends.quantized.engine = exact_engines()[0]
    images = digits.normalise(digits.test.images[:6])
    proof = Proof(lambda: quantized(digits), images[:1], engine)
    proof.add(images[:4])
    proof.add(images[4:])
    made = [images.new_empty(0)] * len(proof.program.steps)
    for k, (step, tally) in enumerate(zip(proof.program.steps, proof.tallies, strict=True)):
        inputs = [made[number] for number in step.inputs] or [images]
        made[k] = step.compute(inputs, proof.program.ties)
        if isinstance(step, Quantize):
            exact = images.double() * 2.0**step.grid.shift + step.grid.zero_point
            assert tally.above == int((exact > 255.5).sum())
            assert tally.below == int((exact < -0.5).sum())
        if isinstance(step, Shifted):
            sums = step.accumulate(inputs).double()
            assert tally.largest == sums.abs().max().item() <= step.bound
            exact = sums * 2.0**-step.shift + step.grid.zero_point
            assert abs(tally.above - int((exact > 255.5).sum())) <= int((exact == 255.5).sum())
            assert tally.below == (0 if step.relu else int((exact < -0.5).sum()))


def test_multiplications_are_counted(digits: ImageData) -> None:
    image = digits.normalise(digits.test.images[:1])
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        build_network("resnet14", width=8).eval()(image)
    torch.backends.quantized.engine = exact_engines()[0]
    steps = trace(quantized(digits), image, "even").steps
    assert sum(step.multiplications for step in steps) == counter.get_total_flops() // 2
    each = {"quantize": 0, "convolution": 1, "linear": 1, "addition": 2, "average": 0}
    for step in steps:
        assert step.saved == each[step.operation] * step.values


def test_an_engine_that_cannot_run_the_network_is_left_out() -> None:
    """QNNPACK adds nothing whose output has one value only."""

    def build() -> nn.Module:
        network = Operators(2, "addition", [128, 128, 255])
        network.has_relu = True
        return network

    engine = torch.backends.quantized.engine = next(e for e in ENGINES if e != "qnnpack")
    images = images_for(build().channels, 2)
    proof = Proof(build, images[:1], engine)
    proof.add(images)
    assert proof.unable == ["qnnpack"]
    assert "qnnpack" not in [found.engine for found in proof.proofs()]
    assert len(proof.proofs()) == len(ENGINES) - 1


def test_one_wrong_step_is_found_in_its_layer_alone(digits: ImageData) -> None:
    """The engines after the first get a network with one bias a step too high."""
    engine = exact_engines()[0]

    def build() -> nn.Module:
        network = quantized(digits)
        if torch.backends.quantized.engine != engine:
            layer: Any = network.get_submodule("layer3.0.conv1")
            bias = layer.bias().clone()
            bias[3] += 40 * layer.scale
            layer.set_weight_bias(layer.weight(), bias)
        return network

    torch.backends.quantized.engine = engine
    images = digits.normalise(digits.test.images[:4])
    proof = Proof(build, images[:1], engine)
    proof.add(images)
    first, *others = proof.proofs()
    assert first.different == 0
    for other in others:
        unknown = [d for d in other.differences if d.reason is None]
        if is_exact(other.engine):
            assert [d.layer for d in unknown] == ["layer3.0.conv1"]
        found = next(d for d in other.differences if d.layer == "layer3.0.conv1")
        assert found.largest_step >= 30
        assert "layer3.0.conv2" not in [d.layer for d in unknown]


def test_steps_and_classes_are_those_of_all_images() -> None:
    """The engines after the first get another weight: how much that moves depends on the image."""
    engine = torch.backends.quantized.engine = exact_engines()[0]

    def build() -> nn.Module:
        network = Operators(4, "linear", [128, 128, 128])
        network.layer.scale = 2**7 * network.layer.weight().q_scale() * 2.0**-network.shift
        if torch.backends.quantized.engine != engine:
            weight = network.layer.weight().int_repr()
            weight[1] = -weight[1]
            scale = network.layer.weight().q_scale()
            changed = torch._make_per_tensor_quantized_tensor(weight, scale, 0)
            network.layer.set_weight_bias(changed, network.layer.bias())
        return network

    def proved(batches: list[Tensor]) -> Proof:
        torch.backends.quantized.engine = engine
        proof = Proof(build, batches[0], engine)
        for batch in batches:
            proof.add(batch)
        return proof

    images = torch.cat([images_for(build().channels, seed) / 4 for seed in range(9)])
    singles = [proved([image[None]]).proofs()[1] for image in images]
    moved = [single.differences[0].largest_step for single in singles]
    order = sorted(range(len(images)), key=lambda k: -moved[k])
    assert moved[order[0]] > moved[order[-1]] > 0
    found = proved([images[k][None] for k in order]).proofs()[1]
    torch.backends.quantized.engine = engine
    assert [difference.largest_step for difference in found.differences] == [moved[order[0]]]
    assert found.differences[0].reason is None
    assert found.different == sum(single.different for single in singles)
    right = build()(images).argmax(1)
    torch.backends.quantized.engine = found.engine
    assert found.changed_classes == int((build()(images).argmax(1) != right).sum()) > 0


@pytest.mark.parametrize("engine", ENGINES)
def test_a_bias_beside_the_grid_is_named(engine: str) -> None:
    def build() -> nn.Module:
        network = Operators(3, "convolution", [128, 128, 128])
        weight, bias = network.layer.weight(), network.layer.bias()
        network.layer.scale = 2.0 ** -(network.shift + 2)
        unit = weight.q_scale() * 2.0**-network.shift
        network.layer.set_weight_bias(weight, bias + 0.49 * unit)
        return network

    torch.backends.quantized.engine = engine
    images = images_for(build().channels, 5).repeat(30, 1, 1, 1)
    proof = Proof(build, images[:1], engine)
    proof.add(images)
    differences = proof.proofs()[0].differences
    if engine == "qnnpack":  # rounds biases to the grid itself
        assert not differences
    else:
        assert [(d.layer, d.largest_step, d.reason) for d in differences] == [("layer", 1, "bias")]


def large_products() -> nn.Module:
    network = Operators(1, "convolution", [0, 128, 0])
    size = network.layer.weight().shape
    full = torch.full(size, 127, dtype=torch.int8)
    weight = torch._make_per_tensor_quantized_tensor(full, 1.0, 0)
    network.layer.set_weight_bias(weight, torch.zeros(size[0]))
    network.layer.scale = 2.0**10
    return network


@pytest.mark.skipif(not INEXACT, reason="every engine of this CPU is exact")
def test_saturating_engines_are_named() -> None:
    engine = torch.backends.quantized.engine = exact_engines()[0]
    images = torch.full((1, large_products().channels, 4, 4), 1e3)
    proof = Proof(large_products, images, engine)
    proof.add(images)
    first, *others = proof.proofs()
    assert first.different == 0
    reasons = {o.engine: {d.reason for d in o.differences} for o in others}
    assert {engine for engine, found in reasons.items() if found == {"saturation"}} == set(INEXACT)


@pytest.mark.parametrize(
    ("value", "is_exact", "expected"), [(255, False, True), (255, True, False), (129, False, False)]
)
def test_saturation_needs_an_engine_and_products_that_do(
    value: int, is_exact: bool, expected: bool
) -> None:
    torch.backends.quantized.engine = exact_engines()[0]
    network = large_products()
    step = trace(network, torch.ones(1, network.channels, 4, 4), "even").steps[1]
    x = torch.full((1, network.channels, 4, 4), value, dtype=torch.uint8)
    assert saturates(Case(step, [x], x, is_exact)) == expected


def test_qnnpack_and_the_others_round_halves_of_additions_differently() -> None:
    engine = "qnnpack"
    torch.backends.quantized.engine = engine

    def build() -> nn.Module:
        network = Operators(9, "addition", [128, 128, 128])
        network.add.scale = 2.0 ** -(network.shift - 1)
        return network

    images = images_for(build().channels, 9)
    proof = Proof(build, images[:1], engine)
    proof.add(images)
    first, *others = proof.proofs()
    assert first.different == 0
    for other in others:
        assert [(d.layer, d.largest_step, d.reason) for d in other.differences] == [
            ("add", 1, "ties")
        ]


def test_a_reason_must_explain_every_batch() -> None:
    torch.backends.quantized.engine = exact_engines()[0]
    network = Operators(9, "addition", [128, 128, 128])
    network.add.scale = 2.0 ** -(network.shift - 1)
    program = trace(network, images_for(network.channels, 9)[:1], "even")
    step, k = program.steps[2], 2
    inputs = [torch.arange(256, dtype=torch.uint8), torch.full((256,), 128, dtype=torch.uint8)]
    ours, others = (step.compute(inputs, ties) for ties in ("even", "away"))
    for batches, reason in (([others], "ties"), ([255 - ours, others], None)):
        engine = Engine("an engine", network, is_exact=True)
        for theirs in batches:
            engine.compare(k, step, inputs, theirs, ours)
        assert [d.reason for d in engine.proof(program, 1).differences] == [reason]


# What is refused.


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


def test_an_engine_that_cannot_run_the_network_is_an_error_in_words() -> None:
    def build() -> nn.Module:
        network = Operators(2, "addition", [128, 128, 255])
        network.has_relu = True
        return network

    torch.backends.quantized.engine = "qnnpack"
    with pytest.raises(LabError, match="engine qnnpack can't run this network"):
        Proof(build, images_for(build().channels, 2)[:1], "qnnpack")


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


@pytest.mark.slow
def test_a_full_resnet50_is_identical(digits: ImageData) -> None:
    engine = torch.backends.quantized.engine = exact_engines()[0]
    torch.manual_seed(0)
    network = ptq(randomised(build_network("resnet50")).eval(), digits, CustomQConfig.PTQ)
    put_biases_on_grid(network, digits.normalise(digits.validation.images[:1]))
    state = network.state_dict()

    def build() -> nn.Module:
        made = empty_int8(build_network("resnet50").eval(), CustomQConfig.PTQ)
        made.load_state_dict(state)
        return made

    images = digits.normalise(digits.test.images[:8])
    proof = Proof(build, images[:1], engine)
    proof.add(images)
    first, *others = proof.proofs()
    assert len(proof.program.steps) == 72
    assert (first.images, first.different) == (8, 0)
    assert first.values == 8 * sum(step.values for step in proof.program.steps)
    for other in others:
        assert {d.reason for d in other.differences} <= {"ties", "saturation"}
