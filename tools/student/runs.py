"""``lab3 runs``: the run folders, checked against the schema of run logs, and compared."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from lab3.log.runlog import RunLog, RunLogError, json_schema, read_log
from lab3.units import percent
from tools.report.facts.settings import differing, outcomes
from tools.running import workspace
from tools.running.soundness import SOUND, faults
from tools.shared.console import UserError, out, print_table, say
from tools.shared.options import Json, Runs
from tools.shared.table import Table


def runs(
    names: Annotated[
        list[str] | None,
        Argument(metavar="[RUN]...", help="Runs, by name or folder; all by default."),
    ] = None,
    compare: Annotated[
        bool, Option("--compare", help="Show the curves, and only what differs between the runs.")
    ] = False,
    html: Annotated[
        Path | None,
        Option("--html", metavar="FILE", help="With --compare: also write a page of it."),
    ] = None,
    schema: Annotated[
        bool, Option("--schema", help="Print the JSON Schema of one line of a run log.")
    ] = False,
    as_json: Json = False,
    folder: Runs = Path("runs"),
) -> None:
    """List the runs and how far each has come; every log and checkpoint is checked on the way.

    "Checked" says what was looked at: that the checkpoint is there and is the file that the log
    describes, and that the log doesn't contradict itself. Accuracies are not counted again.

    Examples:

        lab3 runs

        lab3 runs shared/runs/ptq

        lab3 runs --compare fp32 runs/sweep/epochs=6 --html compared.html

        lab3 runs --schema > run-log.schema.json
    """
    if schema:
        out.print(json_schema(), markup=False)
        return
    logs: list[RunLog] = []
    damaged = []
    chosen = [workspace.find_run(folder, name) for name in names or []]
    for run in chosen or workspace.all_runs(folder):
        try:
            logs.append(read_log(run))
        except RunLogError as error:
            damaged.append(str(error))
    if compare or html:
        show_comparison(logs, html, as_json)
    elif as_json:
        document = {"runs": [summary(log) for log in logs], "faults": damaged}
        out.print_json(json.dumps(document))
    elif logs:
        headers = ("Run", "Kind", "State", "Checked", "Data set", "Epochs", "Validation", "Test")
        title = "Runs" if chosen else f"Runs in {folder}"
        print_table(title, Table(headers, [row(log) for log in logs], left=5))
    else:
        out.print(f"no runs in {folder}", markup=False)
    if damaged:
        raise UserError("\n".join(["damaged logs:", *damaged]))


def summary(log: RunLog) -> dict[str, object]:
    """Return a run's state as plain data; accuracies are fractions."""
    hyper = log.start.hyperparameters
    state = "complete" if log.end else "unfinished"
    found = faults(log.path.parent, log)
    return {
        "run": log.name,
        "kind": log.start.kind,
        "state": f"{state}, last line torn" if log.is_torn else state,
        "checked": "; ".join(found) or (SOUND if log.end else ""),
        "is_sound": not found,
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
        *(str(facts[key]) for key in ("run", "kind", "state", "checked", "dataset")),
        epochs,
        *("-" if a is None else percent(float(str(a))) for a in accuracies),
    )


def show_comparison(logs: Sequence[RunLog], html: Path | None, as_json: bool) -> None:
    """Print curves and differences; raise UserError for fewer than two runs."""
    if len(logs) < 2:
        raise UserError("--compare needs two runs or more: lab3 runs --compare RUN RUN")
    rows, shared = differing(logs)
    if as_json:
        names = [log.name for log in logs]
        document = {
            "differing": {name: dict(zip(names, values, strict=True)) for name, *values in rows},
            "shared": shared,
            "outcomes": {
                name: dict(zip(names, values, strict=True)) for name, *values in outcomes(logs)
            },
        }
        out.print_json(json.dumps(document))
    else:
        if any(log.epochs for log in logs):
            from tools.report.figures.compared import terminal_comparison

            out.print(terminal_comparison(logs), markup=False)
        headers = ("", *(log.name for log in logs))
        print_table("Runs compared", Table(headers, [*outcomes(logs), *rows]))
        same = ", ".join(f"{name} {value}" for name, value in shared.items())
        out.print(f"the same in all: {same}", markup=False)
    if html:
        from lab3.log.runlog import write_atomically
        from tools.report.compared_page import comparison_page

        text = comparison_page(logs)
        write_atomically(html, lambda file: file.write(text.encode()))
        say(f"wrote {html}")
