"""Whether INT8 checkpoints come from the FP32 checkpoint, told from their numbers.

PTQ computes nothing that can't be computed again: the folded weights and biases are rounded to
grids, and the grids' scales follow from the largest values of weights and of calibration images.
QAT trains on, so its numbers can't be foretold: they have moved, and still resemble the FP32 ones.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from autograder.expected.checkpoints import Int8Numbers, Numbers
from lab3 import eager

LISTED = 3  # layers
LONGEST_SHIFT = 8
# Float32 arithmetic rounds by 2**-24, and processors do so in another order. Folding takes four
# operations: a weight of up to 128 steps differs by less than 1e-4 of a step.
WEIGHT_ERROR = 1e-3  # steps, beyond the half that rounding takes
# Sums over a convolution's inputs differ by some 1e-6 of the largest summand from processor to
# processor, and more than 50 layers by less than 1e-4. That is seen only where the scale lies this
# close to the border between two powers of two: at 1 of 350 scales.
RANGE_ERROR = 1e-3  # of the largest value
# BatchNorm's terms are some ones, of which float32 loses 1e-7; a hundred times that is less than a
# step of any but the finest grids. It is each channel's own, so that no other one can widen it.
BIAS_ERROR = 1e-5  # and as much of the bias itself
# What is far more than enough for a range; a run that used more is foretold up to the few larger
# values that the other images may hold.
CALIBRATED = 1024  # images
WIDENED = 2  # powers of two
# BatchNorm's statistics follow the batches of the first epoch, however small the learning rate:
# with 1e-6 they alone move 15 % of the integers. Only numbers that were never trained stay.
LEAST_MOVED = 0.01
# The same statistics are in the folded biases, of which 98 % move with that learning rate.
LEAST_BIASES_MOVED = 0.1
# Weight decay leaves exp(-rate * decay * steps) of a weight, and training turns it about as fast:
# 0.6 after a whole second FP32 training. The recipe's QAT keeps 0.99, at 40 times its learning rate
# 0.85, and a network that began with other weights has less than 0.1, as chance has. Networks that
# began with the same weights resemble each other (0.9), so of those this says nothing.
LEAST_CORRELATION = 0.5


@dataclass(frozen=True)
class Fact:
    """One thing that two checkpoints say of each other."""

    question: str
    expected: str
    got: str
    holds: bool


def float_layers(fused: nn.Module, names: Iterable[str]) -> dict[str, nn.Module]:
    """Return the convolutions and the classifier of a fused float network by these names."""
    modules = {name: fused.get_submodule(name) for name in names}
    return {n: m[0] if isinstance(m, nn.Sequential) else m for n, m in modules.items()}


def on_grid(weight: Tensor, scale: float) -> Tensor:
    """Return float weights in steps of an INT8 grid, clipped to it but not rounded."""
    return (weight.detach().double() / scale).clamp(-128, 127)


def moved(layer: nn.Module, numbers: Numbers) -> Tensor:
    """Tell of each integer weight whether it is another than its float weight rounds to."""
    steps = on_grid(layer.get_parameter("weight"), numbers.weight_scale)
    return ~((numbers.weight.double() - steps).abs() <= 0.5 + WEIGHT_ERROR)


def moved_biases(layer: nn.Module, numbers: Numbers, input_scale: float) -> Tensor:
    """Tell of each bias whether it is another than its float bias rounds to."""
    expected = layer.get_parameter("bias").detach().double()
    assert numbers.bias is not None
    allowed = 0.5 * input_scale * numbers.weight_scale + BIAS_ERROR * (1 + expected.abs())
    is_near = (numbers.bias.double() - expected).abs() <= allowed
    return ~(is_near & expected.isfinite())


def ptq_facts(fused: nn.Module, ptq: Int8Numbers, input_scales: Mapping[str, float]) -> list[Fact]:
    """Return whether a PTQ checkpoint holds the weights and biases of a fused FP32 network.

    Each at the scale that the checkpoint names: whether that is right is another question.
    """
    layers = float_layers(fused, ptq.layers)
    weights = {name: int(moved(layers[name], ptq.layers[name]).sum()) for name in layers}
    biases = {
        name: int(moved_biases(layers[name], ptq.layers[name], input_scales[name]).sum())
        for name in layers
    }
    return [
        Fact(f"{what} of the PTQ checkpoint", "the FP32 checkpoint's", others(counts), holds)
        for what, counts in (("weights", weights), ("biases", biases))
        for holds in [not any(counts.values())]
    ]


def others(counts: Mapping[str, int]) -> str:
    """Say how many numbers of which layers are others than expected."""
    wrong = {name: count for name, count in counts.items() if count}
    if not wrong:
        return "the same"
    first = ", ".join(f"{count:,} in {name}" for name, count in list(wrong.items())[:LISTED])
    more = f" and {len(wrong) - LISTED} more layers" if len(wrong) > LISTED else ""
    return f"others: {first}{more}"


def qat_facts(
    fused: nn.Module, qat: Int8Numbers, ptq: Int8Numbers | None, input_scales: Mapping[str, float]
) -> list[Fact]:
    """Return whether a QAT checkpoint was trained, and from a fused FP32 network's weights."""
    layers = float_layers(fused, qat.layers)
    weights = [moved(layers[name], qat.layers[name]).flatten() for name in layers]
    biases = [moved_biases(layers[name], qat.layers[name], input_scales[name]) for name in layers]
    nearness = torch.tensor(
        [correlation(layers[name].get_parameter("weight"), qat.layers[name]) for name in layers]
    )
    median = float(nearness.median())
    facts = [
        moved_fact("integer weights", weights, LEAST_MOVED),
        moved_fact("biases", biases, LEAST_BIASES_MOVED),
        Fact(
            "correlation with the FP32 weights, median of all layers",
            f"at least {LEAST_CORRELATION}",
            f"{median:.2f}",
            median >= LEAST_CORRELATION,
        ),
    ]
    if ptq is not None:
        is_copy = same_numbers(qat, ptq)
        got = "those of PTQ" if is_copy else "its own"
        facts.append(Fact("numbers of the QAT checkpoint", "its own", got, not is_copy))
    return facts


