"""Graders whose walls can be taken down one by one, on a computer that is thrown away.

A test is a good one only if it fails where the wall that it is about is down. Nothing of this is in
the product: its functions are replaced in the grader's process (``switches``), and its worker gets
a changed copy of the staged files (``open_walls``).
"""

import json
import os
import pickle
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from autograder.host import bubblewrap, contents, processes, proof
from autograder.host.answers import NoAnswerError
from autograder.host.child import Limits
from autograder.host.client import Client
from tests.making import machines, open_walls, switches
from tests.making.graders import Grader, Patience, Served, serve, serving

LONGEST_S = 60


class OpenGrader(Grader):
    """A grader where attacks that succeed harm nothing but ``writable``."""

    def __init__(self, writable: Path, **environment: str) -> None:
        self.writable = writable
        super().__init__("throwaway", **environment)

    @property
    def command(self) -> list[str]:
        return machines.throwaway(bubblewrap.program(), self.writable, serving(__name__))


class OpenServed(Served):
    """What an open grader does when asked.

    No wall is around its worker, whose children raise their own, but for those that are down.
    """

    def __init__(self) -> None:
        real = contents.kit_files

        def changed() -> dict[str, Path]:
            files = real()
            walls, copy = "autograder/inside/walls.py", Path("/tmp/walls.py")
            copy.write_text(files[walls].read_text() + open_walls.HOOK)
            return {**files, walls: copy, open_walls.PLACE: Path(open_walls.__file__)}

        open_walls.DOWN.write_text("")
        open_walls.GRADERS.write_text(json.dumps(dict(os.environ)))
        contents.kit_files = changed
        proof.prove = lambda _: None
        processes.unused_id = os.geteuid
        super().__init__(("landlock",))

    @contextmanager
    def without(self, walls: Sequence[str]) -> Iterator[None]:
        """Take walls down for the time of a block."""
        inside = [wall for wall in walls if wall in open_walls.SWITCHES]
        open_walls.DOWN.write_text("\n".join(inside))
        try:
            with pytest.MonkeyPatch.context() as patch:
                for wall in {*walls} - {*inside}:
                    switches.SWITCHES[wall](patch)
                yield
        finally:
            open_walls.DOWN.write_text("")

    def grade_without(
        self,
        walls: Sequence[str],
        attack: dict[str, bytes],
        honest: dict[str, bytes],
        groups: Sequence[str] = ("observer",),
        patience: Patience | None = None,
    ) -> tuple[Any, str, Any]:
        """Grade as ``grade_both`` does, without some walls.

        Without a process of its own, code runs in a copy of this one. Raises RuntimeError when that
        dies, or hangs.
        """
        self.sandbox.wait_until_ready()
        with self.without(walls):
            try:
                if "process" in walls:
                    return in_a_copy(lambda: self.grade_both(attack, honest, groups, patience))
                return self.grade_both(attack, honest, groups, patience)
            except KeyboardInterrupt:  # how a grading ends that gives up
                raise RuntimeError("the grader hangs") from None

    def checkpoint_without(self, walls: Sequence[str], content: bytes) -> str:
        """Return the outcome of reading a checkpoint without some walls, or ``read``."""
        path = Path("/tmp/model.pt")
        path.write_bytes(content)
        self.sandbox.wait_until_ready()
        with self.without(walls), Client({}, self.sandbox, Limits(probe_s=10)) as client:
            try:
                client.checkpoint(path)
            except NoAnswerError as error:
                return error.outcome
        return "read"

    def say_without(self, walls: Sequence[str], *codes: str) -> list[str]:
        """Do as ``say`` does, without some walls."""
        self.sandbox.wait_until_ready()
        with self.without(walls):
            return self.say(*codes)


def in_a_copy(compute: Callable[[], Any]) -> Any:
    """Return what a copy of this process computes; raise RuntimeError when it doesn't."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            signal.alarm(LONGEST_S)
            data = pickle.dumps(compute())
            with os.fdopen(write, "wb") as file:
                file.write(data)
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as file:
        data = file.read()
    os.waitpid(pid, 0)
    if not data:
        raise RuntimeError("the grader died")
    return pickle.loads(data)


if __name__ == "__main__":
    serve(OpenServed)
