"""Part 2: ``fuse_model``."""

from autograder.checks.observing import CLASSES, compare, fusion
from autograder.claims import Evidence, about
from autograder.expected import reference
from autograder.expected.agreement import same
from autograder.expected.examination import TOLERANCE, fused_int8_layers, fused_layers
from autograder.expected.inputs import SMALL, WIDTH, Inputs
from autograder.host.client import Client
from autograder.inside.experiments import images
from autograder.inside.questions import Outputs

NETWORK, BLOCK = "QuantizableResNet.fuse_model", "QuantizableBottleneck.fuse_model"
NOT_FUSED = (
    "These layers are as they were: they are not in any list of fuse_modules, or a fused copy was "
    "thrown away (inplace=True changes the network itself)."
)


def check_batchnorms(client: Client, inputs: Inputs, evidence: Evidence, place: str) -> None:
    """Judge that the BatchNorms of the stem, blocks or shortcuts are in the convolutions."""
    states = client.derive(fused_layers, fusion(inputs))
    computes = client.derive(fused_int8_layers, fusion(inputs))
    kept = dropped = 0
    for layer, state in states.items():
        if layer.place != place:
            continue
        is_inside, is_behind = state.has_inside("bn"), state.has_behind("bn")
        kept += not is_inside and is_behind
        dropped += not is_inside and not is_behind and state.is_known
        got = f"{layer.conv}: {state.front}"
        got += f", then {layer.bn}: {state.rest}" if state.rest else ""
        holds = is_inside and not is_behind
        if holds and not computes[layer.conv]:
            holds, got = False, f"{got}; its INT8 version has other weights"
        evidence.add(f"{layer.conv} alone", "a convolution with its BatchNorm", got, holds)
    diagnosis = ""
    if dropped:
        diagnosis = "A BatchNorm was dropped without being folded into its convolution."
    elif kept:
        diagnosis = NOT_FUSED
    evidence.judge("A BatchNorm that stays behind is computed at inference.", diagnosis)


@about(NETWORK)
def test_stem(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The stem's conv1, bn1 and relu become one module."""
    check_batchnorms(client, inputs, evidence, "stem")


@about(BLOCK)
def test_blocks(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """Every Conv2d is fused with the BatchNorm2d, and the ReLU, that directly follow it."""
    check_batchnorms(client, inputs, evidence, "block")


@about(BLOCK)
def test_shortcuts(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The shortcut's convolution is fused with its BatchNorm2d."""
    check_batchnorms(client, inputs, evidence, "shortcut")


@about(BLOCK)
def test_relus(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """ReLUs are fused where they directly follow; none is lost and none added."""
    lost = added = behind = 0
    for layer, state in client.derive(fused_layers, fusion(inputs)).items():
        is_inside, is_behind = state.has_inside("relu"), state.has_behind("relu")
        if layer.relu:
            lost += state.is_known and not is_inside and not is_behind
            behind += not is_inside and is_behind
            expected, holds = "with its ReLU", state.is_known and is_inside and not is_behind
        else:
            added += is_inside
            expected, holds = "without a ReLU", state.is_known and not is_inside
        got = f"{layer.conv}: {state.front}" + (f", then {state.rest}" if state.rest else "")
        evidence.add(f"{layer.conv} alone", expected, got, holds)
    diagnosis = ""
    if lost:
        diagnosis = "A ReLU was lost: one module that serves twice can be fused only once."
    if added:
        diagnosis = "A ReLU was fused where none directly follows the convolution."
    elif behind:
        diagnosis = NOT_FUSED
    evidence.judge("", diagnosis)


@about(NETWORK)
def test_output_unchanged(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The output does not change."""
    what, got = "the fused network on 2 random images", client.ask(fusion(inputs)).output
    states = client.derive(fused_layers, fusion(inputs.published()))
    fused = [layer.conv for layer, state in states.items() if state.has_inside("bn")]
    evidence.add("fused convolutions", "some", f"{len(fused)} of {len(states)}", bool(fused))
    network = reference.filled(SMALL, CLASSES, WIDTH, inputs.seed)
    expected = network(images(inputs.seed + 1, 2, 3, 32, 32)).detach()
    if not same(got, expected, TOLERANCE):
        others = client.ask(Outputs(SMALL, CLASSES, WIDTH, inputs.seed))
        if not same(others.before, expected, TOLERANCE):  # which costs other points
            what, got = "the fused layers, in the handout's order", others.layers
    compare(evidence, what, expected, got)
    evidence.judge("Fusing only moves computations: the output before is the output after.")


@about(BLOCK)
def test_qat_batchnorm(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """PTQ fuses in eval mode (``tq.fuse_modules``), QAT in train mode (``tq.fuse_modules_qat``)."""
    question = fusion(inputs, is_qat=True)
    trainable = len(client.ask(question).trainable)
    states = client.derive(fused_layers, question)
    for layer, state in states.items():
        holds = state.has_inside("bn") and not state.has_behind("bn")
        if state.rest == "bn" or state.front == "conv":
            holds = True  # not fused at all, which costs the points of its own claim
        what = f"{layer.conv} alone in train mode"
        evidence.add(what, "BatchNorm with the batch's statistics", state.front, holds)
    fused = sum(state.front.startswith("conv bn") for state in states.values())
    evidence.add("convolutions with a BatchNorm inside", "some", str(fused), fused > 0)
    expected = len(states)
    holds = trainable == expected
    evidence.add("trainable BatchNorms", str(expected), str(trainable), holds)
    evidence.judge(
        "QAT trains BatchNorm: it has to stay inside the fused module until conversion.",
        diagnose_frozen(trainable, fused, len(states)),
    )


def diagnose_frozen(trainable: int, fused: int, layers: int) -> str:
    """Tell a BatchNorm that is gone from one that is there and does not learn."""
    if trainable:
        return ""
    if fused == layers:
        return "BatchNorm is inside, but its parameters have requires_grad False."
    return "BatchNorm was folded for good, as fuse_modules does; QAT needs fuse_modules_qat."
