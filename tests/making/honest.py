"""A submission whose runs are really made: one epoch or two of a narrow network on the digits."""

from pathlib import Path

from lab3.data import load_data
from tests.conftest import SOLUTION, SOLVED
from tests.making.submissions import Files
from tools.running import workspace
from tools.running.evaluating import evaluate_runs
from tools.running.quantizing import ptq_run, qat_run
from tools.running.training import recipe, train_run


def make_honest(folder: Path) -> Path:
    """Make the runs and return the submission, which lies in a folder."""
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
    return submission


def runs_of(submission: Path) -> Files:
    """Return the files of the runs that count, by their names."""
    return {
        path.relative_to(submission).as_posix(): path.read_bytes()
        for path in sorted((submission / "runs").glob("*/*"))
        if path.name in ("run.jsonl", "model.pt")
    }
