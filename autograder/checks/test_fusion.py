"""Part 2: ``fuse_model``."""

from collections.abc import Iterator, Sequence

from torch import Tensor

from autograder.checks import observing
from autograder.checks.observing import (
    BLOCK_FUSION,
    CLASSES,
    FP32_FORWARD,
    FUSION,
    compare,
    fusion,
)
from autograder.claims import Charged, Evidence, about
from autograder.expected import grids, reference
from autograder.expected.agreement import same
from autograder.expected.diagnoses import (
    FOLDED,
    FROZEN,
    IN_EVAL_MODE,
    NOBODY_CALLS,
    UNFOLDED,
    Fused,
    diagnose_fused,
    diagnose_not_passed_on,
)
from autograder.expected.examination import (
    TOLERANCE,
    Layers,
    changed_layers,
    folded_layers,
    fused_int8_layers,
    fused_layers,
    learning_layers,
    proven_paths,
    rounded_layers,
    stem_alone,
    stem_in_network,
    unfolded_layers,
)
from autograder.expected.fusing import FusionState
from autograder.expected.inputs import SMALL, WIDTH, Inputs
from autograder.host.answers import NoAnswerError, caller_of
from autograder.host.client import Client
from autograder.inside.experiments import STEM, ConvLayer, input_of
from autograder.inside.questions import BlockFusion, Fusion, Outputs, StemFusion

NETWORK, BLOCK = "QuantizableResNet.fuse_model", "QuantizableBottleneck.fuse_model"
PLAIN, STRIDED = observing.SHAPES
WIDENED = "with downsample, of stride 1"
SHAPES = {**observing.SHAPES, WIDENED: (16, 8, 1)}
RUNNING = "BatchNorm with its running statistics"
NOT_THE_BATCH = f"{RUNNING}, not with the batch's"
PATHS = {"block": "the main path", "shortcut": "the shortcut"}


def block_fusions(inputs: Inputs, is_qat: bool = False) -> dict[str, BlockFusion]:
    """Ask for blocks of each shape that are fused by themselves."""
    asked = {}
    for which, shape in SHAPES.items():
        seed = inputs.seed_for("fusion")
        grid = () if is_qat else grids.fused_block_grids((*shape, seed))
        asked[which] = BlockFusion(*shape, seed, is_qat, grid)
    return asked


NOT_ROUNDED = "FakeQuantize rounds its weight without the BatchNorm"
Examined = tuple[str, ConvLayer, FusionState, bool]  # where, layer, state, whether it is proven


def examined(client: Client, inputs: Inputs) -> Iterator[Examined]:
    """Yield each convolution of the two blocks, fused for PTQ, with what it turned out to be."""
    for which, question in block_fusions(inputs).items():
        proven = client.derive(proven_paths, question)
        for layer, state in client.derive(fused_layers, question).items():
            yield f"{layer.conv} of a block {which}", layer, state, proven[layer.place]


def is_unfolded(client: Client, inputs: Inputs) -> bool:
    """Tell whether a BatchNorm is still there to learn in a block that was fused for PTQ."""
    asked = block_fusions(inputs).values()
    return any(client.derive(unfolded_layers, question) for question in asked)


def describe(state: FusionState) -> str:
    """Return for example ``conv+bn, then relu``: what is in one module, and what comes behind."""
    if not state.is_known:
        return "something else"
    return ", then ".join(["+".join(state.front.split()), *state.rest.split()])


def check_batchnorms(client: Client, inputs: Inputs, evidence: Evidence, place: str) -> None:
    """Judge that the BatchNorms of a block's main path, or of its shortcut, are folded."""
    broken: list[Fused] = []
    for what, layer, state, proven in examined(client, inputs):
        if layer.place != place:
            continue
        holds, got = state.has_inside("bn") and not state.has_behind("bn"), describe(state)
        if holds and not proven:
            holds, got = False, f"{got}, but in INT8 {PATHS[place]} computes something else"
        evidence.add(what, "conv+bn in one module", got, holds)
        if not holds:
            broken.append((layer, state))
    text = "In the weights of its convolution, a BatchNorm costs nothing at inference."
    evidence.judge(text, diagnose_fused(broken, is_unfolded(client, inputs)))


