"""The checks as pytest's own: ``pytest autograder/checks --submission PATH``."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.commandline import CHECKS
from tests.conftest import ROOT, SOLVED
from tests.making import warm

NO_CACHE = ("-p", "no:cacheprovider")


def run_pytest(
    *arguments: object, first: tuple[object, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run the checks of this checkout."""
    command = [*map(str, [*NO_CACHE, *first, CHECKS, *arguments])]
    return warm.run(command, ROOT, is_fresh=True, program="pytest")


def run_installed(site: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the checks of an autograder that is installed in a folder."""
    checks = site / "autograder" / "checks"
    return subprocess.run(
        [sys.executable, "-m", "pytest", *NO_CACHE, *map(str, [checks, *arguments])],
        cwd=site,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
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


@pytest.fixture
def with_settings(half_done: Path, tmp_path: Path) -> Path:
    """A submission with settings of pytest, which run its code where they are obeyed."""
    folder = Path(shutil.copytree(half_done, tmp_path / "ada"))
    (folder / "pytest.ini").write_text("[pytest]\npythonpath = .\naddopts = -p evil\n")
    for name in ("evil.py", "conftest.py"):
        (folder / name).write_text(
            f"import pathlib\npathlib.Path({str(tmp_path)!r}, 'ran').touch()"
        )
    return folder


def test_no_settings_of_a_submission_are_obeyed(with_settings: Path, tmp_path: Path) -> None:
    """Also where the kit is installed, with nothing of pytest's above it."""
    site = tmp_path / "site-packages"
    shutil.copytree(ROOT / "autograder", site / "autograder")
    named = ("--submission", with_settings, "-k", "symmetric_range")
    done = run_installed(site, *named)
    assert "2 of 2 points" in done.stdout
    assert not (tmp_path / "ran").exists()


def test_settings_that_may_be_a_submissions_are_told(with_settings: Path, tmp_path: Path) -> None:
    """pytest looks where its command line begins, before anybody can say what that is."""
    named = ("--submission", with_settings)
    done = run_pytest(first=named)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"pytest took settings from '{with_settings}/pytest.ini'" in done.stderr
    (tmp_path / "ran").unlink()
    done = run_pytest("-k", "symmetric_range", first=(f"--submission={with_settings}",))
    assert "2 of 2 points" in done.stdout
    assert not (tmp_path / "ran").exists()


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
