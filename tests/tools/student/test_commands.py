"""The student commands in processes of their own, as a user runs them."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from lab3.log.runlog import CHECKPOINT_NAME, LOG_NAME, STATE_NAME, append, read_log
from tests.conftest import SOLUTION, Command, change, run_lab3
from tests.making.commands import SMALL
from tests.making.datasets import write_cifar10, write_fashion_mnist
from tools.running.workspace import file_sha256


def epochs_of(run: Path) -> list[dict[str, object]]:
    measured = {"duration_s", "images_per_s"}
    return [epoch.model_dump(exclude=measured) for epoch in read_log(run).epochs]


def start(*arguments: object, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tools", *map(str, arguments)],
        cwd=cwd,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_runs_are_logged_from_start_to_end(finished: Path) -> None:
    for name, kind, epochs in (("fp32", "train", 2), ("ptq", "ptq", 0), ("qat", "qat", 1)):
        run = finished / "runs" / name
        log = read_log(run)
        assert (log.start.kind, len(log.epochs)) == (kind, epochs)
        assert log.end
        assert log.end.checkpoint_sha256 == file_sha256(run / CHECKPOINT_NAME)
        assert log.end.checkpoint_bytes == (run / CHECKPOINT_NAME).stat().st_size
        assert sorted(path.name for path in run.iterdir()) == [CHECKPOINT_NAME, LOG_NAME]
    baseline = read_log(finished / "runs" / "fp32")
    for name in ("ptq", "qat"):
        log = read_log(finished / "runs" / name)
        assert log.start.data == baseline.start.data
        assert log.start.baseline.checkpoint_sha256 == baseline.end.checkpoint_sha256
        assert log.quantized.scheme == "int8-per-tensor"
        assert len(log.analysis.tensors) == 41
        assert (finished / "runs" / name / LOG_NAME).stat().st_size < 100_000
    assert read_log(finished / "runs" / "per-channel").analysis is None


def test_evaluate_compares_all_runs_and_remembers(copied: Path, lab3: Command) -> None:
    shown = lab3("evaluate", "--code", SOLUTION, "--classes").stdout
    for word in ("FP32", "PTQ", "QAT", "per-channel", "Speed-up", "Confusion matrix of qat"):
        assert word in shown
    document = json.loads(lab3("evaluate", "--code", SOLUTION, "--json").stdout)
    rows = {row["run"]: row for row in document["comparison"]}
    for name, row in rows.items():
        result = document["results"][name]
        confusion = result["confusion"]
        assert sum(map(sum, confusion)) == result["images"] == 359
        assert sum(confusion[i][i] for i in range(10)) / 359 == pytest.approx(row["accuracy"])
        assert row["size_bytes"] == (copied / "runs" / name / CHECKPOINT_NAME).stat().st_size
        drop = 100 * (rows["fp32"]["accuracy"] - row["accuracy"])
        assert row["drop_points"] == pytest.approx(drop)
        assert row["latency_quartiles_s"][0] <= row["latency_s"] <= row["latency_quartiles_s"][1]
        if not row["is_noisy"]:
            assert row["speedup"] == pytest.approx(rows["fp32"]["latency_s"] / row["latency_s"])
        if name != "fp32":
            low, high = row["speedup_interval"]
            assert 0 < low <= high
    assert rows["per-channel"]["scheme"] == "int8-per-channel"
    assert len(re.findall('"event":"result"', (copied / "runs/ptq" / LOG_NAME).read_text())) == 1


@pytest.mark.long
@pytest.mark.parametrize(
    ("augmentation", "kills"),
    [
        ("none", 2),
        *(pytest.param(name, 4, marks=pytest.mark.slow) for name in ("none", "autoaugment")),
    ],
)
def test_a_run_killed_at_random_moments_ends_like_an_unbroken_one(
    tmp_path: Path, augmentation: str, kills: int
) -> None:
    options = ("--augmentation", augmentation, "--name", "run", "--save-every", 0.1)
    command = ("train", *SMALL, "--epochs", 3, *options)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert run_lab3(*command, cwd=tmp_path / "a").returncode == 0
    unbroken, killed = tmp_path / "a/runs/run", tmp_path / "b/runs/run"
    seed = random.randrange(10**6)
    moments = random.Random(seed)
    for _ in range(kills):
        process = start(*command, cwd=tmp_path / "b")
        begun = time.time()
        state = killed / STATE_NAME
        while process.poll() is None and not (state.exists() and state.stat().st_mtime > begun):
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.7))
        process.kill()
        process.communicate()
    done = run_lab3(*command, cwd=tmp_path / "b")
    assert done.returncode == 0, f"seed {seed}: {done.stderr}"
    resumed = [record for record in read_log(killed).records if record.event == "resume"]
    assert any(record.step > 0 for record in resumed), f"seed {seed}: no kill hit an epoch"
    assert epochs_of(killed) == epochs_of(unbroken), f"seed {seed}"
    assert file_sha256(killed / CHECKPOINT_NAME) == file_sha256(unbroken / CHECKPOINT_NAME)
    assert not (killed / STATE_NAME).exists()


@pytest.mark.long
def test_ctrl_c_in_the_middle_of_an_epoch_saves_and_the_same_command_goes_on(
    finished: Path, tmp_path: Path
) -> None:
    command = ("train", *SMALL, "--epochs", 2)
    process = start(*command, cwd=tmp_path)
    run = tmp_path / "runs" / "fp32"
    while not (run / LOG_NAME).exists() or len(read_log(run).epochs) < 1:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    assert "run the same command again, without --restart, to go on" in said
    assert "Traceback" not in said
    done = run_lab3(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    resumed = [r for r in read_log(run).records if r.event == "resume"]
    assert [(r.epoch, r.step > 0) for r in resumed] == [(1, True)]
    assert epochs_of(run) == epochs_of(finished / "runs" / "fp32")
    assert file_sha256(run / CHECKPOINT_NAME) == file_sha256(
        finished / "runs" / "fp32" / CHECKPOINT_NAME
    )


@pytest.mark.slow
def test_torchrun_trains_with_two_processes(tmp_path: Path) -> None:
    torchrun = (
        "-W ignore -m torch.distributed.run --nproc-per-node 2 --master-port 0 "
        "--rdzv-backend c10d --rdzv-endpoint localhost:0 -m tools"
    ).split()
    done = subprocess.run(
        [sys.executable, *torchrun, "train", *map(str, SMALL), "--epochs", "2"],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    log = read_log(tmp_path / "runs" / "fp32")
    assert log.start.environment.processes == 2
    assert [epoch.epoch for epoch in log.epochs] == [1, 2]
    for epoch in log.epochs:  # every image of every batch was counted once
        assert epoch.images_per_s * epoch.duration_s == pytest.approx(1280)
    assert log.epochs[1].train_loss < log.epochs[0].train_loss
    assert done.stderr.count("epoch 2/2") == 1


@pytest.mark.parametrize(
    ("arch", "width", "parameters", "sizes"),
    [
        ("resnet14", 4, "33,806", ("0.17", "0.06")),
        pytest.param("resnet50", 64, "23,520,842", ("94.40", "23.66"), marks=pytest.mark.slow),
    ],
)
def test_cifar10_goes_from_its_folder_through_ptq_and_qat(
    arch: str, width: int, parameters: str, sizes: tuple[str, str], tmp_path: Path, lab3: Command
) -> None:
    write_cifar10(tmp_path / "data")
    shared = ("--code", SOLUTION)
    network = ("--arch", arch, "--width", width, "--dataset", "cifar10")
    said = lab3("train", *network, "--epochs", 1, "--batch-size", 12, *shared).stderr
    assert f"{parameters} parameters" in said
    lab3("ptq", *shared)
    lab3("qat", "--epochs", 1, *shared)
    shown = lab3("evaluate", *shared).stdout
    for size in sizes:
        assert size in shown


def test_fashion_mnist_trains_from_its_files(tmp_path: Path, lab3: Command) -> None:
    write_fashion_mnist(tmp_path / "files", zipped=True)
    data = ("--dataset", "fashion-mnist", "--data-dir", tmp_path / "files")
    network = ("--arch", "resnet14", "--width", 4, "--code", SOLUTION)
    lab3("train", *data, *network, "--epochs", 1, "--batch-size", 6)
    assert read_log(tmp_path / "runs" / "fp32").start.data.train == 18


def test_a_run_is_never_overwritten_by_another_one(copied: Path, lab3: Command) -> None:
    before = (copied / "runs/fp32" / LOG_NAME).read_bytes()
    said = lab3("train", *SMALL, "--epochs", 3, fails=1).stderr
    assert "hyperparameters.epochs was 2, now 3" in said
    assert "--restart" in said
    assert "complete already" in lab3("train", *SMALL, "--epochs", 2).stderr
    assert (copied / "runs/fp32" / LOG_NAME).read_bytes() == before


def test_a_log_that_somebody_edited_comes_with_the_remedy(copied: Path, lab3: Command) -> None:
    log = copied / "runs/fp32" / LOG_NAME
    log.write_text(log.read_text().replace('{"event":"epoch"', '{"event":"epo', 1))
    for arguments in (("train", *SMALL, "--epochs", 2), ("ptq", "--code", SOLUTION)):
        said = lab3(*arguments, fails=1).stderr
        assert "runs/fp32/run.jsonl:2:" in said
        assert "put the line back as it was, or repeat the run with --restart" in said


def test_checkpoints_without_a_log_are_not_gone_on_with(copied: Path, lab3: Command) -> None:
    (copied / "runs" / "fp32" / LOG_NAME).unlink()
    assert "without run.jsonl" in lab3("train", *SMALL, "--epochs", 2, fails=1).stderr
    assert (copied / "runs" / "fp32" / CHECKPOINT_NAME).exists()


def test_another_number_of_processes_is_another_run(copied: Path, lab3: Command) -> None:
    log = copied / "runs" / "fp32" / LOG_NAME
    log.write_text(log.read_text().replace('"processes":1', '"processes":2'))
    assert "processes was 2, now 1" in lab3("train", *SMALL, "--epochs", 2, fails=1).stderr


def test_a_copied_run_is_a_run_of_its_own(copied: Path, lab3: Command) -> None:
    shutil.copytree(copied / "runs" / "ptq", copied / "runs" / "twin")
    document = json.loads(lab3("evaluate", "--code", SOLUTION, "--json").stdout)
    assert {"ptq", "twin"} <= {row["run"] for row in document["comparison"]}


def test_no_log_leaves_the_logs_as_they_are(copied: Path, lab3: Command) -> None:
    before = {path: path.read_bytes() for path in copied.rglob(LOG_NAME)}
    assert "Speed-up" in lab3("evaluate", "--again", "--no-log", "--code", SOLUTION).stdout
    assert {path: path.read_bytes() for path in copied.rglob(LOG_NAME)} == before


def test_hardware_certifies_exports_and_logs(copied: Path, lab3: Command) -> None:
    done = lab3("hardware", "ptq", "--images", 20, "--export", "out/x", "--code", SOLUTION)
    made = read_log(copied / "runs/ptq").certificate
    assert made
    assert made.is_identical
    values = 20 * sum(layer.values for layer in made.layers)
    assert f"identical: all {values:,} values of 24 layers on 20 test images" in done.stdout
    for layer in made.layers:
        assert layer.layer in done.stdout
    shorter = lab3("hardware", "ptq", "--images", 2, "--code", SOLUTION)
    assert "the log keeps the certificate of 20 images" in shorter.stderr
    assert read_log(copied / "runs/ptq").certificate == made
    for name in ("model.npz", "model.c", "images.bin", "logits.txt", "README.md"):
        assert f"wrote out/x/{name}" in done.stderr
    assert len((copied / "out/x/logits.txt").read_text().splitlines()) == 100
    with np.load(copied / "out/x/model.npz") as model:
        bits = [layer.accumulator_bits for layer in made.layers[1:]]
        assert model["steps"]["bits"].tolist()[1:] == bits


def test_hardware_tells_machines_the_same(copied: Path, lab3: Command) -> None:
    before = (copied / "runs/qat" / LOG_NAME).read_bytes()
    shown = lab3("hardware", "qat", "--images", 40, "--json", "--no-log", "--code", SOLUTION).stdout
    found = json.loads(shown)
    log = read_log(copied / "runs/qat")
    assert found["is_identical"]
    assert found["images"] == 40
    assert found["totals"]["saved"] == sum(layer["saved"] for layer in found["layers"])
    assert found["checkpoint_sha256"] == log.end.checkpoint_sha256
    outputs = {tensor.layer: tensor for tensor in log.analysis.tensors if tensor.role != "weight"}
    weights = {tensor.layer: tensor for tensor in log.analysis.tensors if tensor.role == "weight"}
    layers = {layer["layer"]: layer for layer in found["layers"]}
    scale_in = outputs["quant"].shift + weights["conv1"].shift
    assert layers["conv1"]["shift"] == scale_in - outputs["conv1"].shift
    assert layers["conv1"]["sqnr_db"] == outputs["conv1"].sqnr_db
    assert (copied / "runs/qat" / LOG_NAME).read_bytes() == before


def test_hardware_refuses_what_needs_more_than_shifts(copied: Path, lab3: Command) -> None:
    said = lab3("hardware", "per-channel", "--code", SOLUTION, fails=1).stderr
    assert "conv1: the scale of its output" in said
    assert "one per channel" in said
    assert "--qconfig default" in said
    said = lab3("hardware", "fp32", "--code", SOLUTION, fails=1).stderr
    assert "'fp32' computes in FP32" in said
    assert read_log(copied / "runs/per-channel").certificate is None


def test_a_damaged_log_is_left_out_of_an_evaluation(copied: Path, lab3: Command) -> None:
    (copied / "runs" / "broken").mkdir()
    (copied / "runs" / "broken" / LOG_NAME).write_text("{}\n")
    assert "left out: runs/broken" in lab3("evaluate", "--code", SOLUTION).stderr


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("resnet.py", "x = self.quant(x)", "x = self.quant(x + 0)"),
        pytest.param("training.py", "\n", "\n# tuned\n", marks=pytest.mark.slow),
    ],
)
def test_changed_code_is_noticed(
    copied: Path, student: Path, lab3: Command, file: str, old: str, new: str
) -> None:
    change(student / "lab3" / file, old, new)
    arguments = ("train", *SMALL[:-1], student, "--epochs", 2)
    assert " has changed" in lab3(*arguments, fails=1, cwd=copied).stderr


def test_quantizing_needs_the_baseline_s_own_data_and_checkpoint(
    copied: Path, lab3: Command
) -> None:
    assert (
        "no run 'fp3' in runs (runs there: fp32"
        in lab3("ptq", "--baseline", "fp3", "--code", SOLUTION, fails=1).stderr
    )
    assert (
        "needs an FP32 run"
        in lab3("ptq", "--baseline", "qat", "--name", "x", "--code", SOLUTION, fails=1).stderr
    )
    log = copied / "runs" / "fp32" / LOG_NAME
    text = log.read_text()
    fingerprint = re.search('"fingerprint":"([0-9a-f]{64})"', text)[1]
    log.write_text(text.replace(fingerprint, "0" * 64))
    assert "validation images" in lab3("ptq", "--name", "y", "--code", SOLUTION, fails=1).stderr
    log.write_text(text)
    (copied / "runs" / "fp32" / CHECKPOINT_NAME).write_bytes(b"something else")
    assert (
        "not what the run wrote" in lab3("ptq", "--name", "z", "--code", SOLUTION, fails=1).stderr
    )


def test_a_loss_that_explodes_ends_with_the_remedy(lab3: Command) -> None:
    said = lab3("train", *SMALL, "--learning-rate", "1e30", fails=1).stderr
    assert "the loss is not finite" in said
    assert "--learning-rate 1e+29" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train", "--dataset", "cifar10", "--code", SOLUTION), "--download"),
        (("train", *SMALL, "--epochs", "0"), "--epochs 0"),
        (("train", *SMALL, "--momentum", "1.5"), "--momentum 1.5"),
        (("train", *SMALL, "--name", "../x"), "'../x' can't be a run's name"),
        (("train", *SMALL, "--device", "cuda"), "no GPU"),
        (("train", *SMALL, "--name", "x" * 300), "File name too long"),
        (("train", *SMALL, "--runs", __file__), "Not a directory"),
        (("train", "--dataset", "digits"), "--code DIR"),
        (("evaluate", "--code", SOLUTION), "no complete run in runs"),
        (("release",), "--skeleton"),
    ],
)
def test_a_mistake_on_the_command_line_names_value_and_remedy(
    lab3: Command, arguments: tuple[object, ...], words: str
) -> None:
    assert words in lab3(*arguments, fails=1).stderr


def test_a_second_command_keeps_out_of_a_run_at_work(copied: Path, lab3: Command) -> None:
    fcntl = pytest.importorskip("fcntl")
    handle = os.open(copied / "runs" / "fp32", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        said = lab3("train", *SMALL, "--epochs", 2, fails=1).stderr
    finally:
        os.close(handle)
    assert "another lab3 command is at work" in said


def test_sweep_does_each_setting_once_and_marks_the_best(tmp_path: Path, lab3: Command) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(
        '[base]\ndataset = "digits"\nwidth = 4\nbatch_size = 64\n'
        '[vary]\nepochs = [1]\nscheduler = ["cosine", "constant"]\nlabel_smoothing = [0.1, 0]\n'
    )
    rows = json.loads(lab3("sweep", plan, "--code", SOLUTION, "--json").stdout)
    assert [row["run"] for row in rows] == ["base", "scheduler=constant", "label-smoothing=0"]
    assert max(row["accuracy"] for row in rows) == next(
        row["accuracy"] for row in rows if row["is_best"]
    )
    done = lab3("sweep", plan, "--code", SOLUTION)
    assert done.stderr.count("complete already") == 3
    assert "*" in done.stdout


def test_a_torn_log_is_repaired_when_the_run_goes_on(copied: Path, lab3: Command) -> None:
    run = copied / "runs" / "qat"
    with (run / LOG_NAME).open("ab") as file:
        file.write(b'{"event":"resu')
    assert read_log(run).is_torn
    append(run, read_log(run).end)
    assert not read_log(run).is_torn
    assert "complete" in lab3("runs").stdout


def test_doctor_tells_engines_and_data_sets(lab3: Command) -> None:
    found = json.loads(lab3("doctor", "--json").stdout)
    assert found["data_sets"]["digits"] == "inside scikit-learn"
    assert "--download" in found["data_sets"]["cifar10"]
    assert "exact" in found["int8_engines"].values()
    assert found["torch"].startswith("2.")
    shown = lab3("doctor").stdout
    assert "scikit-learn" in shown
    assert re.search(r"^converter {8}(\w+, for .rar, .7z and .tar.xz|.*: apt install)", shown, re.M)


@pytest.mark.parametrize("command", ["train", "ptq", "qat", "evaluate", "sweep", "hardware"])
def test_help_shows_examples_for_a_checkout(command: str, lab3: Command) -> None:
    assert re.search(
        rf"^\s*lab3 {command}\b.*--code solution", lab3(command, "--help").stdout, re.M
    )


@pytest.mark.slow
def test_the_examples_in_the_help_work_when_pasted(tmp_path: Path, lab3: Command) -> None:
    shutil.copytree(SOLUTION / "lab3", tmp_path / "solution" / "lab3")
    for command in ("train", "ptq", "qat", "evaluate", "sweep", "hardware"):
        helped = lab3(command, "--help").stdout
        example = re.search(rf"^\s*lab3 ({command}\b.*--code solution.*)$", helped, re.M)
        lab3(*example[1].split())
