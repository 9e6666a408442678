"""Runs belong to the code and to each other: whose they are is told from numbers."""

import hashlib
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from autograder import measuring
from autograder.catalog import all_checks
from autograder.expected.origins import CALIBRATED, RANGE_ERROR, correlation, moved, shifts
from autograder.exports.files import write_files
from autograder.host.sandbox import Sandbox
from autograder.measuring import Counting
from autograder.submissions.runs import Runs
from lab3.data import ImageData
from lab3.log.runlog import read_log
from tests.conftest import SOLUTION, SOLVED
from tests.hostile.attacks.making import SKELETON
from tests.making.graded_runs import (
    RUN_GROUPS,
    Grader,
    Log,
    failing,
    grade_with_code,
    record,
    rewrite,
)
from tools.running import workspace
from tools.running.quantizing import ptq_run, qat_run

State = dict[str, Any]
OF_RUNS = {name for name in all_checks() if name.split(".")[0] in RUN_GROUPS}
OF_FP32 = {"runs.consistency", "accuracy.fp32"}
OF_PTQ = {"runs.ptq_weights", "accuracy.ptq_drop", "accuracy.ptq_scales"}
OF_QAT = {"runs.qat_weights", "accuracy.qat_drop"}
UNSOLVED = b"""

def unsolved(*_arguments: object, **_more: object) -> None:
    raise NotImplementedError("not yet")
"""


def without(file: str, *functions: str) -> dict[str, bytes]:
    """The solution, but for some functions."""
    ends = "".join(f"\n{function} = unsolved\n" for function in functions)
    return {**SOLVED, file: SOLVED[file] + UNSOLVED + ends.encode()}


FUSING = ("QuantizableResNet.fuse_model", "QuantizableBottleneck.fuse_model")
FLOOR = b"""

def floor(self: object, scale: float, max_shift_amount: int = 8) -> float:
    shift = math.floor(-math.log2(scale)) if 0 < scale < math.inf else max_shift_amount
    return 2.0 ** -max(0, min(shift, max_shift_amount))
CusQuantObserver.scale_approximate = floor
"""
# Code, and the checks of runs that earn their points with it and everybody's right runs.
CODE: dict[str, tuple[Mapping[str, bytes], set[str]]] = {
    "skeleton": (SKELETON, set()),
    "nothing": ({}, set()),
    "observer alone": ({**SKELETON, "observer.py": SOLVED["observer.py"]}, set()),
    "no forward of blocks": (without("resnet.py", "QuantizableBottleneck.forward"), set()),
    "no forward of the network": (without("resnet.py", "QuantizableResNet.forward"), set()),
    "no observer": (without("observer.py", "CusQuantObserver.scale_approximate"), OF_FP32),
    "scales rounded down": (
        {**SOLVED, "observer.py": b"import math\n" + SOLVED["observer.py"] + FLOOR},
        OF_RUNS,
    ),
}


@pytest.mark.parametrize("name", CODE)
def test_runs_earn_what_the_code_can_make(
    name: str, honest: Path, sandbox: Sandbox, tmp_path: Path
) -> None:
    files, expected = CODE[name]
    grade = grade_with_code(sandbox, honest, Counting(tmp_path), files=files)
    of_runs = [result for result in grade.results if result.group in RUN_GROUPS]
    assert {result.check for result in of_runs if result.earned} == expected
    for result in of_runs:
        assert result.earned in (0, result.points)
        assert bool(result.waits_for) == (result.check not in expected)


def restate(run: Path, change: Callable[[State], State | None]) -> None:
    """Change a checkpoint's numbers, and let the log say so everywhere."""
    path = run / "model.pt"
    state = torch.load(path)
    torch.save(change(state) or state, path)
    content = path.read_bytes()

    def describe(log: Log) -> None:
        for event in ("end", "result"):
            entry = record(log, event)
            entry["checkpoint_sha256"] = hashlib.sha256(content).hexdigest()
            entry["checkpoint_bytes"] = len(content)

    rewrite(run, describe)


def with_integers(weight: torch.Tensor, integers: torch.Tensor) -> torch.Tensor:
    make: Callable[..., torch.Tensor] = torch._make_per_tensor_quantized_tensor
    return make(integers.to(torch.int8), weight.q_scale(), 0)


def one_weight(state: State) -> None:
    """A number that lies far from the border between its integer and the next."""
    weight = state["layer2.0.conv2.weight"]
    integers = weight.int_repr().clone()
    integers.view(-1)[integers.abs().argmin()] += 2
    state["layer2.0.conv2.weight"] = with_integers(weight, integers)


def one_bias(state: State) -> None:
    """By two of its steps, the product of two scales."""
    step = float(state["quant.scale"]) * state["conv1.weight"].q_scale()
    state["conv1.bias"][0] += 2 * step


