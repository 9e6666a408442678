"""What the processes of one test run make once and share."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.running.workspace import locked


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder that the first process to ask for it makes, and the others wait for."""
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    folder = factory.getbasetemp().parent / f"{name}-{session}"
    with locked(folder, wait=True):
        if not (folder / "complete").exists():
            make(folder)
            (folder / "complete").touch()
    return folder
