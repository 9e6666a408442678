"""What a child asks of the kernel is refused, at every place; and by each wall that says so.

Asked are the first child of a warm process, and one beside another that lives.
"""

import contextlib
import json
import os
import platform
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import pytest

from autograder.host import contents, proof
from autograder.host.child import Limits
from autograder.host.sandbox import ENVIRONMENT, WorkerProcess, why_no_landlock
from autograder.inside import attempts, landlock, system_calls
from tests.conftest import SOLVED
from tests.hostile.kernel import ASKED, NONE, PROLOGUE, REFUSED
from tests.making.alarms import no_longer_than
from tests.making.graders import Grader
from tests.making.open_graders import OpenGrader

pytestmark = pytest.mark.skipif(
    platform.machine() != "x86_64", reason="the numbers are those of x86-64"
)
LAST = 600  # no kernel has a call of this number yet
# Linux lets these two by every filter: they end a process that is not traced by the kernel itself.
UNFILTERED = {335, 336}  # uretprobe, uprobe
# Arguments with which an allowed call would do something else, each beside the right ones.
ARGUMENTS: dict[str, list[tuple[int, ...]]] = {
    "mmap": [
        (0, 4096, 1, 0x21, -1, 0), (0, 4096, 1, 0x23, -1, 0), (0, 4096, 1, 2, 0, 0),
        (0, 4096, 5, 2, 0, 0), (0, 4096, 3, 0x40022, -1, 0),
    ],
    "madvise": [(0, 0, advice) for advice in {*range(128)} - {0, 4, 8, 14, 15, 16, 17}],
    "futex": [(0, op | flag) for op in (2, 6, 7, 8, 11, 12, 13, 14, 99) for flag in (0, 128, 256)]
    + [(0, op | flag) for op in (0, 1, 3, 4, 5, 9, 10) for flag in (0, 256)],
    "fcntl": [(1, command) for command in range(2048) if command not in (1, 3)],
    "prctl": [(option,) for option in range(128) if option not in (16, 51)],
    "arch_prctl": [(0x1001, 0), (0x1002, 0), (0x1011, 0), (0x1012, 1), (0x1024, 0), (0x1025, 0)],
    "kill": [(pid, 0) for pid in (-1, 0, 1, 2, 4194304)],
    "tgkill": [(1, 1, 0), (-1, -1, 0)],
    "prlimit64": [(1, 0, 0, 0), (0, 0, 4096, 0), (0, 0, 1 << 32, 0)],
    "sched_getaffinity": [(1, 8, 0)],
    "clock_gettime": [(-6, 0), (-2, 0), (12, 0)],
    "clock_getres": [(-6, 0)],
    "clock_nanosleep": [(-6, 0, 0, 0)],
}  # fmt: skip


def questions(place: Path) -> str:
    """Return code that asks everything and prints the answers."""
    numbers = UNFILTERED | {call.x86_64 for call in system_calls.ALLOWED.values()}
    calls = {name: call.x86_64 for name, call in system_calls.ALLOWED.items()}
    lines = [
        PROLOGUE.replace("PLACE", repr(str(place))),
        "for n in range(256): ask(n, lambda: fcntl.fcntl(n, 1))",
        "first = [n for n in range(256) if said.pop(n) == 'granted']",
        *(f"ask({name!r}, lambda: {asked.code})" for name, asked in ASKED.items()),
        f"for number in sorted(set(range({LAST})) - {numbers!r}):",
        "    ask(f'call {number}', lambda: system_call(number, *[-1] * 6))",
        f"for name, many in {ARGUMENTS!r}.items():",
        "    for arguments in many:",
        f"        call = lambda: system_call({calls!r}[name], *(arguments + (0,) * 6)[:6])",
        "        ask(f'{name} {arguments}', call)",
        "said['open'] = first",
        "said['environment'] = sorted(os.environ)",
        "said['ids'] = [*os.getresuid(), *os.getresgid(), *os.getgroups()]",
        "print(json.dumps(said))",
    ]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def told() -> dict[str, dict[str, dict[str, Any]]]:
    """What children have said, by place."""
    return {}


