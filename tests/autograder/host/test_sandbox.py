"""How a worker starts and ends: on odd computers, beside others, and when something goes wrong."""

import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from autograder.host import cgroups, contents, processes, proof
from autograder.host.child import Limits, SandboxError, WorkerError
from autograder.host.sandbox import WALLED, Sandbox, Tier, WorkerProcess, why_no_landlock, why_not
from autograder.inside import wire
from tests.conftest import ROOT

needs_landlock = pytest.mark.skipif(why_no_landlock() is not None, reason="no Landlock here")
LOOK = (
    "from autograder.host.sandbox import WALLED, why_not\n"
    "print([t for t in WALLED if (fault := why_not(t)) is None or print(fault)])"
)
STANDING = [tier for tier in WALLED if why_not(tier) is None]


def looked_at(prefix: str = "", **environment: str) -> str:
    """Return what a grader finds standing that is started by a shell after ``prefix``."""
    done = subprocess.run(
        ["/bin/sh", "-c", f'{prefix}\nexec "$0" -W ignore -c "$1"', sys.executable, LOOK],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip().splitlines()[-1] if done.stdout else done.stderr[-500:]


@pytest.mark.parametrize("limit", ["-v 30000000", "-t 100", "-n 48", "-d 30000000", "-f 100"])
def test_limits_of_others_are_kept_and_none_is_needed(limit: str) -> None:
    assert looked_at(f"ulimit {limit}") == str(STANDING)


def test_temporary_folders_may_be_odd(tmp_path: Path) -> None:
    for name in ("long" * 30, "with spaces and 'quotes'"):
        folder = tmp_path / name
        folder.mkdir()
        assert looked_at(TMPDIR=str(folder)) == str(STANDING)
        assert not list(folder.iterdir())


def test_a_temporary_folder_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_arguments: object, **_more: object) -> None:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr("tempfile.TemporaryFile", none)
    with pytest.raises(SandboxError, match="TMPDIR"):
        Sandbox(is_lean=True)


def test_no_mask_lets_others_change_what_a_worker_imports(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        contents.stage(tmp_path)
    finally:
        os.umask(before)
    for path in tmp_path.rglob("*"):
        if not path.is_symlink():
            assert not path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH), path


def test_baits_are_not_touched_once_others_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody waits for the folder and puts links in the place of baits."""
    target = tmp_path / "target"
    target.write_text("precious")
    target.chmod(0o600)
    real = Path.chmod

    def chmod(path: Path, mode: int, **more: bool) -> None:
        real(path, mode, **more)
        if path.name.startswith("lab3-bait") and mode & 0o002:
            for name in ("secret", "victim", "socket"):
                (path / name).unlink()
                (path / name).symlink_to(target)

    monkeypatch.setattr(Path, "chmod", chmod)
    with proof.baits() as laid:
        assert (Path(laid["folder"]) / "victim").is_symlink()
    assert target.read_text() == "precious"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


@pytest.fixture(params=STANDING)
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox((request.param,), is_lean=True) as made:
        yield made


def test_a_sandbox_serves_the_thread_that_made_it(sandbox: Sandbox) -> None:
    """Replies to two threads would be told apart by nobody."""
    faults: list[Exception] = []

    def use() -> None:
        for call in (lambda: sandbox.fork({}, Limits()), sandbox.renew, sandbox.wait_until_ready):
            try:
                call()
            except SandboxError as error:
                faults.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert len(faults) == 3
    assert all("serves one thread of one process" in str(fault) for fault in faults)
    sandbox.wait_until_ready()


def test_a_copy_in_a_forked_process_ends_nothing(sandbox: Sandbox) -> None:
    sandbox.wait_until_ready()
    pid = os.fork()
    if pid == 0:
        sandbox.close()
        os._exit(0)
    os.waitpid(pid, 0)
    assert Path(sandbox._worker._folder.name).is_dir()
    sandbox.fork({}, Limits()).close()


def test_later_submissions_get_the_same_walls(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proof that fails in the middle of a class does not weaken what follows."""
    sandbox.wait_until_ready()
    tier = sandbox.tier

    def fails(_child: object) -> None:
        raise SandboxError("a promise does not hold: files")

    sandbox.renew()
    monkeypatch.setattr(proof, "prove", fails)
    for _ in range(2):
        with pytest.raises(SandboxError, match=r"a promise does not hold|has been ended"):
            sandbox.fork({}, Limits())
    monkeypatch.undo()
    sandbox.renew()
    sandbox.fork({}, Limits()).close()
    assert sandbox.tier == tier


