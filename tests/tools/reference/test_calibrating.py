"""What thresholds do to honest runs: intervals, luck, images, and the patch."""

import math
import subprocess
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.rubric import RUBRIC, Thresholds, Tier
from tools.reference.calibrating import (
    Calibration,
    binomial_below,
    calibrate,
    clopper_pearson,
    images_of_losses,
    images_of_verdict,
    losing,
    luck_of_losing,
    patch,
)
from tools.reference.results import spread

TIERS = Thresholds(
    fp32=(Tier(at=0.93, share=1.0), Tier(at=0.91, share=0.8), Tier(at=0.88, share=0.5)),
    drop=(Tier(at=0.01, share=1.0), Tier(at=0.03, share=0.5)),
    largest_bytes=25_000_000,
)


def results(
    right: Sequence[int] = (9_100, 9_200, 9_300),
    ptq: Sequence[int] = (50, 60, 70),
    qat: Sequence[int] = (-10, 0, 10),
    images: int = 10_000,
) -> dict[str, Any]:
    """Results of three seeds: right images of FP32, images that PTQ and QAT lose."""

    def row(title: str, lost: Sequence[int]) -> dict[str, Any]:
        kept = [(n - less) / images for n, less in zip(right, lost, strict=True)]
        return {
            "title": title,
            "runs": [f"{title} {seed}" for seed in range(len(right))],
            "images": images,
            "accuracy": spread(kept),
            "lost_images": spread(lost),
        }

    rows = [row("FP32", [0] * len(right)), row("PTQ", ptq), row("QAT", qat)]
    return {"dataset": "fashion-mnist", "arch": "resnet14", "width": 4, "compared": rows}


def calibrated(*arguments: Any, **options: Any) -> Calibration:
    calibration = calibrate(results(*arguments, **options), TIERS, 1e-6)
    assert calibration is not None
    return calibration


@pytest.mark.parametrize("n", [1, 2, 3, 5, 20, 100])
def test_intervals_at_the_ends_are_those_of_the_closed_form(n: int) -> None:
    """For k = 0 the upper end solves (1 - p)**n = 0.025, for k = n the lower one p**n = 0.025."""
    low, high = clopper_pearson(0, n)
    assert low == 0
    assert high == pytest.approx(1 - 0.025 ** (1 / n), abs=1e-12)
    low, high = clopper_pearson(n, n)
    assert low == pytest.approx(0.025 ** (1 / n), abs=1e-12)
    assert high == 1


def test_intervals_in_between_solve_their_polynomials() -> None:
    """For k = 1 of 2: P(X >= 1) = 1 - (1 - p)**2 and P(X <= 1) = 1 - p**2 are 0.025."""
    low, high = clopper_pearson(1, 2)
    assert low == pytest.approx(1 - math.sqrt(0.975), abs=1e-12)
    assert high == pytest.approx(math.sqrt(0.975), abs=1e-12)


@given(st.integers(0, 30), st.integers(1, 30), st.floats(0.001, 0.999))
def test_binomial_tails_are_sums_of_binomial_terms(k: int, n: int, p: float) -> None:
    terms = (math.comb(n, x) * p**x * (1 - p) ** (n - x) for x in range(min(k, n + 1)))
    assert binomial_below(k, n, p) == pytest.approx(math.fsum(terms), abs=1e-12)


@pytest.mark.parametrize(("p", "k", "expected"), [(0, 0, 0), (0, 1, 1), (1, 5, 0), (1, 6, 1)])
def test_what_is_certain_has_no_tail(p: float, k: int, expected: float) -> None:
    assert binomial_below(k, 5, p) == expected


def test_runs_that_miss_a_threshold_are_counted() -> None:
    failing = {(v.network, v.at): (v.failing, v.runs) for v in calibrated().verdicts}
    assert failing == {
        ("FP32", 0.93): (2, 3),
        ("FP32", 0.91): (0, 3),
        ("FP32", 0.88): (0, 3),
        ("PTQ", 0.01): (0, 3),
        ("PTQ", 0.03): (0, 3),
        ("QAT", 0.01): (0, 3),
        ("QAT", 0.03): (0, 3),
    }
    lossy = calibrated(ptq=(99, 100, 101))
    assert [v.failing for v in lossy.verdicts if v.network == "PTQ"] == [1, 0]


def test_more_test_images_leave_less_to_luck() -> None:
    """A run exactly at a threshold misses it half the time; one above it, ever more seldom."""
    at = {v.at: v.by_luck for v in calibrated(right=(9_100, 9_100, 9_100)).verdicts if v.by_luck}
    assert all(abs(chance - 0.5) < 0.05 for chance in at[0.91].values())
    assert list(at[0.88].values()) == sorted(at[0.88].values(), reverse=True)
    assert at[0.88][1_000] > 1e-5 > at[0.88][10_000]
    assert all(chance > 0.99 for size, chance in at[0.93].items() if size >= 2_000)


