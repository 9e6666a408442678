"""The untrusted side: a warm process that forks one shut-in child for each submission.

The warm process imports torch once and runs no operation of it; it never holds anything secret.
It obeys one-line JSON commands on its control socket: ``fork`` (which brings two descriptors: the
child's channel and its output) and ``end`` (kill a child and tell how it died). A child raises its
walls, then answers probes on its channel until the channel closes.
"""

import gc
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import signal
import socket
import sys
import time
from types import CodeType, ModuleType
from typing import Any, NoReturn

from autograder.inside import walls, wire

MODULES = {"lab3.resnet": "resnet.py", "lab3.observer": "observer.py"}
REQUEST_BYTES = 512 << 20  # a checkpoint is the largest thing that is sent


def main(control_fd: int, has_walls: bool) -> None:
    """Serve the control socket until it closes."""
    control = socket.socket(fileno=control_fd)
    preload()
    baseline = walls.current_address_space_bytes() if has_walls else 0
    control.sendall(json.dumps({"ready": True}).encode() + b"\n")
    pending = b""
    while True:
        while b"\n" not in pending:
            data, fds, _, _ = socket.recv_fds(control, 65536, 2)
            if not data:
                return
            pending += data
        line, pending = pending.split(b"\n", 1)
        command = json.loads(line)
        if command["do"] == "fork":
            answer: dict[str, Any] = {"pid": fork(command["limits"], baseline, has_walls, *fds)}
        else:
            answer = {"death": end(command["pid"], command["grace_s"])}
        control.sendall(json.dumps(answer).encode() + b"\n")


def preload() -> None:
    """Import what every child needs, so that the children share it."""
    import warnings

    warnings.simplefilter("ignore")  # PyTorch announces the end of eager quantization
    import torch.ao.quantization

    import autograder.inside.probes  # noqa: F401
    import lab3.engines
    import lab3.records  # noqa: F401

    torch.set_num_threads(1)
    torch.set_num_threads = ignore_threads  # a child can't start any: more would end it
    torch.backends.nnpack.set_flags(False)  # it complains about each convolution in here
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)  # a child lives for a second or two


def ignore_threads(nthreads: int) -> None:
    """Stand for ``torch.set_num_threads`` in a child."""


def fork(limits: dict[str, int], baseline: int, has_walls: bool, channel: int, output: int) -> int:
    """Fork a child that serves ``channel``, and return its process id."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        be_child(limits, baseline, has_walls, channel, output)
    os.close(channel)
    os.close(output)
    return pid


def be_child(
    limits: dict[str, int], baseline: int, has_walls: bool, channel: int, output: int
) -> NoReturn:
    """Live and die as a child; never return to the warm process's code."""
    status = 1
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        kept = 3
        os.dup2(channel, kept) if channel != kept else None
        os.closerange(kept + 1, 65536)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        if has_walls:
            space = baseline + limits["memory_bytes"]
            walls.raise_walls({**limits, "address_space_bytes": space})
        serve(kept)
        status = 0
    except wire.FrameError:
        status = 0
    except BaseException as error:
        os.write(2, f"the worker failed: {type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(status)


def end(pid: int, grace_s: float) -> dict[str, int]:
    """Let a child die within ``grace_s``, else kill it; return ``exit`` code or ``signal``."""
    deadline = time.monotonic() + grace_s
    done, status = os.waitpid(pid, os.WNOHANG)
    while not done and time.monotonic() < deadline:
        time.sleep(0.002)
        done, status = os.waitpid(pid, os.WNOHANG)
    if not done:
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    return {"exit": code} if code >= 0 else {"signal": -code}


def serve(channel: int) -> None:
    """Answer frames until the other side closes: first the student's files, then probes."""
    from autograder.inside import experiments, probes

    files, _ = wire.read_frame(channel, REQUEST_BYTES)
    sys.meta_path.insert(0, StudentFinder(files["files"]))
    with experiments.same_engine():
        while True:
            request, body = wire.read_frame(channel, REQUEST_BYTES)
            header, answer = probes.answer(request["probe"], request["arguments"], body)
            sys.stdout.flush()
            sys.stderr.flush()
            wire.write_frame(channel, {"id": request["id"], **header}, answer)


class StudentFinder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds the student's two modules in memory; what was not handed in can't be imported."""

    def __init__(self, files: dict[str, str]) -> None:
        self.sources = {name: decode(bytes.fromhex(text)) for name, text in files.items()}

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
        return self.sources[MODULES[fullname]]

    def get_code(self, fullname: str) -> CodeType:
        return compile(
            self.get_source(fullname), f"lab3/{MODULES[fullname]}", "exec", dont_inherit=True
        )

    def exec_module(self, module: ModuleType) -> None:
        exec(self.get_code(module.__name__), module.__dict__)


def decode(source: bytes) -> str:
    """Return a source file as text, by its coding cookie or byte order mark.

    Stray bytes, as old editors leave them in comments, become replacement characters.
    """
    try:
        return importlib.util.decode_source(source)
    except (SyntaxError, UnicodeDecodeError):
        text = source.decode("utf-8-sig", errors="replace")
        return text.replace("\r\n", "\n").replace("\r", "\n")
