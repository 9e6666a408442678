"""``lab3 evaluate``: test accuracy, size and latency of finished runs, and their comparison."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from lab3.records import Result, Scheme
from lab3.runlog import RunLog, RunLogError, append, read_log
from tools.report import facts, tables
from tools.running import networks, workspace
from tools.running.datasets import data_of
from tools.shared.console import Bar, UserError, out, percent, print_table, say
from tools.shared.options import Code, DataDir, Json, NoLog, Runs

if TYPE_CHECKING:
    from torch import nn

    from lab3.data import ImageData


def evaluate(
    names: Annotated[
        list[str] | None, Argument(metavar="[RUN]...", help="Runs; all complete ones by default.")
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
    written to each run's log. INT8 networks run on the engine that is fastest on this CPU. Keep
    this for the end: a choice made by test accuracy is no longer tested.

    Examples, after ``lab3 train``, ``lab3 ptq`` and ``lab3 qat``:

        lab3 evaluate

        lab3 evaluate ptq qat --classes

        lab3 evaluate --json > comparison.json

    In a checkout of the kit, with the reference solution:

        lab3 evaluate --code solution --runs build/try
    """
    workspace.use_code(code)
    logs = evaluate_runs(runs, names or finished_runs(runs), data_dir, again, no_log)
    rows = facts.compare(logs)
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


def finished_runs(runs: Path) -> list[str]:
    """Return the names of the complete runs; raise UserError when there are none."""
    names = []
    for folder in workspace.all_runs(runs):
        try:
            names += [folder.name] if read_log(folder).end else []
        except RunLogError as error:
            say(f"left out: {error}")
    if not names:
        raise UserError(f"there is no complete run in {runs}: begin with lab3 train")
    return names


def evaluate_runs(
    runs: Path,
    names: list[str],
    data_dir: Path,
    again: bool = False,
    no_log: bool = False,
    data: ImageData | None = None,
) -> list[RunLog]:
    """Measure the named runs, where that is still to be done, and return their logs."""
    logs = []
    for name in names:
        folder, log = workspace.complete_run(runs, name)
        end, result = log.end, log.result
        if again or not (end and result and result.checkpoint_sha256 == end.checkpoint_sha256):
            if data is None or data.fingerprint != log.start.data.fingerprint:
                data = data_of(log, data_dir)
            measured = measure(folder, log, data)
            log = replace(log, records=(*log.records, measured))
            if not no_log:
                with workspace.locked(folder):
                    append(folder, measured)
        logs.append(log)
    return logs


def measure(folder: Path, log: RunLog, data: ImageData) -> Result:
    """Return what a run's checkpoint achieves on the test images, on this CPU."""
    import torch

    from lab3.engines import use_fastest_engine
    from lab3.evaluation import confusion_matrix, loss_and_accuracy, measure_latency
    from lab3.quantize import scheme_of

    assert log.end is not None  # complete_run() has seen to it
    image = data.normalise(data.test.images[:1])
    network: nn.Module
    if log.start.kind == "train":
        network = networks.load(folder, log.start).to(memory_format=torch.channels_last)
        engine = "float32"
    else:
        network, engine = use_fastest_engine(lambda: networks.load(folder, log.start), image)
    logits = networks.logits(network, data, data.test, f"{folder.name}: test images")
    loss, accuracy = loss_and_accuracy(logits, data.test.labels)
    confusion = confusion_matrix(logits, data.test.labels)
    of_class, right = confusion.sum(1), confusion.diagonal()
    with Bar(f"{folder.name}: latency", 1):
        latency = measure_latency(network, image, engine)
    scheme: Scheme = scheme_of(network)
    say(f"{folder.name}: test accuracy {percent(accuracy)} of {len(data.test):,} images")
    return Result(
        time=workspace.now(),
        checkpoint_sha256=log.end.checkpoint_sha256,
        checkpoint_bytes=log.end.checkpoint_bytes,
        scheme=scheme,
        images=len(data.test),
        accuracy=accuracy,
        loss=loss,
        class_accuracy={
            name: (right[i] / of_class[i]).item() if of_class[i] else None
            for i, name in enumerate(data.classes)
        },
        confusion=confusion.tolist(),
        latency=latency,
    )


def print_comparison(rows: list[facts.Comparison]) -> None:
    """Print the comparison and how its times were taken."""
    title = f"Comparison on the test images of {rows[0].dataset}"
    print_table(title, tables.comparison_table(rows))
    for line in tables.latency_notes(rows):
        out.print(line, markup=False)
