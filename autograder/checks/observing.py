"""What checks share: how they ask, what they compare, and what of other claims they build on."""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from autograder.claims import Charged, Evidence
from autograder.expected.agreement import same
from autograder.expected.contract import is_shift
from autograder.expected.converted import consistent_layers, logits_of
from autograder.expected.examination import TOLERANCE
from autograder.expected.inputs import SMALL, SMALLEST, WIDTH, Inputs
from autograder.expected.origins import shifts
from autograder.expected.reference import AVERAGES
from autograder.host.answers import NoAnswerError, place_of, raise_for
from autograder.host.client import Client
from autograder.inside import experiments
from autograder.inside.questions import (
    Block,
    Case,
    CaseOutputs,
    Converted,
    Fusion,
    Int8Run,
    Network,
    Ptq,
    Qat,
)
from autograder.results import Place

CLASSES = 10
# Another way to average rounds other ties: a step before the classifier, some steps behind it.
STEPS = 4
TRAINING_STEPS = 1  # the second shows nothing that the first doesn't, and takes as long
BLOCKS = ("forward.block_without_shortcut", "forward.block_with_shortcut")
FP32_FORWARD = (*BLOCKS, "forward.network_logits")
INT8_FORWARD = ("forward.functional_addition", "forward.stub_order")
FORWARD = (*FP32_FORWARD, "forward.block_in_int8", *INT8_FORWARD)
# Blocks that are tried: (in_channels, channels, stride).
SHAPES = {"without downsample": (32, 8, 1), "with downsample": (16, 8, 2)}
BLOCK_FUSION = ("fusion.blocks", "fusion.shortcuts", "fusion.relus")
FUSION = ("fusion.stem", *BLOCK_FUSION, "fusion.every_block")
QAT_FUSION = (
    *BLOCK_FUSION,
    "fusion.modes",
    "fusion.qat_layers",
    "fusion.stem_for_qat",
    "fusion.is_qat_passed_on",
)
SCALES = (
    "observer.follows_the_scale",
    "observer.whole_power_of_two",
    "observer.nearest_exponent",
    "observer.lower_clamp",
    "observer.symmetric_range",
)
CONVERTED = ("ptq.converts",)


def fusion(inputs: Inputs, is_qat: bool = False) -> Fusion:
    """Ask for the fused network, its layers tried alone."""
    return Fusion(SMALL, CLASSES, WIDTH, inputs.seed, is_qat)


def ptq(inputs: Inputs) -> Ptq:
    """Ask for the network quantized with the student's observer, each layer tried alone."""
    return Ptq(SMALL, CLASSES, WIDTH, inputs.seed)


def qat(inputs: Inputs) -> Qat:
    """Ask for the network after a step of QAT."""
    return Qat(SMALLEST, CLASSES, WIDTH, inputs.seed, TRAINING_STEPS)


def numbers(values: Tensor, with_type: bool = False) -> str:
    """Return the first numbers of a tensor, with its shape, and perhaps with its type."""
    shown = "{:.4f}" if values.is_floating_point() else "{}"
    first = ", ".join(map(shown.format, values.flatten()[:3].tolist()))
    first += ", ..." * (values.numel() > 3)
    kind = f" and type {values.dtype}" if with_type else ""
    return f"[{first}] of shape {tuple(values.shape)}{kind}"


def both(expected: Tensor, got: Tensor | None, allowed: float) -> tuple[str, str]:
    """Return what is expected and got: at the first place where they differ, if they can differ."""
    if got is None:
        return numbers(expected), "nothing"
    if got.shape != expected.shape or got.dtype != expected.dtype:
        with_type = got.dtype != expected.dtype
        return numbers(expected, with_type), numbers(got, with_type)
    far = ~((got - expected).abs() <= allowed)  # also where it's nan
    if not bool(far.any()):
        return numbers(expected), numbers(got)
    place = tuple(far.nonzero()[0].tolist())
    right = f"{float(expected[place]):.4f} at {list(place)} of shape {tuple(expected.shape)}"
    if not bool(got.any()):
        return right, "zeros everywhere"
    most = float((got - expected).abs().max())
    return right, f"{float(got[place]):.4f}" + f"; off by up to {most:.4g}" * math.isfinite(most)


