"""Part 2: ``fuse_model``."""

from collections.abc import Mapping

from torch import Tensor

from autograder.checks.test_forward import TOLERANCE, compare
from autograder.claims import Evidence, about
from autograder.expected import reference, trials
from autograder.expected.diagnoses import diagnose_fusion_error
from autograder.expected.inputs import SMALL, WIDTH, Inputs
from autograder.host.client import Client, Fused, Network, NoAnswerError, same
from autograder.inside.experiments import (
    FIXED_SCALE,
    FIXED_ZERO_POINT,
    ConvLayer,
    conv_layers,
    images,
)

NETWORK, BLOCK = "QuantizableResNet.fuse_model", "QuantizableBottleneck.fuse_model"
UNKNOWN = "something else"
NOT_FUSED = (
    "These layers are as they were: they are not in any list of fuse_modules, or a fused copy was "
    "thrown away (inplace=True changes the network itself)."
)
State = tuple[str, str]  # what the convolution's module computes, and what comes behind it


def ask(client: Client, inputs: Inputs, is_qat: bool = False) -> tuple[Fused, Mapping[str, Tensor]]:
    """Return the fused network's layers, each tried alone."""
    try:
        return client.ask(
            "fuse", Fused, layers=SMALL, num_classes=10, width=WIDTH, seed=inputs.seed,
            is_qat=is_qat, try_layers=inputs.visibility == "public",
            try_int8=not is_qat and inputs.visibility == "public",
        )  # fmt: skip
    except NoAnswerError as error:
        if error.error and error.outcome == "crashed" and not error.diagnosis:
            error.diagnosis = diagnose_fusion_error(error.error)
        raise


def examine(client: Client, inputs: Inputs, is_qat: bool = False) -> dict[ConvLayer, State]:
    """Return, for each convolution, what its module computes and what is left behind it."""

    def compute() -> dict[ConvLayer, State]:
        _, tensors = ask(client, inputs, is_qat)
        found = {}
        for name in conv_layers(SMALL):
            fronts, rests = trials.tried_layer(tuple(SMALL), WIDTH, inputs.seed, name, is_qat)
            front = match(tensors.get(f"front of {name.conv}"), fronts)
            found[name] = front, match(tensors.get(f"rest of {name.conv}"), rests)
        return found

    return client.derive(f"fused {inputs.seed} {is_qat}", compute)


def match(got: Tensor | None, known: dict[str, Tensor]) -> str:
    """Return the name of the known output that a tensor agrees with."""
    return next((name for name, value in known.items() if same(got, value, TOLERANCE)), UNKNOWN)


def int8_layers(client: Client, inputs: Inputs) -> dict[str, bool]:
    """Tell of each convolution whether its INT8 version computes with the weights of its front.

    Nothing has to be calibrated for that, so ``forward`` takes no part.
    """

    def compute() -> dict[str, bool]:
        _, tensors = ask(client, inputs)
        found = {}
        for name, (front, _) in examine(client, inputs).items():
            got = tensors.get(f"INT8 {name.conv}")
            real = trials.int8_layer(tuple(SMALL), WIDTH, inputs.seed, name, front)
            found[name.conv] = trials.is_on_grid(got, real, FIXED_SCALE, FIXED_ZERO_POINT)
        return found

    return client.derive(f"fused INT8 layers {inputs.seed}", compute)


def check_batchnorms(client: Client, inputs: Inputs, evidence: Evidence, place: str) -> None:
    """Judge that the BatchNorms of the stem, blocks or shortcuts are in the convolutions."""
    states = examine(client, inputs)
    proven = int8_layers(client, inputs)
    kept = dropped = 0
    for layer, (front, rest) in states.items():
        if layer.place != place:
            continue
        is_inside, is_behind = "bn" in front.split(), "bn" in rest.split()
        kept += not is_inside and is_behind
        dropped += not is_inside and not is_behind and UNKNOWN not in (front, rest)
        got = f"{layer.conv}: {front}" + (f", then {layer.bn}: {rest}" if rest else "")
        holds = is_inside and not is_behind
        if holds and not proven[layer.conv]:
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
    states = examine(client, inputs)
    lost = added = behind = 0
    for layer, (front, rest) in states.items():
        is_inside, is_behind = "relu" in front.split(), "relu" in rest.split()
        is_known = UNKNOWN not in (front, rest)
        if layer.relu:
            lost += is_known and not is_inside and not is_behind
            behind += not is_inside and is_behind
            expected, holds = "with its ReLU", is_known and is_inside and not is_behind
        else:
            added += is_inside
            expected, holds = "without a ReLU", is_known and not is_inside
        got = f"{layer.conv}: {front}" + (f", then {rest}" if rest else "")
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
    _, tensors = ask(client, inputs)
    states = examine(client, inputs.published())
    fused = [layer.conv for layer, (front, _) in states.items() if "bn" in front.split()]
    evidence.add("fused convolutions", "some", f"{len(fused)} of {len(states)}", bool(fused))
    network = reference.filled(SMALL, 10, WIDTH, inputs.seed)
    expected = network(images(inputs.seed + 1, 2, 3, 32, 32)).detach()
    what, got = "the fused network on 2 random images", tensors.get("after")
    if not same(got, expected, TOLERANCE):
        shape = {"layers": SMALL, "num_classes": 10, "width": WIDTH, "seed": inputs.seed}
        _, others = client.ask("outputs", Network, **shape)
        if not same(others.get("before"), expected, TOLERANCE):  # which costs other points
            what, got = "the fused layers, in the handout's order", others.get("layers")
    compare(evidence, what, expected, got)
    evidence.judge("Fusing only moves computations: the output before is the output after.")


@about(BLOCK)
def test_qat_batchnorm(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """PTQ fuses in eval mode (``tq.fuse_modules``), QAT in train mode (``tq.fuse_modules_qat``)."""
    answer, _ = ask(client, inputs, is_qat=True)
    states = examine(client, inputs, is_qat=True)
    for layer, (front, rest) in states.items():
        holds = "bn" in front.split() and "bn" not in rest.split()
        if rest == "bn" or front == "conv":
            holds = True  # not fused at all, which costs the points of its own claim
        evidence.add(f"{layer.conv} alone in train mode", "BatchNorm with the batch's statistics",
                     front, holds)  # fmt: skip
    fused = sum(front.startswith("conv bn") for front, _ in states.values())
    evidence.add("convolutions with a BatchNorm inside", "some", str(fused), fused > 0)
    expected, got = len(states), len(answer.trainable)
    evidence.add("trainable BatchNorms", str(expected), str(got), got == expected)
    evidence.judge(
        "QAT trains BatchNorm: it has to stay inside the fused module until conversion.",
        diagnose_frozen(len(answer.trainable), fused, len(states)),
    )


def diagnose_frozen(trainable: int, fused: int, layers: int) -> str:
    """Tell a BatchNorm that is gone from one that is there and does not learn."""
    if trainable:
        return ""
    if fused == layers:
        return "BatchNorm is inside, but its parameters have requires_grad False."
    return "BatchNorm was folded for good, as fuse_modules does; QAT needs fuse_modules_qat."
