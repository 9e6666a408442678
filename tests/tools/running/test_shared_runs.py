"""Runs of other people: named by their folder, and measured without the code that made them."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from lab3 import engines
from lab3.data import ImageData
from lab3.engines import exact_engines
from lab3.log.records import Start
from lab3.log.runlog import CHECKPOINT_NAME, LOG_NAME, read_log
from tests.conftest import ROOT, SOLUTION, Command, change
from tests.making.engines import on_a_mac
from tests.making.graded_runs import Log, record, rewrite
from tools.running import evaluating, networks
from tools.running.workspace import find_run, open_stubs
from tools.shared.console import UserError

RUNS = ("fp32", "ptq", "per-channel", "qat")


@pytest.fixture
def shared(finished: Path, tmp_path: Path) -> Path:
    """A folder with somebody's finished runs, and no code."""
    shutil.copytree(finished / "runs", tmp_path / "shared" / "runs")
    return tmp_path


def test_a_run_is_found_by_its_name_or_its_folder(finished: Path) -> None:
    runs = finished / "runs"
    assert find_run(runs, "ptq") == find_run(Path("elsewhere"), str(runs / "ptq")) == runs / "ptq"
    with pytest.raises(UserError, match=r"no run 'x' in elsewhere \(runs there: none\)"):
        find_run(Path("elsewhere"), "x")
    with pytest.raises(UserError, match=r"runs/x is no run's folder: .*: fp32, per-channel, ptq"):
        find_run(runs, "runs/x")


def test_a_run_s_own_folder_has_its_name(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished / "runs" / "ptq")
    assert find_run(Path("runs"), ".").name == "ptq"


def test_every_command_takes_the_folder_of_a_run(shared: Path, lab3: Command) -> None:
    ptq, fp32 = "shared/runs/ptq", "shared/runs/fp32"
    assert "ptq on integers" in lab3("hardware", ptq, "--images", 2, "--code", SOLUTION).stdout
    assert read_log(shared / ptq).certificate.images == 2
    shown = lab3("evaluate", fp32, ptq, "--json", "--code", SOLUTION).stdout
    assert [row["run"] for row in json.loads(shown)["comparison"]] == ["fp32", "ptq"]
    shown = lab3("runs", ptq, "--json").stdout
    assert [run["run"] for run in json.loads(shown)["runs"]] == ["ptq"]
    lab3("ptq", "--baseline", fp32, "--code", SOLUTION)
    assert read_log(shared / "runs" / "ptq").start.baseline.name == "fp32"
    assert "wrote report.md" in lab3("report", "--runs", "shared/runs", "--baseline", fp32).stderr


def test_two_runs_of_one_name_are_not_mixed_up(shared: Path, lab3: Command) -> None:
    shutil.copytree(shared / "shared" / "runs" / "ptq", shared / "runs" / "ptq")
    said = lab3("evaluate", "ptq", "shared/runs/ptq", "--code", SOLUTION, fails=1).stderr
    assert "two of the runs have the same name" in said


