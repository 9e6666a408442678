"""Measuring finished runs on the test images."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lab3.errors import LabError
from lab3.log.records import Result, Scheme, Speedup
from lab3.log.runlog import RunLog, RunLogError, append, read_log
from lab3.units import percent
from tools.running import networks, workspace
from tools.running.datasets import data_of
from tools.shared.console import Bar, UserError, say

if TYPE_CHECKING:
    from torch import Tensor, nn

    from lab3.data import ImageData

Run = tuple[Path, RunLog]


@dataclass(frozen=True)
class Measured:
    """A result, and the network with its engine that it is about, ready to be timed."""

    result: Result
    network: tuple[nn.Module, str]


Results = dict[Path, Measured]


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
    measured: dict[Path, Measured] = {}
    for folder, log in complete:
        end, result = log.end, log.result
        if again or not (end and result and result.checkpoint_sha256 == end.checkpoint_sha256):
            if data is None or data.fingerprint != log.start.data.fingerprint:
                data = data_of(log, data_dir)
            measured[folder] = measure(folder, log, data)
    for family in families(runs, complete):
        if any(folder in measured for folder, _ in family):
            if data is None or data.fingerprint != family[0][1].start.data.fingerprint:
                data = data_of(family[0][1], data_dir)
            measured |= timed(family, measured, data)
    logs = []
    for folder, log in complete:
        if folder in measured:
            log = replace(log, records=(*log.records, measured[folder].result))
        logs.append(log)
    if not no_log:
        asked = {folder for folder, _ in complete}
        for folder, one in measured.items():
            # A baseline that was timed along may be somebody else's, and not ours to write to.
            readonly = nullcontext() if folder in asked else suppress(OSError)
            with readonly, workspace.locked(folder):
                append(folder, one.result)
    return logs


def evaluate_alone(folder: Path, data: ImageData) -> None:
    """Measure a run where that is still to be done, without a look at its family.

    No other log is written to, so runs can be measured side by side; none gets a speed-up.
    """
    run = workspace.complete_run(folder.parent, folder.name)
    if run[1].result is None:
        measured = timed([run], {folder: measure(*run, data)}, data)
        with workspace.locked(folder):
            append(folder, measured[folder].result)


def families(runs: Path, complete: Sequence[Run]) -> list[list[Run]]:
    """Return runs with those quantized from them: FP32 first, found among all runs by its hash."""
    by_sha: dict[str, list[Run]] = {}
    for folder, log in complete:
        assert log.end is not None  # complete_run() has seen to it
        origin = log.start.baseline
        sha = origin.checkpoint_sha256 if origin else log.end.checkpoint_sha256
        by_sha.setdefault(sha, []).append((folder, log))
    for sha, family in by_sha.items():
        if all(log.start.baseline for _, log in family):
            near = [run.parent for run, _ in family]
            family += baselines(sha, dict.fromkeys([runs, *near]))[:1]
        family.sort(key=lambda run: run[1].start.baseline is not None)
    return list(by_sha.values())


def baselines(sha: str, places: Iterable[Path]) -> list[Run]:
    """Return the complete FP32 runs with a checkpoint, wherever they are called what."""
    found = []
    for folder in (folder for place in places for folder in workspace.all_runs(place)):
        try:
            log = read_log(folder)
            if log.start.kind == "train" and log.end and log.end.checkpoint_sha256 == sha:
                found.append(workspace.complete_run(folder.parent, folder.name))
        except LabError:  # it is left out wherever runs are listed, with the reason
            continue
    return found


def timed(family: list[Run], measured: dict[Path, Measured], data: ImageData) -> Results:
    """Return the results of a family's runs with times that were taken in turn."""
    from lab3.engines import time_in_turn
    from lab3.evaluation import latency_of, median_interval

    image = data.normalise(data.test.images[:1])
    networks = [
        measured[folder].network if folder in measured else fastest(folder, log, image)
        for folder, log in family
    ]
    with Bar(f"{', '.join(folder.name for folder, _ in family)}: latency", 1):
        seconds = time_in_turn(networks, image)
    first = family[0][1]
    results: Results = {}
    for (folder, log), network, own in zip(family, networks, seconds, strict=True):
        result = measured[folder].result if folder in measured else log.result
        if result is None:  # a baseline that is not asked about
            continue
        latency, speedup = latency_of(own, image, network[1]), None
        if log is not first and first.end and not first.start.baseline:
            ratios = [base / one for base, one in zip(seconds[0], own, strict=True)]
            low, high = median_interval(ratios)
            speedup = Speedup(
                baseline_sha256=first.end.checkpoint_sha256,
                baseline_median_s=statistics.median(seconds[0]),
                rounds=len(ratios),
                low=low,
                high=high,
            )
        changes = {"latency": latency, "speedup": speedup, "time": workspace.now()}
        results[folder] = Measured(result.model_copy(update=changes), network)
    return results


def fastest(folder: Path, log: RunLog, image: Tensor) -> tuple[nn.Module, str]:
    """Return the network of a run on the engine that is fastest for it, and that one's name."""
    import torch

    from lab3.engines import use_fastest_engine

    build = networks.builder(folder, log.start)
    if log.start.kind == "train":
        return build().to(memory_format=torch.channels_last), "float32"
    return use_fastest_engine(build, image)


def measure(folder: Path, log: RunLog, data: ImageData) -> Measured:
    """Return what a run's checkpoint achieves on the test images, on this CPU."""
    from lab3.engines import engine, exact_engines, time_in_turn
    from lab3.evaluation import confusion_matrix, latency_of, loss_and_accuracy
    from lab3.quantize import scheme_of

    assert log.end is not None  # complete_run() has seen to it
    image = data.normalise(data.test.images[:1])
    build = networks.builder(folder, log.start)
    title = f"{folder.name}: test images"
    if log.start.kind == "train":
        ready = fastest(folder, log, image)
        logits = networks.logits(ready[0], data, data.test, title)
    else:
        with engine(exact_engines()[0]):
            logits = networks.logits(build(), data, data.test, title)
        ready = fastest(folder, log, image)
    loss, accuracy = loss_and_accuracy(logits, data.test.labels)
    confusion = confusion_matrix(logits, data.test.labels)
    of_class, right = confusion.sum(1), confusion.diagonal()
    latency = latency_of(time_in_turn([ready], image, rounds=2)[0], image, ready[1])
    scheme: Scheme = scheme_of(ready[0])
    say(f"{folder.name}: test accuracy {percent(accuracy)} of {len(data.test):,} images")
    result = Result(
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
        latency=latency,  # in place of the one that is taken in turn with its family's
    )
    return Measured(result, ready)
