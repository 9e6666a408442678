"""The sequential test: exact tails, few wrong verdicts, and few images where the case is clear."""

import copy
from decimal import Decimal
from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from autograder.expected.sequential import SequentialTest, is_consistent, needed, rejection_limit

Verdicts = tuple[bool | None, ...]


def chance(images: int, right: int, drawn: int, x: int) -> Fraction:
    """P(X = x), by its definition."""
    if not 0 <= x <= drawn:
        return Fraction(0)
    return Fraction(comb(right, x) * comb(images - right, drawn - x), comb(images, drawn))


def at_most(images: int, right: int, drawn: int, x: int) -> Fraction:
    return sum((chance(images, right, drawn, i) for i in range(x + 1)), Fraction(0))


@st.composite
def draws(draw: st.DrawFn, most: int = 40) -> tuple[int, int, int]:
    """Images, how many of them are right, and how many are drawn."""
    images = draw(st.integers(1, most))
    return images, draw(st.integers(0, images)), draw(st.integers(0, images))


answers = st.lists(st.booleans(), min_size=1, max_size=50)


def run(test: SequentialTest, right: list[bool]) -> None:
    while (look := test.next_look) is not None:
        test.update(look, sum(right[:look]))


def simulate(true: int, runs: int, thresholds: list[int], images: int = 10_000) -> list[int]:
    """Run the test on random orders, check every verdict, and return the images each run took."""
    generator = np.random.default_rng(true)
    taken = []
    for _ in range(runs):
        test = SequentialTest(images, thresholds)
        while (look := test.next_look) is not None:
            left, left_right = images - test.seen, true - test.correct
            new = generator.hypergeometric(left_right, left - left_right, look - test.seen)
            test.update(look, test.correct + int(new))
        assert [test.reached(t) for t in thresholds] == [true >= t for t in thresholds]
        assert test.allows(true)
        taken.append(test.seen)
    return taken


@example((2, 1, 1), Fraction(1, 2))  # the tail is the level itself
@given(draws(), st.fractions(0, 1).filter(lambda level: level < 1))
def test_the_limit_is_the_last_count_whose_tail_is_within_the_level(
    drawn: tuple[int, int, int], level: Fraction
) -> None:
    images, right, seen = drawn
    limit = rejection_limit(images, right, seen, level)
    assert at_most(images, right, seen, limit) <= level
    assert at_most(images, right, seen, limit + 1) > level


@pytest.mark.parametrize(("right", "seen"), [(9000, 200), (9300, 1000), (8999, 9700)])
def test_the_limit_is_exact_for_ten_thousand_images_too(right: int, seen: int) -> None:
    level = Fraction(1e-8)
    limit = rejection_limit(10_000, right, seen, level)
    lowest = max(0, seen - (10_000 - right))
    ways = [comb(right, x) * comb(10_000 - right, seen - x) for x in range(lowest, limit + 2)]
    allowed = level * comb(10_000, seen)
    assert sum(ways[:-1]) <= allowed < sum(ways)
    assert limit > lowest


def outcomes(
    images: int, true: int, thresholds: tuple[int, ...], error: float
) -> list[tuple[Fraction, SequentialTest]]:
    """Return every way in which the test can end, and its exact probability."""
    open_tests = {(0, (None,)): (Fraction(1), SequentialTest(images, thresholds, error, 2))}
    ended = []
    while open_tests:
        following: dict[tuple[int, Verdicts], tuple[Fraction, SequentialTest]] = {}
        for probability, test in open_tests.values():
            look = test.next_look
            if look is None:
                ended.append((probability, test))
                continue
            left, left_right = images - test.seen, true - test.correct
            for new in range(look - test.seen + 1):
                step = chance(left, left_right, look - test.seen, new)
                if step == 0:
                    continue
                after = copy.deepcopy(test)
                after.update(look, test.correct + new)
                key = after.correct, tuple(after.reached(t) for t in thresholds)
                so_far = following.get(key, (Fraction(0), after))[0]
                following[key] = so_far + probability * step, after
        open_tests = following
    assert sum(probability for probability, _ in ended) == 1
    return ended


@pytest.mark.parametrize(
    ("images", "thresholds"),
    [(12, (6,)), (17, (3, 14)), (24, (12, 13, 20)), (30, (27,)), (40, (20, 30))],
)
@pytest.mark.parametrize("error", [0.05, 0.4])
def test_a_wrong_verdict_is_as_rare_as_promised(
    images: int, thresholds: tuple[int, ...], error: float
) -> None:
    early = Fraction(0)
    for true in sorted({t + d for t in thresholds for d in (-1, 0)} | {0, images}):
        wrong = Fraction(0)
        for probability, test in outcomes(images, true, thresholds, error):
            right = all(test.reached(t) == (true >= t) for t in thresholds)
            wrong += 0 if right and test.allows(true) else probability
            early += probability if test.seen < images else 0
        assert wrong <= Fraction(error)
    assert early > 0


