"""Recomputes every published number from the run logs, and says what doesn't come out."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab3.log.runlog import CHECKPOINT_NAME, RunLog, RunLogError, read_log
from tools.reference.doing import is_done
from tools.reference.items import Item, items_of
from tools.reference.plan import Plan
from tools.reference.provenance import file_sha256
from tools.reference.publishing import (
    PROVENANCE,
    REPORT,
    RESULTS,
    answers_of,
    documents,
    without_times,
)
from tools.reference.results import logs_below
from tools.report.sources import collect
from tools.report.writing import FIGURES, text_of

TOLERANCE = 1e-9  # of a share that was computed in other steps
SHOWN = 60  # characters of a line that differs


def complaints(plan: Plan, folder: Path) -> list[str]:
    """Return what is wrong with the published results in a folder; nothing when all comes out."""
    try:
        found = log_faults(plan, folder)
        for name, text in documents(plan, folder).items():
            found += differences_of_text(folder / name, text)
    except RunLogError as error:
        return [str(error)]
    return found + report_faults(plan, folder)


def log_faults(plan: Plan, folder: Path) -> list[str]:
    """Say which runs are missing or foreign, and what logs contradict.

    Raises RunLogError for one that can't be read.
    """
    items = items_of(plan)
    names = {item.name for item in items}
    found = [
        f"{path.parent.relative_to(folder)} is no run of the plan: delete it"
        for path in logs_below(folder)
        if path.parent.relative_to(folder).as_posix() not in names
    ]
    missing = [item.name for item in items if not is_done(item, folder)]
    if logs_below(folder):
        found += [f"{name} is missing or has not ended" for name in missing]
    done = [item for item in items if item.name not in missing]
    logs = {item.name: read_log(folder / item.name) for item in done}
    for item in done:
        log, origin = logs[item.name], logs.get(item.needs or "")
        found += [f"{log.path}: {text}" for text in faults(plan, item, log, origin)]
    return found


def faults(plan: Plan, item: Item, log: RunLog, origin: RunLog | None) -> Iterator[str]:
    """Yield what a log contradicts: its plan, itself, its baseline, its checkpoint."""
    start, end = log.start, log.end
    assert end is not None  # complaints() hands over complete runs
    yield from item.contradictions(plan, start)
    if origin and not log.continues(origin):
        yield f"its baseline is not {item.needs}"
    yield from epoch_faults(log)
    yield from result_faults(log)
    if log.quantized and log.quantized.validation_accuracy != end.validation_accuracy:
        yield "the validation accuracy of its end is not that of the INT8 network"
    checkpoint = log.path.with_name(CHECKPOINT_NAME)
    if checkpoint.exists() and file_sha256(checkpoint) != end.checkpoint_sha256:
        yield f"{CHECKPOINT_NAME} is not what the run wrote"
    if checkpoint.exists() and checkpoint.stat().st_size != end.checkpoint_bytes:
        yield f"{CHECKPOINT_NAME} has not the bytes that the log names"


def epoch_faults(log: RunLog) -> Iterator[str]:
    """Yield where a training run's end is not its best epoch's."""
    hyper, end = log.start.hyperparameters, log.end
    assert end is not None
    if hyper is None:
        return
    if len(log.epochs) != hyper.epochs:
        yield f"it has {len(log.epochs)} epochs of {hyper.epochs}"
        return
    best = max(log.epochs, key=lambda epoch: (epoch.validation_accuracy, epoch.epoch))
    if end.best_epoch != best.epoch:
        yield f"its best epoch is {best.epoch}, not {end.best_epoch}"
    if log.start.kind == "train" and end.validation_accuracy != best.validation_accuracy:
        yield "the validation accuracy of its end is not that of its best epoch"


def result_faults(log: RunLog) -> Iterator[str]:
    """Yield where a result contradicts its confusion matrix, or the checkpoint of its run."""
    result, end = log.result, log.end
    if result is None or end is None:
        return
    of_class = [sum(row) for row in result.confusion]
    right = [row[i] for i, row in enumerate(result.confusion)]
    if sum(of_class) != result.images or result.images != log.start.data.test:
        yield f"the confusion matrix counts {sum(of_class):,} images, the result {result.images:,}"
    if abs(sum(right) / result.images - result.accuracy) > TOLERANCE:
        yield f"{sum(right):,} images are right, which is no accuracy of {result.accuracy}"
    for (name, share), n, total in zip(result.class_accuracy.items(), right, of_class, strict=True):
        if share is not None and abs(share - n / total) > 1e-6:  # a class's is counted in float32
            yield f"the accuracy of class {name} is not {n} of {total}"
    if result.checkpoint_sha256 != end.checkpoint_sha256:
        yield "the result is of another checkpoint"
    if result.checkpoint_bytes != end.checkpoint_bytes:
        yield "the result names another size of the checkpoint"
    if log.certificate and log.certificate.images != result.images:
        yield "the certificate is not of all test images"


def differences_of_text(path: Path, text: str) -> list[str]:
    """Say where a file differs from what the logs give."""
    try:
        published = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        return [f"{path} is missing or can't be read"]
    if published == text:
        return []
    if path.name in (RESULTS, PROVENANCE):
        try:
            pairs = differing_values(json.loads(published), json.loads(text))
        except ValueError:
            return [f"{path} is not JSON"]
        differing = [f"{path}: {where} is {old}, the logs say {new}" for where, old, new in pairs]
        return differing or [f"{path} is not written as lab3 reference writes it"]
    pairs_of_lines = zip([*published.splitlines(), ""], [*text.splitlines(), ""], strict=False)
    for number, (old, new) in enumerate(pairs_of_lines, 1):
        if old != new:
            where = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), 0)
            cut = slice(max(0, where - SHOWN // 2), where + SHOWN // 2)
            return [f"{path}:{number}: {old[cut]!r}, the logs say {new[cut]!r}"]
    return [f"{path} has other lines than the logs give"]


def differing_values(old: Any, new: Any, where: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield each value that differs between two documents, with its place."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            yield from differing_values(old.get(key), new.get(key), f"{where}.{key}".lstrip("."))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, pair in enumerate(zip(old, new, strict=True)):
            yield from differing_values(*pair, f"{where}[{index}]")
    elif old != new or type(old) is not type(new):
        yield where, old, new


def report_faults(plan: Plan, folder: Path) -> list[str]:
    """Say where the report is not what the logs and the answers of staff give."""
    runs = Path("runs") / f"seed-{plan.seeds[0]}"
    if not (folder / runs).is_dir():
        return []
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        shutil.copytree(folder / runs, place / runs, ignore=shutil.ignore_patterns("*.pt"))
        sources = collect(place / runs)
        if sources.fp32 is None:
            return []
        text = text_of(sources, place, answers_of(folder))
    shown = {Path(name) for name in re.findall(rf"\(({FIGURES}/[^)]+)\.png\)", text)}
    files = sorted(name.with_suffix(kind) for name in shown for kind in (".png", ".svg"))
    missing = [f"{folder / file} is missing" for file in files if not (folder / file).exists()]
    return differences_of_text(folder / REPORT, text) + missing


def compared_again(then: RunLog, now: RunLog) -> list[str]:
    """Say how a run that was done again differs from the published one, times aside."""
    old, new = without_times(then), without_times(now)
    return [f"{where} was {a}, now {b}" for where, a, b in differing_values(old, new) if where] or (
        ["another number of records"] if len(old) != len(new) else []
    )
