"""Part 1: ``forward`` and ``add_relu``."""

import math
from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor

from autograder.claims import Evidence, about
from autograder.expected import reference, trials
from autograder.expected.diagnoses import diagnose_block, diagnose_int8_error
from autograder.expected.inputs import WIDTH, Inputs
from autograder.host.client import Addition, Block, Client, Converted, Network, NoAnswerError, same
from autograder.inside import experiments

BLOCK = "QuantizableBottleneck.forward"
NETWORK = "QuantizableResNet.forward"
# Both sides run the same float32 kernels on the same computer; another order of operations moves
# the last bits, about 1e-6 of the largest value. The smallest mistake known moves 1e-2.
TOLERANCE = 1e-4
# Another way to average rounds other ties: a step before the classifier, some steps behind it.
STEPS = 4


def numbers(values: Tensor | None) -> str:
    """Return the first numbers of a tensor, with its shape."""
    if values is None:
        return "nothing"
    first = ", ".join(f"{value:.4f}" for value in values.flatten()[:3].tolist())
    return f"[{first}, ...] of shape {tuple(values.shape)}"


def compare(evidence: Evidence, what: str, expected: Tensor, got: Tensor | None) -> None:
    """Observe whether two float tensors agree."""
    holds = same(got, expected, TOLERANCE)
    text = numbers(got)
    if got is not None and not holds and got.shape == expected.shape:
        text += f"; off by up to {float((got - expected).abs().max()):.4g}"
    evidence.add(what, numbers(expected), text, holds)


def check_block(
    client: Client, evidence: Evidence, seed: int, in_channels: int, channels: int, stride: int
) -> None:
    shape = {"in_channels": in_channels, "channels": channels, "stride": stride, "seed": seed}
    _, tensors = client.ask("block", Block, **shape, size=8, gradients=False)
    expected = reference.block_output(*shape.values())
    got = tensors.get("output")
    what = f"QuantizableBottleneck({in_channels}, {channels}, {stride}) on 2 random images"
    compare(evidence, what, expected, got)
    diagnosis = ""
    if got is not None and not evidence.observations[-1].holds:
        block, images = reference.block(**shape), block_images(shape)
        diagnosis = diagnose_block(block, images, got, TOLERANCE)
    evidence.judge("The output differs from the one that the handout describes.", diagnosis)


