"""What may have gone wrong: a diagnosis is only given when it reproduces every observation."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.expected.agreement import same
from autograder.expected.contract import LONGEST_SHIFT, approximated
from autograder.expected.fusing import FusionState
from autograder.inside.experiments import ConvLayer
from autograder.inside.values import RaisedError
from lab3 import pytorch_errors


@dataclass(frozen=True)
class Call:
    """One call of ``scale_approximate``: its arguments, its result, its place in the question."""

    scale: float
    most: int | None
    got: float
    position: int = 0

    @property
    def limit(self) -> int:
        return LONGEST_SHIFT if self.most is None else self.most

    @property
    def expected(self) -> float:
        return approximated(self.scale, self.limit)

    @property
    def is_power_of_two(self) -> bool:
        return math.frexp(self.got)[0] == 0.5

    def __str__(self) -> str:
        limit = "" if self.most is None else f", max_shift_amount={self.most}"
        return f"scale_approximate({self.scale!r}{limit})"


def clamped(exponent: float, most: int) -> float:
    return max(0, min(exponent, most))


def linear_nearest(scale: float) -> float:
    """The exponent of the power of two that is nearest by difference instead of by ratio."""
    below = math.floor(math.log2(scale))
    nearer_below = scale - 2.0**below <= 2.0 ** (below + 1) - scale
    return -(below if nearer_below else below + 1)


ScaleRule = Callable[[float, int], float]
SCALE_MISTAKES: dict[str, ScaleRule] = {  # (-log2(scale), max_shift_amount) to the exponent
    "Your results are those of rounding -log2(scale) down (floor or int): the nearest integer may "
    "lie above.": lambda e, most: clamped(math.floor(e), most),
    "Your results are those of rounding -log2(scale) up (ceil): the nearest integer may lie "
    "below.": lambda e, most: clamped(math.ceil(e), most),
    "Your results are the powers of two that are nearest by difference; the nearest exponent "
    "is meant, so 0.3625 (2**-1.46) belongs to 2**-1 and not to 2**-2.": lambda e, most: clamped(
        linear_nearest(2.0**-e), most
    ),
    "Your exponents are multiples of 1/4, so log2(scale) is being rounded to quarters instead of "
    "to an integer.": lambda e, most: clamped(round(e * 4) / 4, most),
    "Your exponents are multiples of 1/2, so log2(scale) is being rounded to halves instead of "
    "to an integer.": lambda e, most: clamped(round(e * 2) / 2, most),
    "The scale comes back as it was: it isn't rounded at all.": lambda e, _most: e,
    "The exponent is clamped but not rounded.": clamped,
    "The exponent's sign is turned round: the result is 2.0**S and not 2.0**-S.": (
        lambda e, most: -clamped(round(e), most)
    ),
    "S is nearest to log2(scale) here: the minus sign in -log2(scale) is missing.": (
        lambda e, most: clamped(round(-e), most)
    ),
    "S is nearest to the absolute value of log2(scale): above 1, -log2(scale) is negative.": (
        lambda e, most: clamped(round(abs(e)), most)
    ),
    "S is kept at or above 1, but 0 is allowed.": lambda e, most: max(1, min(round(e), most)),
    "S is not kept at or above 0.": lambda e, most: min(round(e), most),
    "S is not kept at or below max_shift_amount.": lambda e, _most: max(0, round(e)),
    "No clamp is applied to S.": lambda e, _most: round(e),
    "The limit is always 8: max_shift_amount is not used.": lambda e, _most: clamped(round(e), 8),
    "A max_shift_amount above 8 is taken for 8.": lambda e, most: clamped(round(e), min(most, 8)),
    "The limit is one too small: S may be max_shift_amount itself.": (
        lambda e, most: clamped(round(e), most - 1)
    ),
    "The limit is one too large: S may not exceed max_shift_amount.": (
        lambda e, most: clamped(round(e), most + 1)
    ),
    "The natural logarithm is used instead of the logarithm to base 2.": (
        lambda e, most: clamped(round(e * math.log(2)), most)
    ),
    "The logarithm to base 10 is used instead of the one to base 2.": (
        lambda e, most: clamped(round(e * math.log10(2)), most)
    ),
    "An integer division, such as 1 // 2**S, gives 0 for every S above 0.": lambda e, most: (
        math.inf if clamped(round(e), most) else 0
    ),
    "S itself comes back, and not 2.0**-S.": lambda e, most: (
        -math.log2(shift) if (shift := clamped(round(e), most)) else math.inf
    ),
}


def diagnose_scales(calls: list[Call]) -> str:
    """Return the first mistake that gives exactly these results, or nothing when none does."""
    if all(call.got == calls[0].got for call in calls):
        return "The result does not depend on the scale."

    def explains(rule: ScaleRule) -> bool:
        return all(
            math.isclose(2.0 ** -rule(-math.log2(c.scale), c.limit), c.got, rel_tol=1e-6)
            for c in calls
        )

    return next((text for text, rule in SCALE_MISTAKES.items() if explains(rule)), "")


def diagnose_observers(calls: Sequence[Call]) -> str:
    """Tell which observers' results are wrong; nothing when it is not one kind's alone.

    Every second call of a question asks a fresh observer for weights, and those between ask one
    observer for activations.
    """
    wrong = [c.position for c in calls if not math.isclose(c.got, c.expected, rel_tol=1e-6)]
    if len(wrong) < len(calls) / 4:  # a few may be of one kind by chance
        return ""
    are_fresh = {position % 2 == 1 for position in wrong}
    if len(are_fresh) > 1:
        return ""
    if True in are_fresh:
        return WEIGHTS_ALONE
    return LATER_CALLS if all(wrong) else ACTIVATIONS_ALONE


WEIGHTS_ALONE = (
    "Only observers for weights (dtype=torch.qint8) give wrong results; every second call goes to "
    "one."
)
ACTIVATIONS_ALONE = (
    "Only observers for activations (dtype=torch.quint8) give wrong results; every second call "
    "goes to one."
)
LATER_CALLS = "An observer's first call is right, and later calls of the same observer are not."


@torch.no_grad()
def diagnose_block(
    block: Any,
    inputs: Sequence[Tensor],
    modes: Sequence[bool],
    outputs: Sequence[Tensor],
    tolerance: float,
) -> str:
    """Return the mistake in a bottleneck's forward that gives all these outputs, or nothing.

    ``modes`` tells of each input whether the block was in train mode.
    """
    state = {name: value.clone() for name, value in block.state_dict().items()}

    def explains(mistake: BlockMistake) -> bool:
        block.load_state_dict(state)
        for x, is_training, got in zip(inputs, modes, outputs, strict=True):
            output = mistake(block.train(is_training), x)
            if output is None or not same(got, output, tolerance):
                return False
        return True

    if explains(lambda b, x: b(x)):
        return ""
    return next((text for text, mistake in BLOCK_MISTAKES.items() if explains(mistake)), "")


BlockMistake = Callable[[Any, Tensor], Tensor | None]


MAIN_PATH = "conv1 bn1 relu1 conv2 bn2 relu2 conv3 bn3"


def main_path(block: Any, x: Tensor, names: str = MAIN_PATH) -> Tensor:
    """Return what the main path gives when it has these modules, one behind the other."""
    for name in names.split():
        x = getattr(block, name)(x)
    return x


def shortcut(block: Any, x: Tensor) -> Tensor:
    return x if block.downsample is None else block.downsample(x)


def changed(old: str, new: str) -> BlockMistake:
    """Return a block in whose main path other modules stand in the place of some."""
    assert old in MAIN_PATH
    names = MAIN_PATH.replace(old, new)
    return lambda b, x: F.relu(main_path(b, x, names) + shortcut(b, x))


BLOCK_MISTAKES: dict[str, BlockMistake] = {
    "The output is that of a block with a ReLU behind bn3: the only ReLU there is the one of the "
    "addition.": lambda b, x: F.relu(F.relu(main_path(b, x)) + shortcut(b, x)),
    "The output is that of a block without a ReLU behind the addition.": (
        lambda b, x: main_path(b, x) + shortcut(b, x)
    ),
    "The output is that of a block whose ReLU comes before the addition.": (
        lambda b, x: F.relu(main_path(b, x)) + shortcut(b, x)
    ),
    "The output is that of a block without its shortcut: identity is never added.": (
        lambda b, x: F.relu(main_path(b, x))
    ),
    "The output is that of a shortcut without its BatchNorm.": (
        lambda b, x: F.relu(main_path(b, x) + b.downsample[0](x)) if b.downsample else None
    ),
    "The output is that of a block whose shortcut gets a ReLU.": (
        lambda b, x: F.relu(main_path(b, x) + F.relu(shortcut(b, x)))
    ),
    "The output is that of a block that adds its main path to itself, and not the shortcut.": (
        lambda b, x: F.relu(2 * main_path(b, x))
    ),
    "The output is the input.": lambda _b, x: x,
    **{
        f"The output is that of a block without {name}.": changed(name, "")
        for name in ("bn1", "relu1", "bn2", "relu2", "bn3")
    },
    **{
        f"The output is that of a block with {new} in the place of {old}.": changed(old, new)
        for old, new in (("bn1", "bn2"), ("bn2", "bn1"))
    },
    **{
        f"The output is that of a block whose relu{n} comes before bn{n}.": (
            changed(f"bn{n} relu{n}", f"relu{n} bn{n}")
        )
        for n in (1, 2)
    },
}


PLAIN = (
    "Plain arithmetic (+, *, torch.add) has no INT8 version: between the stubs the only addition "
    "is add_relu of self.skip_add_relu."
)
OUT_OF_PLACE = (
    "A convolution of floats was given integers: conversion puts INT8 layers in the places of the "
    "others, so forward calls layers by their names, such as self.conv1."
)
FUSED_FOR_QAT = (
    "A convolution was not converted: is_qat decides between fuse_modules and fuse_modules_qat, "
    "and False means fuse_modules."
)
INT8_ERRORS = (  # what PyTorch says in the INT8 network's forward pass, and what it means here
    (
        pytorch_errors.FLOATS_INTO_INT8_LAYER,
        "An INT8 layer was given floats: quant stands before the first layer, dequant behind the "
        "last.",
    ),
    (pytorch_errors.PLAIN_ADDITION, PLAIN),
    (pytorch_errors.PLAIN_ARITHMETIC, PLAIN),
    (
        pytorch_errors.INTEGERS_RETURNED,
        "Between the stubs tensors are quantized: float() and the like don't work on them.",
    ),
    (pytorch_errors.FLOAT_CONVOLUTION, OUT_OF_PLACE),
    (
        pytorch_errors.NO_INT8_VERSION,
        "An operation has no INT8 version: layers made in __init__ have one, most functions don't.",
    ),
)


def diagnose_int8_error(*errors: RaisedError) -> str:
    """Return what errors of the INT8 network mean; nothing when they don't mean the same."""
    texts = {pytorch_errors.meaning(f"{e.type}: {e.message}", INT8_ERRORS) for e in errors}
    return (texts.pop() if len(texts) == 1 else "") or ""


