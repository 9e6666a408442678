"""What checks ask with: inputs that tell mistakes apart, integers that no kernel saturates."""

import math
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from autograder.expected.diagnoses import clamped, linear_nearest
from autograder.expected.inputs import inputs_for
from autograder.inside import experiments
from autograder.results import Visibility

MISTAKES: dict[str, Callable[[float], float]] = {
    "floor": lambda scale: math.floor(-math.log2(scale)),
    "ceil": lambda scale: math.ceil(-math.log2(scale)),
    "by difference": linear_nearest,
    "quarters": lambda scale: round(-math.log2(scale) * 4) / 4,
    "halves": lambda scale: round(-math.log2(scale) * 2) / 2,
    "natural logarithm": lambda scale: round(-math.log(scale)),
}


@pytest.mark.parametrize("mistake", MISTAKES)
@given(seed=st.text(max_size=8))
def test_every_hidden_draw_shows_every_mistake(mistake: str, seed: str) -> None:
    scales = inputs_for("hidden", "key", seed).strata("nearest", [0.3])
    rule = MISTAKES[mistake]
    assert any(clamped(rule(s), 8) != round(-math.log2(s)) for s in scales)


@given(seed=st.text(max_size=8))
def test_hidden_scales_are_no_ties_and_reach_no_limit(seed: str) -> None:
    inputs = inputs_for("hidden", "key", seed)
    for scale in inputs.strata("nearest", [0.3]):
        exponent = -math.log2(scale)
        assert 1 <= round(exponent) <= 7
        assert abs(exponent % 1 - 0.5) > 0.009
    assert inputs.strata("nearest", []) == inputs.strata("nearest", [])


@pytest.mark.parametrize("visibility", ["public", "hidden"])
@given(seed=st.text(max_size=8))
def test_limits_are_asked_for_on_both_sides_and_within(visibility: Visibility, seed: str) -> None:
    pairs = inputs_for(visibility, "key", seed).limits()
    exact = [(-math.log2(scale), limit) for scale, limit in pairs if limit is not None]
    assert len(exact) == len(pairs)
    assert any(exponent > limit + 0.5 for exponent, limit in exact)
    assert any(0.5 < exponent <= limit < 8 for exponent, limit in exact)
    assert {limit > 8 for exponent, limit in exact if exponent < -0.5} == {False, True}
    assert {0, 1} <= {limit for _, limit in exact}
    assert all(abs(exponent % 1 - 0.5) > 0.01 for exponent, _ in exact)


def test_public_scales_are_the_published_ones() -> None:
    assert inputs_for("public", "key", "any").strata("nearest", [0.3, 0.2]) == [0.3, 0.2]


@given(seed=st.integers(0, 2**40), name=st.text(max_size=10))
def test_no_pair_of_products_overflows_16_bits(seed: int, name: str) -> None:
    """CPUs without VNNI add two uint8-int8 products in 16 bits, and saturate."""
    values = experiments.integers(4 * experiments.layer_input(seed, name, 16)).int_repr()
    assert 2 * int(values.max()) * 128 <= 2**15
    assert int(values.min()) < 32
    assert int(values.max()) > 96


def test_summands_reach_further_below_zero_than_above() -> None:
    total = sum(experiments.summands(7, 32))
    assert isinstance(total, torch.Tensor)
    assert 2 * total.max() < -total.min()


def test_the_compiler_is_not_imported_and_still_answers() -> None:
    """Importing it takes longer than everything else that ``lab3 check`` waits for."""
    code = (
        "import sys, autograder.asking.judging\n"
        "assert 'torch._dynamo' not in sys.modules and 'torch._dynamo.utils' not in sys.modules\n"
        "from torchvision.ops import roi_align\n"
        "asked = sys.modules['torchvision.ops.roi_align'].is_compile_supported('cpu')\n"
        "from torch._dynamo.utils import is_compile_supported\n"
        "assert asked == is_compile_supported('cpu')\n"
        "print('fine')"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "fine", done.stderr
