"""The proof: whole networks against every engine."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from lab3.data import ImageData
from lab3.engines import engine as computing_on
from lab3.engines import exact_engines, is_exact
from lab3.errors import LabError
from lab3.qconfig import CustomQConfig
from lab3.quantize import empty_int8, put_biases_on_grid
from lab3.resnet import build_network
from tests.making.networks import (
    ENGINES,
    Operators,
    images_for,
    ptq,
    quantized,
    randomised,
)
from tools.hardware.program import Quantize, Shifted
from tools.hardware.proof import Proof
from tools.hardware.tracing import trace

pytestmark = pytest.mark.usefixtures("same_engine_afterwards")


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


def test_an_engine_that_is_not_here_is_left_out_too() -> None:
    engine = exact_engines()[0]
    absent = next(name for name in ENGINES if name != engine)

    def build() -> nn.Module:
        if torch.backends.quantized.engine == absent:
            raise RuntimeError(f"{absent} is not supported here")
        return Operators(2, "addition", [128, 128, 128])

    with computing_on(engine):
        images = images_for(build().channels, 2)
    proof = Proof(build, images[:1], engine)
    assert absent in proof.unable
    assert absent not in [proved.engine for proved in proof.proofs()]


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


def test_an_engine_that_cannot_run_the_network_is_an_error_in_words() -> None:
    def build() -> nn.Module:
        network = Operators(2, "addition", [128, 128, 255])
        network.has_relu = True
        return network

    torch.backends.quantized.engine = "qnnpack"
    with pytest.raises(LabError, match="engine qnnpack can't run this network"):
        Proof(build, images_for(build().channels, 2)[:1], "qnnpack")


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
