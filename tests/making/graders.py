"""Graders in processes of their own, on this computer and on others that it is made into.

``python -m tests.making.graders`` serves: it reads pickled requests, (name of a function, its
arguments), and answers with what the function returned or raised. Both ends are ours.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.making import machines
from tests.making.pipes import read, write

PLACES = {  # name: how the computer is made into it
    "namespaces": "",
    "namespaces, PyPI's bubblewrap": "",
    "Landlock, root": "no-namespaces",
    "Landlock, ordinary user": "no-namespaces,ordinary-user",
}
NO_PROGRAMS = "/nonexistent"  # where the system's bubblewrap is not found


class GraderGoneError(Exception):
    """The grader died, or hangs."""


class Grader:
    """A grader with one sandbox behind the strongest walls of its computer."""

    def __init__(self, place: str, **environment: str) -> None:
        self.place = place
        programs = NO_PROGRAMS if "PyPI" in place else os.environ["PATH"]
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=machines.ROOT,
            env={"PATH": programs, "HOME": "/", "OMP_NUM_THREADS": "1", **environment},
        )

    @property
    def command(self) -> list[str]:
        """The command line that starts it at its place."""
        return machines.there(PLACES[self.place], serving(__name__))

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self.call(name, *arguments)

    def call(self, name: str, *arguments: Any) -> Any:
        """Have a function of ``Served`` called there."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            write(self.process.stdin, (name, arguments))
            answer = read(self.process.stdout)
        except (BrokenPipeError, EOFError) as error:
            raise GraderGoneError(f"the grader {self.place!r} has gone") from error
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def stop(self) -> None:
        """Let it close its sandbox and end."""
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass(frozen=True)
class Patience:
    """Another probe's and submission's time, in seconds."""

    probe_s: float
    group_s: float


class Served:
    """What a grader does when asked."""

    def __init__(self, tiers: Sequence[Any] = ("namespaces", "landlock")) -> None:
        import warnings

        from autograder.host.sandbox import Sandbox
        from tests.making.grading import RUBRIC

        warnings.simplefilter("ignore")
        self.rubric = RUBRIC
        self.sandbox = Sandbox(tiers)
        self.secret = str(os.environ.get("LAB3_CANARY"))  # also in its memory

    def walls(self) -> tuple[str, tuple[str, ...], int]:
        """Return the tier, all walls, and the uid of the grader."""
        self.sandbox.wait_until_ready()
        return self.sandbox.tier, self.sandbox.walls, os.getuid()

    def grade(
        self, files: dict[str, bytes], groups: Sequence[str], patience: Patience | None = None
    ) -> Any:
        """Grade code by the checks of some groups, but not the whole ResNet-50."""
        import dataclasses

        from autograder.asking import judging
        from tests.making.grading import handed_in

        rubric = self.rubric
        if patience:
            limits = rubric.document.limits.model_copy(update=dataclasses.asdict(patience))
            document = rubric.document.model_copy(update={"limits": limits})
            rubric = dataclasses.replace(rubric, document=document)
        return judging.grade(
            handed_in(files),
            rubric,
            self.sandbox,
            lambda entry: entry.check.split(".")[0] in groups and entry.check != "ptq.full_depth",
        )

    def grade_both(
        self,
        attack: dict[str, bytes],
        honest: dict[str, bytes],
        groups: Sequence[str],
        patience: Patience | None = None,
    ) -> tuple[Any, str, Any]:
        """Grade an attack, then by a few checks an honest submission on the same worker.

        Between the grades are the texts of the first.
        """
        from autograder.messages import describe

        grade = self.grade(attack, groups, patience)
        told = "\n".join(map(describe, grade.results))
        return grade, told, self.grade(honest, ("observer",))

    def say(self, *codes: str) -> list[str]:
        """Run pieces of code as submissions that live at the same time; return their output."""
        from autograder.host.child import Limits

        limits = Limits(probe_s=60, output_bytes=1 << 20)
        children = []
        try:
            for code in codes:
                children.append(self.sandbox.fork({"observer.py": code.encode()}, limits))
                load(children[-1])
            return [child.take_output().decode() for child in children]
        finally:
            for child in children:
                child.close()

    def hold(self, code: str) -> int:
        """Start a submission that goes on; return the worker's process id."""
        from autograder.host.child import Limits

        self.held = self.sandbox.fork({"observer.py": code.encode()}, Limits())
        frame = {"id": 1, "probe": "places", "arguments": {}}
        self.held.send(frame)
        return int(self.sandbox._worker._process.pid)

    def renew(self) -> None:
        self.sandbox.renew()

    def close(self) -> None:
        self.sandbox.close()


def load(child: Any) -> None:
    """Have a child import what it was sent."""
    child.converse({"id": 1, "question": {"kind": "Places", "arguments": {}}}, b"", 1 << 20, 60)


@contextlib.contextmanager
def grader_at(place: str, **environment: str) -> Iterator[Grader]:
    """A grader for the time of a block."""
    grader = Grader(place, **environment)
    try:
        yield grader
    finally:
        grader.stop()


def serving(module: str) -> list[str]:
    """Return the command line that serves as a module does."""
    return [sys.executable, "-W", "ignore", "-m", module]


def serve(kind: type[Served]) -> None:
    """Answer requests until the other side closes."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not meet the answers
    served = kind()
    try:
        while True:
            try:
                name, arguments = read(requests)
            except EOFError:
                break
            try:
                write(answers, getattr(served, name)(*arguments))
            except Exception as error:
                write(answers, RuntimeError(f"{type(error).__name__}: {error}"))
    finally:
        served.sandbox.close()


if __name__ == "__main__":
    serve(Served)
