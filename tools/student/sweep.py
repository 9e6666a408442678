"""``lab3 sweep``: an ablation, one training run for each setting."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from lab3.selection import DataName
from tools.report import tables
from tools.report.facts.comparison import ablations
from tools.running import workspace
from tools.running.datasets import read_data
from tools.running.sweeping import read_plan, settings, sweep_runs
from tools.running.training import recipe
from tools.shared.console import IS_FIRST_PROCESS, out, print_table
from tools.shared.options import (
    HYPERPARAMETER_LISTS,
    Arch,
    Code,
    DataDir,
    Device,
    Download,
    Json,
    Restart,
    Runs,
    Width,
    Workers,
    takes,
)


@takes(HYPERPARAMETER_LISTS)
def sweep(
    plan: Annotated[
        Path | None, Argument(metavar="[PLAN.toml]", help="Tables [base] and [vary].")
    ] = None,
    dataset: Annotated[
        DataName | None, Option("--dataset", help="What to train on; cifar10 by default.")
    ] = None,
    arch: Annotated[Arch | None, Option("--arch", help="Network; resnet14 for digits.")] = None,
    width: Width = None,
    *,
    chosen: dict[str, Any],
    grid: Annotated[
        bool, Option("--grid", help="All combinations instead of one change at a time.")
    ] = False,
    as_json: Json = False,
    device: Device = "auto",
    workers: Workers = None,
    restart: Restart = False,
    code: Code = None,
    runs: Runs = Path("runs/sweep"),
    data_dir: DataDir = Path("data"),
    download: Download = False,
) -> None:
    """Train once for each setting, and compare the validation accuracies.

    Give an option several values, separated by commas: the first is the base, and each further
    one is a run in which nothing else differs from the base. Runs that are complete are kept, so
    an interrupted sweep goes on where it was.

    Examples:

        lab3 sweep --dataset digits --epochs 3,6 --label-smoothing 0,0.1

        lab3 sweep ablation.toml

    The same as a file:

        [base]
        dataset = "digits"

        [vary]
        epochs = [3, 6]
        label_smoothing = [0, 0.1]

    In a checkout of the kit, with the reference solution:

        lab3 sweep --dataset digits --epochs 1,2 --code solution --runs build/try/sweep
    """
    student_code = workspace.use_code(code)
    options = {"dataset": dataset, "arch": arch, "width": width}
    base: dict[str, Any] = {"dataset": "cifar10", "arch": None, "width": None}
    vary = {field: text.split(",") for field, text in chosen.items()}
    if plan:
        planned_base, planned_vary = read_plan(plan)
        base, vary = base | planned_base, planned_vary | vary
    base |= {key: value for key, value in options.items() if value is not None}
    network = {key: base.pop(key) for key in ("dataset", "arch", "width")}
    hyper = recipe(network["dataset"], base)
    data = read_data(network["dataset"], data_dir, download)
    logs = sweep_runs(
        runs,
        data,
        settings(hyper, vary, grid),
        student_code,
        arch=network["arch"],
        width=network["width"],
        device=device,
        workers=workers,
        restart=restart,
    )
    rows = ablations(logs)
    if not IS_FIRST_PROCESS:
        return
    if as_json:
        out.print_json(json.dumps([row.as_json() for row in rows]))
    else:
        print_table(
            "Ablation (validation images; * best)", tables.ablation_table(rows).without_constants()
        )
