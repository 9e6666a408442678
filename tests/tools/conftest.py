"""Runs that the tests of commands share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from lab3.engines import engine
from tests.conftest import SOLUTION, run_lab3
from tests.making.browser import chromium  # noqa: F401
from tests.making.commands import SMALL
from tests.making.sharing import made_once


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a complete FP32, PTQ and QAT run of a small network, made once for all."""

    def make(folder: Path) -> None:
        for arguments in (
            ("train", *SMALL, "--epochs", 2),
            ("ptq", "--code", SOLUTION),
            ("ptq", "--code", SOLUTION, "--qconfig", "default", "--name", "per-channel"),
            ("qat", "--code", SOLUTION, "--epochs", 1),
        ):
            done = run_lab3(*arguments, cwd=folder)
            assert done.returncode == 0, done.stderr

    return made_once(tmp_path_factory, "finished", make)


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished runs that a test may change."""
    shutil.copytree(finished / "runs", tmp_path / "runs")
    return tmp_path


@pytest.fixture
def same_engine_afterwards() -> Iterator[None]:
    with engine(torch.backends.quantized.engine):
        yield