def test_losses_are_left_to_luck_as_their_distribution_says() -> None:
    """Against the sums of the trinomial distribution, for few images."""
    drawn, b, c = 60, 0.2, 0.1
    exact = dict.fromkeys(range(-drawn, drawn + 1), 0.0)
    for lost, gained in product(range(drawn + 1), repeat=2):
        if (both := drawn - lost - gained) >= 0:
            ways = math.comb(drawn, lost) * math.comb(drawn - lost, gained)
            exact[lost - gained] += ways * b**lost * c**gained * (1 - b - c) ** both
    for most in range(-5, 25):
        tail = sum(chance for loss, chance in exact.items() if loss > most)
        assert losing(b, c, drawn, most) == pytest.approx(tail, abs=0.01)


@pytest.mark.parametrize(("most", "expected"), [(-1, 1.0), (0, 0.0), (3, 0.0)])
def test_networks_with_the_same_images_right_lose_none(most: int, expected: float) -> None:
    assert losing(0, 0, 100, most) == expected


def test_of_losses_the_least_favourable_number_of_images_counts() -> None:
    """A network that has other images right than FP32 may lose more by luck, and never less."""
    few = luck_of_losing(right=9_990, lost=50, images=10_000, drawn=1_000, most=10)
    many = luck_of_losing(right=9_000, lost=50, images=10_000, drawn=1_000, most=10)
    assert losing(0.005, 0, 1_000, 10) <= few < many < 0.5
    at = {(v.network, v.at): v.by_luck for v in calibrated().verdicts}
    assert at["QAT", 0.03][10_000] < 1e-6 < at["QAT", 0.01][1_000] < at["PTQ", 0.01][1_000]


def test_a_verdict_costs_fewer_images_the_clearer_it_is() -> None:
    """The numbers of the design's table for one threshold at 90 %."""
    costs = [images_of_verdict(10_000, right, [9_000], 1e-6) for right in (8_500, 8_800, 9_000)]
    assert costs == sorted(costs)
    assert 1_000 < costs[0] < 1_400
    assert 4_000 < costs[1] < 4_700
    assert costs[2] == 10_000


def test_a_verdict_on_a_loss_costs_fewer_images_the_clearer_it_is() -> None:
    """Also the fewer images the two networks judge otherwise; on the edge all of them decide."""
    costs = [images_of_losses(10_000, (0, 300), lost, [100], 1e-6) for lost in (900, 400, 100)]
    assert [most for _, most in costs] == sorted(most for _, most in costs)
    assert costs[0][0] <= costs[0][1] < 10_000
    assert costs[2] == (10_000, 10_000)
    names = {f"{kind} {seed}" for kind in ("PTQ", "QAT") for seed in range(3)}
    assert set(calibrated().loss_costs) == names


def test_proposals_spare_the_runs_and_keep_the_distances() -> None:
    calibration = calibrated()
    full = calibration.fp32[0].at
    assert full * 10_000 < 9_100
    assert [round(full - tier.at, 4) for tier in calibration.fp32] == [0, 0.02, 0.05]
    assert [tier.share for tier in calibration.fp32] == [1.0, 0.8, 0.5]
    assert calibration.drop[0].at * 10_000 >= 70
    assert round(calibration.drop[1].at - calibration.drop[0].at, 4) == 0.02


def test_a_rubric_that_fits_is_left_as_it_is() -> None:
    fits = calibrated()
    proposed = Thresholds(fp32=TIERS.fp32, drop=fits.drop, largest_bytes=1)
    assert proposed.drop == TIERS.drop
    assert "drop = " not in "".join(
        line for line in patch(RUBRIC, [fits]).splitlines() if line.startswith(("+", "-"))
    )


def test_what_was_not_run_is_not_weighed() -> None:
    nothing = {"dataset": "cifar10", "arch": "resnet50", "width": 64, "compared": []}
    assert calibrate(nothing, TIERS, 1e-6) is None


def test_the_patch_changes_the_lines_of_its_data_set_alone(tmp_path: Path) -> None:
    rubric = tmp_path / "rubric.toml"
    before = RUBRIC.read_text()
    rubric.write_text(before)
    text = patch(rubric, [calibrated(ptq=(150, 160, 170))])
    (tmp_path / "thresholds.patch").write_text(text)
    subprocess.run(["git", "apply", "thresholds.patch"], cwd=tmp_path, check=True)
    after = rubric.read_text().splitlines()
    differing = [line for line, old in zip(after, before.splitlines(), strict=True) if line != old]
    assert len(differing) == 2
    assert differing[0].startswith("fp32 = [{ at = 0.8")
    assert differing[1].startswith("drop = [{ at = 0.02, share = 1.0 }, { at = 0.04, ")
    assert after.index(differing[0]) > after.index("[thresholds.fashion-mnist]")
    assert after.index(differing[1]) < after.index("[thresholds.digits]")
