"""Why engines differ from integers and shifts: each reason, where it is the reason."""

from typing import get_args

import pytest
import torch
from torch import nn

from lab3.engines import exact_engines, is_exact
from lab3.log.certificate import Reason
from tests.making.networks import (
    ENGINES,
    Operators,
    images_for,
)
from tools.hardware.proof import Engine, Proof
from tools.hardware.reasons import REASONS, Case, saturates
from tools.hardware.tracing import trace
from tools.report.texts import LANGUAGES, load_texts
from tools.student import hardware

pytestmark = pytest.mark.usefixtures("same_engine_afterwards")
INEXACT = [engine for engine in ENGINES if not is_exact(engine)]


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


def test_whoever_tells_a_reason_knows_them_all() -> None:
    reasons = set(get_args(Reason))
    assert set(REASONS) == reasons
    assert set(hardware.REASONS) == {*reasons, "unknown"}
    for language in LANGUAGES:
        keys = load_texts(language).words
        told = {key.removeprefix("reasons.") for key in keys if key.startswith("reasons.")}
        assert told == {*reasons, "unknown"}
