"""Run logs and checkpoints as they are graded: honest ones, and one lie at a time."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.expected.sequential import bounds, refutes_at_least, refutes_at_most
from autograder.remarking import remark
from autograder.rubric import Rubric, Tier
from lab3.log.runlog import read_log
from tests.making.engines import on_a_mac
from tests.making.graded_runs import (
    EASY,
    RUN_GROUPS,
    Grader,
    Log,
    failing,
    record,
    rewrite,
    with_thresholds,
)
from tests.making.grades import grade
from tests.making.grading import RUBRIC


def test_honest_runs_pass_every_check(honest: Path, grade_runs: Grader) -> None:
    results = grade_runs(honest)
    assert failing(results) == set()
    assert all(result.share == 1 for result in results.values())
    exact = grade_runs(honest, is_exact=True)
    assert failing(exact) == set()
    right = read_log(honest / "runs" / "ptq").result
    assert right is not None
    counted = next(o for o in exact["accuracy.claims"].observations if "ptq" in o.question)
    assert counted.got.startswith(f"{round(right.accuracy * 359)} right of 359 looked at")


def test_early_stopping_looks_at_fewer_images(honest: Path, grade_runs: Grader) -> None:
    seen: dict[str, int] = {}
    lenient = EASY.model_copy(update={"drop": (Tier(at=1.0, share=1.0),)})
    grade_runs(
        honest,
        with_thresholds(digits=lenient),
        on_images=lambda title, done, _: seen.update({title: done}),
    )
    assert 0 < min(seen.values()) < 359


def test_without_a_key_every_image_is_looked_at(honest: Path, grade_runs: Grader) -> None:
    """An order that can be computed can be chosen, by any change to what is handed in."""
    lenient = EASY.model_copy(update={"drop": (Tier(at=1.0, share=1.0),)})
    results = grade_runs(honest, with_thresholds(key="", digits=lenient))
    for check in ("fp32", "ptq_drop", "qat_drop", "claims"):
        for observation in results[f"accuracy.{check}"].observations:
            assert "359" in observation.got


def test_tiers_give_their_share(honest: Path, grade_runs: Grader) -> None:
    hard = EASY.model_copy(update={"fp32": (Tier(at=1.0, share=1.0), Tier(at=0.15, share=0.5))})
    result = grade_runs(honest, with_thresholds(digits=hard))["accuracy.fp32"]
    assert (result.outcome, result.share) == ("failed", 0.5)
    assert result.earned == result.points / 2
    assert [o.holds for o in result.observations] == [False, True]


@pytest.mark.parametrize("is_exact", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_marks_by_other_tiers_are_those_of_counting_again(
    honest: Path, grade_runs: Grader, is_exact: bool
) -> None:
    hard = EASY.model_copy(
        update={"fp32": (Tier(at=1.0, share=1.0), Tier(at=0.15, share=0.5)), "largest_bytes": 9}
    )
    old, new = (of_runs(with_thresholds(digits=table)) for table in (EASY, hard))
    before, again = (grade_runs(honest, by, is_exact=is_exact) for by in (old, new))
    there = grade(*before.values(), data_set="digits", asked_sha256=old.asked_sha256)
    marked = remark(there, new)
    assert marked is not None
    blank: dict[str, Any] = {"seconds": 0.0, "counts": ()}
    for one in marked.results:
        assert one.model_copy(update=blank) == again[one.check].model_copy(update=blank)


def of_runs(rubric: Rubric) -> Rubric:
    """A rubric that asks for nothing but runs."""
    checks = {group: rubric.document.checks[group] for group in RUN_GROUPS}
    document = rubric.document.model_copy(update={"checks": checks})
    return replace(rubric, document=document)


def raise_accuracy(log: Log) -> None:
    result = record(log, "result")
    result["accuracy"] = 0.99


def raise_accuracy_everywhere(log: Log) -> None:
    """A lie that agrees with itself: only the checkpoint contradicts it."""
    result = record(log, "result")
    size = len(result["confusion"])
    counts = [sum(row) for row in result["confusion"]]
    result["confusion"] = [[counts[i] * (i == j) for j in range(size)] for i in range(size)]
    result["class_accuracy"] = dict.fromkeys(result["class_accuracy"], 1.0)
    result["accuracy"] = 1.0


def drop_an_epoch(log: Log) -> Log:
    return [r for r in log if not (r["event"] == "epoch" and r["epoch"] == 2)]


def raise_validation(log: Log) -> None:
    record(log, "epoch")["validation_accuracy"] = 0.999


def other_learning_rate(log: Log) -> None:
    record(log, "epoch")["learning_rate"] = 0.5


def no_result(log: Log) -> Log:
    return [r for r in log if r["event"] != "result"]


def not_ended(log: Log) -> Log:
    return [r for r in log if r["event"] not in ("end", "result")]


def smaller_file(log: Log) -> None:
    record(log, "end")["checkpoint_bytes"] -= 1000


def bytes_beyond_floats(log: Log) -> None:
    record(log, "end")["checkpoint_bytes"] = 10**400


def counts_beyond_floats(log: Log) -> None:
    record(log, "result").update(images=10**400, confusion=[[9 * 10**4000] * 12])


def classes_beyond_floats(log: Log) -> None:
    record(log, "start").update(width=10**400, num_classes=-(10**400))


def time_without_zone(log: Log) -> None:
    record(log, "end")["time"] = "0001-01-01T00:00:00"


def no_training(log: Log) -> Log:
    record(log, "start")["hyperparameters"] = None
    return [r for r in log if r["event"] != "epoch"]


def never_converted(log: Log) -> Log:
    return [r for r in log if r["event"] != "quantized"]


def other_baseline(log: Log) -> None:
    record(log, "start")["baseline"]["checkpoint_sha256"] = "0" * 64


ACCURACY_OF = {
    "fp32": {"accuracy.fp32", "accuracy.ptq_drop", "accuracy.qat_drop", "accuracy.claims"},
    "ptq": {"accuracy.ptq_drop", "accuracy.claims"},
    "qat": {"accuracy.qat_drop", "accuracy.claims"},
}
OF_PTQ = {"runs.ptq_weights", "accuracy.ptq_drop", "accuracy.ptq_scales"}
GONE = {"runs.checkpoints", "accuracy.quantized_size", "accuracy.claims"}
GONE_PTQ = {"runs.logs", *GONE, *OF_PTQ}
ORIGINS = {
    "fp32": {"runs.ptq_weights", "runs.qat_weights", "accuracy.ptq_scales"},
    "ptq": {"runs.ptq_weights", "accuracy.ptq_scales"},
    "qat": {"runs.qat_weights"},
}
LIES = {
    "accuracy": ("ptq", raise_accuracy, {"runs.consistency", "accuracy.claims"}),
    "accuracy and confusion": ("ptq", raise_accuracy_everywhere, {"accuracy.claims"}),
    "accuracy and confusion of FP32": ("fp32", raise_accuracy_everywhere, {"accuracy.claims"}),
    "an epoch left out": ("fp32", drop_an_epoch, {"runs.consistency"}),
    "validation accuracy": ("fp32", raise_validation, {"runs.consistency"}),
    "learning rate": ("qat", other_learning_rate, {"runs.consistency"}),
    "result left out": ("qat", no_result, {"runs.logs", "accuracy.claims"}),
    "not ended": ("ptq", not_ended, GONE_PTQ),
    "file size": ("ptq", smaller_file, {"runs.consistency", "runs.checkpoints"}),
    "another baseline": ("ptq", other_baseline, GONE_PTQ),
    "more bytes than a float holds": (
        "fp32", bytes_beyond_floats, {"runs.consistency", "runs.checkpoints"},
    ),
    "more images than a float holds": ("qat", counts_beyond_floats, {"runs.consistency"}),
    "more classes than a float holds": (
        "ptq", classes_beyond_floats,
        {"runs.checkpoints", "accuracy.claims", "accuracy.quantized_size", *OF_PTQ},
    ),
    "a time without a zone": ("qat", time_without_zone, {"runs.consistency"}),
    "trained without anything said of it": ("fp32", no_training, {"runs.consistency"}),
    "never converted": ("ptq", never_converted, {"runs.consistency"}),
}  # fmt: skip


@pytest.mark.parametrize("name", LIES)
def test_a_lie_fails_its_own_claims(name: str, submission: Path, grade_runs: Grader) -> None:
    run, lie, expected = LIES[name]
    rewrite(submission / "runs" / run, lie)
    results = grade_runs(submission)
    assert failing(results) == expected
    assert all(results[check].outcome == "failed" for check in expected)


@pytest.mark.parametrize("run", ["fp32", "ptq", "qat"])
def test_without_its_checkpoint_a_result_is_claimed_not_verified(
    run: str, submission: Path, grade_runs: Grader
) -> None:
    (submission / "runs" / run / "model.pt").unlink()
    results = grade_runs(submission)
    size = set() if run == "fp32" else {"accuracy.quantized_size"}
    assert failing(results) == {"runs.checkpoints", *ACCURACY_OF[run], *ORIGINS[run], *size}
    for check in ACCURACY_OF[run]:
        assert results[check].is_claim_only
        assert results[check].earned == 0
        assert "claimed, not verified" in results[check].said
    changes = {"thresholds": {"digits": EASY}, "unverified": 0.5}
    half = replace(RUBRIC, document=RUBRIC.document.model_copy(update=changes))
    for check in ACCURACY_OF[run]:
        assert grade_runs(submission, half)[check].share == 0.5


def save(path: Path, state: dict[str, Any]) -> None:
    torch.save(state, path)


def broken_checkpoints() -> dict[str, Callable[[Path], None]]:
    def change(edit: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
        def write(path: Path) -> None:
            state = torch.load(path)
            edit(state)
            torch.save(state, path)

        return write

    return {
        "truncated": lambda path: path.write_bytes(path.read_bytes()[:5000]) and None,
        "empty": lambda path: path.write_bytes(b"") and None,
        "text": lambda path: path.write_text("weights") and None,
        "a list": lambda path: torch.save([1, 2], path),
        "a tensor missing": change(lambda state: state.pop("fc.scale")),
        "another shape": change(lambda state: state.update({"quant.scale": torch.ones(3, 3)})),
        "an odd scale": change(lambda state: state.update({"quant.scale": torch.tensor([0.3])})),
        "a scale of nan": change(
            lambda state: state.update({"conv1.scale": torch.tensor(float("nan"))})
        ),
        "floats": change(
            lambda state: state.update(
                {"conv1.weight": torch.zeros(8, 3, 3, 3), "conv1.bias": torch.zeros(8)}
            )
        ),
    }


@pytest.mark.parametrize("name", broken_checkpoints())
def test_a_checkpoint_that_does_not_fit_is_named(
    name: str, submission: Path, grade_runs: Grader
) -> None:
    broken_checkpoints()[name](submission / "runs" / "ptq" / "model.pt")
    results = grade_runs(submission)
    assert "runs.checkpoints" in failing(results)
    assert failing(results) <= {*GONE, *OF_PTQ}
    assert {result.outcome for result in results.values()} <= {"passed", "failed"}


@pytest.mark.parametrize("content", [b"", b"x", b"PK\3\4" * 9])
def test_a_small_file_that_is_no_network_has_not_its_size(
    content: bytes, submission: Path, grade_runs: Grader
) -> None:
    for run in ("ptq", "qat"):
        (submission / "runs" / run / "model.pt").write_bytes(content)
    result = grade_runs(submission)["accuracy.quantized_size"]
    assert (result.outcome, result.earned) == ("failed", 0)
    assert [o.question for o in result.observations if not o.holds] == [
        "runs/ptq/model.pt: contents",
        "runs/qat/model.pt: contents",
    ]


def test_an_fp32_file_is_as_large_as_it_is(submission: Path, grade_runs: Grader) -> None:
    """Its log may say that it is larger, so that files of any size are a quarter of it."""
    fp32 = submission / "runs" / "fp32"
    for run in ("ptq", "qat"):
        shutil.copy(fp32 / "model.pt", submission / "runs" / run / "model.pt")
    rewrite(fp32, bytes_beyond_floats)
    result = grade_runs(submission)["accuracy.quantized_size"]
    assert (result.outcome, result.earned) == ("failed", 0)


def test_scales_that_an_engine_refuses_are_the_checkpoints_fault(
    submission: Path, grade_runs: Grader
) -> None:
    """qnnpack, which is alone on some computers, says so only when it computes."""

    def far_apart(state: dict[str, Any]) -> None:
        for name in state:
            if name.endswith("skip_add_relu.scale"):
                state[name] = torch.tensor(2.0**-40)

    path = submission / "runs" / "ptq" / "model.pt"
    state = torch.load(path)
    far_apart(state)
    save(path, state)
    with on_a_mac():
        results = grade_runs(submission)
    assert {result.outcome for result in results.values()} == {"passed", "failed"}
    (wrong,) = [o for o in results["runs.checkpoints"].observations if "contents" in o.question
                and not o.holds]  # fmt: skip
    assert "the checkpoint doesn't fit an INT8 resnet14: " in wrong.got


def test_another_runs_checkpoint_is_noticed(submission: Path, grade_runs: Grader) -> None:
    runs = submission / "runs"
    (runs / "ptq" / "model.pt").write_bytes((runs / "qat" / "model.pt").read_bytes())
    assert "runs.checkpoints" in failing(grade_runs(submission))


def test_a_data_set_that_does_not_count_is_named(honest: Path, grade_runs: Grader) -> None:
    results = grade_runs(honest, with_thresholds(cifar10=EASY))
    assert failing(results) == set(results)
    said = results["accuracy.fp32"].said
    assert said.startswith("no complete FP32 run on cifar10; there are: fp32 (train on digits")


def test_a_data_set_that_staff_lacks_takes_no_points(submission: Path, grade_runs: Grader) -> None:
    def pretend(log: Log) -> None:
        record(log, "start")["data"]["name"] = "cifar10"

    for run in ("fp32", "ptq", "qat"):
        rewrite(submission / "runs" / run, pretend)
    results = grade_runs(submission, with_thresholds(cifar10=EASY))
    undecided = {c for c, result in results.items() if result.outcome == "grader_error"}
    told = ("fp32", "ptq_drop", "qat_drop", "claims", "ptq_scales")
    assert undecided == {f"accuracy.{name}" for name in told}
    assert "cifar10 is not in" in results["accuracy.fp32"].said


def test_a_torn_line_harms_nothing_and_garbage_is_named(
    submission: Path, grade_runs: Grader
) -> None:
    path = submission / "runs" / "fp32" / "run.jsonl"
    whole = path.read_text()
    path.write_text(whole + '{"event": "res')
    assert failing(grade_runs(submission)) == set()
    path.write_text(whole.replace('"epoch":1', '"epoch":"one"', 1))
    results = grade_runs(submission)
    shown = " ".join(o.got for o in results["runs.logs"].observations if not o.holds)
    assert "runs/fp32/run.jsonl:2: epoch" in shown
    assert results["runs.logs"].outcome == "failed"


@settings(max_examples=60)
@given(st.data())
def test_bounds_are_the_counts_that_no_tail_refutes(data: st.DataObject) -> None:
    images = data.draw(st.integers(2, 60))
    seen = data.draw(st.integers(1, images))
    count = data.draw(st.integers(0, seen))
    level = Fraction(1, data.draw(st.sampled_from([10, 1000, 10**6])))
    possible = [
        k
        for k in range(count, images - seen + count + 1)
        if not refutes_at_most(images, k, seen, count, level)
        and not refutes_at_least(images, k, seen, count, level)
    ]
    assert bounds(images, seen, count, level) == (min(possible), max(possible))
