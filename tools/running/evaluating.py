"""Measuring finished runs on the test images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lab3.log.records import Result, Scheme
from lab3.log.runlog import RunLog, RunLogError, append, read_log
from lab3.units import percent
from tools.running import networks, workspace
from tools.running.datasets import data_of
from tools.shared.console import Bar, UserError, say

if TYPE_CHECKING:
    from lab3.data import ImageData


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
    names: Sequence[str],
    data_dir: Path,
    again: bool = False,
    no_log: bool = False,
    data: ImageData | None = None,
) -> list[RunLog]:
    """Measure runs, by name or path, where that is still to be done, and return their logs."""
    complete = [workspace.complete_run(runs, name) for name in names]
    if len({log.name for _, log in complete}) < len({folder.resolve() for folder, _ in complete}):
        raise UserError("two of the runs have the same name: evaluate them apart")
    logs = []
    for folder, log in complete:
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

    from lab3.engines import engine, exact_engines, use_fastest_engine
    from lab3.evaluation import confusion_matrix, loss_and_accuracy, measure_latency
    from lab3.quantize import scheme_of

    assert log.end is not None  # complete_run() has seen to it
    image = data.normalise(data.test.images[:1])
    build = networks.builder(folder, log.start)
    title = f"{folder.name}: test images"
    if log.start.kind == "train":
        network, computed_by = build().to(memory_format=torch.channels_last), "float32"
        logits = networks.logits(network, data, data.test, title)
    else:
        with engine(exact_engines()[0]):
            logits = networks.logits(build(), data, data.test, title)
        network, computed_by = use_fastest_engine(build, image)
    loss, accuracy = loss_and_accuracy(logits, data.test.labels)
    confusion = confusion_matrix(logits, data.test.labels)
    of_class, right = confusion.sum(1), confusion.diagonal()
    with Bar(f"{folder.name}: latency", 1):
        latency = measure_latency(network, image, computed_by)
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
