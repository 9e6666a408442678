"""What a child asks of the kernel is refused: the first child of a warm process, and a later one.

Whatever is asked changes nothing should it be granted: file modes are set to what they are, other
processes get the null signal, and system calls get arguments that no kernel takes.
"""

import json
import platform
from collections.abc import Iterator
from typing import Any

import pytest

from autograder.host.child import Limits
from autograder.host.contents import kit_files
from autograder.host.sandbox import Sandbox
from autograder.inside import walls
from tests.conftest import ROOT, SOLVED
from tests.hostile.conftest import no_longer_than

PROLOGUE = """
import ctypes, fcntl, json, mmap, os, resource, signal, socket, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
def system_call(number, *arguments):
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *(ctypes.c_long(a) for a in arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
def control(*arguments):
    if libc.prctl(*arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
def fork():
    if os.fork() == 0:
        os._exit(0)
def own(fd, number, value):
    fcntl.fcntl(fd, number, value)
    fcntl.fcntl(fd, number, 0)
def lease():
    handle = os.open("/kit/autograder/inside/worker.py", os.O_RDONLY)
    fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
def same_mode(path):
    os.chmod(path, os.stat(path).st_mode & 0o7777)
def same_times(path):
    state = os.stat(path)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
def same_owner(path):
    os.chown(path, -1, -1)
def threads():
    threading.stack_size(32768)
    go_on, started = threading.Event(), []
    try:
        for _ in range(2000):
            started.append(threading.Thread(target=go_on.wait, daemon=True))
            started[-1].start()
    finally:
        go_on.set()
        for thread in started[:-1]:
            thread.join()
def create(path):
    os.close(os.open(path, os.O_CREAT | os.O_RDWR))
    os.unlink(path)
said = {}
def ask(name, function):
    try:
        function()
    except OSError as error:
        said[name] = error.strerror or str(error)
    except BaseException as error:
        said[name] = f"{type(error).__name__}: {error}"
    else:
        said[name] = "granted"
"""
REFUSED = "Operation not permitted"
FILES = ("Read-only file system", "No such file or directory", "Permission denied", REFUSED)

