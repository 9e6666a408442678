"""What run logs say, put side by side: plain data that tables and figures are made from."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lab3.records import Hyperparameters, Result
from lab3.runlog import RunLog


@dataclass(frozen=True)
class Comparison:
    """One network of the comparison FP32 / PTQ / QAT, measured on the test images.

    ``drop_points`` is FP32 minus this network's accuracy in percentage points, positive when
    accuracy was lost; ``speedup`` and ``compression`` are FP32 divided by this network. They are
    None for a network whose baseline has not been evaluated.
    """

    run: str
    kind: str
    scheme: str
    size_bytes: int
    accuracy: float
    drop_points: float | None
    latency_s: float
    latency_quartiles_s: tuple[float, float]
    engine: str
    threads: int
    speedup: float | None
    compression: float | None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def compare(logs: Iterable[RunLog]) -> list[Comparison]:
    """Return one row per evaluated run, FP32 first, each against its own baseline."""
    evaluated = {log.start.name: log for log in logs if log.result}
    order = {"train": 0, "ptq": 1, "qat": 2}
    ranked = sorted(evaluated.values(), key=lambda log: (order[log.start.kind], log.start.name))
    return [_row(log, evaluated) for log in ranked]


def _row(log: RunLog, evaluated: dict[str, RunLog]) -> Comparison:
    result, start = log.result, log.start
    assert result is not None  # compare() hands over evaluated runs only
    reference: Result | None = None
    if start.kind == "train":
        reference = result
    elif start.baseline and start.baseline.name in evaluated:
        candidate = evaluated[start.baseline.name].result
        # A baseline that was trained again is not the network that this run started from.
        if candidate and candidate.checkpoint_sha256 == start.baseline.checkpoint_sha256:
            reference = candidate
    drop = speedup = compression = None
    if reference:
        drop = 100 * (reference.accuracy - result.accuracy)
        speedup = reference.latency.median_s / result.latency.median_s
        compression = reference.checkpoint_bytes / result.checkpoint_bytes
    return Comparison(
        run=start.name,
        kind=start.kind,
        scheme=result.scheme,
        size_bytes=result.checkpoint_bytes,
        accuracy=result.accuracy,
        drop_points=drop,
        latency_s=result.latency.median_s,
        latency_quartiles_s=(result.latency.lower_quartile_s, result.latency.upper_quartile_s),
        engine=result.latency.engine,
        threads=result.latency.threads,
        speedup=speedup,
        compression=compression,
    )


@dataclass(frozen=True)
class Ablation:
    """One setting of an ablation and the best validation accuracy that it reached."""

    run: str
    hyperparameters: Hyperparameters
    best_epoch: int | None
    accuracy: float
    is_best: bool

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "hyperparameters": self.hyperparameters.model_dump()}


def ablations(logs: Sequence[RunLog]) -> list[Ablation]:
    """Return one row per complete training run, in the order given; equals are all best."""
    rows = [
        (log.start.name, log.start.hyperparameters, log.end.best_epoch, log.end.validation_accuracy)
        for log in logs
        if log.end and log.start.hyperparameters
    ]
    best = max((accuracy for *_, accuracy in rows), default=0.0)
    return [Ablation(*row, is_best=row[-1] == best) for row in rows]
