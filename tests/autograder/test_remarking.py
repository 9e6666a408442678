"""Marks by another rubric, from what was observed, are those of grading again."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any, get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from autograder.remarking import remark
from autograder.results import Grade, Outcome
from autograder.rubric import Rubric, Thresholds, Tier
from autograder.submissions.runs import Runs
from lab3.log.records import RunKind
from tests.making.grades import grade, result
from tests.making.known_answers import CHECKS, grade_known, handed_in, rubric_of

NAMES = [name for names in CHECKS.values() for name in names]
IMAGES = 300


@pytest.fixture(scope="module")
def all_runs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Runs]:
    """Runs, by the name of the one whose checkpoint is missing."""
    names = ("", "fp32", "qat")
    return {name: handed_in(tmp_path_factory.mktemp("runs"), name) for name in names}


@cache
def answers(right: tuple[int, int, int]) -> Mapping[RunKind, Tensor]:
    """So many per mille of the images are right, each network's own."""
    chance = torch.Generator().manual_seed(sum(right))
    kinds: tuple[RunKind, ...] = get_args(RunKind)
    return {
        kind: torch.rand(IMAGES, generator=chance) < share / 1000
        for kind, share in zip(kinds, right, strict=True)
    }


def comparable(whole: Grade) -> Any:
    """A grade without times, and without counts: those of fewer looks are shorter."""
    blank = {"seconds": 0, "counts": ()}
    results = tuple(one.model_copy(update=blank) for one in whole.results)
    return whole.model_copy(update={"results": results}).model_dump()


def seen(whole: Grade) -> list[int]:
    return [max(counts.seen, default=0) for r in whole.results for counts in r.counts]


shares = st.sampled_from([0.0, 0.25, 0.5, 0.8, 1.0])
tiers = st.builds(Tier, at=st.integers(0, 100).map(lambda n: n / 100), share=shares)
thresholds = st.builds(
    Thresholds,
    fp32=st.lists(tiers.filter(lambda tier: tier.at > 0), min_size=1, max_size=3).map(tuple),
    drop=st.lists(tiers, min_size=1, max_size=3).map(tuple),
    largest_bytes=st.sampled_from([23_660_000, 23_660_999, 25_000_000]),
)
points = st.dictionaries(st.sampled_from(NAMES), st.sampled_from([0.1, 0.125, 1.0, 3.0]))
rubrics = st.builds(rubric_of, thresholds, points, unverified=shares)
accuracies = st.sampled_from([(940, 930, 950), (900, 910, 905), (700, 650, 500), (990, 989, 100)])


@settings(max_examples=25)
@given(
    rubrics,
    rubrics,
    accuracies,
    st.booleans(),
    st.sampled_from(get_args(Outcome)),
    st.sampled_from(["", "", "fp32", "qat"]),
)
def test_new_marks_are_those_of_grading_again(
    all_runs: Mapping[str, Runs],
    old: Rubric,
    new: Rubric,
    right: tuple[int, int, int],
    is_exact: bool,
    weights: Outcome,
    missing: str,
) -> None:
    runs, known = all_runs[missing], answers(right)
    before = grade_known(runs, old, known, is_exact, weights)
    again = grade_known(runs, new, known, is_exact, weights)
    marked = remark(before, new)
    if marked is None:
        assert not is_exact or 0 in seen(before)
        assert any(more > there for more, there in zip(seen(again), seen(before), strict=True))
        return
    assert comparable(marked) == comparable(again)
    assert marked.earned == again.earned
    back = remark(marked, old)
    assert back is not None
    assert comparable(back) == comparable(before)


LENIENT = Thresholds(
    fp32=(Tier(at=0.5, share=1.0),), drop=(Tier(at=0.5, share=1.0),), largest_bytes=25_000_000
)
HARD = Thresholds(
    fp32=(Tier(at=0.93, share=1.0), Tier(at=0.8, share=0.5)),
    drop=(Tier(at=0.01, share=1.0), Tier(at=0.5, share=0.25)),
    largest_bytes=23_660_500,
)


def test_a_threshold_that_needs_more_images_is_not_guessed(all_runs: Mapping[str, Runs]) -> None:
    runs, known = all_runs[""], answers((940, 900, 850))
    few = grade_known(runs, rubric_of(LENIENT, {}), known)
    assert max(seen(few)) < IMAGES
    assert remark(few, rubric_of(HARD, {})) is None
    all_of_them = grade_known(runs, rubric_of(LENIENT, {}), known, is_exact=True)
    marked = remark(all_of_them, rubric_of(HARD, {"fp32": 5.0, "ptq_drop": 0.1}))
    assert marked is not None
    by_name = {one.name: one for one in marked.results}
    assert (by_name["fp32"].outcome, by_name["fp32"].earned) == ("passed", 5)
    drop = by_name["ptq_drop"]
    assert (drop.outcome, drop.share, drop.earned) == ("failed", 0.25, 0.025)
    assert [one.got.split(":")[0] for one in drop.observations] == ["exceeded", "within"]
    assert by_name["quantized_size"].outcome == "failed"


def test_what_decides_what_is_asked_is_asked_again(all_runs: Mapping[str, Runs]) -> None:
    rubric = rubric_of(LENIENT, {})
    there = grade_known(all_runs[""], rubric, answers((940, 900, 850)))
    limits = rubric.document.limits.model_copy(update={"cpu_s": 1})
    others: tuple[dict[str, Any], ...] = (
        {"key": "another key"},
        {"limits": limits},
        {"accuracy_error": 1e-5},
        {"thresholds": {"digits": LENIENT, "cifar10": LENIENT}},
        {"checks": {"accuracy": {"fp32": {"public": 2.0}}}},
    )
    for fields in others:
        other = replace(rubric, document=rubric.document.model_copy(update=fields))
        assert remark(there, other) is None
    assert remark(there.model_copy(update={"asked_sha256": ""}), rubric) is None
    same = there.model_copy(update={"rubric_sha256": "8" * 64})
    assert remark(there, replace(rubric, sha256="8" * 64)) == same


def test_new_marks_need_no_torch() -> None:
    code = "import sys, autograder.remarking; print({'torch', 'pytest'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_points_are_sums_of_decimals() -> None:
    tenths = [result(f"a.b{n}", points=0.1, outcome="passed") for n in range(3)]
    whole = grade(
        *tenths, result("a.c", points=0.125, share=0.5), result("a.d", points=4, share=0.8)
    )
    assert whole.results[3].earned == 0.0625
    assert str(whole.earned) == "3.5625"
    assert str(whole.points) == "4.425"
