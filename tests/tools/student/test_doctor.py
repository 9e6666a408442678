"""What ``lab3 doctor`` says of the versions that it finds."""

from importlib.metadata import version
from pathlib import Path

import pytest
import torch

from tools.student.doctor import examine, versions_tested


@pytest.mark.parametrize(
    ("release", "ending"),
    [
        ("2.9.1", "; 2.9.1 is older: where it fails, install one of these"),
        ("2.11.0+cu128", ""),
        ("2.14.1", ""),
        ("2.100.0", "; 2.100.0 is newer: where it fails, install one of these"),
        (
            "3.0.0a0+git4f9a1c2",
            "; 3.0.0a0+git4f9a1c2 is newer: where it fails, install one of these",
        ),
    ],
)
def test_a_pytorch_that_was_not_tested_is_named(release: str, ending: str) -> None:
    assert versions_tested(release) == f"with PyTorch 2.11 to 2.14{ending}"


def test_every_version_that_may_differ_is_told(tmp_path: Path) -> None:
    found = examine(tmp_path)
    assert found["tested"] == versions_tested(torch.__version__)
    for package in ("torch", "torchvision", "rich", "psutil"):
        assert found[package] == version(package)