def hidden_behind_another(state: State) -> None:
    """A bias that is far too large may not excuse the others of its layer."""
    state["conv1.bias"][0] += 1e6
    state["conv1.bias"][1] += 1.0


def zero_point(state: State) -> None:
    state["fc.zero_point"] = torch.tensor(126)


def coarser_output(state: State) -> None:
    state["fc.scale"] = state["fc.scale"] * 4


def no_power_of_two(state: State) -> None:
    state["fc.scale"] = state["fc.scale"] * 1.1


def shuffled(state: State) -> None:
    """Weights as likely as the right ones, and of no network that anybody trained."""
    source = torch.Generator().manual_seed(1)
    for name, value in state.items():
        if name.endswith(".weight") and value.is_quantized:
            order = torch.randperm(value.numel(), generator=source)
            integers = value.int_repr().flatten()[order].view(value.shape)
            state[name] = with_integers(value, integers)


PTQ_CHANGES = {
    one_weight: {"runs.ptq_weights", "accuracy.ptq_drop"},
    one_bias: {"runs.ptq_weights", "accuracy.ptq_drop"},
    hidden_behind_another: {"runs.ptq_weights", "accuracy.ptq_drop"},
    shuffled: {"runs.ptq_weights", "accuracy.ptq_drop"},
    zero_point: {"accuracy.ptq_scales"},
    coarser_output: {"accuracy.ptq_scales"},
    no_power_of_two: {"accuracy.ptq_scales", "runs.checkpoints"},
}


@pytest.mark.parametrize("change", PTQ_CHANGES, ids=lambda change: change.__name__)
def test_ptq_is_computed_from_fp32(
    change: Callable[[State], None], submission: Path, grade_runs: Grader
) -> None:
    restate(submission / "runs" / "ptq", change)
    results = grade_runs(submission)
    assert failing(results) - {"accuracy.claims"} == PTQ_CHANGES[change]
    if "accuracy.ptq_drop" in failing(results):
        assert results["accuracy.ptq_drop"].waits_for == "runs.ptq_weights"


def test_fewer_calibration_images_give_the_scales_of_fewer(
    submission: Path, digits: ImageData, grade_runs: Grader
) -> None:
    runs = submission / "runs"
    shutil.rmtree(runs / "ptq")
    ptq_run(runs / "ptq", runs / "fp32", digits, workspace.use_code(SOLUTION), 8)
    assert "accuracy.ptq_scales" not in failing(grade_runs(submission))

    def pretend(images: int) -> Callable[[Log], None]:
        return lambda log: record(log, "start").update(calibration_images=images)

    rewrite(runs / "ptq", pretend(0))
    assert "accuracy.ptq_scales" in failing(grade_runs(submission))


def test_ranges_decide_scales_up_to_rounding() -> None:
    """Of a range near a border either shift is right; of any other range, one."""
    border = 255 / 2 * 2**-4.5
    assert list(shifts(border * (1 + RANGE_ERROR / 2), RANGE_ERROR)) == [4, 5]
    assert list(shifts(border * (1 - RANGE_ERROR / 2), RANGE_ERROR)) == [4, 5]
    assert list(shifts(border * (1 + 2 * RANGE_ERROR), RANGE_ERROR)) == [4]
    assert list(shifts(border * (1 - 2 * RANGE_ERROR), RANGE_ERROR)) == [5]
    assert list(shifts(1e-9, RANGE_ERROR)) == [8]
    assert list(shifts(1e9, RANGE_ERROR)) == [0]
    assert list(shifts(0.0, RANGE_ERROR)) == list(range(9))
    assert not shifts(float("nan"), RANGE_ERROR)
    assert CALIBRATED >= 512  # what lab3 ptq takes by itself is foretold to the bit


def test_a_weight_on_the_border_may_be_rounded_either_way() -> None:
    layer = torch.nn.Linear(4, 1)
    layer.weight.data = torch.tensor([[3.5, 3.5004, 3.51, 3.49]]) / 128
    for integers, expected in (
        ([3, 3, 3, 3], [False, False, True, False]),
        ([4, 4, 4, 4], [False, False, False, True]),
        ([5, 2, 5, 2], [True, True, True, True]),
    ):
        numbers: Any = SimpleNamespace(
            weight=torch.tensor([integers]).to(torch.int8), weight_scale=1 / 128
        )
        assert moved(layer, numbers).tolist() == [expected]


def test_a_flat_layer_resembles_nothing() -> None:
    numbers: Any = SimpleNamespace(weight=torch.zeros(3, 3, dtype=torch.int8))
    assert correlation(torch.randn(3, 3), numbers) == 0


def as_qat(submission: Path, change: Callable[[State], None] = lambda _: None) -> None:
    """Hand in PTQ's numbers for those of QAT."""
    runs = submission / "runs"
    state = torch.load(runs / "ptq" / "model.pt")
    change(state)
    restate(runs / "qat", lambda _: state)


