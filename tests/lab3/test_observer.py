"""The reference ``scale_approximate`` and the given ``calculate_qparams``."""

import doctest
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import lab3.observer
from lab3.observer import CusQuantObserver

shifts = st.integers(0, 24)
scales = st.floats(min_value=5e-324, max_value=1e300)


@given(scales, shifts)
def test_the_result_is_the_nearest_power_of_two_within_the_limits(scale: float, limit: int) -> None:
    result = CusQuantObserver().scale_approximate(scale, limit)
    mantissa, exponent = math.frexp(result)
    shift = 1 - exponent
    assert mantissa == 0.5
    assert 0 <= shift <= limit
    wanted = -math.log2(scale)
    if 0 <= wanted <= limit:
        assert abs(shift - wanted) <= 0.5
    else:
        assert shift == (0 if wanted < 0 else limit)


@given(st.floats(), shifts)
def test_the_result_is_finite_and_positive_for_every_input(scale: float, limit: int) -> None:
    result = CusQuantObserver().scale_approximate(scale, limit)
    assert 2.0**-limit <= result <= 1.0


def test_the_examples_in_the_docstrings_are_true() -> None:
    outcome = doctest.testmod(lab3.observer)
    assert outcome.attempted >= 4
    assert outcome.failed == 0


@pytest.mark.parametrize(("dtype", "zero_point"), [(torch.quint8, 128), (torch.qint8, 0)])
@given(st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=20))
def test_the_range_is_symmetric_and_the_zero_point_fixed(
    dtype: torch.dtype, zero_point: int, values: list[float]
) -> None:
    observer = CusQuantObserver(dtype=dtype, qscheme=torch.per_tensor_symmetric)
    observer(torch.tensor(values))
    scale, point = observer.calculate_qparams()
    largest = max(abs(value) for value in values)
    assert scale.item() == observer.scale_approximate(2 * largest / 255)
    assert point.item() == zero_point
    assert scale.shape == point.shape == (1,)


def test_an_observer_that_has_seen_nothing_still_has_a_finite_scale() -> None:
    scale, _ = CusQuantObserver(dtype=torch.quint8).calculate_qparams()
    assert scale.item() == 1.0