MODE_ERRORS = (
    (
        pytorch_errors.FUSED_IN_TRAIN_MODE,
        "fuse_modules was called in train mode: QAT fuses with tq.fuse_modules_qat when is_qat is "
        "true, and PTQ with tq.fuse_modules when it is not.",
    ),
    (
        pytorch_errors.FUSED_FOR_QAT_IN_EVAL_MODE,
        "fuse_modules_qat was called in eval mode: PTQ fuses with tq.fuse_modules.",
    ),
    (
        pytorch_errors.NOT_FUSIBLE,
        "These layers can't be fused in this order: each list names layers that directly follow "
        "each other (conv, bn, relu), each layer stands in one list only, and is fused once.",
    ),
)


def diagnose_fusion_error(error: RaisedError) -> str:
    """Return what an error in ``fuse_model`` means, or nothing."""
    return pytorch_errors.meaning(f"{error.type}: {error.message}", MODE_ERRORS) or ""


NOBODY_CALLS = "Nobody calls these blocks' own fuse_model, or only that of a copy."
FROZEN = (
    "BatchNorm is inside, but its weight and bias get no gradient: requires_grad is False, or "
    "gradients are switched off."
)
FOLDED = "BatchNorm was folded for good, as fuse_modules does; QAT needs fuse_modules_qat."
IN_EVAL_MODE = "BatchNorm is inside, but in eval mode: fuse_model leaves the mode as it is."
UNFOLDED = (
    "fuse_modules_qat was used for PTQ: it leaves BatchNorm inside, to be trained, where "
    "conversion does not fold it. PTQ fuses with tq.fuse_modules."
)
NOT_FUSED = (
    "as before: not in any list of fuse_modules, or a fused copy was thrown away (inplace=True "
    "changes the network itself)."
)
DROPPED = "A BatchNorm was dropped without being folded into its convolution."
LEFT_OUT = "The ReLU that follows was left out of the list."
LOST = "A ReLU was lost: it is neither in the convolution's module nor behind it."
ADDED = "A ReLU was fused where none directly follows the convolution."
MOVED = "A ReLU was fused behind a convolution that none directly follows, and is lost elsewhere."


