"""Each attack is graded, and then an honest submission on the same warm process."""

import dataclasses
import hashlib
import socket
import subprocess
import sys
import threading
import time
import warnings
from functools import cache
from pathlib import Path
from typing import get_args

import psutil
import pytest

from autograder import grading
from autograder.host.child import Limits
from autograder.host.sandbox import Sandbox
from autograder.material import Material
from autograder.results import Grade, Outcome
from autograder.rubric import Rubric
from tests.conftest import ROOT, RUBRIC, SOLVED, handed_in
from tests.hostile.attacks import ATTACKS, BASES, SNOOPS, Attack, both
from tests.hostile.conftest import SECRET, no_longer_than

OUTCOMES = set(get_args(Outcome)) - {"grader_error"}


def hurried(rubric: Rubric, probe_s: float, submission_s: float) -> Rubric:
    """Return a rubric with less patience."""
    limits = rubric.document.limits.model_copy(
        update={"probe_s": probe_s, "submission_s": submission_s}
    )
    document = rubric.document.model_copy(update={"limits": limits})
    return dataclasses.replace(rubric, document=document)


ENDLESS = hurried(RUBRIC, probe_s=1.5, submission_s=3)


def graded(
    sandbox: Sandbox,
    files: dict[str, bytes],
    rubric: Rubric = RUBRIC,
    groups: tuple[str, ...] = grading.CODE_GROUPS,
) -> Grade:
    """Grade code by the checks of some groups, but not the full ResNet-50."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as where grades are made: a warning is no verdict
        return grading.grade(
            handed_in(files),
            rubric,
            sandbox,
            Material(thresholds=rubric.document.thresholds),
            lambda entry: entry.check.split(".")[0] in groups and entry.check != "ptq.full_size",
        )


@cache
def earned_by(base: str) -> float:
    """Return what the files of an attack earn without it."""
    with Sandbox(("namespaces",)) as apart:
        return graded(apart, BASES[base]).earned


def state_of(folder: Path) -> dict[str, tuple[int, int, int, str]]:
    """Return what a folder holds, in a form that shows every change."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            path.lstat().st_uid,
            path.lstat().st_size,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in sorted(folder.rglob("*"))
        if "__pycache__" not in path.parts
    }


def rights_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Return who may do what with our own files, which others may edit meanwhile."""
    return {name: state[:2] for name, state in state_of(folder).items()}


def devices() -> list[tuple[int, int, int]]:
    """Return the rights of the devices that are visible inside."""
    states = (Path(f"/dev/{name}").stat() for name in ("null", "zero", "urandom"))
    return [(state.st_mode, state.st_uid, state.st_gid) for state in states]


def processes(sandbox: Sandbox) -> set[int]:
    """Return the ids of all processes of a sandbox: its warm process and its children."""
    root = psutil.Process(sandbox._process.pid)
    return {process.pid for process in [root, *root.children(recursive=True)]}


def all_text(grade: Grade) -> str:
    return grade.model_dump_json()


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A folder that nobody may change, with a secret that nobody may read."""
    folder = tmp_path / "canary"
    (folder / "inner").mkdir(parents=True)
    (folder / "secret.toml").write_text(SECRET)
    (folder / "inner" / "empty").touch()
    folder.chmod(0o777)
    return folder


FORGERS = {
    f"report: {what}"
    for what in (
        "the addition was watched", "the addition was watched alone",
        "layers that give the right output", "ranges of another observer",
        "an addition out of nothing", "a converted network",
        "an unchanged output", "QAT out of nothing", "power-of-two scales of ptq",
        "power-of-two scales of qat", "scales clamped in their report", "trainable BatchNorms",
        "modules that look fused",
    )
}  # fmt: skip
FRAMES = {f"frame: {what}" for what in ("garbage", "forged answers", "wrong id")}
ENDLESS_ONES = {"loop at import", "loop in fuse_model", "SIGSTOP in block"}
OTHER_PLACES = tuple(f" in {name}" for name in ("calculate_qparams", "block", "network"))
LONG = {
    "results of a million digits", "memory bomb of bytes", "memory bomb of shared mappings",
    "output into the channel", "channel into the output", "channel half closed", "binary output",
    "flood of stderr", "output printed, then gone", "open file bomb", "pipe bomb", "recursion",
    "many classes", "objects that never go", "exit 1 at import", "SIGSEGV at import",
    "abort at import", "exit 1 in scale_approximate", "sys.exit in scale_approximate",
    "abort in scale_approximate", "exit 1 in fuse_model", "SIGSEGV in fuse_model",
    "message of another type", "group of exceptions", "chain of exceptions", "name that raises",
    "results that are strings", "SIGSEGV in scale_approximate", "abort in fuse_model",
}  # fmt: skip


def at_its_pace(attack: Attack) -> object:
    """Mark the variations of a kind as slow; one of each kind stays."""
    is_slow = (
        attack.name in LONG
        or (attack.name.startswith("report: ") and attack.name not in FORGERS)
        or (attack.name.startswith("frame: ") and attack.name not in FRAMES)
        or (attack.is_endless and attack.name not in ENDLESS_ONES)
        or (not attack.is_endless and attack.name.endswith(OTHER_PLACES))
    )
    return pytest.param(attack, id=attack.name, marks=[pytest.mark.slow] if is_slow else [])


