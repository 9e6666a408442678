"""What all tests share: the reference solution laid over the given files, and the commands."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from autograder.host.sandbox import WALLED, Sandbox, why_not
from tests.making import warm
from tools.running.workspace import use_code

if TYPE_CHECKING:
    from lab3.data import ImageData

ROOT = Path(__file__).resolve().parents[1]
SOLUTION = ROOT / "solution"
use_code(SOLUTION)
# No test is about time: on a busy computer all of them take longer.
settings.register_profile("kit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kit")

Command = Callable[..., subprocess.CompletedProcess[str]]


def run_lab3(
    *arguments: object, cwd: Path, fresh: bool = False, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, as a user would.

    A ``fresh`` one imports the kit itself: where given files of ``lab3`` are changed as well.
    """
    return warm.run([*map(str, arguments)], cwd, fresh or bool(environment), environment)


@pytest.fixture
def lab3(tmp_path: Path) -> Command:
    """The command, run in an empty folder; it must succeed unless ``fails`` is given."""

    def run(*arguments: object, fails: int = 0, cwd: Path = tmp_path) -> object:
        done = run_lab3(*arguments, cwd=cwd)
        assert done.returncode == fails, done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.fixture
def student(tmp_path: Path) -> Path:
    """A student's folder with both stubs solved, to be changed by the test."""
    folder = tmp_path / "student"
    shutil.copytree(ROOT / "assignment" / "lab3", folder / "lab3")
    for path in (SOLUTION / "lab3").glob("*.py"):
        shutil.copy(path, folder / "lab3")
    return folder


@pytest.fixture(scope="session")
def digits() -> "ImageData":
    from lab3.data import load_data  # only here: tests of texts need no PyTorch

    return load_data("digits", Path())


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """A warm worker behind real walls, shared by the tests of one process."""
    with Sandbox() as warm:
        yield warm


SOLVED = {path.name: path.read_bytes() for path in (SOLUTION / "lab3").glob("*.py")}


def change(path: Path, old: str, new: str) -> None:
    """Replace a piece of a source file that must be there."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no process waits for it at the end."""
    items.sort(key=lambda item: "long" not in item.keywords)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell which walls the tests found on this computer."""
    for tier in WALLED:
        fault = why_not(tier)
        terminalreporter.write_line(
            f"walls: {tier}: {f'not tested: {fault}' if fault else 'stood'}"
        )
