"""A submission whose runs were really made."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from autograder.host.sandbox import Sandbox
from autograder.measuring import Counting
from autograder.results import CheckResult
from autograder.rubric import Rubric
from lab3.data import load_data
from tests.conftest import SOLUTION, SOLVED
from tests.making.graded_runs import EASY, Grader, grade_runs, with_thresholds
from tests.making.sharing import made_once
from tools.running import workspace
from tools.running.evaluating import evaluate_runs
from tools.running.quantizing import ptq_run, qat_run
from tools.running.training import recipe, train_run


@pytest.fixture(scope="session")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A submission whose runs were really made: one epoch of a narrow network on the digits."""
    return made_once(tmp_path_factory, "honest", make_honest) / "submission"


def make_honest(folder: Path) -> None:
    submission = folder / "submission"
    runs = submission / "runs"
    data = load_data("digits", folder)
    used = workspace.use_code(SOLUTION)
    hyper = recipe("digits", {"epochs": 2, "learning_rate": 0.02})
    train_run(runs / "fp32", data, hyper, used, "resnet14", 8)
    ptq_run(runs / "ptq", runs / "fp32", data, used)
    qat_run(runs / "qat", runs / "fp32", data, used, {"epochs": 1, "learning_rate": 0.002})
    evaluate_runs(runs, ["fp32", "ptq", "qat"], folder, data=data)
    (submission / "lab3").mkdir()
    for name, content in SOLVED.items():
        (submission / "lab3" / name).write_bytes(content)


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
