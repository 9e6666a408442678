"""Part 1: ``forward`` and ``add_relu``."""

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from autograder.checks.observing import (
    BLOCKS,
    CLASSES,
    SHAPES,
    STEPS,
    compare,
    compare_cases,
    compare_int8,
)
from autograder.claims import Charged, Evidence, about
from autograder.expected import grids, reference, trials
from autograder.expected.agreement import is_on_grid, same
from autograder.expected.diagnoses import (
    diagnose_block,
    diagnose_functionals,
    diagnose_int8_error,
    diagnose_stubs,
)
from autograder.expected.examination import TOLERANCE
from autograder.expected.inputs import WIDTH, Inputs
from autograder.expected.reference import AVERAGES
from autograder.host.answers import NoAnswerError, place_of
from autograder.host.client import Client
from autograder.inside import experiments
from autograder.inside.questions import (
    Addition,
    Block,
    Case,
    Gradients,
    Int8Block,
    Int8Network,
    Network,
    NetworkGradients,
)
from autograder.inside.values import RaisedError
from autograder.results import Place

BLOCK = "QuantizableBottleneck.forward"
ADDITION = "QuantizableBottleneck.add_relu"
NETWORK = "QuantizableResNet.forward"
CASES = (Case(2, 8, False), Case(3, 5, False))
NETWORK_CASES = (Case(2, 32, False), Case(3, 32, False))
# Alone, and twice in train mode: what the first pass changes shows in the second, and what both
# have taught the statistics shows in eval mode behind them.
OTHER_CASES = (Case(1, 8, False), Case(2, 8, True), Case(3, 5, True), Case(2, 8, False))
OTHER_NETWORK_CASES = (
    Case(1, 32, False),
    Case(2, 32, True),
    Case(3, 32, True),
    Case(2, 32, False),
)


def check_blocks(
    client: Client, inputs: Inputs, evidence: Evidence, questions: Sequence[Block]
) -> None:
    """Judge what blocks compute; a mistake is only named when it explains all of them."""
    for question in questions:
        answer, expected = client.ask(question), reference.block_outputs(question)
        what = f"QuantizableBottleneck{shape_of(question)}"
        compare_cases(evidence, what, question, expected, answer)
    mistakes: set[str] = set()
    place = None
    if not evidence.holds:
        mistakes = {mistake_in(client, question) for question in questions}
        place = place_of_addition(client, inputs)
    diagnosis = mistakes.pop() if len(mistakes) == 1 else ""
    text = "The output differs from the one that the handout describes."
    evidence.judge(text, diagnosis, place=place)


def addition(inputs: Inputs) -> Addition:
    """Ask what ``add_relu`` gives alone."""
    return Addition(8, inputs.seed_for("addition"))


def summands(question: Addition) -> tuple[Tensor, Tensor]:
    return experiments.summands(question.seed, 4 * question.channels)


def place_of_addition(client: Client, inputs: Inputs) -> Place | None:
    """Return where ``add_relu`` begins, if alone, too, it gives something else than its sum."""
    question = addition(inputs)
    try:
        output = client.ask(question).output
    except NoAnswerError:
        return None
    a, b = summands(question)
    return None if same(output, torch.relu(a + b), TOLERANCE) else client.beginning(ADDITION)


def shape_of(question: Block) -> tuple[int, int, int]:
    return question.in_channels, question.channels, question.stride


def mistake_in(client: Client, question: Block) -> str:
    """Return the mistake that explains what a block computes, or nothing."""
    block = reference.block(*shape_of(question), question.seed)
    inputs = [block_input(question, case) for case in question.cases]
    modes = [case.is_training for case in question.cases]
    return diagnose_block(block, inputs, modes, client.ask(question).outputs, TOLERANCE)


def block_input(question: Block, case: Case) -> Tensor:
    shape = case.batch, question.in_channels, case.size, case.size
    return experiments.input_of(question.seed, *shape)