@about(BLOCK)
def test_blocks(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """Every Conv2d is fused with the BatchNorm2d that directly follows it."""
    check_batchnorms(client, inputs, evidence, "block")


@about(BLOCK)
def test_shortcuts(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The shortcut's convolution is fused with its BatchNorm2d."""
    check_batchnorms(client, inputs, evidence, "shortcut")


@about(BLOCK, follows=("fusion.blocks", "fusion.shortcuts"))
def test_relus(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """ReLUs are fused where they directly follow; none is lost and none added."""
    broken: list[Fused] = []
    for what, layer, state, proven in examined(client, inputs):
        is_inside, is_behind = state.has_inside("relu"), state.has_behind("relu")
        if layer.relu:
            expected, holds = "its relu inside", state.is_known and is_inside and not is_behind
        else:
            expected, holds = "no relu inside", state.is_known and not is_inside
        got = describe(state)
        if holds and not proven:
            holds, got = False, f"{got}, but in INT8 {PATHS[layer.place]} computes something else"
        evidence.add(what, expected, got, holds)
        if not holds:
            broken.append((layer, state))
    evidence.judge("", diagnose_fused(broken, is_unfolded(client, inputs)))


def check_stem(client: Client, inputs: Inputs, evidence: Evidence, is_qat: bool) -> None:
    """Judge what the network's stem was fused to, and that its numbers are those of the state."""
    question = StemFusion(CLASSES, WIDTH, inputs.seed_for("stem"), is_qat)
    try:
        stem = client.derive(stem_alone, question)
    except NoAnswerError as error:
        if error.outcome != "crashed":
            raise
        stem = client.derive(stem_in_network, fusion(inputs, is_qat))  # its blocks were missed
    state, got = stem.state, describe(stem.state)
    right = FusionState("conv bn relu", "")
    holds = state == right
    if holds and not stem.is_proven:
        holds = False
        not_so = "BatchNorm doesn't learn" if is_qat else "INT8 version computes something else"
        got += f", but its {not_so}"
    if stem.is_folded:
        got = NOT_THE_BATCH
    what = f"the stem's conv1, fused for {'QAT' if is_qat else 'PTQ'}"
    evidence.add(what, describe(right), got, holds)
    diagnosis = diagnose_fused([(STEM[0], state)], is_unfolded=not is_qat and stem.is_learning)
    if is_qat and not diagnosis:
        is_frozen = state.has_inside("bn") and not stem.is_learning
        diagnosis = FROZEN if is_frozen else diagnose_folded([stem.is_learning] * stem.is_folded)
    evidence.judge("", diagnosis)


def diagnose_folded(are_learning: Sequence[bool]) -> str:
    """Return why BatchNorms compute with their statistics in QAT: by which are there to learn."""
    if not are_learning or any(are_learning) != all(are_learning):
        return ""
    return IN_EVAL_MODE if are_learning[0] else FOLDED


@about(NETWORK)
def test_stem(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The stem's conv1, bn1 and relu become one module."""
    check_stem(client, inputs, evidence, is_qat=False)


@about(NETWORK, follows=("fusion.stem",))
def test_stem_for_qat(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """With ``is_qat``, too, the stem becomes one module, and its BatchNorm learns."""
    check_stem(client, inputs, evidence, is_qat=True)


@about(NETWORK, follows=BLOCK_FUSION)
def test_every_block(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """Every block is fused by its own ``fuse_model``."""
    check_every_block(client, inputs, evidence, is_qat=False)


@about(NETWORK, follows=("fusion.every_block", "fusion.modes"))
def test_is_qat_passed_on(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """Every block is fused by its own ``fuse_model``, with the same ``is_qat``."""
    check_every_block(client, inputs, evidence, is_qat=True)


def check_every_block(client: Client, inputs: Inputs, evidence: Evidence, is_qat: bool) -> None:
    """Judge that in the network a block becomes what its own fuse_model makes of it alone."""
    alone = states_alone(client, inputs, is_qat)
    question, mode = fusion(inputs, is_qat), "QAT" if is_qat else "PTQ"
    text = "In the network a block has to be fused as it is when its fuse_model is called alone."
    try:
        states = client.derive(fused_layers, question)
    except NoAnswerError as error:
        if error.error is None or error.outcome != "crashed":
            raise
        evidence.add(f"the network fused for {mode}", "fused", str(error), holds=False)
        place = caller_of(error.error, "fuse_model")
        said = text if place else error.said
        evidence.judge(said, diagnose_not_passed_on(error.error), place=place)
        return
    computes = (
        rounding_layers(client, inputs, question)
        if is_qat
        else client.derive(fused_int8_layers, question)
    )
    unfolded = [] if is_qat else client.derive(unfolded_layers, question)
    folded = client.derive(folded_layers, question) if is_qat else {}
    causes: set[str] = set()
    compared = 0
    for layer, state in states.items():
        expected = alone.get((shape_of(layer), layer.within))
        if expected is None or not expected.is_known:
            continue  # the stem, or what costs the points of the block's own claims
        compared += expected.front != "conv"
        holds, got = state == expected, describe(state)
        cause = NOBODY_CALLS if state.front == "conv" != expected.front else ""
        if holds and expected.has_inside("bn") and not computes[layer.conv]:
            wrong = NOT_ROUNDED if is_qat else "its INT8 version computes something else"
            holds, got = False, f"{got}, but {wrong}"
            cause = UNFOLDED if layer.conv in unfolded else ""
        if not holds and layer.conv in folded:
            got, cause = NOT_THE_BATCH, diagnose_folded([folded[layer.conv]])
        elif state == whole(layer) != expected:
            got += ", but not by it"
        if not holds:
            causes.add(cause)
        what = f"{layer.conv} of the network, fused for {mode}"
        right = f"{describe(whole(layer))} by its block's fuse_model"
        evidence.add(what, right, got, holds)
    evidence.add("layers that a block's own fuse_model fuses", "some", str(compared), compared > 0)
    evidence.judge(text, causes.pop() if len(causes) == 1 else "")


def whole(layer: ConvLayer) -> FusionState:
    """Return what a layer of a block becomes when all that belongs to it is fused."""
    return FusionState("conv bn relu" if layer.relu else "conv bn", "")


def shape_of(layer: ConvLayer) -> str:
    """Return which of the shapes the block has that a layer of the network stands in."""
    stage, index, *_ = layer.conv.split(".") if layer.within else ("", "")
    if index != "0":
        return PLAIN
    return WIDENED if stage == "layer1" else STRIDED


def states_alone(
    client: Client, inputs: Inputs, is_qat: bool
) -> dict[tuple[str, str], FusionState]:
    """Return what each layer of a block becomes by the block's own fuse_model, by the shape."""
    return {
        (which, layer.conv): state
        for which, question in block_fusions(inputs, is_qat).items()
        for layer, state in client.derive(fused_layers, question).items()
    }


@about(NETWORK, follows=FUSION, excused_by=FP32_FORWARD)
def test_output_unchanged(
    client: Client, inputs: Inputs, evidence: Evidence, charged: Charged
) -> None:
    """The output does not change.

    Of a network fused for QAT it is the whole network's: what forward does costs other points.
    """
    question = fusion(inputs)
    what, got = "the fused network on 2 random images", client.ask(question).output
    states = client.derive(fused_layers, question)
    computes = client.derive(fused_int8_layers, question)
    fused = [n.conv for n, state in states.items() if state.has_inside("bn") and computes[n.conv]]
    evidence.add("fused convolutions", "some", f"{len(fused)} of {len(states)}", bool(fused))
    changed = client.derive(changed_layers, question)
    lost = ", ".join(changed[:5]) or "none"
    evidence.add("layers with another BatchNorm or ReLU than before", "none", lost, not changed)
    expected = right_output(inputs)
    if not same(got, expected, TOLERANCE):
        others = client.ask(Outputs(SMALL, CLASSES, WIDTH, inputs.seed))
        if not same(others.before, expected, TOLERANCE):  # which costs other points
            what, got = "the fused layers, in the handout's order", others.layers
    elif not charged(*FP32_FORWARD):
        observe_fused_for_qat(client, inputs, evidence, expected)
    compare(evidence, what, expected, got)
    evidence.judge("Fusing only moves computations: the output before is the output after.")


def right_output(inputs: Inputs) -> Tensor:
    """Return what the network gives before and after fusing, (2, num_classes)."""
    network = reference.filled(SMALL, CLASSES, WIDTH, inputs.seed)
    output: Tensor = network(input_of(inputs.seed, 2, 3, 32, 32)).detach()
    return output


def rounding_layers(client: Client, inputs: Inputs, question: BlockFusion | Fusion) -> Layers:
    """Tell of each convolution fused for QAT whether its BatchNorm is in the weight it rounds.

    Numbers that fusing changes prove nothing, and cost the points of ``output_unchanged``.
    """
    rounded = client.derive(rounded_layers, question)
    return dict.fromkeys(rounded, True) if is_changed_for_qat(client, inputs) else rounded


def is_changed_for_qat(client: Client, inputs: Inputs) -> bool:
    """Tell whether fusing for QAT changes an output that fusing for PTQ leaves as it is."""
    try:
        got = client.ask(fusion(inputs, is_qat=True)).in_eval_mode
        before = client.ask(fusion(inputs)).output
    except NoAnswerError:
        return False
    expected = right_output(inputs)
    is_same = got is None or same(got, expected, TOLERANCE)
    return not is_same and same(before, expected, TOLERANCE)


def observe_fused_for_qat(
    client: Client, inputs: Inputs, evidence: Evidence, expected: Tensor
) -> None:
    """Observe the output of the network fused for QAT; what raises costs other points."""
    try:
        got = client.ask(fusion(inputs, is_qat=True)).in_eval_mode
    except NoAnswerError:
        return
    if got is not None:
        what = "the network fused for QAT, in eval mode, on 2 random images"
        compare(evidence, what, expected, got)


@about(BLOCK, follows=BLOCK_FUSION)
def test_modes(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """PTQ fuses in eval mode (``tq.fuse_modules``), QAT in train mode (``tq.fuse_modules_qat``)."""
    fused = 0
    causes: set[str] = set()
    for which, question in block_fusions(inputs).items():
        states = client.derive(fused_layers, question).values()
        inside = sum(state.has_inside("bn") for state in states)
        unfolded = client.derive(unfolded_layers, question)
        fused += inside
        got = f"still there in {', '.join(unfolded)}" if unfolded else "folded"
        what = f"BatchNorms inside a block {which}, fused for PTQ"
        evidence.add(what, "folded", got, not unfolded)
        causes |= {UNFOLDED} if unfolded else set()
    for which, question in block_fusions(inputs, is_qat=True).items():
        rounded = rounding_layers(client, inputs, question)
        folded = client.derive(folded_layers, question)
        for layer, state in client.derive(fused_layers, question).items():
            holds, got = state.has_inside("bn") and not state.has_behind("bn"), describe(state)
            if state.rest == "bn" or state.front == "conv":
                holds = True  # not fused at all, which costs the points of its own claim
            elif holds and not rounded[layer.conv]:
                holds, got = False, f"{got}, but {NOT_ROUNDED}"
            what = f"{layer.conv} of a block {which}, fused for QAT in train mode"
            own = layer.conv in folded
            got = RUNNING if own else got
            evidence.add(what, "BatchNorm with the batch's statistics", got, holds)
            fused += state.has_inside("bn")
            if not holds:
                causes.add(diagnose_folded([folded[layer.conv]] if own else []))
    evidence.add("convolutions with a BatchNorm inside", "some", str(fused), fused > 0)
    evidence.judge("", causes.pop() if len(causes) == 1 else "")


@about(BLOCK, follows=("fusion.modes", *BLOCK_FUSION))
def test_qat_layers(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """With ``is_qat`` the same layers are fused, and their BatchNorm learns until conversion."""
    fused = frozen = 0
    broken: list[Fused] = []
    for (which, for_ptq), for_qat in zip(
        block_fusions(inputs).items(), block_fusions(inputs, is_qat=True).values(), strict=True
    ):
        expected = client.derive(fused_layers, for_ptq)
        learns = client.derive(learning_layers, for_qat)
        rounded = rounding_layers(client, inputs, for_qat)
        for layer, state in client.derive(fused_layers, for_qat).items():
            what, right = f"{layer.conv} of a block {which}, fused for QAT", expected[layer]
            # What only PTQ leaves out costs the points of its own claims.
            holds, got = state in (whole(layer), right), describe(state)
            if not holds:
                broken.append((layer, state))
            elif state.has_inside("bn") and not rounded[layer.conv]:
                holds, got = False, f"{got}, but {NOT_ROUNDED}"
            evidence.add(what, describe(whole(layer)), got, holds)
            if state.has_inside("bn"):
                fused += 1
                frozen += not learns[layer.conv]
                got = "reaches them" if learns[layer.conv] else "does not"
                what = f"the gradient of {layer.bn}'s weight and bias in a block {which}"
                evidence.add(what, "reaches them", got, learns[layer.conv])
    evidence.add("convolutions with a BatchNorm inside", "some", str(fused), fused > 0)
    if broken:
        text, diagnosis = "", "" if frozen else diagnose_fused(broken, is_unfolded=False)
    else:
        text = "QAT trains BatchNorm: it has to stay inside the fused module until conversion."
        diagnosis = FROZEN if frozen == fused else ""
    evidence.judge(text, diagnosis)
