"""The integer arithmetic against exact numbers, and each operator against each engine."""

from collections.abc import Iterator
from fractions import Fraction

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.making.networks import ENGINES, Operators, images_for, integers
from tools.hardware.arithmetic import (
    FLOAT32_EXACT,
    Ties,
    bits_needed,
    convolve,
    exact_blocks,
    on_grid,
    shift_right,
)
from tools.hardware.program import Grid, Tally, clip
from tools.hardware.proof import Proof

# PyTorch 2.13 adds an input's zero point before it rounds, in float32; the others round once.
ADDS_FIRST = torch.quantize_per_tensor(torch.tensor(0.5), 1.0, 1, torch.quint8).int_repr() == 2


@pytest.fixture(autouse=True)
def same_engine_afterwards() -> Iterator[None]:
    before = torch.backends.quantized.engine
    yield
    torch.backends.quantized.engine = before


# Arithmetic, against exact numbers.


def rounded(value: Fraction, ties: Ties) -> int:
    """What rounding to nearest is, by its definition."""
    if abs(value - round(value)) == Fraction(1, 2) and ties == "away":
        return int(value + (Fraction(1, 2) if value > 0 else -Fraction(1, 2)))
    return round(value)  # Python rounds a Fraction's halves to even


@given(
    st.lists(st.integers(-(2**30), 2**30), min_size=1),
    st.integers(-1, 20),
    st.sampled_from(["even", "away"]),
    st.sampled_from([torch.int32, torch.int64]),
)
def test_a_shift_rounds_as_it_says(
    numbers: list[int], amount: int, ties: Ties, dtype: torch.dtype
) -> None:
    numbers = [n >> 1 if amount < 0 else n for n in numbers]
    shifted = shift_right(torch.tensor(numbers, dtype=dtype), amount, ties)
    assert shifted.dtype == dtype
    assert shifted.tolist() == [rounded(n / Fraction(2) ** amount, ties) for n in numbers]


@pytest.mark.parametrize(
    ("ties", "expected"), [("even", [-2, -2, 0, 0, 2, 2]), ("away", [-3, -2, -1, 1, 2, 3])]
)
def test_halves_go_where_they_should(ties: Ties, expected: list[int]) -> None:
    halves = torch.tensor([-5, -3, -1, 1, 3, 5], dtype=torch.int32)
    assert shift_right(halves, 1, ties).tolist() == expected
    assert shift_right(halves * 8, 4, ties).tolist() == expected


@given(
    st.lists(st.floats(-1e4, 1e4, width=32), min_size=1), st.integers(0, 10), st.integers(0, 255)
)
def test_the_quantizer_rounds_once(numbers: list[float], shift: int, zero_point: int) -> None:
    expected = [round(Fraction(x) * 2**shift) + zero_point for x in numbers]
    whole = on_grid(torch.tensor(numbers), shift, zero_point)
    tally = Tally()
    found = clip(whole.clone(), 0, tally)
    assert found.tolist() == [min(255, max(0, n)) for n in expected]
    assert tally.below == sum(n < 0 for n in expected)
    assert tally.above == sum(n > 255 for n in expected)
    kernel = torch.quantize_per_tensor(torch.tensor(numbers), 2.0**-shift, zero_point, torch.quint8)
    if ADDS_FIRST:
        found = (torch.tensor(numbers) * 2.0**shift + zero_point).round().clamp(0, 255)
    assert torch.equal(kernel.int_repr(), found)


@settings(max_examples=40)
@given(
    st.integers(1, 80),
    st.integers(1, 5),
    st.sampled_from([1, 2, 3, 5]),
    st.integers(1, 2),
    st.integers(0, 2),
    st.integers(1, 9),
    st.integers(0, 255),
    st.integers(0, 2**31),
)
def test_a_convolution_in_float32_is_exact(
    channels: int,
    outputs: int,
    kernel: int,
    stride: int,
    padding: int,
    size: int,
    zero_point: int,
    seed: int,
) -> None:
    size = max(size, kernel)
    x = integers((2, channels, size, size), 0, 255, seed) - zero_point
    weight = integers((outputs, channels, kernel, kernel), -128, 127, seed + 1)
    blocks = exact_blocks(weight, max(zero_point, 255 - zero_point))
    assert blocks is not None
    found = convolve(x.float(), weight.float(), blocks, [stride] * 2, [padding] * 2, [1, 1])
    columns = F.unfold(x.double(), kernel, padding=padding, stride=stride).long()
    expected = (weight.flatten(1)[None, :, :, None] * columns[:, None]).sum(2)
    assert found.dtype == torch.int32
    assert torch.equal(found.flatten(2).long(), expected)


