"""A submission whose runs were really made."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from autograder.host.sandbox import Sandbox
from autograder.measuring import Counting
from autograder.results import CheckResult
from autograder.rubric import Rubric
from tests.making.graded_runs import EASY, Grader, grade_runs, with_thresholds
from tests.making.honest import make_honest
from tests.making.sharing import made_once


@pytest.fixture(scope="session")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A submission whose runs were really made: one epoch of a narrow network on the digits."""
    return made_once(tmp_path_factory, "honest", make_honest) / "submission"


@pytest.fixture
def submission(honest: Path, tmp_path: Path) -> Path:
    """A copy of the honest submission, to be changed by the test."""
    return Path(shutil.copytree(honest, tmp_path / "submission"))


@pytest.fixture(name="grade_runs")
def grader_of_runs(sandbox: Sandbox, tmp_path: Path) -> Grader:
    """Grades the runs of a submission, as if its code were right."""

    def run(path: Path, rubric: Rubric | None = None, **more: Any) -> dict[str, CheckResult]:
        rubric = rubric or with_thresholds(digits=EASY)
        return grade_runs(sandbox, path, rubric, Counting(**{"data_dir": tmp_path, **more}))

    return run
