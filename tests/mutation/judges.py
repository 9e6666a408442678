"""The oracle's processes: a warm one that has imported PyTorch, and a fork of it for each mutant.

``python -m tests.mutation.judges`` serves: it reads mutants and answers with a verdict on each
bullet. Mutants may crash, hang or use up the memory, so each has limits of its own.
"""

import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
import types
from dataclasses import dataclass
from pathlib import Path

from tests.making.pipes import read, write

ROOT = Path(__file__).resolve().parents[2]
CPU_S, WALL_S = 12, 60  # for one mutant; a judgement takes about a second
MEMORY_BYTES = 8 * 10**9  # of addresses, of which PyTorch takes the most
Files = dict[str, bytes]


@dataclass(frozen=True)
class Verdict:
    """Whether a bullet holds: ``state`` is holds, broken, crashed or unjudged."""

    state: str
    fault: str = ""

    @property
    def is_fault(self) -> bool:
        return self.state in ("broken", "crashed")


class Judges:
    """The warm process, from the outside."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            # A mutant that asks for more threads must not use up its time with waiting for them.
            env={**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"},
            start_new_session=True,  # Ctrl-C is for the comparison
        )

    def judge(self, files: Files) -> dict[str, Verdict]:
        """Return the verdict on every bullet."""
        self.ask(files)
        return self.answer()

    def ask(self, files: Files) -> None:
        """Let a submission be judged; ``answer`` waits for it."""
        assert self._process.stdin is not None
        write(self._process.stdin, files)

    def answer(self) -> dict[str, Verdict]:
        assert self._process.stdout is not None
        return {name: Verdict(*said) for name, said in read(self._process.stdout).items()}

    def __enter__(self) -> "Judges":
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


def judge(files: Files) -> dict[str, Verdict]:
    """Try all bullets in forked processes: a bullet that ends one has crashed."""
    from tests.mutation.oracle.bullets import BULLETS

    verdicts: dict[str, Verdict] = {}
    while rest := [name for name in BULLETS if name not in verdicts]:
        found, fault = answers(files, rest)
        verdicts |= found
        if missing := [name for name in rest if name not in found]:
            verdicts[missing[0]] = Verdict("crashed", fault)
    return verdicts


def answers(files: Files, names: list[str]) -> tuple[dict[str, Verdict], str]:
    """Return the verdicts of one forked process, and how it ended."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        try:
            testify(files, names, writer)
        finally:
            os._exit(0)
    os.close(writer)
    content, deadline = b"", time.monotonic() + WALL_S
    while (left := deadline - time.monotonic()) > 0:
        if select.select([reader], [], [], left)[0]:
            piece = os.read(reader, 1 << 16)
            if not piece:
                break
            content += piece
    os.close(reader)
    os.kill(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    fault = "took too long" if code in (-signal.SIGXCPU, -signal.SIGKILL) else f"ended: {code}"
    lines = [json.loads(line) for line in content.splitlines() if line.endswith(b"]")]
    return {name: Verdict(state, text) for name, state, text in lines}, fault


def testify(files: Files, names: list[str], writer: int) -> None:
    """Try bullets on a mutant, and write a line of JSON about each."""
    from tests.mutation.oracle import bullets

    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    bullets.quiet()
    install(files)
    for name in names:
        try:
            bullets.BULLETS[name].trial()
            verdict = Verdict("holds")
        except bullets.BrokenError as error:
            verdict = Verdict("broken", str(error))
        except bullets.UnjudgedError as error:
            verdict = Verdict("unjudged", str(error))
        except BaseException as error:  # SystemExit is the mutant's, too
            verdict = Verdict("crashed", f"{type(error).__name__}: {error}")
        line = json.dumps([name, verdict.state, verdict.fault[:300]])
        os.write(writer, line.encode() + b"\n")


def install(files: Files) -> None:
    """Let ``lab3.resnet`` and ``lab3.observer`` be the mutant's, or missing where they raise."""
    modules: dict[str, types.ModuleType | None] = {}
    for file, source in files.items():
        name = f"lab3.{file.removesuffix('.py')}"
        module = modules[name] = types.ModuleType(name)
        sys.modules[name] = module
        try:
            exec(compile(source, file, "exec"), vars(module))
        except BaseException:
            modules[name] = None
    sys.modules.update(modules)  # None makes an import raise


def serve() -> None:
    """Answer requests until the other side closes."""
    import gc
    import importlib

    importlib.import_module("tests.mutation.oracle")
    importlib.import_module("torch._dynamo")  # otherwise each fork that trains imports it
    gc.freeze()
    requests, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    graders = [name for name in sys.modules if name.split(".")[0] == "autograder"]
    assert not graders, f"the oracle has imported {graders}"
    while True:
        try:
            files = read(requests)
        except EOFError:
            return
        write(replies, {name: (v.state, v.fault) for name, v in judge(files).items()})


if __name__ == "__main__":
    serve()