ASKED: dict[str, tuple[str, tuple[str, ...]]] = {
    "fork": ("fork()", (REFUSED,)),
    "vfork by number": ("system_call(57) or os._exit(0)", (REFUSED,)),
    "execute": ("os.execv(sys.executable, ['x'])", (*FILES,)),
    "spawn": ("os.posix_spawn('/lib64/ld-linux-x86-64.so.2', ['x'], {})", (*FILES,)),
    "socket": ("socket.socket()", (REFUSED,)),
    "IPv6 socket": ("socket.socket(socket.AF_INET6)", (REFUSED,)),
    "local socket": ("socket.socket(socket.AF_UNIX)", (REFUSED,)),
    "netlink socket": ("socket.socket(16, socket.SOCK_RAW)", (REFUSED,)),
    "packet socket": ("socket.socket(17, socket.SOCK_RAW)", (REFUSED,)),
    "pair of sockets": ("socket.socketpair()", (REFUSED,)),
    "descriptor through the channel": (
        "socket.send_fds(socket.socket(fileno=os.dup(3)), [b'x'], [1])", (REFUSED,)),
    "signal to the parent": ("os.kill(os.getppid(), 0)", (REFUSED,)),
    "signal to process 1": ("os.kill(1, 0)", (REFUSED,)),
    "signal to all": ("os.kill(-1, 0)", (REFUSED,)),
    "signal to the group": ("os.killpg(0, 0)", (REFUSED,)),
    "signal to a thread": ("system_call(234, os.getppid(), os.getppid(), 0)", (REFUSED,)),
    "handle of a process": ("os.pidfd_open(os.getppid())", (REFUSED,)),
    "signals at input to others": ("own(1, fcntl.F_SETOWN, os.getppid())", (REFUSED,)),
    "signals at input to process 1": ("own(3, fcntl.F_SETOWN, 1)", (REFUSED,)),
    "choice of that signal": ("own(1, 10, 9)", (REFUSED,)),
    "notices of a folder": ("fcntl.fcntl(os.open('/kit', 0), fcntl.F_NOTIFY, 0)", (REFUSED,)),
    "lease on our files": ("lease()", (REFUSED,)),
    "ptrace": ("system_call(101, 16, os.getppid(), 0, 0)", (REFUSED,)),
    "memory of the parent": ("system_call(310, os.getppid(), 0, 0, 0, 0, 0)", (REFUSED,)),
    "memory to the parent": ("system_call(311, os.getppid(), 0, 0, 0, 0, 0)", (REFUSED,)),
    "limits of the parent": ("resource.prlimit(os.getppid(), resource.RLIMIT_CPU)", (REFUSED,)),
    "higher limits": (
        "resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)",
        ("ValueError: not allowed to raise maximum limit",)),
    "more files": (
        "resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))",
        ("ValueError: not allowed to raise maximum limit",)),
    "root": ("os.setuid(0)", ("Invalid argument", REFUSED)),
    "root's group": ("os.setgid(0)", ("Invalid argument", REFUSED)),
    "groups": ("os.setgroups([0])", (REFUSED,)),
    "namespace of users": ("system_call(272, 0x10000000)", (REFUSED,)),
    "namespace of mounts": ("system_call(272, 0x20000)", (REFUSED,)),
    "mount": ("system_call(165, 0, 0, 0, 0, 0)", (REFUSED,)),
    "chroot": ("os.chroot('/')", (REFUSED,)),
    "file in memory": ("os.memfd_create('x')", (REFUSED,)),
    "shared memory": ("system_call(29, 0, 4096, 0o1600)", (REFUSED,)),
    "old watch of a folder": ("os.close(system_call(253))", (REFUSED,)),
    "watch of a folder": ("os.close(system_call(294, 0))", (REFUSED,)),
    "outliving the parent": ("control(1, 0, 0, 0, 0)", (REFUSED,)),
    "2000 threads": ("threads()", ("RuntimeError: can't start new thread",)),
    "a shared gigabyte a time": (
        "[mmap.mmap(-1, 1 << 30) for _ in range(16)]", ("Cannot allocate memory",)),
    "file in /": ("create('/lab3-hostile')", FILES),
    "file in /tmp": ("create('/tmp/lab3-hostile')", FILES),
    "file in /dev": ("create('/dev/lab3-hostile')", FILES),
    "file in /dev/shm": ("create('/dev/shm/lab3-hostile')", FILES),
    "file in /kit": ("create('/kit/lab3-hostile')", FILES),
    "file in /site": ("create('/site/0/lab3-hostile')", FILES),
    "nameless file": ("os.open('/', os.O_TMPFILE | os.O_RDWR)", (*FILES, "Is a directory")),
    "mode of our files": ("same_mode('/kit/autograder/inside/worker.py')", FILES),
    "times of our files": ("same_times('/kit/autograder/inside/worker.py')", FILES),
    "our files for writing": ("open('/kit/autograder/inside/worker.py', 'a')", FILES),
    **{
        f"{what} of {device}": (f"same_{what}('/dev/{device}')", FILES)
        for what in ("mode", "times", "owner")
        for device in ("null", "zero", "urandom")
    },
    "processes": ("os.listdir('/proc/1')", FILES),
    "own memory as a file": ("open('/proc/self/mem')", FILES),
    "passwords": ("open('/etc/passwd')", FILES),
    "home": ("os.listdir('/home')", FILES),
    "the repository": (f"os.stat({str(ROOT)!r})", FILES),
    "the rubric": ("open('/kit/autograder/rubric.toml')", FILES),
    "the checks": ("os.stat('/kit/autograder/checks')", FILES),
    "the reference": ("open('/kit/autograder/reference.py')", FILES),
    "labels": ("os.stat('/site/0/sklearn')", FILES),
    "data sets": ("os.stat('/usr/share/datasets')", FILES),
}  # fmt: skip


def questions() -> bytes:
    lines = [f"ask({name!r}, lambda: {code})" for name, (code, _) in ASKED.items()]
    numbers = {
        name: number[column]
        for name, number in walls.REFUSED.items()
        if (column := walls.architecture()) is not None
        and number[column] >= 0
        and name not in ("fork", "vfork")  # they have no arguments that no kernel takes
    }
    lines.append(f"for name, number in {numbers!r}.items():")
    lines.append("    ask('call ' + name, lambda: system_call(number, *[-1] * 6))")
    lines.append("said['environment'] = sorted(os.environ)")
    lines.append("said['folders'] = sorted(os.listdir('/'))")
    lines.append("said['devices'] = sorted(os.listdir('/dev'))")
    lines.append(
        "said['kit'] = [os.path.relpath(os.path.join(folder, name), '/kit/autograder')"
        " for folder, _, names in os.walk('/kit/autograder') for name in names]"
    )
    lines.append("said['ids'] = [*os.getresuid(), *os.getresgid(), *os.getgroups()]")
    lines.append("print(json.dumps(said))")
    is_open = (
        "def is_open(n):\n    try:\n        os.fstat(n)\n    except OSError:\n"
        "        return False\n    return True\n"
    )
    first = "said['open'] = [n for n in range(256) if is_open(n)]\n"
    return (PROLOGUE + is_open + first + "\n".join(lines)).encode()


