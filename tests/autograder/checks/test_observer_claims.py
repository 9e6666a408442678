"""Whatever numbers come back, the checks of the observer judge them, and as the formula says."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.checks import test_observer as checks
from autograder.claims import ClaimFailedError, Evidence
from autograder.expected.contract import approximated
from autograder.expected.inputs import inputs_for
from autograder.inside.questions import Ranges, RangeScales, ScaleResult, ScaleResults
from tests.making.grading import KEY

ANY = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from(
    [0.0, -0.0, 5e-324, 1.7976931348623157e308, math.inf, -math.inf, math.nan, 0.5, 2.0**-8]
)
CHECKS = {
    name.removeprefix("test_"): check
    for name, check in vars(checks).items()
    if name.startswith("test_")
}


class Answering:
    """Answers every question on scales by a function."""

    def __init__(self, function: Callable[[float, int], float]) -> None:
        self.function = function

    def ask(self, question: Any) -> Any:
        if isinstance(question, Ranges):
            exact = [2 * max(abs(low), abs(high)) / 255 for low, high, _ in question.observed]
            scales = [self.function(scale, 8) for scale in exact]
            return RangeScales(scales=scales, zero_points=[128] * len(scales))
        return ScaleResults(
            results=[
                ScaleResult(value=self.function(scale, 8 if most is None else most))
                for scale, most in question.calls
            ]
        )


def verdict(name: str, visibility: Any, function: Callable[[float, int], float]) -> str:
    """Return a diagnosis, ``failed`` without one, or ``passed``."""
    arguments = {"client": Answering(function), "evidence": Evidence()}
    check = CHECKS[name]
    if "inputs" in check.__code__.co_varnames[: check.__code__.co_argcount]:
        arguments["inputs"] = inputs_for(visibility, KEY, "x")
    try:
        check(**arguments)
    except ClaimFailedError as failed:
        return failed.diagnosis or "failed"
    return "passed"


@pytest.mark.parametrize("visibility", ["public", "hidden"])
@pytest.mark.parametrize("name", CHECKS)
@settings(max_examples=30, derandomize=True)
@given(values=st.lists(ANY, min_size=1, max_size=5))
def test_any_numbers_are_judged(name: str, visibility: str, values: list[float]) -> None:
    turn = iter(range(10_000))
    verdict(name, visibility, lambda *_: values[next(turn) % len(values)])


def right(scale: float, most: int) -> float:
    if math.isnan(scale) or scale <= 0:
        return 2.0**-most
    return 1.0 if math.isinf(scale) else approximated(scale, most)


@pytest.mark.parametrize("visibility", ["public", "hidden"])
@pytest.mark.parametrize("name", CHECKS)
def test_the_formula_passes(name: str, visibility: str) -> None:
    assert verdict(name, visibility, right) == "passed"


@pytest.mark.parametrize("visibility", ["public", "hidden"])
def test_a_constant_is_told_so_by_one_check(visibility: str) -> None:
    text = verdict("follows_the_scale", visibility, lambda *_: 1.0)
    assert text == "The result does not depend on the scale."


def test_what_is_clamped_and_never_rounded_is_no_power_of_two() -> None:
    """Its clamps hold; the exponent that is nearest is an integer, and it has none."""

    def never_rounded(scale: float, most: int) -> float:
        return max(min(scale, 1.0), 2.0**-most)

    verdicts = {name: verdict(name, "public", never_rounded) for name in CHECKS}
    assert verdicts["lower_clamp"] == verdicts["upper_clamp"] == "passed"
    assert "passed" not in (verdicts["nearest_exponent"], verdicts["whole_power_of_two"])


def test_only_two_results_keep_what_they_promise() -> None:
    def two(scale: float, most: int) -> float:
        return 1.0 if scale >= 1 else 2.0**-most

    verdicts = {name: verdict(name, "public", two) for name in CHECKS}
    failed = {name for name, text in verdicts.items() if text != "passed"}
    assert failed <= {"nearest_exponent", "max_shift_amount"}


def test_what_is_expected_is_the_contracts_value() -> None:
    evidence = Evidence()
    with pytest.raises(ClaimFailedError):
        checks.test_whole_power_of_two(
            Answering(lambda scale, _: scale**0.97), inputs_for("public", "", "x"), evidence
        )
    expected = {o.question: o.expected.split()[0] for o in evidence.observations}
    assert expected["scale_approximate(0.3625)"] == "0.5"
    assert expected["scale_approximate(0.02)"] == repr(2.0**-6)