def compare(evidence: Evidence, what: str, expected: Tensor, got: Tensor | None) -> bool:
    """Observe whether two float tensors agree."""
    holds = same(got, expected, TOLERANCE)
    allowed = TOLERANCE * float(expected.abs().max()) if expected.numel() else 0.0
    evidence.add(what, *both(expected, got, allowed), holds)
    return holds


def compare_cases(
    evidence: Evidence,
    what: str,
    question: Block | Network,
    expected: Sequence[Tensor],
    answer: CaseOutputs,
) -> list[Case]:
    """Observe what a module computes in each case; return those in which it is wrong."""
    if len(answer.outputs) != len(question.cases):
        count = len(answer.outputs)
        raise NoAnswerError("crashed", f"{count} outputs came for {len(question.cases)} inputs")
    wrong, after = [], ""
    for case, right, got in zip(question.cases, expected, answer.outputs, strict=True):
        images = "1 random image" if case.batch == 1 else f"{case.batch} random images"
        mode = "train mode" if case.is_training else f"eval mode{after}"
        size = f"{case.size}x{case.size}"
        if not compare(evidence, f"{what} on {images} of {size} in {mode}", right, got):
            wrong.append(case)
        after = ", after train mode" if case.is_training else after
    return wrong


def compare_int8(
    evidence: Evidence,
    what: str,
    expected: Tensor,
    run: Int8Run,
    steps: int = 0,
    others: Iterable[Tensor] = (),
) -> Place | None:
    """Observe whether a converted module computes what the reference computes at the same scales.

    To the bit, or within a number of steps of the output's grid; or one of ``others`` that are as
    right. Returns where it raised.
    """
    if run.error:
        if run.error.is_stub:
            raise_for(run.error)
        evidence.add(what, "computes", str(run.error), holds=False)
        return place_of(run.error)
    got, allowed = run.output, allowed_between(expected, steps)
    holds = any(agree(got, right, steps) for right in itertools.chain((expected,), others))
    evidence.add(what, *both(expected, got, allowed), holds)
    return None


def agree(got: Tensor | None, expected: Tensor, steps: int) -> bool:
    """Tell whether INT8 values agree, to the bit or within a number of steps of their grid."""
    if same(got, expected):
        return True
    if not steps or got is None or got.shape != expected.shape:
        return False
    return bool((got - expected).abs().max() <= allowed_between(expected, steps))


def allowed_between(expected: Tensor, steps: int) -> float:
    """Return how far INT8 values may be from what is expected: steps of their grid."""
    if not steps:
        return 0.0
    return min(steps * smallest_step(expected), float(expected.abs().max()) / 10)


def smallest_step(values: Tensor) -> float:
    """Return the step of the grid that values lie on, as far as they show it."""
    gaps = values.flatten().sort().values.diff()
    return float(gaps[gaps > 0].min()) if bool((gaps > 0).any()) else 0.0


def observe_layers(evidence: Evidence, computes: Mapping[str, bool]) -> None:
    """Observe that INT8 layers, tried alone, compute with the scales that they name.

    Three quarters prove that what is named is true; what a layer with other weights computes costs
    the points of other claims.
    """
    wrong = [name for name, holds in computes.items() if not holds]
    got = f"{len(computes) - len(wrong)} of {len(computes)}"
    got += f", not {', '.join(wrong[:3])}" if wrong else ""
    got += ", ..." if len(wrong) > 3 else ""
    holds = 4 * len(wrong) <= len(computes)
    what = "INT8 layers whose outputs fit their own scales"
    evidence.add(what, f"all {len(computes)}", got, holds)


