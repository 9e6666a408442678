"""Run logs: what decided their numbers, what a clock measured, and what no clock can have."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from autograder.plain_text import cut
from lab3.log.records import Epoch, Resume
from lab3.log.runlog import RunLog, parse_log
from tools.integrity.hashing import digest
from tools.integrity.prints import LogPrint, Recipe

DIGITS = 6  # a measured time with fewer may be somebody else's by chance
DECIMALS = 3  # of losses and accuracies that are taken for equal
LEAST_EPOCHS = 2  # so many losses don't agree by chance
LENGTH = 120  # characters
SAME = 3  # epochs of one duration
SLACK_S = 60  # of clocks that are set while they run
SLACK = 0.01  # of sums that were rounded


def log_print(name: str, content: bytes) -> LogPrint:
    """Return what is to be compared of a log; raise RunLogError where it can't be read."""
    log = parse_log(Path("runs") / name / "run.jsonl", content)
    start, end, epochs = log.start, log.end, log.epochs
    return LogPrint(
        recipe=recipe_of(log),
        computer=computer_of(log),
        code_sha256=start.code_sha256,
        start=in_utc(start.time),
        end=in_utc(end.time) if end else None,
        checkpoint_sha256=end.checkpoint_sha256 if end else "",
        base_sha256=start.baseline.checkpoint_sha256 if start.baseline else "",
        epochs=len(epochs),
        curve=digest(*map(point, epochs)) if len(epochs) >= LEAST_EPOCHS else "",
        clock=dict(clock_of(log)),
        impossible=tuple(impossible(log)),
    )


def short(text: str) -> str:
    """Return a text of a log that nobody has to read whole."""
    return cut(text, LENGTH)


def in_utc(time: datetime) -> datetime:
    """Return a time with a zone: one that names none is taken for UTC, as logs are written."""
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def computer_of(log: RunLog) -> tuple[str, ...]:
    where = log.start.environment
    texts = where.processor, where.device, where.torch, where.platform, str(where.threads)
    return tuple(map(short, texts))


def recipe_of(log: RunLog) -> Recipe:
    start, hyper = log.start, log.start.hyperparameters
    settings = hyper.model_dump_json(exclude={"seed"}) if hyper else ""
    return Recipe(
        kind=start.kind,
        arch=short(start.arch),
        width=start.width,
        data=start.data.fingerprint,
        seed=hyper.seed if hyper else None,
        settings=f"{settings} {start.calibration_images} {start.qconfig}",
    )


def point(epoch: Epoch) -> tuple[float, ...]:
    """Return an epoch's place on the curves."""
    losses = (epoch.train_loss, epoch.validation_loss)
    return tuple(
        round(value, DECIMALS)
        for value in (*losses, epoch.train_accuracy, epoch.validation_accuracy)
    )


def clock_of(log: RunLog) -> Iterator[tuple[str, str]]:
    """Yield hashes of the times that the log has to many digits, by what was measured."""
    measured = {f"epoch {epoch.epoch}": epoch.duration_s for epoch in log.epochs}
    if log.result:
        measured["latency"] = log.result.latency.median_s
        measured["lower quartile of latency"] = log.result.latency.lower_quartile_s
        measured["upper quartile of latency"] = log.result.latency.upper_quartile_s
    for what, seconds in measured.items():
        if is_exact(seconds):
            yield what, digest(f"{seconds:.9g}")


def is_exact(seconds: float) -> bool:
    """Tell whether a time has so many digits that nobody measures it twice."""
    digits = repr(abs(seconds)).split("e")[0].replace(".", "")
    return len(digits.strip("0")) >= DIGITS


def impossible(log: RunLog) -> Iterator[str]:
    """Yield what no clock can have measured."""
    start, end, epochs = log.start, log.end, log.epochs
    resumed = {record.epoch + 1 for record in log.records if isinstance(record, Resume)}
    passed = (in_utc(end.time) - in_utc(start.time)).total_seconds() if end else math.inf
    if end and passed < 0:
        yield f"it ends at {end.time:%Y-%m-%d %H:%M:%S} and began at {start.time:%Y-%m-%d %H:%M:%S}"
    else:
        computed = sum(epoch.duration_s for epoch in epochs)
        if computed > passed * (1 + SLACK) + SLACK_S:
            yield f"its epochs take {computed:,.0f} s, and from start to end {passed:,.0f} s pass"
    whole = [epoch for epoch in epochs if epoch.epoch not in resumed]
    seen = [e.duration_s * e.images_per_s for e in whole]
    images = start.data.train
    wrong = [(e, n) for e, n in zip(whole, seen, strict=True) if not is_pass(n, images)]
    if wrong:
        epoch, count = wrong[0]
        yield (
            f"epoch {epoch.epoch} has {count:,.0f} images by its seconds and images per second, "
            f"of {images:,}"
        )
    times = {epoch.duration_s for epoch in epochs}
    if len(epochs) >= SAME and len(times) == 1 and is_exact(min(times)):
        yield f"all {len(epochs)} epochs take the same {min(times)!r} s"


def is_pass(seen: float, images: int) -> bool:
    """Tell whether so many images are one epoch's; the last batch may be left out."""
    return math.isfinite(seen) and images / 2 <= seen * (1 + SLACK) and seen <= images * (1 + SLACK)