Fused = tuple[ConvLayer, FusionState]


def diagnose_fused(broken: Sequence[Fused], is_unfolded: bool) -> str:
    """Return why layers are not fused as they should be; nothing when it is not one cause."""
    causes = {fusion_cause(state, layer, is_unfolded) for layer, state in broken}
    if causes == {NOT_FUSED}:
        names = list(dict.fromkeys(layer.conv for layer, _ in broken))
        return f"{', '.join(names)} {'are' if len(names) > 1 else 'is'} {NOT_FUSED}"
    if causes == {ADDED, LOST}:
        return MOVED
    return causes.pop() if len(causes) == 1 else ""


def fusion_cause(state: FusionState, layer: ConvLayer, is_unfolded: bool) -> str:
    """Return why one layer is not fused as it should be, or nothing."""
    if not state.is_known:
        return ""
    if state.has_behind("bn"):
        return NOT_FUSED if state.front == "conv" else ""
    if not state.has_inside("bn"):
        return DROPPED
    if state.has_inside("relu") != bool(layer.relu):
        lost = LEFT_OUT if state.has_behind("relu") else LOST
        return lost if layer.relu else ADDED
    return UNFOLDED if is_unfolded else ""


def diagnose_not_passed_on(error: RaisedError) -> str:
    """Return what it means that a block can be fused alone, but not by the network."""
    if pytorch_errors.FUSED_IN_TRAIN_MODE.search(error.message):
        return "is_qat isn't passed on to the blocks' fuse_model."
    return diagnose_fusion_error(error)