def answers_of(sandbox: Sandbox) -> dict[str, Any]:
    """Return what one more child says."""
    child = sandbox.fork({"observer.py": questions()}, Limits(probe_s=60))
    try:
        child.ask("places", {}, b"", 1 << 20, 60)
        said: dict[str, Any] = json.loads(child.take_output())
    finally:
        child.close()
    return said


@pytest.fixture(scope="module")
def children() -> Iterator[dict[str, dict[str, Any]]]:
    with no_longer_than(120), Sandbox(("namespaces",)) as sandbox:
        first = answers_of(sandbox)
        for _ in range(2):  # a child that computes, and one that dies
            sandbox.fork(SOLVED, Limits()).close()
        busy = sandbox.fork(SOLVED, Limits())
        busy.ask("scales", {"calls": [["0x1p-2", None]]}, b"", 1 << 20, 20)
        later = answers_of(sandbox)  # while another one lives
        busy.close()
        yield {"first": first, "later": later}


which = pytest.mark.parametrize("child", ["first", "later"])


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers are those of x86-64")
@which
@pytest.mark.parametrize("name", ASKED)
def test_it_is_refused(children: dict[str, dict[str, Any]], child: str, name: str) -> None:
    assert children[child][name] in ASKED[name][1]


@which
def test_the_whole_table_is_refused(children: dict[str, dict[str, Any]], child: str) -> None:
    calls = {name: said for name, said in children[child].items() if name.startswith("call ")}
    assert len(calls) > 50
    assert {name for name, said in calls.items() if said != REFUSED} == set()


@which
def test_little_is_visible(children: dict[str, dict[str, Any]], child: str) -> None:
    said = children[child]
    assert set(said["environment"]) <= {"GLIBC_TUNABLES", "LC_ALL", "OMP_NUM_THREADS", "PWD"}
    assert said["devices"] == ["null", "urandom", "zero"]
    assert not {"tmp", "home", "work", "var", "run", "mnt", "srv"} & set(said["folders"])
    assert {f"autograder/{name}" for name in said["kit"]} == {
        name for name in kit_files() if name.startswith("autograder/")
    }
    assert set(said["ids"]) == {65534}
    assert said["open"] == [0, 1, 2, 3]


def test_siblings_cannot_reach_each_other() -> None:
    code = PROLOGUE + "print(os.getpid())"
    with no_longer_than(60), Sandbox(("namespaces",)) as sandbox:
        victim = sandbox.fork({"observer.py": code.encode()}, Limits())
        victim.ask("places", {}, b"", 1 << 20, 20)
        pid = int(victim.take_output())
        asked = {
            "kill": f"os.kill({pid}, 0)",
            "kill its group": f"os.killpg({pid}, 0)",
            "tgkill": f"system_call(234, {pid}, {pid}, 0)",
            "tkill": f"system_call(200, {pid}, 0)",
            "queue a signal": f"system_call(129, {pid}, 0, 0)",
            "ptrace": f"system_call(101, 16, {pid}, 0, 0)",
            "read": f"system_call(310, {pid}, 0, 0, 0, 0, 0)",
            "write": f"system_call(311, {pid}, 0, 0, 0, 0, 0)",
            "pidfd": f"os.pidfd_open({pid})",
            "prlimit": f"resource.prlimit({pid}, resource.RLIMIT_CPU)",
            "signals at input": f"own(1, fcntl.F_SETOWN, {pid})",
            "priority": f"os.setpriority(os.PRIO_PROCESS, {pid}, 0)",
            "affinity": f"os.sched_setaffinity({pid}, {{0}})",
        }
        lines = "\n".join(f"ask({name!r}, lambda: {text})" for name, text in asked.items())
        code = f"{PROLOGUE}\n{lines}\nprint(json.dumps(said))"
        attacker = sandbox.fork({"observer.py": code.encode()}, Limits())
        attacker.ask("places", {}, b"", 1 << 20, 20)
        said = json.loads(attacker.take_output())
        assert {name for name, answer in said.items() if answer != REFUSED} == set()
        attacker.close()
        victim.ask("places", {}, b"", 1 << 20, 20)  # it still answers
        victim.close()
