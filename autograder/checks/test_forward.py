"""Part 1: ``forward`` and ``add_relu``."""

import math
from functools import partial

import torch
from torch import Tensor

from autograder.checks.observing import CLASSES, compare, compare_int8, numbers
from autograder.claims import Evidence, about
from autograder.expected import reference, trials
from autograder.expected.agreement import is_on_grid, same
from autograder.expected.diagnoses import (
    diagnose_block,
    diagnose_functionals,
    diagnose_int8_error,
    diagnose_stubs,
)
from autograder.expected.examination import TOLERANCE
from autograder.expected.inputs import WIDTH, Inputs
from autograder.host.answers import NoAnswerError
from autograder.host.client import Client
from autograder.inside import experiments
from autograder.inside.questions import Addition, Block, Int8Block, Int8Network, Network

BLOCK = "QuantizableBottleneck.forward"
NETWORK = "QuantizableResNet.forward"
# Another way to average rounds other ties: a step before the classifier, some steps behind it.
STEPS = 4
SIZE = 8  # of a block's square images


def check_block(client: Client, evidence: Evidence, question: Block) -> None:
    """Judge what a block computes."""
    got, expected = client.ask(question).output, expected_output(question)
    in_channels, channels, stride = question.in_channels, question.channels, question.stride
    what = f"QuantizableBottleneck({in_channels}, {channels}, {stride}) on 2 random images"
    compare(evidence, what, expected, got)
    diagnosis = ""
    if not evidence.observations[-1].holds:
        block = reference.block(in_channels, channels, stride, question.seed)
        diagnosis = diagnose_block(block, block_images(question), got, TOLERANCE)
    evidence.judge("The output differs from the one that the handout describes.", diagnosis)


def expected_output(block: Block) -> Tensor:
    return reference.block_output(block.in_channels, block.channels, block.stride, block.seed)


def block_images(block: Block) -> Tensor:
    return experiments.images(block.seed + 1, 2, block.in_channels, block.size, block.size)