@pytest.mark.parametrize("attack", [at_its_pace(attack) for attack in ATTACKS])
def test_an_attack_earns_nothing_and_harms_nothing(
    attack: Attack, sandbox: Sandbox, canary: Path
) -> None:
    with no_longer_than(120):
        honest = earned_by(attack.base)
        sandbox.wait_until_ready()
        before = processes(sandbox), state_of(canary), rights_of(ROOT / "autograder"), devices()
        grade = graded(sandbox, attack.files, ENDLESS if attack.is_endless else RUBRIC)
        odd = [r for r in grade.results if r.outcome not in OUTCOMES]
        assert not odd, [(r.check, r.said) for r in odd]
        gained = [r.check for r in grade.results if r.outcome == "passed"]
        assert grade.earned <= honest, gained
        after = processes(sandbox), state_of(canary), rights_of(ROOT / "autograder"), devices()
        assert after == before
        assert SECRET not in all_text(grade)
        following = graded(sandbox, SOLVED, RUBRIC, ("observer",))
        assert {r.outcome for r in following.results} == {"passed"}


@pytest.mark.parametrize("attack", SNOOPS, ids=lambda attack: attack.name)
def test_a_snoop_finds_nothing(attack: Attack, sandbox: Sandbox, canary: Path) -> None:
    with no_longer_than(120):
        grade = graded(sandbox, attack.files)
        output = "".join(r.output for r in grade.results)
        assert "FOUND" not in output
        assert str(ROOT) not in all_text(grade)
        assert str(canary.parent) not in all_text(grade)


def test_no_connection_reaches_this_computer(sandbox: Sandbox, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as inet, socket.socket(socket.AF_UNIX) as unix:
        path = tmp_path / "listener"
        unix.bind(str(path))
        unix.listen()
        port = inet.getsockname()[1]
        attack = both("connect", f"""
            import os, socket
            for family, address in (
                (socket.AF_INET, ("127.0.0.1", {port})), (socket.AF_INET6, ("::1", {port})),
                (socket.AF_UNIX, {str(path)!r}),
            ):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    try:
                        socket.socket(family, kind).connect(address)
                        print("CONNECTED", address)
                    except OSError as error:
                        print(error)
            try:
                socket.socket(fileno=os.dup(3)).connect({str(path)!r})
                print("CONNECTED the channel")
            except OSError as error:
                print(error)
            """)  # fmt: skip
        connected: list[str] = []
        for listener in (inet, unix):
            listener.settimeout(0.2)
        with no_longer_than(120):
            grade = graded(sandbox, attack.files)
        for listener in (inet, unix):
            try:
                listener.accept()
                connected.append(str(listener.family))
            except TimeoutError:
                pass
        assert not connected
        output = "".join(r.output for r in grade.results)
        assert "CONNECTED" not in output
        assert "Operation not permitted" in output
        assert grade.earned == grade.points


def test_two_submissions_at_once_do_not_disturb_each_other(warm: list[Sandbox]) -> None:
    """One worker serves one submission after the other, and others have workers of their own."""
    files = both("die", "import os; os.kill(os.getppid(), 0)\nos._exit(0)", "skeleton").files
    grades: list[Grade] = []
    with no_longer_than(60), Sandbox(("namespaces",)) as other:
        other.wait_until_ready()
        worse = threading.Thread(target=lambda: other.fork(files, Limits()).close())
        worse.start()
        grades.append(graded(warm[0], SOLVED))
        worse.join()
        grades.append(graded(other, SOLVED))
    assert all(grade.earned == grade.points for grade in grades)


ABANDONED = """
import sys, time
sys.path.insert(0, sys.argv[1])
from autograder.host.child import Limits
from autograder.host.sandbox import Sandbox
sandbox = Sandbox(("namespaces",))
child = sandbox.fork({"observer.py": sys.argv[2].encode()}, Limits())
print(sandbox._process.pid, flush=True)
try:
    child.ask("scales", {"calls": []}, b"", 1 << 20, 60)
except BaseException as error:
    print(error, flush=True)
"""


def test_everything_dies_with_a_grader_that_is_killed() -> None:
    """Also a child that asked not to die with its parent."""
    attack = "import ctypes\nctypes.CDLL(None).prctl(1, 0, 0, 0, 0)\nwhile True: pass"
    grader = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", ABANDONED, str(ROOT), attack],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(ROOT / "assignment")},
    )
    assert grader.stdout is not None
    with no_longer_than(60):
        root = psutil.Process(int(grader.stdout.readline()))
        deadline = time.monotonic() + 20
        while len(root.children(recursive=True)) < 3 and time.monotonic() < deadline:
            time.sleep(0.1)  # until the child runs beside its warm process
        family = [root, *root.children(recursive=True)]
        assert len(family) >= 4
        grader.kill()
        grader.wait()
        _, alive = psutil.wait_procs(family, timeout=10)
        grader.stdout.close()
    assert not alive
