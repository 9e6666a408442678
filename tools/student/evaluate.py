"""``lab3 evaluate``: test accuracy, size and latency of finished runs, and their comparison."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from tools.report import tables
from tools.report.facts.comparison import Comparison, compare
from tools.running import workspace
from tools.running.evaluating import evaluate_runs, finished_runs
from tools.shared.console import out, print_table
from tools.shared.options import Code, DataDir, Json, NoLog, Runs


def evaluate(
    names: Annotated[
        list[str] | None,
        Argument(metavar="[RUN]...", help="Runs, by name or folder; all complete ones by default."),
    ] = None,
    classes: Annotated[
        bool, Option("--classes", help="Also print accuracy per class and confusion matrices.")
    ] = False,
    again: Annotated[
        bool, Option("--again", help="Measure runs that have a result already once more.")
    ] = False,
    no_log: NoLog = False,
    as_json: Json = False,
    code: Code = None,
    runs: Runs = Path("runs"),
    data_dir: DataDir = Path("data"),
) -> None:
    """Measure finished runs on the test images and compare them.

    Accuracy, per-class accuracy, confusion matrix, file size and the latency of one image are
    written to each run's log. The latency of an INT8 network is that of the engine that is fastest
    on this CPU. Keep this for the end: a choice made by test accuracy is no longer tested.

    Examples, after ``lab3 train``, ``lab3 ptq`` and ``lab3 qat``:

        lab3 evaluate

        lab3 evaluate ptq qat --classes

        lab3 evaluate shared/runs/fp32 shared/runs/ptq

        lab3 evaluate --json > comparison.json

    In a checkout of the kit, with the reference solution:

        lab3 evaluate --code solution --runs build/try
    """
    workspace.use_any_code(code)
    logs = evaluate_runs(runs, names or finished_runs(runs), data_dir, again, no_log)
    rows = compare(logs)
    if as_json:
        results = {log.name: log.result.model_dump(mode="json") for log in logs if log.result}
        document = {"comparison": [row.as_json() for row in rows], "results": results}
        out.print_json(json.dumps(document))
        return
    for dataset in sorted({row.dataset for row in rows}):
        print_comparison([row for row in rows if row.dataset == dataset])
        measured = {
            log.name: log.result
            for log in logs
            if log.result and log.start.data.name == dataset and classes
        }
        if measured:
            print_table("Test accuracy per class (%)", tables.class_table(measured))
        for name, result in measured.items():
            print_table(f"Confusion matrix of {name}", tables.confusion_table(result))


def print_comparison(rows: list[Comparison]) -> None:
    """Print the comparison and how its times were taken."""
    title = f"Comparison on the test images of {rows[0].dataset}"
    print_table(title, tables.comparison_table(rows))
    for line in tables.latency_notes(rows):
        out.print(line, markup=False)
