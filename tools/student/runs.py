"""``lab3 runs``: the run folders, checked against the schema of run logs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from lab3.log.runlog import RunLog, RunLogError, json_schema, read_log
from lab3.units import percent
from tools.running import workspace
from tools.shared.console import UserError, out, print_table
from tools.shared.options import Json, Runs
from tools.shared.table import Table


def runs(
    names: Annotated[
        list[str] | None,
        Argument(metavar="[RUN]...", help="Runs, by name or folder; all by default."),
    ] = None,
    schema: Annotated[
        bool, Option("--schema", help="Print the JSON Schema of one line of a run log.")
    ] = False,
    as_json: Json = False,
    folder: Runs = Path("runs"),
) -> None:
    """List the runs and how far each has come; every log is checked on the way.

    Examples:

        lab3 runs

        lab3 runs shared/runs/ptq

        lab3 runs --schema > run-log.schema.json
    """
    if schema:
        out.print(json_schema(), markup=False)
        return
    logs, faults = [], []
    chosen = [workspace.find_run(folder, name) for name in names or []]
    for run in chosen or workspace.all_runs(folder):
        try:
            logs.append(read_log(run))
        except RunLogError as error:
            faults.append(str(error))
    if as_json:
        document = {"runs": [summary(log) for log in logs], "faults": faults}
        out.print_json(json.dumps(document))
    elif logs:
        headers = ("Run", "Kind", "State", "Data set", "Epochs", "Validation", "Test")
        title = "Runs" if chosen else f"Runs in {folder}"
        print_table(title, Table(headers, [row(log) for log in logs], left=4))
    else:
        out.print(f"no runs in {folder}", markup=False)
    if faults:
        raise UserError("\n".join(["damaged logs:", *faults]))


def summary(log: RunLog) -> dict[str, object]:
    """Return a run's state as plain data; accuracies are fractions."""
    hyper = log.start.hyperparameters
    state = "complete" if log.end else "unfinished"
    return {
        "run": log.name,
        "kind": log.start.kind,
        "state": f"{state}, last line torn" if log.is_torn else state,
        "dataset": log.start.data.name,
        "epochs_done": len(log.epochs),
        "epochs": hyper.epochs if hyper else None,
        "validation_accuracy": log.end.validation_accuracy if log.end else None,
        "test_accuracy": log.result.accuracy if log.result else None,
    }


def row(log: RunLog) -> tuple[str, ...]:
    facts = summary(log)
    epochs = f"{facts['epochs_done']} of {facts['epochs']}" if facts["epochs"] else "-"
    accuracies = (facts["validation_accuracy"], facts["test_accuracy"])
    return (
        *(str(facts[key]) for key in ("run", "kind", "state", "dataset")),
        epochs,
        *("-" if a is None else percent(float(str(a))) for a in accuracies),
    )