@pytest.fixture
def children(
    grader: Grader, told: dict[str, dict[str, dict[str, Any]]], tmp_path: Path
) -> dict[str, dict[str, Any]]:
    """What the first child says, and one that lives beside another."""
    if grader.place not in told:
        code = questions(tmp_path)
        with no_longer_than(120):
            first = json.loads(grader.say(code)[0])
            grader.grade(SOLVED, ("observer",))
            later = json.loads(grader.say("import time", code)[1])
        told[grader.place] = {"first": first, "later": later}
    return told[grader.place]


which = pytest.mark.parametrize("child", ["first", "later"])


@which
def test_everything_is_refused(children: dict[str, dict[str, Any]], child: str) -> None:
    said = children[child]
    wrong = {name: said[name] for name, asked in ASKED.items() if said[name] not in asked.errors}
    assert not wrong
    assert len(ASKED) > 100


@which
def test_every_number_that_is_not_on_the_list_is_refused(
    children: dict[str, dict[str, Any]], child: str
) -> None:
    said = children[child]
    calls = {name: answer for name, answer in said.items() if name.startswith("call ")}
    assert len(calls) > LAST - 60
    absent = {f"call {call.x86_64}" for call in system_calls.ABSENT.values()}
    odd = {
        name: answer
        for name, answer in calls.items()
        if answer != (NONE if name in absent else REFUSED)
    }
    assert not odd


@which
def test_calls_on_the_list_do_one_thing_only(
    children: dict[str, dict[str, Any]], child: str
) -> None:
    asked = [f"{name} {each}" for name, many in ARGUMENTS.items() for each in many]
    assert {name: children[child][name] for name in asked if children[child][name] != REFUSED} == {}


@which
def test_little_is_visible(children: dict[str, dict[str, Any]], child: str) -> None:
    said = children[child]
    assert set(said["environment"]) <= {*ENVIRONMENT, "PWD"}
    assert said["open"] == [0, 1, 2, 3]
    assert len(set(said["ids"])) == 1
    assert 0 not in said["ids"]


def test_the_user_is_nobody_outside(grader: Grader) -> None:
    """Seen from outside, where a container's own numbers say nothing."""
    _, walls, uid = grader.walls()
    grader.hold("import time; time.sleep(60)")
    below = psutil.Process(grader.process.pid).children(recursive=True)
    users = {p.uids().real for p in below if "bwrap" not in p.name()}
    if "another user" in walls:
        assert uid not in users
        assert len(users) == 1
    else:
        assert users == {uid}
    grader.renew()


def test_no_memory_is_shared_between_children(grader: Grader) -> None:
    grader.walls()
    grader.hold("import time; time.sleep(60)")
    below = psutil.Process(grader.process.pid).children(recursive=True)
    try:
        maps = [Path(f"/proc/{p.pid}/maps").read_text() for p in below if "bwrap" not in p.name()]
    except PermissionError:
        pytest.skip("only root may look at processes that hide themselves")
    shared = [
        line
        for text in maps
        for line in text.splitlines()
        if "w" in line.split()[1] and "s" in line.split()[1]
    ]
    assert len(maps) >= 2
    assert not shared
    grader.renew()


SIBLINGS = {
    "kill": "os.kill(PID, 0)",
    "kill its group": "os.killpg(PID, 0)",
    "tgkill": "system_call(234, PID, PID, 0)",
    "tkill": "system_call(200, PID, 0)",
    "queue a signal": "system_call(129, PID, 0, struct.pack('3i116x', 0, 0, -1))",
    "ptrace": "system_call(101, 0x4206, PID, 0, 0)",
    "read": "peek(PID)",
    "pidfd": "closing(os.pidfd_open(PID))",
    "prlimit": "resource.prlimit(PID, resource.RLIMIT_CPU)",
    "signals at input": "owned(1, fcntl.F_SETOWN, PID)",
    "priority": "os.getpriority(os.PRIO_PROCESS, PID)",
    "affinity": "os.sched_getaffinity(PID)",
    "clock": "time.clock_gettime((~PID << 3) | 2)",
}


