"""What trials demand of values: outputs, statistics, gradients and integers."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tests.mutation import reference
from tests.mutation.oracle.bullets import BrokenError, UnjudgedError, demand, judged

# float32 in another order of summation stays far below this share of the largest value.
TOLERANCE = 2e-4
# Another way to average rounds other ties: a step before the classifier, some steps behind it.
AVERAGING_STEPS = 4


def demand_equal(got: object, expected: Tensor, what: str) -> None:
    demand(isinstance(got, Tensor), f"{what}: {type(got).__name__}")
    assert isinstance(got, Tensor)
    demand(got.shape == expected.shape, f"{what}: shape {tuple(got.shape)}")
    demand(got.dtype == expected.dtype, f"{what}: {got.dtype}")
    off = float((got - expected).detach().abs().max())
    bound = TOLERANCE * max(1.0, float(expected.detach().abs().max()))
    demand(off <= bound, f"{what}: off by {off:.4g}")


def demand_statistics(module: nn.Module, numbers: reference.Numbers) -> None:
    """Demand that each pass in train mode moves the statistics of every BatchNorm once."""
    for name, value in module.state_dict().items():
        if name.endswith(("running_mean", "running_var")):
            demand_equal(value, numbers[name].detach(), name)


def demand_gradients(
    module: nn.Module, images: Tensor, compute: Callable[[reference.Numbers, Tensor], Tensor]
) -> None:
    """Demand that gradients reach every parameter and the input as they should.

    Another function has other gradients; that it is another is another bullet.
    """
    numbers, theirs = reference.numbers_of(module), images.clone().requires_grad_()
    ours = images.clone().requires_grad_()
    expected = compute(numbers, ours)
    got = judged(lambda: module(theirs))
    try:
        demand_equal(got, expected, "the output")
    except BrokenError as error:
        raise UnjudgedError(str(error)) from error
    demand(got.requires_grad, "no gradient at all")
    weights = reference.images(5, *expected.shape)
    for output in (expected, got):
        (output * weights).sum().backward()
    pairs = [(name, p.grad, numbers[name].grad) for name, p in module.named_parameters()]
    for name, found, right in [*pairs, ("the input", theirs.grad, ours.grad)]:
        assert right is not None
        demand(found is not None, f"no gradient at {name}")
        bound = 1e-2 * max(float(right.abs().max()), 1e-3)
        off = float((found - right).abs().max())
        demand(off <= bound, f"gradient at {name} is off by {off:.4g}")


@torch.inference_mode()
def demand_same_at_grids(
    converted: nn.Module, ours: nn.Module, images: Tensor, steps: int = 0
) -> None:
    try:
        expected = reference.at_grids(ours, *reference.grids(converted))(images)
    except KeyError as error:
        raise BrokenError(f"no grid for {error}") from error
    got = converted(images)
    demand(not got.is_quantized, "the INT8 network returns integers")
    demand(got.dtype == expected.dtype, f"the INT8 network returns {got.dtype}")
    demand(got.shape == expected.shape, f"shape {tuple(got.shape)}")
    gaps = expected.flatten().sort().values.diff()
    step = float(gaps[gaps > 0].min()) if bool((gaps > 0).any()) else 0.0
    off = float((got - expected).abs().max())
    demand(off <= steps * step, f"INT8 values are off by {off:.4g}")