def moved_fact(what: str, flags: list[Tensor], least: float) -> Fact:
    """Return whether QAT moved enough of the numbers of all layers."""
    share = float(torch.cat(flags).double().mean())
    return Fact(f"{what} that QAT moved", f"at least {least:.0%}", f"{share:.2%}", share >= least)


def correlation(weight: Tensor, numbers: Numbers) -> float:
    """Return Pearson's correlation of a layer's float and integer weights; 0 where one is flat."""
    both = torch.stack([weight.detach().double().flatten(), numbers.weight.double().flatten()])
    found = float(torch.corrcoef(both)[0, 1]) if both.shape[1] > 1 else 0.0
    return found if math.isfinite(found) else 0.0


def same_numbers(a: Int8Numbers, b: Int8Numbers) -> bool:
    """Tell whether two checkpoints hold the same integers and scales."""
    if a.activations != b.activations or a.layers.keys() != b.layers.keys():
        return False
    return a.scales() == b.scales() and all(
        torch.equal(numbers.weight, b.layers[name].weight) for name, numbers in a.layers.items()
    )


@torch.inference_mode()
def largest_values(
    fused: nn.Module, names: Iterable[str], batches: Iterable[Tensor]
) -> dict[str, float]:
    """Return the largest magnitude of each value that PTQ watches, of these normalised images.

    ``names`` are those of the quantizer, the layers and the additions.
    """
    largest = dict.fromkeys(names, 0.0)
    with ExitStack() as hooks:
        for name in largest:
            module = fused.get_submodule(name)
            if isinstance(module, eager.FloatFunctional):  # it is never called, its watcher is
                module = module.activation_post_process

            def watch(_module: object, _inputs: object, output: Tensor, name: str = name) -> None:
                if output.dim() == 4:  # channels last: in the order of memory, ten times as fast
                    output = output.permute(0, 2, 3, 1)
                low, high = output.aminmax()
                largest[name] = max(float(-low), float(high), largest[name])

            hooks.callback(module.register_forward_hook(watch).remove)
        for batch in batches:
            fused(batch)
    return largest


def shifts(largest: float, error: float) -> range:
    """Return the shifts that the contract's observer may give to a range known up to ``error``."""
    if not math.isfinite(largest):
        return range(0)
    if largest == 0:  # what an empty range gets is left open
        return range(LONGEST_SHIFT + 1)
    scale = 2 * largest / 255
    low, high = (
        max(0, min(LONGEST_SHIFT, round(-math.log2(scale * factor))))
        for factor in (1 + error, 1 - error)
    )
    return range(low, high + 1)


def scale_facts(
    fused: nn.Module, ptq: Int8Numbers, largest: Mapping[str, float], images: int
) -> Iterator[Fact]:
    """Yield whether each scale of a PTQ checkpoint is that of the values it was made for.

    ``largest`` is of the calibration images, of the first CALIBRATED of them if there were more.
    """
    for name, layer in float_layers(fused, ptq.layers).items():
        weight = float(layer.get_parameter("weight").detach().abs().max())
        yield scale_fact(
            f"weight of {name}", ptq.layers[name].weight_scale, shifts(weight, WEIGHT_ERROR)
        )
    for name, (scale, zero_point) in outputs(ptq).items():
        allowed = shifts(largest[name], RANGE_ERROR)
        if images > CALIBRATED:
            allowed = range(max(0, allowed.start - WIDENED), allowed.stop)
        yield scale_fact(f"output of {name}", scale, allowed, zero_point, 128)


def outputs(numbers: Int8Numbers) -> dict[str, tuple[float, int]]:
    """Return scale and zero point of every value that an INT8 network computes."""
    layers = {name: (layer.scale, layer.zero_point) for name, layer in numbers.layers.items()}
    return {**numbers.activations, **layers}


def scale_fact(
    what: str, scale: float, allowed: range, zero_point: int = 0, of_zero: int = 0
) -> Fact:
    """Compare a scale and its zero point, the integer ``of_zero``, with what was foretold."""
    expected = " or ".join(f"2**-{shift}" for shift in allowed) or "none: values are not finite"
    got = f"2**{math.log2(scale):.4g}"
    holds = scale in [2.0**-shift for shift in allowed]
    if zero_point != of_zero:
        expected, got = f"{expected}, zero point {of_zero}", f"{got}, zero point {zero_point}"
    return Fact(f"scale of the {what}", expected, got, holds and zero_point == of_zero)
