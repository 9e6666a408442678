"""The untrusted side: a warm process that forks one shut-in child for each submission.

The warm process imports torch once and runs no operation of it; it never holds anything secret.
It obeys one-line JSON commands on its control socket: ``fork`` (which brings two descriptors: the
child's channel and its output), ``count`` (the seconds of CPU that a child has used) and ``end``
(kill a child, and tell how it died and what it used).
A child raises its walls, then answers probes on its channel until the channel closes.
"""

import builtins
import contextlib
import gc
import importlib.abc
import importlib.machinery
import importlib.util
import io
import json
import os
import platform
import signal
import socket
import sys
import tempfile
import time
from dataclasses import dataclass, field
from types import CodeType, ModuleType
from typing import Any, NoReturn

from autograder.inside import attempts, sources, walls, wire
from lab3 import STUDENT_FILES

MODULES = {f"lab3.{name.removesuffix('.py')}": name for name in STUDENT_FILES}
REQUEST_BYTES = 512 << 20  # a checkpoint is the largest thing that is sent


@dataclass(frozen=True)
class Plan:
    """How the trusted side wants its worker: the first line on the control socket.

    ``readable`` are the paths that a worker shut in by Landlock may read; without them it is shut
    in by other means. ``uid`` is the user to become. ``is_lean`` leaves torch out, which proving
    the walls doesn't need.
    """

    has_walls: bool
    has_landlock: bool = False
    readable: list[str] = field(default_factory=list)
    uid: int | None = None
    is_lean: bool = False