def asking_siblings(but: str = "") -> str:
    """Return code that asks around: ids are given in turn, so a victim's is near the attacker's."""
    asked = (f"ask(f'{name} {{PID}}', lambda: {text})\n" for name, text in SIBLINGS.items()
             if name != but)  # fmt: skip
    lines = "".join(f"    {line}" for line in asked)
    around = "for PID in set(range(max(1, os.getpid() - 9), os.getpid() + 9)) - {os.getpid()}:\n"
    return f"{PROLOGUE.replace('PLACE', repr('/'))}{around}{lines}print(json.dumps(said))"


def test_siblings_cannot_reach_each_other(grader: Grader) -> None:
    with no_longer_than(60):
        _, said = grader.say("print(1)", asking_siblings())
    assert set(json.loads(said).values()) == {REFUSED}


def test_without_walls_siblings_reach_each_other(open_grader: OpenGrader) -> None:
    walls = ("filter", "Landlock", "privileges")
    with no_longer_than(60):
        _, said = open_grader.say_without(
            walls, "print(1)", asking_siblings("ptrace")
        )  # stops them
    granted = {name.rsplit(" ", 1)[0] for name, each in json.loads(said).items()
               if each == "granted"}  # fmt: skip
    assert granted == {*SIBLINGS} - {"ptrace"}


X32 = "import ctypes; ctypes.CDLL(None).syscall(ctypes.c_long(0x40000000 + 39))"
GETPID_OF_I386 = bytes.fromhex("b814000000cd80c3")  # mov eax, 20; int 0x80; ret
I386 = f"""
import ctypes, mmap
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
page = libc.mmap(None, 4096, 7, 0x22, -1, 0)
ctypes.memmove(page, {GETPID_OF_I386!r}, {len(GETPID_OF_I386)})
ctypes.CFUNCTYPE(ctypes.c_int)(page)()
"""
KILLED = "the process of your code was ended by signal 31"


@pytest.mark.parametrize("text", [X32, I386], ids=["x32", "i386"])
def test_calls_of_another_architecture_end_the_process(grader: Grader, text: str) -> None:
    """isolate allowed those of 32 bits; the x32 numbers are a second door as well."""
    grade = grader.grade({**SOLVED, "observer.py": text.encode()}, ("observer",))
    assert KILLED in {result.said for result in grade.results}


@pytest.mark.parametrize(
    "text", [X32, pytest.param(I386, marks=pytest.mark.slow)], ids=["x32", "i386"]
)
def test_without_a_filter_they_do_not(open_grader: OpenGrader, text: str) -> None:
    files = {**SOLVED, "observer.py": text.encode()}
    grade, *_ = open_grader.grade_without(("filter",), files, SOLVED)
    assert KILLED not in {result.said for result in grade.results}


# Each wall alone, and none: a worker without torch, whose own files have walls switched off.

SWITCHES = {
    "filter": "system_calls.refuse_all_others = lambda *_: None",
    "Landlock": "shut_in = landlock.restrict = lambda *_: None",
    "limits": "set_limits = lambda *_: None",
    "privileges": "drop_privileges = lambda *_: None",
}
EXECUTE = """
import autograder.inside.wire, fcntl, json, signal, struct, threading, time
def broken_promises(baits):
    found = {}
    exec(baits["code"], found)
    return found["said"]
"""


