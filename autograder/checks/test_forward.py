"""Part 1: ``forward`` and ``add_relu``."""

from collections.abc import Mapping

import torch
import torch.ao.quantization as tq
from torch import Tensor, nn

from autograder import experiments, reference
from autograder.claims import Evidence, about
from autograder.client import Block, Client, Converted, Network, same
from autograder.diagnoses import diagnose_block, diagnose_int8_error
from autograder.inputs import WIDTH, Inputs

BLOCK = "QuantizableBottleneck.forward"
NETWORK = "QuantizableResNet.forward"
# Both sides run the same float32 kernels on the same computer; another order of operations moves
# the last bits, about 1e-6 of the largest value. The smallest mistake known moves 1e-2.
TOLERANCE = 1e-4


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
    block = reference.block(**shape)
    images = experiments.images(seed + 1, 2, in_channels, 8, 8)
    expected = block(images).detach()
    got = tensors.get("output")
    what = f"QuantizableBottleneck({in_channels}, {channels}, {stride}) on 2 random images"
    compare(evidence, what, expected, got)
    diagnosis = "" if got is None else diagnose_block(block, images, got, TOLERANCE)
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
    images = experiments.images(inputs.seed + 1, 2, 3, 32, 32)
    expected = reference.plain(classes, WIDTH, inputs.seed)(images).detach()
    what = "the network, its stages replaced by plain convolutions, on 2 random images"
    compare(evidence, what, expected, tensors.get("output"))
    evidence.judge("The logits differ from those that the handout describes.")


@about(BLOCK)
def test_gradients(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """Gradients reach every weight, through the main path and through the shortcut."""
    seed = inputs.seed + 13
    shape = {"in_channels": 16, "channels": 8, "stride": 2, "seed": seed}
    _, tensors = client.ask("block", Block, **shape, size=8, gradients=True)
    block = reference.block(**shape)
    output = block(experiments.images(seed + 1, 2, 16, 8, 8))
    (output * experiments.images(seed + 2, *output.shape)).sum().backward()
    for name, parameter in block.named_parameters():
        if name.endswith("weight") and parameter.grad is not None:
            got = tensors.get(f"gradient of {name}")
            compare(evidence, f"gradient of {name}", parameter.grad, got)
    missing = [
        o for o in evidence.observations if not o.holds and o.got.startswith("[0.0000, 0.0000")
    ]
    said = "A detach() or a no_grad keeps the network from learning." if missing else ""
    evidence.judge(said)


@about("QuantizableBottleneck.add_relu", needs=("forward.block_with_shortcut",))
def test_functional_addition(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The addition and its ReLU are one operation of ``self.skip_add_relu``."""
    shape = {"in_channels": 16, "channels": 8, "stride": 2, "seed": inputs.seed + 13}
    used, _ = client.ask("block", Block, **shape, size=8, gradients=True)
    got = ", ".join(
        f"{operation} of {name or 'one made in forward'}" for name, operation in used.functionals
    )
    holds = used.functionals == [("skip_add_relu", "add_relu")]
    expected = "add_relu of skip_add_relu"
    evidence.add("the block's addition", expected, got or "a plain addition", holds)
    answer, tensors = client.ask("int8_block", Converted, **shape)
    module = nn.Sequential(tq.QuantStub(), reference.block(**shape), tq.DeQuantStub()).eval()
    images = experiments.images(shape["seed"] + 1, 2, shape["in_channels"], 8, 8)
    compare_int8(evidence, "the block in INT8", module, images, answer, tensors)
    evidence.judge(
        "Only the FloatFunctional that __init__ has made gets an observer, and becomes an INT8 "
        "addition.",
        diagnose_functionals(used.functionals),
    )


def compare_int8(
    evidence: Evidence,
    what: str,
    module: nn.Module,
    images: Tensor,
    answer: Converted,
    tensors: Mapping[str, Tensor],
) -> None:
    """Observe whether a converted module computes what the reference computes at its scales."""
    if answer.forward_error:
        evidence.add(what, "computes", str(answer.forward_error), holds=False)
        return
    try:
        with torch.inference_mode():
            expected = reference.quantized(module, answer.qparams, is_fused=False)(images)
    except (KeyError, RuntimeError, ValueError, OverflowError) as error:
        evidence.add(f"{what}: scales", "one for each layer", f"unusable: {error}", holds=False)
        return
    got = tensors.get("output")
    evidence.add(what, numbers(expected), numbers(got), same(got, expected))


def diagnose_functionals(used: list[tuple[str, str]]) -> str:
    """Tell the ways to add without ``skip_add_relu`` apart."""
    if not used:
        return "The tensors are added with + or torch.add, which no observer sees."
    if any(not name for name, _ in used):
        return "A FloatFunctional is made in forward: it has no observer, and stays in FP32."
    if all(operation == "add" for _, operation in used):
        return "add is used without its ReLU: add_relu is one operation, so it has one scale."
    return ""


@about(NETWORK, needs=("forward.network_logits",))
def test_stub_order(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """``quant`` comes first and ``dequant`` last: the INT8 network takes and returns floats."""
    shape = {"num_classes": 10, "width": WIDTH, "seed": inputs.seed}
    answer, tensors = client.ask("int8_network", Converted, **shape)
    images = experiments.images(inputs.seed + 1, 2, 3, 32, 32)
    what = "the INT8 network, its stages replaced by plain convolutions"
    compare_int8(evidence, what, reference.plain(**shape), images, answer, tensors)
    error = answer.forward_error
    diagnosis = diagnose_int8_error(error) if error else ""
    if not error:
        got = "integers" if answer.returns_integers else "floats"
        evidence.add("the INT8 network's output", "floats", got, not answer.returns_integers)
        if answer.returns_integers:
            diagnosis = "dequant is missing: forward ends with self.dequant(x)."
    evidence.judge("Between the stubs a converted network computes on integers.", diagnosis)