@about(BLOCK)
def test_block_without_shortcut(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The main path is conv1-bn1-relu1, conv2-bn2-relu2, conv3-bn3."""
    channels = inputs.random("block").choice([8, 12, 16])
    question = Block(4 * channels, channels, 1, inputs.seed, SIZE, has_gradients=False)
    check_block(client, evidence, question)


@about(BLOCK)
def test_block_with_shortcut(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The shortcut is ``x``, sent through ``downsample`` when the block has one."""
    source = inputs.random("shortcut")
    stride = source.choice([1, 2]) if inputs.visibility == "hidden" else 2
    channels = source.choice([16, 24])
    check_block(client, evidence, Block(channels, 8, stride, inputs.seed + 7, SIZE, False))


@about(NETWORK)
def test_network_logits(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """Between the stubs come conv1-bn1-relu, layer1 to layer4, avgpool, flatten and fc."""
    classes = inputs.random("network").choice([7, 10])
    got = client.ask(Network(classes, WIDTH, inputs.seed)).output
    expected = reference.plain_logits(classes, WIDTH, inputs.seed)
    what = "the network, its stages replaced by plain convolutions, on 2 random images"
    compare(evidence, what, expected, got)
    evidence.judge("The logits differ from those that the handout describes.")


def watched_block(inputs: Inputs) -> Block:
    """Ask for a block with its gradients and functionals."""
    return Block(16, 8, 2, inputs.seed + 13, SIZE, has_gradients=True)


@about(BLOCK, follows=("forward.block_with_shortcut",))
def test_gradients(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """Gradients reach every weight, through the main path and through the shortcut."""
    question = watched_block(inputs)
    run = client.ask(question)
    block = reference.block(question.in_channels, question.channels, question.stride, question.seed)
    output = block(block_images(question))
    (output * experiments.images(question.seed + 2, *output.shape)).sum().backward()
    is_right = same(run.output, output.detach(), TOLERANCE)
    for name, parameter in block.named_parameters():
        if parameter.grad is None or not name.endswith("weight"):
            continue
        got = run.gradients.get(name)
        if is_right:
            compare(evidence, f"gradient of {name}", parameter.grad, got)
        elif parameter.dim() > 1:  # another function has other gradients, but it has some
            holds = got is not None and 0 < float(got.abs().max()) < math.inf
            evidence.add(f"gradient of {name}", "not zero", numbers(got), holds)
    missing = [o for o in evidence.observations if not o.holds and "[0.0000, 0.0000" in o.got]
    evidence.judge("A detach() or a no_grad keeps the network from learning." if missing else "")


@about("QuantizableBottleneck.add_relu")
def test_functional_addition(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The addition and its ReLU are one operation of ``self.skip_add_relu``."""
    seed, channels = inputs.seed + 19, 8
    run = client.ask(Addition(channels, seed))
    diagnosis = observe_functionals(evidence, "add_relu", run.functionals)
    a, b = experiments.summands(seed, 4 * channels)
    compare(evidence, "add_relu(out, identity)", torch.relu(a + b), run.output)
    scale = trials.activation_scale(torch.relu(a + b))
    real_a, real_b = (experiments.integers(value).dequantize() for value in (a, b))
    holds = run.integers is not None and is_on_grid(
        run.integers, torch.relu(real_a + real_b), scale, zero_point=128
    )
    got = str(run.error) if run.error else "those of another scale"
    expected = f"the integers at the scale of the sum behind its ReLU, {scale:.4g}"
    evidence.add("add_relu in INT8", expected, expected if holds else got, holds)
    diagnosis = observe_block(client, inputs, evidence) or diagnosis
    evidence.judge(
        "Only the FloatFunctional that __init__ has made gets an observer, and becomes an INT8 "
        "addition.",
        diagnosis,
    )


def observe_block(client: Client, inputs: Inputs, evidence: Evidence) -> str:
    """Observe a block's own addition, if its forward is right; otherwise that costs other points.

    Returns a diagnosis, or nothing.
    """
    question = watched_block(inputs)
    try:
        run = client.ask(question)
    except NoAnswerError:
        return ""
    if not same(run.output, expected_output(question), TOLERANCE):
        return ""
    diagnosis = observe_functionals(evidence, "the block's addition", run.functionals)
    shape = (question.in_channels, question.channels, question.stride, question.seed)
    compute = partial(reference.block_int8_output, *shape)
    compare_int8(evidence, "the block in INT8", compute, client.ask(Int8Block(*shape)))
    return diagnosis


def observe_functionals(evidence: Evidence, what: str, uses: list[tuple[str, str]]) -> str:
    """Observe which FloatFunctional was used, and return a diagnosis when it's another."""
    holds = uses == [("skip_add_relu", "add_relu")]
    got = ", ".join(f"{operation} of {name or 'one made in forward'}" for name, operation in uses)
    evidence.add(what, "add_relu of skip_add_relu", got or "a plain addition", holds)
    return "" if holds else diagnose_functionals(uses)


@about(NETWORK)
def test_stub_order(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """``quant`` comes first and ``dequant`` last: the INT8 network takes and returns floats."""
    shape = (CLASSES, WIDTH, inputs.seed)
    converted = client.ask(Int8Network(*shape))
    what = "the INT8 network, its stages replaced by plain convolutions"
    if is_forward_right(client, Network(*shape)):
        compute = partial(reference.plain_int8_logits, *shape)
        compare_int8(evidence, what, compute, converted, STEPS)
    else:  # what it computes costs the points of its own claim
        for name, expected, got in zip(
            ("quant", "dequant"), ("first", "last"), converted.stubs or ("?", "?"), strict=True
        ):
            evidence.add(f"{name} in forward", expected, got, got == expected)
        if converted.error:
            evidence.add(what, "computes", str(converted.error), holds=False)
    if not converted.error:
        got = "integers" if converted.returns_integers else "floats"
        evidence.add("the INT8 network's output", "floats", got, not converted.returns_integers)
    diagnosis = diagnose_stubs(*(converted.stubs or ("?", "?")))
    if converted.error and not diagnosis:
        diagnosis = diagnose_int8_error(converted.error)
    evidence.judge("Between the stubs a converted network computes on integers.", diagnosis)


def is_forward_right(client: Client, question: Network) -> bool:
    """Tell whether the network's own forward gives the reference's logits in FP32."""
    try:
        got = client.ask(question).output
    except NoAnswerError:
        return False
    expected = reference.plain_logits(question.num_classes, question.width, question.seed)
    return same(got, expected, TOLERANCE)