def test_a_promise_that_breaks_makes_room_for_the_next_tier(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if len(STANDING) < 2:
        pytest.skip("one tier or none stands here")
    real, seen = proof.prove, []

    def fails_once(child: object) -> None:
        seen.append(child)
        if len(seen) == 1:
            raise SandboxError("a promise does not hold: files")
        real(child)  # type: ignore[arg-type]

    monkeypatch.setattr(proof, "prove", fails_once)
    with Sandbox(is_lean=True) as sandbox:
        assert sandbox.tier == "namespaces"
        sandbox.wait_until_ready()
        assert sandbox.tier == "landlock"
        assert "a promise does not hold: files" in sandbox.why_not_stronger


@pytest.mark.parametrize("is_fatal", [False, True], ids=["once", "twice"])
def test_a_worker_that_is_killed_as_it_starts_makes_room_for_no_weaker_tier(
    is_fatal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, killed = WorkerProcess._start, list[int]()

    def start(worker: WorkerProcess, *arguments: Any) -> Any:
        process = real(worker, *arguments)
        if is_fatal or not killed:
            killed.append(process.pid)
            processes.kill([process.pid, *processes.below(process.pid)])
        return process

    monkeypatch.setattr(WorkerProcess, "_start", start)
    with Sandbox(is_lean=True) as sandbox:
        tier = sandbox.tier
        if is_fatal:
            for _ in range(2):
                with pytest.raises(SandboxError, match=r"killed twice|has been ended"):
                    sandbox.wait_until_ready()
        else:
            sandbox.wait_until_ready()
        assert sandbox.tier == tier == STANDING[0]
    assert len(killed) == 1 + is_fatal


def test_a_sandbox_can_be_handed_to_a_forked_process(sandbox: Sandbox) -> None:
    folder = Path(sandbox._worker._folder.name)
    pid = os.fork()
    if pid == 0:
        sandbox.adopt()
        sandbox.fork({}, Limits()).close()
        sandbox.close()
        os._exit(folder.exists())
    sandbox.let_go()
    assert os.waitpid(pid, 0)[1] == 0
    sandbox.kill()
    assert not psutil.pid_exists(sandbox.pid)


@pytest.mark.parametrize("tier", STANDING)
def test_a_worker_that_was_ended_says_so(tier: Tier) -> None:
    with closing(WorkerProcess(tier, is_lean=True)) as worker:
        worker.wait_until_ready()
        worker._process.kill()
        wire.wait([worker._control.fileno()], [], time.monotonic() + 10)  # it has gone
        with pytest.raises((SandboxError, WorkerError)):
            worker.fork(Limits()).send({"files": {}})
    for call in (worker.wait_until_ready, lambda: worker.fork(Limits())):
        with pytest.raises(SandboxError, match=r"ended|does not answer"):
            call()


@needs_landlock
def test_what_a_killed_grader_left_is_removed(tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom autograder.host.sandbox import WorkerProcess\n"
        "kept = WorkerProcess('landlock', is_lean=True)\nkept.wait_until_ready()\n"
        "os.kill(os.getpid(), 9)"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-W", "ignore", "-c", code]
    assert subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == -9
    assert list(tmp_path.glob("lab3-worker-*"))
    assert looked_at(TMPDIR=str(tmp_path)) == str(STANDING)
    assert not list(tmp_path.iterdir())


FAKE_SYSTEMD = """#!/bin/sh
[ -n "$XDG_RUNTIME_DIR" ] || exit 1
while [ "$1" != -- ]; do shift; done
shift
exec "$@"
"""


@needs_landlock
def test_a_worker_starts_where_systemd_makes_the_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No systemd runs here: a stand-in takes its options and starts what follows them."""
    program = tmp_path / "systemd-run"
    program.write_text(FAKE_SYSTEMD)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/0")
    monkeypatch.setattr(cgroups, "SYSTEMD", tmp_path)
    cgroups.group_of_systemd.cache_clear()
    try:
        with closing(WorkerProcess("landlock", is_lean=True)) as worker:
            worker.wait_until_ready()
            assert "control group: memory, processes, CPU" in worker.walls
            environment = Path(f"/proc/{worker._process.pid}/environ").read_bytes()
            assert b"XDG_RUNTIME_DIR" not in environment
    finally:
        cgroups.group_of_systemd.cache_clear()