@pytest.mark.parametrize("change", [lambda _: None, one_weight, one_bias, coarser_output])
def test_ptqs_numbers_are_not_qats(
    change: Callable[[State], None], submission: Path, grade_runs: Grader
) -> None:
    as_qat(submission, change)
    assert failing(grade_runs(submission)) - {"accuracy.claims"} == OF_QAT


def noise(state: State) -> None:
    """One step up or down at one weight in ten, which costs hardly any accuracy."""
    source = torch.Generator().manual_seed(1)
    for name, value in state.items():
        if name.endswith(".weight") and value.is_quantized:
            integers = value.int_repr().to(torch.int16)
            steps = torch.randint(-1, 2, integers.shape, generator=source)
            is_hit = torch.rand(integers.shape, generator=source) < 0.15
            state[name] = with_integers(value, (integers + steps * is_hit).clamp(-128, 127))


def towards_zero(state: State) -> None:
    """As if the FP32 weights had been cut instead of rounded: half of the integers move."""
    for name, value in state.items():
        if name.endswith(".weight") and value.is_quantized:
            integers = value.int_repr().clone()
            integers[..., ::2, :] -= integers[..., ::2, :].sign()
            state[name] = with_integers(value, integers)


@pytest.mark.parametrize("change", [noise, towards_zero])
def test_ptqs_numbers_with_noise_are_not_trained(
    change: Callable[[State], None], submission: Path, grade_runs: Grader
) -> None:
    as_qat(submission, change)
    results = grade_runs(submission)
    assert failing(results) - {"accuracy.claims"} == OF_QAT
    (wrong,) = [o for o in results["runs.qat_weights"].observations if not o.holds]
    assert (wrong.question, wrong.got) == ("biases that QAT moved", "0.00%")


def test_another_networks_numbers_are_not_qats(submission: Path, grade_runs: Grader) -> None:
    restate(submission / "runs" / "qat", shuffled)
    results = grade_runs(submission)
    assert failing(results) - {"accuracy.claims"} == OF_QAT
    (wrong,) = [o for o in results["runs.qat_weights"].observations if not o.holds]
    assert wrong.question.startswith("correlation")


@pytest.mark.parametrize(
    ("epochs", "learning_rate"),
    [
        pytest.param(1, 1e-6, marks=pytest.mark.slow),
        pytest.param(1, 0.2, marks=pytest.mark.slow),
        pytest.param(4, 0.005, marks=pytest.mark.slow),
        pytest.param(4, 0.05, marks=pytest.mark.slow),
        pytest.param(10, 0.2, marks=pytest.mark.slow),
    ],
)
def test_honest_qat_is_recognised(
    epochs: int, learning_rate: float, submission: Path, digits: ImageData, grade_runs: Grader
) -> None:
    runs = submission / "runs"
    shutil.rmtree(runs / "qat")
    changes = {"epochs": epochs, "learning_rate": learning_rate}
    qat_run(runs / "qat", runs / "fp32", digits, workspace.use_code(SOLUTION), changes)
    assert grade_runs(submission)["runs.qat_weights"].outcome == "passed"


def test_runs_of_other_code_are_told_to_staff_alone(
    submission: Path, sandbox: Sandbox, tmp_path: Path
) -> None:
    log = read_log(submission / "runs" / "fp32")
    assert Runs({}, [], SOLVED).code_sha256 == log.start.code_sha256
    before = grade_with_code(sandbox, submission, Counting(tmp_path))
    assert before.notes == ()
    path = submission / "lab3" / "observer.py"
    path.write_bytes(path.read_bytes() + b"# a word more\n")
    after = grade_with_code(sandbox, submission, Counting(tmp_path))
    assert after.earned == before.earned
    assert [note.split()[0] for note in after.notes] == ["runs/fp32", "runs/ptq", "runs/qat"]
    assert all("other code" in note for note in after.notes)
    write_files(tmp_path / "out", after, "everything")
    for name in ("feedback.html", "junit.xml", "results.json"):
        assert "other code" not in (tmp_path / "out" / name).read_text()


def test_test_images_beyond_chance_are_told_to_staff(
    honest: Path, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for a network that was fitted to the test images: others it gets wrong."""
    real = measuring.load_data

    def load(name: str, data_dir: Path) -> ImageData:
        data = real(name, data_dir)
        data.validation.labels.copy_((data.validation.labels + 1) % 10)
        return data

    monkeypatch.setattr(measuring, "load_data", load)
    grade = grade_with_code(sandbox, honest, Counting(tmp_path))
    assert [note.split()[0] for note in grade.notes] == ["runs/fp32", "runs/qat"]
    assert all("was it trained on test images?" in note for note in grade.notes)
    assert grade.earned == grade.points