def diagnose_functionals(uses: Sequence[tuple[str, str]]) -> str:
    """Tell the ways to add without ``skip_add_relu`` apart; ``uses`` are (name, operation)."""
    if not uses:
        return (
            "The tensors are not added by self.skip_add_relu, but for example with + or torch.add, "
            "which no observer sees."
        )
    if any(not name for name, _ in uses):
        return (
            "A FloatFunctional that is no module of the block (made in forward, for example) has "
            "no observer, and stays in FP32."
        )
    if all(operation == "add" for _, operation in uses):
        return "add is used without its ReLU: add_relu is one operation, so it has one scale."
    return ""


def diagnose_stubs(quants: int, dequants: int, quant: str, dequant: str) -> str:
    """Tell misplaced stubs apart, by their calls and places; nothing when these are right."""
    texts = []
    if quants == 0:
        texts.append("quant is missing: forward begins with self.quant(x).")
    elif quant == "later":
        texts.append("quant comes too late: what stands before it is given floats in INT8.")
    elif quants > 1:
        texts.append("quant is called again: only floats can be quantized, and only the input is.")
    if dequants > 1:
        texts.append("dequant is called again: what comes behind the first is given floats.")
    elif dequant == "never":
        texts.append("dequant is missing: forward ends with self.dequant(x).")
    elif dequant == "earlier":
        texts.append("Something comes behind dequant: in INT8 it is given floats.")
    return " ".join(texts)