@pytest.mark.parametrize(("channels", "kernel"), [(512, 3), (2048, 1), (4096, 1)])
def test_the_largest_sums_are_exact(channels: int, kernel: int) -> None:
    """Every product has the largest magnitude; odd sums above 2**24 are no float32 numbers."""
    weight = torch.full((2, channels, kernel, kernel), -128)
    weight[1] = 127
    x = torch.full((1, channels, kernel, kernel), -128)
    x[0, 0, 0, 0] = -127
    blocks = exact_blocks(weight, 128)
    assert blocks is not None
    found = convolve(x.float(), weight.float(), blocks, [1, 1], [0, 0], [1, 1]).flatten()
    assert found.tolist() == (weight * x).flatten(1).sum(1).tolist()
    assert found.abs().max() > FLOAT32_EXACT


def test_blocks_cover_each_channel_once_and_stay_below_the_limit() -> None:
    weight = torch.full((3, 1000, 3, 3), -128)
    blocks = exact_blocks(weight, 255)
    assert blocks is not None
    assert [i for block in blocks for i in range(1000)[block]] == list(range(1000))
    for block in blocks:
        assert weight[:, block].abs().flatten(1).sum(1).max() * 255 <= FLOAT32_EXACT
    assert exact_blocks(torch.full((1, 2, 30, 30), 127), 255) is None


@pytest.mark.parametrize("zero_point", [0, 1, 127, 128, 129, 255])
def test_the_largest_magnitude_is_at_one_end(zero_point: int) -> None:
    assert Grid(0, zero_point).largest == max(abs(q - zero_point) for q in range(256))


@given(st.integers(-(2**40), 2**40))
def test_bits_hold_a_magnitude_with_either_sign(n: int) -> None:
    bits = bits_needed(abs(n))
    assert -(2 ** (bits - 1)) <= -abs(n)
    assert abs(n) <= 2 ** (bits - 1) - 1
    assert abs(n) > 2 ** (bits - 2) - 1 or n == 0


# Operators, against PyTorch's kernels on every engine.


KINDS = ["convolution", "linear", "addition", "average", "relu"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25)
@given(seed=st.integers(0, 2**31), halves=st.lists(st.integers(0, 127), min_size=3, max_size=3))
def test_each_operator_equals_the_engine_s_kernel(
    engine: str, kind: str, seed: int, halves: list[int]
) -> None:
    def build() -> Operators:
        return Operators(seed, kind, [2 * n for n in halves])

    torch.backends.quantized.engine = engine
    images = images_for(build().channels, seed)
    if ADDS_FIRST:  # halves of the finest grid, and none that the addition would make
        images = (images * 2**7).round() / 2**7
    proof = Proof(build, images[:1], engine)
    proof.add(images)
    first, *others = proof.proofs()
    assert first.different == 0
    assert first.values == sum(step.values for step in proof.program.steps) * 3
    reasons = {d.reason for other in others for d in other.differences}
    assert reasons <= ({"ties"} if kind == "addition" else set())
    torch.backends.quantized.engine = engine
    found = proof.program.real(proof.program.run(images).flatten(1))
    assert torch.equal(found, build()(images))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25)
@given(seed=st.integers(0, 2**31), odd=st.lists(st.integers(0, 126), min_size=3, max_size=3))
def test_with_odd_zero_points_only_halves_differ_and_the_reason_is_known(
    kind: str, seed: int, odd: list[int]
) -> None:
    def build() -> Operators:
        return Operators(seed, kind, [2 * n + 1 for n in odd])

    images = images_for(build().channels, seed)
    for engine in ENGINES:
        proof = Proof(build, images[:1], engine)
        proof.add(images)
        for other in proof.proofs():
            for difference in other.differences:
                assert difference.largest_step == 1
                assert difference.reason in ("zero_point", "ties")