@pytest.mark.parametrize("images", [20, 359, 10_000])
def test_both_tails_of_all_looks_share_the_error(images: int) -> None:
    test = SequentialTest(images, [7, 8, 9], 1e-6)
    assert 2 * len(test.looks) * test.level == Fraction(1e-6)


def test_the_promise_is_not_kept_by_never_taking_a_risk() -> None:
    endings = outcomes(40, 19, (20,), 0.4)
    assert sum(probability for probability, test in endings if test.reached(20)) > 0


@given(answers, st.lists(st.integers(-2, 52), max_size=4), st.integers(1, 60))
def test_without_any_risk_every_verdict_is_the_true_one(
    right: list[bool], thresholds: list[int], first_look: int
) -> None:
    # No tail of 50 images but zero is below 1 / C(50, 25) > 1e-15.
    test = SequentialTest(len(right), thresholds, 1e-30, first_look)
    run(test, right)
    assert [test.reached(t) for t in thresholds] == [sum(right) >= t for t in thresholds]


@given(answers, st.lists(st.integers(0, 51)), st.floats(0.001, 0.999))
def test_all_images_seen_give_the_exact_count(
    right: list[bool], thresholds: list[int], error: float
) -> None:
    test = SequentialTest(len(right), thresholds, error, first_look=len(right))
    run(test, right)
    assert [test.reached(t) for t in thresholds] == [sum(right) >= t for t in thresholds]


@given(answers, st.integers(1, 50), st.integers(1, 8))
def test_what_arithmetic_decides_is_decided_at_that_look(
    right: list[bool], threshold: int, first_look: int
) -> None:
    test = SequentialTest(len(right), [threshold], 1e-30, first_look)
    while (look := test.next_look) is not None:
        correct = sum(right[:look])
        test.update(look, correct)
        if correct >= threshold:
            assert test.reached(threshold) is True
        elif correct + len(right) - look < threshold:
            assert test.reached(threshold) is False
        else:
            assert test.reached(threshold) is None


@given(answers, st.lists(st.integers(0, 51), min_size=2), st.floats(0.001, 0.999))
def test_a_higher_threshold_is_never_reached_without_a_lower_one(
    right: list[bool], thresholds: list[int], error: float
) -> None:
    test = SequentialTest(len(right), thresholds, error, 2)
    run(test, right)
    verdicts = [test.reached(t) for t in sorted(thresholds)]
    assert verdicts == sorted(verdicts, reverse=True)


@pytest.mark.parametrize(("threshold", "reached"), [(-1, True), (0, True), (101, False)])
def test_some_thresholds_are_decided_before_any_image(threshold: int, reached: bool) -> None:
    test = SequentialTest(100, [threshold])
    assert test.decided
    assert test.next_look is None
    assert test.reached(threshold) is reached
    with pytest.raises(ValueError, match="next look"):
        test.update(64, 60)


@pytest.mark.parametrize("images", [1, 63, 64, 65, 359, 10_000])
def test_looks_grow_up_to_all_images(images: int) -> None:
    looks = SequentialTest(images, [1]).looks
    assert list(looks) == sorted(set(looks))
    assert looks[-1] == images
    assert len(looks) < 50


def test_a_test_goes_on_until_every_threshold_is_decided() -> None:
    test = SequentialTest(10_000, [5000, 9900])
    test.update(64, 60)
    assert (test.reached(5000), test.reached(9900)) == (True, None)
    assert not test.decided
    assert test.next_look == 72


@pytest.mark.parametrize(
    ("seen", "correct", "named"),
    [
        (63, 60, "next look"),  # backwards
        (64, 60, "next look"),  # twice
        (73, 60, "next look"),  # not a look
        (81, 60, "next look"),  # a look left out
        (72, 57, "can't follow"),  # fewer than before
        (72, 67, "can't follow"),  # more new ones correct than seen
        (72, 73, "can't follow"),  # more correct than seen
        (72, -1, "can't follow"),
    ],
)
def test_impossible_counts_are_refused(seen: int, correct: int, named: str) -> None:
    test = SequentialTest(10_000, [9000])
    test.update(64, 58)
    with pytest.raises(ValueError, match=named):
        test.update(seen, correct)
    assert (test.seen, test.correct, test.next_look) == (64, 58, 72)


@pytest.mark.parametrize("error", [0, 1, -0.1, float("nan")])
def test_an_error_that_is_no_probability_is_refused(error: float) -> None:
    with pytest.raises(ValueError, match="probability"):
        SequentialTest(100, [50], error)
    with pytest.raises(ValueError, match="probability"):
        is_consistent(50, 100, 20, 10, error)


def test_a_test_without_images_is_refused() -> None:
    with pytest.raises(ValueError, match="needs an image"):
        SequentialTest(0, [0])
    with pytest.raises(ValueError, match="needs an image"):
        SequentialTest(10, [5], first_look=0)