@pytest.mark.usefixtures("same_engine_afterwards")
def test_what_is_counted_does_not_depend_on_which_engine_is_faster_today(
    finished: Path, digits: ImageData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where scales are no powers of two, engines round some rescaled sums differently."""
    folder = finished / "runs" / "per-channel"
    log, results = read_log(folder), []

    def use(build: Callable[[], nn.Module], _images: object) -> tuple[nn.Module, str]:
        torch.backends.quantized.engine = fastest
        return build(), fastest

    monkeypatch.setattr(engines, "use_fastest_engine", use)
    for fastest in exact_engines():
        result = evaluating.measure(folder, log, digits).result
        assert result.latency
        assert result.latency.engine == fastest
        results.append((result.accuracy, result.loss, result.confusion))
    assert all(result == results[0] for result in results)


@pytest.mark.parametrize(
    "skeleton",
    [pytest.param(True, marks=pytest.mark.slow), False],
    ids=["skeleton", "nothing"],
)
def test_measuring_needs_no_student_code(shared: Path, skeleton: bool, lab3: Command) -> None:
    if skeleton:
        shutil.copytree(ROOT / "assignment" / "lab3", shared / "assignment" / "lab3")
    own, students = (
        json.loads(lab3("evaluate", "--runs", "shared/runs", "--no-log", "--json", *code).stdout)
        for code in ((), ("--code", SOLUTION))
    )
    for name in RUNS:
        for field in ("accuracy", "confusion", "scheme", "checkpoint_bytes"):
            assert own["results"][name][field] == students["results"][name][field]
        assert own["results"][name]["loss"] == pytest.approx(students["results"][name]["loss"])
    few = ("--images", 20, "--no-log", "--json")
    for name in ("ptq", "qat"):
        own, students = (
            json.loads(lab3("hardware", f"shared/runs/{name}", *few, *code).stdout)
            for code in ((), ("--code", SOLUTION))
        )
        assert own["is_identical"]
        assert {**own, "time": ""} == {**students, "time": ""}


def test_the_kit_s_own_network_is_told_and_refuses_what_does_not_fit(
    shared: Path, lab3: Command
) -> None:
    ptq = shared / "shared" / "runs" / "ptq"
    said = lab3("hardware", ptq, "--images", 2).stderr
    assert "ptq: the kit's own network computes it (forward is still a stub here)" in said
    checkpoint = shared / "shared" / "runs" / "fp32" / CHECKPOINT_NAME
    old = read_log(ptq).end.checkpoint_sha256
    change(ptq / "run.jsonl", old, read_log(checkpoint.parent).end.checkpoint_sha256)
    shutil.copy(checkpoint, ptq / CHECKPOINT_NAME)
    said = lab3("hardware", ptq, "--images", 2, fails=1).stderr
    assert "doesn't fit the kit's own resnet14: name the code that made it with --code DIR" in said


def described(run: Path, content: bytes | None = None, **changes: object) -> None:
    """Let a run's log say other things of it, and what its checkpoint holds now."""
    if content is not None:
        (run / CHECKPOINT_NAME).write_bytes(content)
    digest = hashlib.sha256((run / CHECKPOINT_NAME).read_bytes()).hexdigest()

    def change_log(log: Log) -> None:
        record(log, "start").update(changes)
        record(log, "end")["checkpoint_sha256"] = digest

    rewrite(run, change_log)


@pytest.mark.parametrize(
    "changes",
    [{"arch": "vgg"}, {"width": 10**7}, {"width": 10**300}, {"num_classes": -3},
     {"num_classes": 10**9}],
    ids=str,
)  # fmt: skip
def test_no_network_is_built_that_a_checkpoint_does_not_hold(
    shared: Path, changes: dict[str, object], lab3: Command
) -> None:
    """A log of somebody else's may ask for more memory than there is."""
    described(run := shared / "shared" / "runs" / "ptq", **changes)
    said = lab3("hardware", run, "--images", 2, fails=1).stderr
    assert f"{run / CHECKPOINT_NAME} is of another network than {run / LOG_NAME} names" in said


@pytest.mark.parametrize("content", [b"", b"x", b"\x80\x02]q\x00.", bytes(1000)])
def test_a_file_that_is_no_checkpoint_is_named(shared: Path, content: bytes, lab3: Command) -> None:
    described(run := shared / "shared" / "runs" / "ptq", content)
    said = lab3("evaluate", run, "--again", "--no-log", fails=1).stderr
    assert f"{run / CHECKPOINT_NAME} is no checkpoint of the lab" in said


@pytest.mark.usefixtures("shared")
def test_training_still_needs_student_code(lab3: Command) -> None:
    said = lab3("ptq", "--runs", "shared/runs", "--name", "new", fails=1).stderr
    assert "no lab3/resnet.py" in said
    assert "--code DIR" in said


def test_a_leftover_behind_an_answer_is_no_stub(student: Path) -> None:
    import lab3

    own = str(student / "lab3")
    lab3.__path__.insert(0, own)
    try:
        assert not open_stubs()
        end = "return self.dequant(x)"
        change(
            student / "lab3" / "resnet.py", end, f'{end}\n        raise NotImplementedError("x")'
        )
        assert not open_stubs()
        shutil.copy(ROOT / "assignment" / "lab3" / "observer.py", own)
        assert open_stubs() == ["scale_approximate"]
    finally:
        lab3.__path__.remove(own)


@pytest.mark.parametrize("load", [networks.load, networks.load_into_own])
def test_a_network_is_made_ready_where_no_engine_is_set(
    finished: Path, load: Callable[[Path, Start], nn.Module]
) -> None:
    run = finished / "runs" / "ptq"
    with on_a_mac():
        network = load(run, read_log(run).start)
        assert torch.backends.quantized.engine == "qnnpack"
        assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 10)