class Worker:
    """The warm process: what its children inherit, and which of them live."""

    def __init__(self, control: socket.socket, plan: Plan) -> None:
        self.control, self.plan = control, plan
        self.children: set[int] = set()
        self.modules = sources.SourceFinder([])
        self.address_space_bytes = self.data_bytes = 0  # of the warm process itself

    def serve(self) -> None:
        """Shut in, get warm, and serve the control socket until it closes."""
        if self.plan.has_walls:
            walls.die_with_parent(walls.libc())
        if self.plan.readable:
            walls.shut_in(self.plan.readable)
            self.plan.readable.clear()  # no child learns paths of this computer from it
        self.tell({"entered": True})
        os.chdir("/")
        tempfile.tempdir = "/"  # libraries ask where; nothing can be written anywhere
        if not self.plan.is_lean:
            preload()
        if self.plan.has_walls:
            import resource  # only here: Windows has none

            if not self.plan.is_lean:
                self.modules = preload_modules()
            if self.plan.uid is not None:
                walls.become(self.plan.uid)
            self.address_space_bytes = walls.in_use(resource.RLIMIT_AS)
            self.data_bytes = walls.in_use(resource.RLIMIT_DATA)
        self.tell({"ready": True})
        try:
            self.obey()
        finally:
            for pid in list(self.children):
                self.end(pid, 0)

    def obey(self) -> None:
        pending = b""
        while True:
            fds: list[int] = []
            while b"\n" not in pending:
                data, fds, _, _ = socket.recv_fds(self.control, 65536, 2)
                if not data:
                    return
                pending += data
            line, pending = pending.split(b"\n", 1)
            command = json.loads(line)
            if command["do"] == "fork":
                self.tell({"pid": self.fork(command["limits"], *fds)})
            elif command["do"] == "count":
                self.tell({"cpu_s": used_s(command["pid"])})
            else:
                self.tell(self.end(command["pid"], command["grace_s"]))

    def tell(self, answer: dict[str, Any]) -> None:
        self.control.sendall(json.dumps(answer).encode() + b"\n")

    def fork(self, limits: dict[str, int], channel: int, output: int) -> int:
        """Fork a child that serves ``channel``, and return its process id."""
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            self.be_child(limits, channel, output)
        os.close(channel)
        os.close(output)
        self.children.add(pid)
        return pid

    def be_child(self, limits: dict[str, int], channel: int, output: int) -> NoReturn:
        """Live and die as a child; never return to the warm process's code."""
        status = 1
        try:
            os.setsid()
            nothing, end = os.pipe()
            os.close(end)
            kept = 3
            for target, source in ((0, nothing), (1, output), (2, output)):
                os.dup2(source, target)
            os.dup2(channel, kept) if channel != kept else None
            os.closerange(kept + 1, 65536)
            sys.stdin = open(0, closefd=False)  # noqa: SIM115
            if self.plan.has_walls:
                use_no_files(self.modules)
                memory = limits["memory_bytes"]
                inside = {
                    **limits,
                    "address_space_bytes": self.address_space_bytes + memory,
                    "data_bytes": self.data_bytes + memory,
                }
                walls.raise_walls(inside, self.plan.has_landlock)
            serve(kept)
            status = 0
        except wire.FrameError:
            status = 0
        except BaseException as error:
            os.write(2, f"the worker failed: {type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(status)

    def end(self, pid: int, grace_s: float) -> dict[str, Any]:
        """Let a child die within ``grace_s``, else kill it.

        Returns its ``exit`` code or ``signal``, and the seconds of CPU and bytes of memory that it
        used at most.
        """
        deadline = time.monotonic() + grace_s
        done, status, usage = os.wait4(pid, os.WNOHANG)
        while not done and time.monotonic() < deadline:
            time.sleep(0.002)
            done, status, usage = os.wait4(pid, os.WNOHANG)
        if not done:
            os.kill(pid, signal.SIGKILL)
            _, status, usage = os.wait4(pid, 0)
        self.children.discard(pid)
        code = os.waitstatus_to_exitcode(status)
        kilobyte = 1 if sys.platform == "darwin" else 1024
        return {
            **({"exit": code} if code >= 0 else {"signal": -code}),
            "cpu_s": usage.ru_utime + usage.ru_stime,
            "peak_memory_bytes": usage.ru_maxrss * kilobyte,
        }


def used_s(pid: int) -> float | None:
    """Return the seconds of CPU that a process has used; None where its clock can't be read."""
    clock = ~pid << 3 | 2  # as clock_getcpuclockid(3) makes it on Linux
    try:
        return time.clock_gettime(clock)
    except (OSError, OverflowError, ValueError):
        return None


def main(control_fd: int) -> None:
    """Serve the control socket, as its first line says."""
    control = socket.socket(fileno=control_fd)
    line = b""
    while not line.endswith(b"\n"):
        data = control.recv(65536)
        if not data:
            return
        line += data
    worker = Worker(control, Plan(**json.loads(line)))
    del line, data
    with contextlib.suppress(BrokenPipeError):  # the grader has gone
        try:
            worker.serve()
        except walls.WallError as error:
            worker.tell({"fault": str(error)})
            os._exit(1)
    os._exit(0)  # nothing is left to be done, and taking PyTorch down takes long


def preload() -> None:
    """Import what every child needs, so that the children share it."""
    import warnings

    gc.disable()  # what is imported stays: it would be looked through many times
    warnings.simplefilter("ignore")  # PyTorch announces the end of eager quantization
    import torch

    import autograder.inside.probes
    import autograder.inside.torchvision_models  # noqa: F401
    import lab3.engines
    import lab3.log.records  # noqa: F401
    from autograder.inside import warming

    torch.set_num_threads(1)
    torch.set_num_threads = ignore_threads  # a child can't start any: more would end it
    torch.use_deterministic_algorithms = ignore_determinism  # no INT8 network could be made
    torch.backends.nnpack.set_flags(False)  # it complains about each convolution in here
    warming.warm_up()
    gc.freeze()
    gc.enable()
    gc.set_threshold(50_000, 20, 20)  # a child lives for a second or two


def preload_modules() -> sources.SourceFinder:
    """Load and read all that children would open files for."""
    import torch

    torch.seed = torch.random.seed = draw_seed
    torch.cpu._is_avx2_supported()  # reads from files what the processor is
    here = platform.uname()
    hidden = platform.uname_result(here.system, "worker", "", "", here.machine)
    platform._uname_cache = hidden  # type: ignore[attr-defined]
    sources.load_compiled()
    finder = sources.SourceFinder([folder for folder in sys.path if os.path.isdir(folder)])
    gc.freeze()
    return finder


def draw_seed() -> int:
    """Stand for ``torch.seed``, which opens a device."""
    import torch

    seed = int.from_bytes(os.urandom(8), "little") >> 1
    torch.manual_seed(seed)
    return seed


def use_no_files(modules: sources.SourceFinder) -> None:
    """Import from memory from now on, and let libraries go on that ask for a file in passing."""
    here = [finder for finder in sys.meta_path if finder is not importlib.machinery.PathFinder]
    sys.meta_path[:] = [*here, modules]

    def get_data(_loader: Any, path: str) -> bytes:
        return modules.get_data(path)  # the source of what was imported before, too

    setattr(importlib.machinery.SourceFileLoader, "get_data", get_data)  # noqa: B010
    real_open, real_makedirs = builtins.open, os.makedirs

    def open_(file: Any, mode: str = "r", *arguments: Any, **more: Any) -> Any:
        if file != os.devnull:
            return real_open(file, mode, *arguments, **more)
        return io.BytesIO() if "b" in mode else io.StringIO()

    def makedirs(name: Any, mode: int = 0o777, exist_ok: bool = False) -> None:
        if name != os.sep or not exist_ok:  # where PyTorch's compiler is told to keep its cache
            real_makedirs(name, mode, exist_ok)

    builtins.open, os.makedirs = open_, makedirs


def ignore_threads(nthreads: int) -> None:
    """Stand for ``torch.set_num_threads`` in a child."""


def ignore_determinism(mode: bool, *, warn_only: bool = False) -> None:
    """Stand for ``torch.use_deterministic_algorithms``: on CPUs all that is graded is."""


def serve(channel: int, output: int | None = None) -> None:
    """Answer frames until the other side closes: first the student's files, then probes.

    Answers go to ``output``, where that is another descriptor.
    """
    back = channel if output is None else output
    first, _ = wire.read_frame(channel, REQUEST_BYTES)
    if "baits" in first:
        wire.write_frame(back, {"broken": attempts.broken_promises(first["baits"])})
        return
    from autograder.inside import experiments, probes

    sys.meta_path.insert(0, StudentFinder(first["files"]))
    with experiments.same_engine():
        while True:
            request, body = wire.read_frame(channel, REQUEST_BYTES)
            header, answer = probes.answer(request["question"], body)
            sys.stdout.flush()
            sys.stderr.flush()
            wire.write_frame(back, {"id": request["id"], **header}, answer)


class StudentFinder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds the student's two modules in memory; what was not handed in can't be imported."""

    def __init__(self, files: dict[str, str]) -> None:
        self.sources = {name: bytes.fromhex(text) for name, text in files.items()}

    def find_spec(self, fullname: str, _path: Any, _target: Any = None) -> Any:
        if fullname not in MODULES:
            return None
        name = MODULES[fullname]
        if name not in self.sources:
            raise ModuleNotFoundError(f"lab3/{name} was not handed in", name=fullname)
        spec = importlib.machinery.ModuleSpec(fullname, self, origin=f"lab3/{name}")
        spec.has_location = True
        return spec

    def get_source(self, fullname: str) -> str:
        return decode(self.sources[MODULES[fullname]])

    def get_code(self, fullname: str) -> CodeType:
        """Compile the bytes, as Python does: what it refuses is refused, with its own words."""
        name = MODULES[fullname]
        return compile(self.sources[name], f"lab3/{name}", "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        exec(self.get_code(module.__name__), module.__dict__)


def decode(source: bytes) -> str:
    """Return a source file as text, by its coding cookie or byte order mark.

    Stray bytes, as old editors leave them in comments, become replacement characters. This is what
    is shown of a file; what is run is compiled from its bytes.
    """
    try:
        return importlib.util.decode_source(source)
    except (SyntaxError, UnicodeDecodeError):
        text = source.decode("utf-8-sig", errors="replace")
        return text.replace("\r\n", "\n").replace("\r", "\n")