def observe_scales(evidence: Evidence, question: Ptq | Qat, converted: Converted) -> None:
    """Observe that the scales of all layers are powers of two, and that they compute with them."""
    consistent = consistent_layers(converted, question.layers, question.width, question.seed)
    for name in int8_names(question.layers):
        known = converted.qparams.get(name)
        both = [] if known is None else [known.scale, known.weight_scale]
        scales = [scale for scale in both if scale is not None]
        got = ", weight ".join(exponent(scale) for scale in scales) or "no INT8 layer"
        holds = bool(scales) and all(is_shift(scale) for scale in scales)
        if holds and name not in consistent:
            holds, got = False, f"{got}; it computes with others"
        evidence.add(f"scales of {name}", "2**-S with 0 <= S <= 8", got, holds)


def observe_ranges(
    evidence: Evidence, what: str, converted: Converted, largest: Mapping[str, float], error: float
) -> list[str]:
    """Observe that each activation has the scale of its range, which is known up to an error.

    Returns the names of those that have another.
    """
    wrong = []
    for name, value in largest.items():
        known = converted.qparams.get(name)
        allowed = {2.0**-shift for shift in shifts(value, error)}
        wrong += [name] if known is None or known.scale not in allowed else []
    expected = "those of their ranges"
    got = f"others, for {', '.join(wrong[:3])}" + ", ..." * (len(wrong) > 3) if wrong else expected
    evidence.add(what, expected, got, not wrong)
    return wrong


def caller_of_layers(client: Client, names: Iterable[str]) -> Place | None:
    """Return where the ``forward`` begins that calls these layers, if it is one."""
    owners = {"Bottleneck" if name.startswith("layer") else "ResNet" for name in names}
    return client.beginning(f"Quantizable{owners.pop()}.forward") if len(owners) == 1 else None


def observe_output(
    evidence: Evidence, what: str, question: Ptq | Qat, converted: Converted, charged: Charged
) -> Place | None:
    """Observe that a converted network computes; return where it raised.

    Its logits are those that its own numbers give, unless ``forward`` or the fusion is at fault,
    which costs other points.
    """
    error, holds = converted.error, is_finite(converted.output)
    got = str(error) if error else f"{'finite' if holds else 'not finite'} logits"
    evidence.add(what, "finite logits", got, holds)
    if (
        holds
        and not error
        and not is_excused(charged, FUSION if isinstance(question, Ptq) else QAT_FUSION)
    ):
        computed = right_logits(question, converted, charged)
        known = next(computed, None)
        right, got = "those that its integers and scales give", "others"
        holds = False
        if known is not None:
            right, got = both(known, converted.output, allowed_between(known, STEPS))
            every = itertools.chain((known,), computed)
            holds = any(agree(converted.output, expected, STEPS) for expected in every)
        evidence.add("logits of the INT8 network", right, got, holds)
    return place_of(error) if error else None


def right_logits(question: Ptq | Qat, converted: Converted, charged: Charged) -> Iterator[Tensor]:
    """Yield what a converted network's own numbers give, in each way that is right."""
    shape = question.layers, question.num_classes, question.width, question.seed
    # An addition that is charged elsewhere may have lost its ReLU in INT8.
    additions = (True, False) if charged("forward.functional_addition") else (True,)
    for adds_relu, first in itertools.product(additions, AVERAGES):
        logits = logits_of(converted, *shape, adds_relu, first)
        if logits is not None:
            yield logits


def is_excused(charged: Charged, fusion_claims: Sequence[str]) -> bool:
    """Tell whether a network may compute something else in INT8, because of what was charged.

    Where its blocks compute in INT8, misplaced stubs may change what it gives.
    """
    is_misplaced = charged("forward.stub_order") and not charged("forward.block_in_int8")
    return is_misplaced or charged(*FP32_FORWARD, *fusion_claims)


def int8_names(layers: Sequence[int]) -> list[str]:
    """Return the names of all that has a scale: quantizer, convolutions, additions, classifier."""
    names = [layer.conv for layer in experiments.conv_layers(layers)]
    additions = [n.replace("conv3", "skip_add_relu") for n in names if n.endswith("conv3")]
    return ["quant", *names, *additions, "fc"]


def exponent(scale: float) -> str:
    if not (math.isfinite(scale) and scale > 0):
        return repr(scale)
    return f"2**{round(math.log2(scale), 4):g}"


def is_finite(values: Tensor | None) -> bool:
    return values is not None and bool(torch.isfinite(values).all())
