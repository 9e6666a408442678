"""Doing a plan: whatever is killed when, the results are the same."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from lab3.log.records import DataRecord
from lab3.log.runlog import begin, read_log
from tests.conftest import ROOT, run_lab3
from tests.making.clusters import cluster
from tests.making.logs.records import start as start_record
from tests.making.plans import LAB, VARIANTS, profile
from tools.reference.items import items_of
from tools.reference.plan import load_plan
from tools.reference.publishing import without_times

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}


def arguments(folder: Path, out: str, *options: str) -> list[str]:
    places = ["--out", str(folder / out), "--data-dir", str(folder / "data")]
    return ["reference", str(folder / "profile"), *places, *options]


def start(folder: Path, out: str, *options: str) -> "subprocess.Popen[str]":
    """Begin to do a plan, as a user would."""
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tools", *arguments(folder, out, *options)],
        cwd=ROOT,
        env=ENVIRONMENT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish(folder: Path, out: str, *options: str) -> str:
    """Do what is left of a plan, and return what was said."""
    is_alone = options == ("--jobs", "1")
    done = run_lab3(*arguments(folder, out, *options), cwd=ROOT, fresh=not is_alone)
    assert done.returncode == 0, done.stderr
    return done.stderr


def until(condition: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def results(folder: Path, out: str) -> bytes:
    return (folder / out / "results.json").read_bytes()


def logs(folder: Path, out: str) -> dict[str, object]:
    plan = load_plan(folder / "profile" / "plan.toml")
    return {item.name: without_times(read_log(folder / out / item.name)) for item in items_of(plan)}


@pytest.mark.long
def test_a_plan_that_is_killed_ends_with_the_same_results(tmp_path: Path) -> None:
    profile(tmp_path, LAB)
    finish(tmp_path, "unbroken", "--jobs", "1")
    process = start(tmp_path, "killed", "--jobs", "1")
    log = tmp_path / "killed" / "runs" / "seed-0" / "fp32" / "run.jsonl"
    until(lambda: log.exists() and b'"epoch"' in log.read_bytes(), process)
    process.kill()
    process.communicate()
    said = finish(tmp_path, "killed", "--jobs", "1")
    assert "of 3 runs are to be done" in said
    assert results(tmp_path, "killed") == results(tmp_path, "unbroken")
    assert logs(tmp_path, "killed") == logs(tmp_path, "unbroken")
    assert "all 3 runs" in finish(tmp_path, "killed", "--jobs", "1")


def test_another_plan_in_the_same_place_is_refused(tmp_path: Path) -> None:
    home = profile(tmp_path, LAB)
    item = items_of(load_plan(home / "plan.toml"))[0]
    assert item.hyper is not None
    longer = item.hyper.model_copy(update={"epochs": 9})
    data = DataRecord(name="cifar10", train=1, validation=1, test=1, fingerprint="0" * 64)
    begin(tmp_path / "out" / item.name, start_record(hyperparameters=longer, data=data, width=4))
    done = run_lab3(*arguments(tmp_path, "out"), cwd=tmp_path)
    assert done.returncode == 1
    assert "holds another run (hyperparameters is" in done.stderr
    assert "the solution's code has changed" in done.stderr
    assert "or begin again with --restart" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("jobs", "seed"), [("1", 0), ("1", 1), ("2", 2), ("2", 3)])
def test_killed_at_random_moments_it_ends_with_the_same_results(
    tmp_path: Path, jobs: str, seed: int
) -> None:
    profile(tmp_path, LAB + VARIANTS)
    began = time.monotonic()
    finish(tmp_path, "unbroken", "--jobs", "1")
    lasts = time.monotonic() - began
    chance = random.Random(seed)
    for _ in range(6):
        process = start(tmp_path, "killed", "--jobs", jobs)
        time.sleep(chance.uniform(0.1, 0.6) * lasts)
        whole = (
            psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        )
        process.send_signal(chance.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT]))
        process.communicate()
        psutil.wait_procs(whole, timeout=60)
        assert not [child for child in whole if child.is_running()]
    finish(tmp_path, "killed", "--jobs", jobs)
    assert results(tmp_path, "killed") == results(tmp_path, "unbroken")


@pytest.mark.slow
def test_jobs_and_clusters_give_the_same_results(tmp_path: Path) -> None:
    profile(tmp_path, LAB + VARIANTS)
    finish(tmp_path, "alone", "--jobs", "1")
    finish(tmp_path, "two", "--jobs", "2")
    assert results(tmp_path, "two") == results(tmp_path, "alone")
    assert logs(tmp_path, "two") == logs(tmp_path, "alone")
    with cluster(tmp_path, workers=2) as made:
        said = finish(tmp_path, "cluster", "--scheduler", made.address)
    assert "10 of 10 runs done" in said
    assert results(tmp_path, "cluster") == results(tmp_path, "alone")


@pytest.mark.slow
def test_a_run_whose_worker_dies_is_done_by_another(tmp_path: Path) -> None:
    profile(tmp_path, LAB)
    finish(tmp_path, "alone", "--jobs", "1")
    with cluster(tmp_path, workers=2, failures=0) as made:
        process = start(tmp_path, "cluster", "--scheduler", made.address)
        log = tmp_path / "cluster" / "runs" / "seed-0" / "fp32" / "run.jsonl"
        until(log.exists, process)
        busy = max(made.workers, key=lambda one: sum(psutil.Process(one.pid).cpu_times()[:2]))
        busy.kill()
        _, said = process.communicate()
    assert process.returncode == 0, said
    assert "runs/seed-0/fp32: its process died: again" in said
    assert results(tmp_path, "cluster") == results(tmp_path, "alone")


@pytest.mark.slow  # Dask tries for some time
def test_nobody_at_the_schedulers_address_is_said(tmp_path: Path) -> None:
    home = profile(tmp_path, LAB)
    places = ["--out", str(tmp_path / "out"), "--data-dir", str(tmp_path / "data")]
    done = run_lab3(*("reference", home, *places, "--scheduler", "tcp://127.0.0.1:1"), cwd=tmp_path)
    assert done.returncode == 1
    assert "--scheduler tcp://127.0.0.1:1: nobody answers there" in done.stderr


@pytest.mark.slow
def test_a_restart_discards_what_is_there(tmp_path: Path) -> None:
    profile(tmp_path, LAB)
    finish(tmp_path, "out", "--jobs", "1")
    assert "3 of 3 runs done" in finish(tmp_path, "out", "--jobs", "1", "--restart")
