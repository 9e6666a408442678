"""What tests of submissions share."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where temporary folders go; each test must leave it empty."""
    folder = tmp_path_factory.mktemp("private")
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    yield folder
    tempfile.tempdir = before
    assert list(folder.iterdir()) == []