@about(BLOCK)
def test_block_without_shortcut(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The main path is conv1-bn1-relu1, conv2-bn2-relu2, conv3-bn3."""
    channels = inputs.random("block").choice([8, 12, 16])
    question = Block(4 * channels, channels, 1, inputs.seed, CASES)
    check_blocks(client, inputs, evidence, [question])


@about(BLOCK)
def test_block_with_shortcut(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The shortcut is ``x``, sent through ``downsample`` when the block has one.

    It has one for its channels, for its stride, or for both.
    """
    channels = inputs.random("shortcut").choice([16, 24])
    seed = inputs.seed_for("shortcut")
    shapes = ((channels, 8, 2), (channels, 8, 1), (32, 8, 2))
    check_blocks(client, inputs, evidence, [Block(*shape, seed, CASES) for shape in shapes])


@about(NETWORK)
def test_network_logits(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """Between the stubs come conv1-bn1-relu, layer1 to layer4, avgpool, flatten and fc."""
    classes = inputs.random("network").choice([7, 10])
    question = Network(classes, WIDTH, inputs.seed, NETWORK_CASES)
    answer, expected = client.ask(question), reference.network_outputs(question)
    what = "the network, its stages replaced by plain convolutions,"
    compare_cases(evidence, what, question, expected, answer)
    evidence.judge("The logits differ from those that the handout describes.")


@about(BLOCK, needs=BLOCKS)
def test_block_modes(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """A block computes this for a single image, too, and in train mode; the mode stays."""
    wrong: list[Case] = []
    for which, shape in SHAPES.items():
        question = Block(*shape, inputs.seed_for("modes"), OTHER_CASES)
        answer, expected = client.ask(question), reference.block_outputs(question)
        wrong += compare_cases(evidence, f"a block {which}", question, expected, answer)
    evidence.judge(mode_text(wrong))


def mode_text(wrong: Sequence[Case]) -> str:
    """Return what to know of the cases in which a module computes something else."""
    if all(case.batch == 1 for case in wrong):
        return (
            "A single image is a batch of one: it is computed as in a larger batch, and the "
            "output's first dimension stays."
        )
    text = "In train mode only BatchNorm computes something else: with the batch's values"
    if all(case.is_training or case.batch == 1 for case in wrong):
        return f"{text}."
    return f"{text}, from which it learns those that it has in eval mode after that."


@about(NETWORK, needs=("forward.network_logits",))
def test_network_modes(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The network computes this for a single image, too, and in train mode; the mode stays."""
    question = Network(CLASSES, WIDTH, inputs.seed_for("modes"), OTHER_NETWORK_CASES)
    answer, expected = client.ask(question), reference.network_outputs(question)
    what = "the network (plain convolutions as stages)"
    evidence.judge(mode_text(compare_cases(evidence, what, question, expected, answer)))


@about(BLOCK, follows=BLOCKS)
def test_gradients(client: Client, inputs: Inputs, evidence: Evidence, charged: Charged) -> None:
    """Gradients reach every weight, through the main path and through the shortcut.

    Judged on blocks that compute what they should: what others compute proves nothing.
    """
    seed, is_none = inputs.seed_for("gradients"), False
    for claim, (which, shape) in zip(BLOCKS, SHAPES.items(), strict=True):
        question = Gradients(*shape, seed)
        run = client.ask(question)
        output, gradients = reference.block_gradients(question)
        if same(run.output, output, TOLERANCE):
            where = f" in a block {which}"
            is_none |= compare_gradients(evidence, where, gradients, run.gradients)
        elif not charged(claim):
            compare(evidence, f"output in float64 of a block {which}", output, run.output)
    judge_gradients(evidence, "the output of a block", is_none)


def compare_gradients(
    evidence: Evidence, where: str, expected: Mapping[str, Tensor], got: Mapping[str, Tensor]
) -> bool:
    """Observe the gradients of all weights and of the input; tell whether one of them is zero."""
    is_none = False
    for name, right in expected.items():
        if name == "input" or name.endswith("weight"):
            gradient = got.get(name)
            holds = compare(evidence, f"gradient of {told(name)}{where}", right, gradient)
            is_none |= not holds and (gradient is None or not bool(gradient.any()))
    return is_none


def told(name: str) -> str:
    """Return what a parameter is called: the convolutions that stand for stages are not theirs."""
    stage, _, inner = name.partition(".")
    if not stage.startswith("layer"):
        return name
    which = "first" if inner.startswith("0.") else "second"
    return f"the {which} plain convolution in place of {stage}"


@about(NETWORK, follows=("forward.network_logits",))
def test_network_gradients(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """Gradients reach the stem, the stages and the classifier, and the input.

    Judged on a network that computes what it should.
    """
    question = NetworkGradients(CLASSES, WIDTH, inputs.seed_for("gradients"))
    run = client.ask(question)
    output, gradients = reference.network_gradients(question)
    is_none = False
    if same(run.output, output, TOLERANCE):
        is_none = compare_gradients(evidence, "", gradients, run.gradients)
    judge_gradients(evidence, "the network's output", is_none)


def judge_gradients(evidence: Evidence, what: str, is_none: bool) -> None:
    """Judge gradients; without any, what was computed was another function's."""
    if not evidence.observations:
        evidence.add(what, "the handout's", "another one", holds=False)
    text = (
        "No gradient comes through detach(), no_grad or inference_mode, or to what doesn't require "
        "one."
    )
    evidence.judge(text if is_none else "")


@about(ADDITION)
def test_functional_addition(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The addition and its ReLU are one operation of ``self.skip_add_relu``."""
    question = addition(inputs)
    run = client.ask(question)
    # Adding again what was added already changes nothing; anything else changes the integers.
    holds = set(run.functionals) == {("skip_add_relu", "add_relu")}
    uses = ", ".join(
        f"{operation} of {name or 'one that is no module'}" for name, operation in run.functionals
    )
    a, b = summands(question)
    is_sum = any(same(run.output, sum_, TOLERANCE) for sum_ in (torch.relu(a + b), a + b))
    none = "an addition by something else" if is_sum else "no addition of a FloatFunctional"
    evidence.add("add_relu", "add_relu of skip_add_relu", uses or none, holds)
    compare(evidence, "add_relu(out, identity)", torch.relu(a + b), run.output)
    scale = trials.activation_scale(torch.relu(a + b))
    real_a, real_b = (experiments.integers(value).dequantize() for value in (a, b))
    holds = is_on_grid(run.integers, torch.relu(real_a + real_b), scale, zero_point=128)
    got = str(run.error) if run.error else "other integers"
    expected = f"relu(out + identity) as integers, at the scale {scale:.4g}"
    if holds and run.int8_functionals != run.functionals:
        holds, got = False, "these integers, but not from skip_add_relu"
    evidence.add("add_relu in INT8", expected, expected if holds else got, holds)
    evidence.judge(
        "self.skip_add_relu has an observer, and becomes one INT8 operation with its ReLU.",
        diagnose_functionals(run.functionals) if is_sum else "",
        place=place_of(run.error) if run.error else None,
    )


@about(BLOCK, follows=("forward.functional_addition", *BLOCKS))
def test_block_in_int8(
    client: Client, inputs: Inputs, evidence: Evidence, charged: Charged
) -> None:
    """The two meet in ``self.add_relu(out, identity)``: converted, the block computes in INT8.

    What a block computes that is wrong in FP32 costs the points of other claims.
    """
    seed, place = inputs.seed_for("INT8 block"), None
    errors: list[RaisedError] = []
    for claim, (which, (in_channels, channels, stride)) in zip(BLOCKS, SHAPES.items(), strict=True):
        shape = (in_channels, channels, stride, seed)
        is_excused = charged(claim) and not is_block_right(client, shape)
        run = client.ask(Int8Block(*shape, grids.block_grids(shape)))
        what = f"a block {which}, converted"
        if run.error or not is_excused:
            place = compare_int8(evidence, what, grids.block_output(shape), run) or place
            if not run.error and run.crossings != (1, 1):  # those of the stubs around it
                got = "become floats, and integers again"
                evidence.add(f"the integers in {what}", "stay integers", got, holds=False)
        else:
            evidence.add(what, "computes", "computes", holds=True)
        if run.error:
            errors.append(run.error)
    is_all = len(errors) == sum(not o.holds for o in evidence.observations)
    evidence.judge(
        "Between the stubs every operation is on integers, and add_relu is the only addition.",
        diagnose_int8_error(*errors) if is_all else "",
        place=place,
    )


def is_block_right(client: Client, shape: grids.Shape) -> bool:
    """Tell whether a block computes in FP32 what it should."""
    fp32 = Block(*shape, CASES[:1])
    outputs = client.ask(fp32).outputs
    return bool(outputs) and same(outputs[0], reference.block_outputs(fp32)[0], TOLERANCE)


@about(NETWORK, needs=("forward.network_logits",))
def test_stub_order(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """``quant`` comes first and ``dequant`` last: the INT8 network takes and returns floats."""
    shape, batch = (CLASSES, WIDTH, inputs.seed_for("stubs")), 2
    run = client.ask(Int8Network(*shape, batch, grids.plain_grids(*shape)))
    what = "the INT8 network, its stages replaced by plain convolutions"
    quants, dequants, quant, dequant = run.stubs
    right, *others = (partial(grids.plain_logits, *shape, batch, first) for first in AVERAGES)
    place = compare_int8(evidence, what, right(), run, STEPS, (other() for other in others))
    evidence.add("quant in forward", "first", quant, quant == "first")
    evidence.add("dequant in forward", "last", dequant, dequant == "last")
    counts, are_right = f"quant {quants}, dequant {dequants}", quants == dequants == 1
    evidence.add("calls of the stubs", "quant 1, dequant 1", counts, are_right)
    if not run.error:
        inwards, outwards = run.crossings
        counts, are_right = f"{inwards} and {outwards}", inwards == outwards == 1
        evidence.add("conversions to integers, and to floats", "1 and 1", counts, are_right)
        got = "integers" if run.returns_integers else "floats"
        evidence.add("the INT8 network's output", "floats", got, not run.returns_integers)
    diagnosis = diagnose_stubs(quants, dequants, quant, dequant)
    if run.error and not diagnosis:
        diagnosis = diagnose_int8_error(run.error)
    text = "Between the stubs a converted network computes on integers."
    evidence.judge(text, diagnosis, place=place)
