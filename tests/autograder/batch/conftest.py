"""Pools of scripted processes, of which nothing may be left."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from autograder.batch.local import LocalPool
from autograder.batch.orders import Message
from autograder.grades.items import Graded, Item
from tests.making import scripted
from tests.making.alarms import no_longer_than

Grade = Callable[..., list[Message]]


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Scripted processes; afterwards, none of them and no file of theirs may be there."""
    scripted.use(monkeypatch)
    monkeypatch.setattr("autograder.batch.local.LISTEN_S", 0.05)
    with no_longer_than(60):
        yield
    own = [p for p in psutil.Process().children(recursive=True) if is_ours(p)]
    _, alive = psutil.wait_procs(own, timeout=10)
    assert not alive
    assert not list(Path(tempfile.gettempdir()).glob(f"lab3-class-{os.getpid()}-*"))


def is_ours(process: psutil.Process) -> bool:
    try:
        return any("batch.server" in part for part in process.cmdline())
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def grade(scripts: None, tmp_path: Path) -> Grade:  # noqa: ARG001
    """Grades items in scripted processes, and returns all that is told."""

    def run(*items: Item, jobs: int = 1, starts: tuple[str, ...] = ()) -> list[Message]:
        with LocalPool(scripted.task(tmp_path, *starts), jobs) as pool:
            return list(pool.grade(items))

    return run


def graded(messages: list[Message]) -> dict[str, Graded]:
    """Return the grades by folder; nobody has two."""
    found = [message for message in messages if isinstance(message, Graded)]
    by_folder = {one.folder: one for one in found}
    assert len(by_folder) == len(found)
    return by_folder