@about(BLOCK)
def test_block_without_shortcut(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The main path is conv1-bn1-relu1, conv2-bn2-relu2, conv3-bn3."""
    channels = inputs.random("block").choice([8, 12, 16])
    check_block(client, evidence, inputs.seed, 4 * channels, channels, 1)


@about(BLOCK)
def test_block_with_shortcut(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The shortcut is ``x``, sent through ``downsample`` when the block has one."""
    source = inputs.random("shortcut")
    stride = source.choice([1, 2]) if inputs.visibility == "hidden" else 2
    check_block(client, evidence, inputs.seed + 7, source.choice([16, 24]), 8, stride)


@about(NETWORK)
def test_network_logits(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """Between the stubs come conv1-bn1-relu, layer1 to layer4, avgpool, flatten and fc."""
    classes = inputs.random("network").choice([7, 10])
    _, tensors = client.ask("network", Network, num_classes=classes, width=WIDTH, seed=inputs.seed)
    expected = reference.plain_logits(classes, WIDTH, inputs.seed)
    what = "the network, its stages replaced by plain convolutions, on 2 random images"
    compare(evidence, what, expected, tensors.get("output"))
    evidence.judge("The logits differ from those that the handout describes.")


@about(BLOCK, follows=("forward.block_with_shortcut",))
def test_gradients(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """Gradients reach every weight, through the main path and through the shortcut."""
    shape, tensors, _ = watched_block(client, inputs)
    block = reference.block(**shape)
    output = block(block_images(shape))
    (output * experiments.images(shape["seed"] + 2, *output.shape)).sum().backward()
    is_right = same(tensors.get("output"), output.detach(), TOLERANCE)
    said = "A detach() or a no_grad keeps the network from learning."
    for name, parameter in block.named_parameters():
        if parameter.grad is None or not name.endswith("weight"):
            continue
        got = tensors.get(f"gradient of {name}")
        if is_right:
            compare(evidence, f"gradient of {name}", parameter.grad, got)
        elif parameter.dim() > 1:  # another function has other gradients, but it has some
            holds = got is not None and 0 < float(got.abs().max()) < math.inf
            evidence.add(f"gradient of {name}", "not zero", numbers(got), holds)
    missing = [o for o in evidence.observations if not o.holds and "[0.0000, 0.0000" in o.got]
    evidence.judge(said if missing else "")


def watched_block(
    client: Client, inputs: Inputs
) -> tuple[dict[str, int], Mapping[str, Tensor], Block]:
    """Return a block's shape, what the student's computed, and with which functionals."""
    shape = {"in_channels": 16, "channels": 8, "stride": 2, "seed": inputs.seed + 13}
    used, tensors = client.ask("block", Block, **shape, size=8, gradients=True)
    return shape, tensors, used


def block_images(shape: Mapping[str, int]) -> Tensor:
    return experiments.images(shape["seed"] + 1, 2, shape["in_channels"], 8, 8)


@about("QuantizableBottleneck.add_relu")
def test_functional_addition(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The addition and its ReLU are one operation of ``self.skip_add_relu``."""
    seed, channels = inputs.seed + 19, 8
    answer, tensors = client.ask("addition", Addition, channels=channels, seed=seed)
    diagnosis = observe_functionals(evidence, "add_relu", answer.functionals)
    pair = experiments.summands(seed, 4 * channels)
    compare(evidence, "add_relu(out, identity)", torch.relu(sum(pair)), tensors.get("output"))  # type: ignore[arg-type]
    real = torch.relu(sum(experiments.integers(value).dequantize() for value in pair))  # type: ignore[arg-type]
    scale = trials.activation_scale(torch.relu(sum(pair)))  # type: ignore[arg-type]
    holds = trials.is_on_grid(tensors.get("INT8"), real, scale, 128)
    got = str(answer.forward_error) if answer.forward_error else "those of another scale"
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
    try:
        shape, computed, used = watched_block(client, inputs)
    except NoAnswerError:
        return ""
    expected = reference.block_output(*shape.values())
    if not same(computed.get("output"), expected, TOLERANCE):
        return ""
    diagnosis = observe_functionals(evidence, "the block's addition", used.functionals)
    answer, tensors = client.ask("int8_block", Converted, **shape)
    compute = partial(reference.block_int8_output, *shape.values())
    compare_int8(evidence, "the block in INT8", compute, answer, tensors)
    return diagnosis


def observe_functionals(evidence: Evidence, what: str, used: list[tuple[str, str]]) -> str:
    """Observe which FloatFunctional was used, and return a diagnosis when it's another."""
    holds = used == [("skip_add_relu", "add_relu")]
    got = ", ".join(f"{operation} of {name or 'one made in forward'}" for name, operation in used)
    evidence.add(what, "add_relu of skip_add_relu", got or "a plain addition", holds)
    return "" if holds else diagnose_functionals(used)


def compare_int8(
    evidence: Evidence,
    what: str,
    compute: Callable[[reference.Known], Tensor],
    answer: Converted,
    tensors: Mapping[str, Tensor],
    steps: int = 0,
) -> None:
    """Observe whether a converted module computes what the reference computes at its scales.

    To the bit, or within a number of steps of the output's grid.
    """
    if answer.forward_error:
        evidence.add(what, "computes", str(answer.forward_error), holds=False)
        return
    try:
        expected = compute(tuple(sorted(answer.qparams.items())))
    except (KeyError, RuntimeError, ValueError, OverflowError) as error:
        evidence.add(f"{what}: scales", "one for each layer", f"unusable: {error}", holds=False)
        return
    got = tensors.get("output")
    holds = same(got, expected)
    if steps and got is not None and got.shape == expected.shape:
        allowed = min(steps * smallest_step(expected), float(expected.abs().max()) / 10)
        holds |= bool((got - expected).abs().max() <= allowed)
    evidence.add(what, numbers(expected), numbers(got), holds)


def smallest_step(values: Tensor) -> float:
    """Return the step of the grid that values lie on, as far as they show it."""
    gaps = values.flatten().sort().values.diff()
    return float(gaps[gaps > 0].min()) if bool((gaps > 0).any()) else 0.0


def diagnose_functionals(used: list[tuple[str, str]]) -> str:
    """Tell the ways to add without ``skip_add_relu`` apart."""
    if not used:
        return "The tensors are added with + or torch.add, which no observer sees."
    if any(not name for name, _ in used):
        return "A FloatFunctional is made in forward: it has no observer, and stays in FP32."
    if all(operation == "add" for _, operation in used):
        return "add is used without its ReLU: add_relu is one operation, so it has one scale."
    return ""


@about(NETWORK)
def test_stub_order(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """``quant`` comes first and ``dequant`` last: the INT8 network takes and returns floats."""
    shape = {"num_classes": 10, "width": WIDTH, "seed": inputs.seed}
    answer, tensors = client.ask("int8_network", Converted, **shape)
    what = "the INT8 network, its stages replaced by plain convolutions"
    if is_forward_right(client, shape):
        compute = partial(reference.plain_int8_logits, *shape.values())
        compare_int8(evidence, what, compute, answer, tensors, STEPS)
    else:  # what it computes costs the points of its own claim
        for name, expected, got in zip(
            ("quant", "dequant"), ("first", "last"), answer.stubs or ("?", "?"), strict=True
        ):
            evidence.add(f"{name} in forward", expected, got, got == expected)
        if answer.forward_error:
            evidence.add(what, "computes", str(answer.forward_error), holds=False)
    if not answer.forward_error:
        got = "integers" if answer.returns_integers else "floats"
        evidence.add("the INT8 network's output", "floats", got, not answer.returns_integers)
    evidence.judge("Between the stubs a converted network computes on integers.",
                   diagnose_stubs(answer))  # fmt: skip


def is_forward_right(client: Client, shape: dict[str, int]) -> bool:
    """Tell whether the network's own forward gives the reference's logits in FP32."""
    try:
        _, tensors = client.ask("network", Network, **shape)
    except NoAnswerError:
        return False
    return same(tensors.get("output"), reference.plain_logits(*shape.values()), TOLERANCE)


def diagnose_stubs(answer: Converted) -> str:
    """Tell misplaced stubs apart; nothing when they stand where they should."""
    said = {
        ("quant", "never"): "quant is missing: forward begins with self.quant(x).",
        ("quant", "later"): "quant comes too late: what stands before it is given floats in INT8.",
        ("dequant", "never"): "dequant is missing: forward ends with self.dequant(x).",
        ("dequant", "earlier"): "Something comes behind dequant: in INT8 it is given floats.",
    }
    stands = zip(("quant", "dequant"), answer.stubs or ("?", "?"), strict=True)
    found = next((said[pair] for pair in stands if pair in said), "")
    return found or (diagnose_int8_error(answer.forward_error) if answer.forward_error else "")
