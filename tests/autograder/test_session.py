"""The checks as pytest's own: ``pytest autograder/checks --submission PATH``."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, SOLVED


def run_pytest(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "autograder/checks"]
    return subprocess.run(
        [*command, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def half_done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A submission whose ``observer.py`` is right, and whose ``resnet.py`` is the skeleton's."""
    folder = tmp_path_factory.mktemp("half") / "lab3"
    folder.mkdir()
    (folder / "observer.py").write_bytes(SOLVED["observer.py"])
    (folder / "resnet.py").write_bytes((ROOT / "assignment/lab3/resnet.py").read_bytes())
    return folder.parent


def test_pytest_tells_what_passes_what_fails_and_what_waits(half_done: Path) -> None:
    done = run_pytest("--submission", half_done, "-k", "lower_clamp or stem")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stderr
    assert re.search(r"behind walls: .*system call filter", done.stdout)
    assert "test_observer.py ..." in done.stdout
    assert "FAILED autograder/checks/test_fusion.py::test_stem[public]" in done.stdout
    assert "QuantizableResNet.fuse_model is not implemented yet" in done.stdout
    assert "it waits for fusion.stem" in done.stdout
    assert re.search(r"^[1-9]\d* of \d+ points$", done.stdout, re.MULTILINE)
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name what the checks are about: --submission PATH"),
        (("--submission", "nowhere"), "nowhere can't be read"),
    ],
    ids=["no submission", "one that is not there"],
)
def test_a_mistake_on_the_command_line_is_named(arguments: tuple[str, ...], said: str) -> None:
    done = run_pytest(*arguments)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert said in done.stderr + done.stdout
    assert "Traceback" not in done.stdout + done.stderr
