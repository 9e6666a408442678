"""Prints of checkpoints: what changes them, and what doesn't."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.making.course.drawn import int8_state, state
from tests.making.prints import tensors
from tools.integrity.weights import BITS, bands, correlation, differing, signs


def test_names_and_order_in_the_file_don_t_count() -> None:
    renamed = {f"other.{name}": value for name, value in reversed(state(1).items())}
    assert tensors(renamed) == tensors(state(1))


def test_each_number_counts() -> None:
    other = state(1)
    other["fc.weight"][3, 7] += 1e-3
    assert len({t.values for t in tensors(other)} - {t.values for t in tensors(state(1))}) == 1


def test_scales_and_integers_count_for_int8() -> None:
    before = int8_state(1)
    after = int8_state(1)
    weight = before["fc.weight"]
    after["fc.weight"] = torch._make_per_tensor_quantized_tensor(weight.int_repr(), 2.0**-4, 0)
    assert tensors(before) == tensors(int8_state(1))
    assert len({*tensors(before)} ^ {*tensors(after)}) == 2


def test_channels_in_another_order_are_equal_by_their_sorted_numbers() -> None:
    other = {name: value.flip(0) for name, value in state(1).items()}
    one, two = tensors(state(1)), tensors(other)
    assert not {t.values for t in one} & {t.values for t in two}
    assert {t.ordered for t in one} == {t.ordered for t in two}


def test_what_everybody_has_says_nothing() -> None:
    flat = {"ones": torch.ones(1000), "zeros": torch.zeros(64, 64), "few": torch.randn(255)}
    assert tensors(flat) == ()


@pytest.mark.parametrize("odd", [torch.nan, torch.inf, -torch.inf])
def test_numbers_that_are_none_break_nothing(odd: float) -> None:
    value = torch.randn(20, 20)
    value[0, 0] = odd
    for kind in (torch.float16, torch.bfloat16, torch.float64):
        assert len(tensors({"a": value.to(kind)})) == 1
    assert tensors({"a": torch.randn(20, 20, dtype=torch.complex64)}) == ()


def share(one: torch.Tensor, other: torch.Tensor) -> float:
    a, b = (int(signs(value.flatten()), 16) for value in (one, other))
    return (a ^ b).bit_count() / BITS


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.5, 0.9, 0.99]))
def test_signs_tell_the_angle(seed: int, wanted: float) -> None:
    """Over 20 tensors as of a network: one bit in 2,560 is 0.04 %."""
    generator = torch.Generator().manual_seed(seed)
    shares = []
    for _ in range(20):
        one, noise = torch.randn(2, 2560, generator=generator)
        other = wanted * one + (1 - wanted**2) ** 0.5 * noise
        shares.append(share(one, other))
    assert correlation(sum(shares) / len(shares)) == pytest.approx(wanted, abs=0.2)


def test_scaled_weights_have_the_same_signs_and_bands() -> None:
    one, two = (tensors({"a": factor * state(3)["conv1.weight"]})[0] for factor in (1.0, 2.0))
    assert one.values != two.values
    assert differing(one, two) == 0
    assert bands(one) == bands(two)