@pytest.mark.parametrize(("true", "most"), [(1000, 64), (8500, 2000), (9500, 2000), (8800, 6000)])
def test_clear_cases_take_few_images(true: int, most: int) -> None:
    assert np.mean(simulate(true, 300, [9000])) <= most


@pytest.mark.parametrize("true", [8999, 9000])
def test_the_threshold_itself_takes_nearly_all_images(true: int) -> None:
    assert np.mean(simulate(true, 300, [9000])) > 9900


@pytest.mark.parametrize("true", [8990, 9150, 9400, 9800])
def test_several_tiers_are_told_apart(true: int) -> None:
    simulate(true, 100, [9000, 9300, 9500])


def test_the_digits_work_too() -> None:
    for true in (200, 323, 324, 350, 359):
        simulate(true, 50, [needed(tier, 359) for tier in (0.9, 0.93, 0.95)], images=359)


@pytest.mark.parametrize(
    ("accuracy", "images", "count"),
    [
        (0.9, 10_000, 9000),
        (0.93, 10_000, 9300),
        (0.95, 10_000, 9500),
        (0.07, 10_000, 700),
        (0.29, 10_000, 2900),
        (0.57, 10_000, 5700),
        (0.90001, 10_000, 9001),
        (0.9, 359, 324),
        (0.93, 359, 334),
        (0.95, 359, 342),
        (0, 359, 0),
        (1, 359, 359),
        (0.0, 10_000, 0),
        (1e-05, 10_000, 1),
        ("0.9", 10_000, 9000),
        (Decimal("0.93"), 10_000, 9300),
        (Fraction(1, 3), 10_000, 3334),
    ],
)
def test_needed_is_the_exact_count(
    accuracy: float | str | Decimal | Fraction, images: int, count: int
) -> None:
    assert needed(accuracy, images) == count


@given(st.decimals(0, 1, places=4), st.integers(1, 20_000))
def test_needed_is_the_smallest_count_that_suffices(accuracy: Decimal, images: int) -> None:
    count = needed(float(accuracy), images)
    assert Fraction(count, images) >= Fraction(accuracy) > Fraction(count - 1, images)


@pytest.mark.parametrize("accuracy", [90, -0.1, 1.0001, float("nan"), float("inf")])
def test_needed_takes_only_fractions(accuracy: float) -> None:
    with pytest.raises(ValueError, match=str(accuracy)):
        needed(accuracy, 100)


@example((2, 1, 1), 0, 0.5)  # both tails are a half
@given(draws(25), st.integers(-3, 3), st.sampled_from([0.01, 0.1, 0.5]))
def test_a_true_claim_is_refused_as_rarely_as_promised(
    drawn: tuple[int, int, int], off: int, error: float
) -> None:
    images, true, seen = drawn
    claim = min(images, max(0, true + off))
    refused = sum(
        chance(images, true, seen, x)
        for x in range(seen + 1)
        if not is_consistent(claim, images, seen, x, error, slack=abs(off))
    )
    assert refused <= Fraction(error)


@pytest.mark.parametrize("off", [-400, -300, 300, 400])
def test_a_lie_of_some_points_is_found_out(off: int) -> None:
    generator = np.random.default_rng(0)
    for correct in generator.hypergeometric(9000, 1000, 6000, size=100):
        assert is_consistent(9000, 10_000, 6000, int(correct))
        assert not is_consistent(9000 + off, 10_000, 6000, int(correct))


@pytest.mark.parametrize("slack", [0, 2])
def test_with_all_images_seen_only_the_slack_is_forgiven(slack: int) -> None:
    accepted = [k for k in range(360) if is_consistent(k, 359, 359, 330, slack=slack)]
    assert accepted == list(range(330 - slack, 330 + slack + 1))


def test_a_claim_of_more_than_all_or_less_than_none_is_never_consistent() -> None:
    assert not is_consistent(360, 359, 359, 359, slack=5)
    assert not is_consistent(-1, 359, 359, 0, slack=5)
    assert is_consistent(359, 359, 359, 359, slack=5)
    assert is_consistent(0, 359, 0, 0)


@pytest.mark.parametrize(
    ("seen", "correct", "slack"), [(10, 11, 0), (10, -1, 0), (101, 50, 0), (10, 5, -1)]
)
def test_impossible_observations_are_refused(seen: int, correct: int, slack: int) -> None:
    with pytest.raises(ValueError, match=r"impossible|negative"):
        is_consistent(50, 100, seen, correct, slack=slack)


def test_a_claim_is_checked_with_the_error_of_all_looks_together() -> None:
    test = SequentialTest(100, [70], 0.3, first_look=10)
    test.update(10, 4)
    fixed = [k for k in range(101) if is_consistent(k, 100, 10, 4, 0.3)]
    sequential = [k for k in range(101) if test.allows(k)]
    assert set(fixed) < set(sequential) < set(range(101))