@pytest.fixture
def off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Start workers with walls switched off, for a test."""

    def start(*on: str, executes: bool = True) -> WorkerProcess:
        real = contents.kit_files
        lines = [line for wall, line in SWITCHES.items() if wall not in on]
        lines.append("become = lambda uid: None")

        def changed() -> dict[str, Path]:
            files = real()
            added = {"walls": "\n".join(lines)} | ({"attempts": EXECUTE} if executes else {})
            for name, text in added.items():
                place = f"autograder/inside/{name}.py"
                copy = tmp_path / f"{name}.py"
                copy.write_text(f"{files[place].read_text()}\n{text}\n")
                files[place] = copy
            return files

        monkeypatch.setattr(contents, "kit_files", changed)
        monkeypatch.setattr(proof, "prove", lambda _: None)
        return stack.enter_context(closing(WorkerProcess("landlock", is_lean=True)))

    with ExitStack() as stack:
        yield start


def closing(worker: WorkerProcess) -> Any:
    worker.uid = None  # the user is switched off as well
    return contextlib.closing(worker)


@pytest.fixture
def play(tmp_path: Path) -> Path:
    """A folder to play in, which everybody may change."""
    folder = tmp_path / "play"
    folder.mkdir()
    for name in ("mine", "doomed"):
        (folder / name).touch()
        (folder / name).chmod(0o666)
    for path in (folder, *folder.relative_to("/").parents):
        if path == folder:
            path.chmod(0o777)
    return folder


needs_landlock = pytest.mark.skipif(why_no_landlock() is not None, reason="no Landlock here")


@cache
def granted_by_old_versions() -> set[str]:
    """Return what Landlock alone grants where the kernel's version is an early one."""
    abi = landlock.version()
    early = {name for name in ASKED if name.startswith(("signal", "queued"))} if abi < 6 else set()
    return early | ({"truncation"} if abi < 3 else set())


OTHERS_PROCESSES = {"signal to process 1"}  # refused to an ordinary user anyway


@needs_landlock
@pytest.mark.parametrize("wall", [None, *SWITCHES])
def test_each_wall_refuses_alone_what_is_granted_without_any(
    wall: str | None, off: Any, play: Path
) -> None:
    code = PROLOGUE.replace("PLACE", repr(str(play))) + "\n".join(
        f"ask({name!r}, lambda: {asked.code})" for name, asked in ASKED.items() if asked.walls
    )
    worker = off(wall)
    worker.wait_until_ready()
    child = worker.fork(Limits())
    try:
        header, _ = child.converse({"baits": {"code": code}}, b"", 0, 20)
    except Exception as e:
        print(e, e.death, child.take_output().decode())
        raise
    child.close()
    said = json.loads(header)["broken"]
    if wall is None:
        refused = {name: answer for name, answer in said.items() if answer != "granted"}
        # What a kernel was built without is refused by its absence.
        absent = {"Function not implemented", "Invalid argument"}
        refused = {name: said for name, said in refused.items() if said not in absent}
        assert set(refused) <= (set() if os.geteuid() == 0 else OTHERS_PROCESSES)
    elif wall == "privileges" and os.geteuid() != 0:
        pytest.skip("only root has privileges to give up")
    else:
        its = {name for name, asked in ASKED.items() if wall in asked.walls}
        its -= granted_by_old_versions() if wall == "Landlock" else set()
        assert its
        assert {name for name in its if said[name] == "granted"} == set()


@needs_landlock
def test_every_attempt_of_the_proof_succeeds_without_walls(off: Any) -> None:
    """And the message names each, so that staff knows what does not hold."""
    real = proof.prove
    worker = off(executes=False)
    worker.wait_until_ready()
    child = worker.fork(Limits())
    with pytest.raises(proof.SandboxError) as fault:
        real(child)
    child.close()
    missing = {
        each.__name__
        for made in attempts.ATTEMPTS.values()
        for each in made
        if each.__name__.replace("_", " ") not in str(fault.value)
    }
    if "NoNewPrivs:\t1" in Path("/proc/self/status").read_text():
        missing -= {"gain_privileges", "make_a_namespace"}  # given up, or refused, before we came
    if os.geteuid() != 0:
        missing -= {"become_root"}
    assert not missing


@needs_landlock
@pytest.mark.parametrize("wall", SWITCHES)
def test_the_proof_notices_each_wall_that_is_missing(wall: str, off: Any) -> None:
    """But for those behind which another one stands in the same place."""
    real = proof.prove
    worker = off(*(set(SWITCHES) - {wall}), executes=False)
    worker.wait_until_ready()
    child = worker.fork(Limits())
    if wall in ("filter", "limits"):
        with pytest.raises(proof.SandboxError, match="a promise does not hold"):
            real(child)
    else:
        real(child)
    child.close()
