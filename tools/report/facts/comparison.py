"""What run logs say, put side by side: plain data that tables and figures are made from."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lab3.log.records import Hyperparameters, Result, RunKind
from lab3.log.runlog import RunLog

NOISY = 2.0  # the upper quartile of times over the lower, from which a median means nothing
UNCERTAIN = 1.5  # the high end of a speed-up's interval over the low one, likewise


@dataclass(frozen=True)
class Comparison:
    """One network of the comparison FP32 / PTQ / QAT, measured on the test images.

    ``drop_points`` is FP32 minus this network's accuracy in percentage points, positive when
    accuracy was lost; ``speedup`` and ``compression`` are FP32 divided by this network. They are
    None for a network whose baseline has not been evaluated; ``speedup`` also when the two were
    timed on different processors, with different numbers of threads or not in turn, and when the
    times scatter so much that the ratio means nothing. ``speedup_interval`` is its 95 % interval.
    """

    run: str
    dataset: str
    kind: RunKind
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
    speedup_interval: tuple[float, float] | None = None
    is_noisy: bool = False

    @property
    def is_latency_noisy(self) -> bool:
        """Whether the times scatter so much that their median means nothing."""
        low, high = self.latency_quartiles_s
        return high > NOISY * low

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def compare(logs: Iterable[RunLog]) -> list[Comparison]:
    """Return one row per evaluated run, FP32 first, each against its own baseline.

    A baseline is found by its checkpoint: one that was trained again is another network.
    """
    evaluated = [log for log in logs if log.result]
    networks = {log.result.checkpoint_sha256: log.result for log in evaluated if log.result}
    order = {"train": 0, "ptq": 1, "qat": 2}
    evaluated.sort(key=lambda log: (log.start.data.name, order[log.start.kind], log.name))
    return [_row(log, networks) for log in evaluated]


def _row(log: RunLog, networks: dict[str, Result]) -> Comparison:
    result, start = log.result, log.start
    assert result is not None  # compare() hands over evaluated runs only
    reference = networks.get(start.baseline.checkpoint_sha256) if start.baseline else result
    drop = speedup = compression = interval = None
    is_noisy = False
    if reference:
        drop = 100 * (reference.accuracy - result.accuracy)
        places = [(r.latency.processor, r.latency.threads) for r in (reference, result)]
        if places[0] == places[1] and result.latency.median_s > 0:
            if start.baseline:
                interval, is_noisy = reliability(reference, result)
            if not is_noisy and is_in_turn(reference, result):
                speedup = reference.latency.median_s / result.latency.median_s
        if result.checkpoint_bytes > 0:
            compression = reference.checkpoint_bytes / result.checkpoint_bytes
    return Comparison(
        run=log.name,
        dataset=start.data.name,
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
        speedup_interval=interval,
        is_noisy=is_noisy,
    )


def is_in_turn(reference: Result, result: Result) -> bool:
    """Tell whether two networks were timed in turn; logs of old don't say."""
    timed = result.speedup
    return timed is None or timed.baseline_median_s == reference.latency.median_s


def reliability(reference: Result, result: Result) -> tuple[tuple[float, float] | None, bool]:
    """Return the interval of a speed-up, where it is known, and whether it is too wide to say.

    The interval is that of the rounds' ratios; where times drift, the ratio of the medians can lie
    outside of it, and the interval is widened to hold it.
    """
    if timed := result.speedup:
        bounds = [timed.low, timed.high]
        if is_in_turn(reference, result) and result.latency.median_s > 0:
            bounds.append(reference.latency.median_s / result.latency.median_s)
        return (min(bounds), max(bounds)), max(bounds) > UNCERTAIN * min(bounds)
    latencies = (reference.latency, result.latency)
    return None, any(t.upper_quartile_s > NOISY * t.lower_quartile_s for t in latencies)


def timed_alike(rows: Iterable[Comparison]) -> dict[tuple[str, int], list[str]]:
    """Return which runs were timed on the same engine with the same number of threads."""
    runs: dict[tuple[str, int], list[str]] = {}
    for row in rows:
        runs.setdefault((row.engine, row.threads), []).append(row.run)
    return runs


def lacks_speedup(rows: Iterable[Comparison]) -> bool:
    """Tell whether the time of a run and that of its baseline can't be compared."""
    return any(
        row.speedup is None and row.compression is not None and not row.is_noisy for row in rows
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
        (log.name, log.start.hyperparameters, log.end.best_epoch, log.end.validation_accuracy)
        for log in logs
        if log.end and log.start.hyperparameters
    ]
    best = max((accuracy for *_, accuracy in rows), default=0.0)
    return [Ablation(*row, is_best=row[-1] == best) for row in rows]


def worst_pair(result: Result) -> tuple[str, str, int, int] | None:
    """Return the most frequent mistake: true class, predicted class, count, images of the class."""
    names = list(result.class_accuracy)
    mistakes = [
        (count, i, j)
        for i, row in enumerate(result.confusion)
        for j, count in enumerate(row)
        if i != j and count
    ]
    if not mistakes:
        return None
    count, i, j = max(mistakes, key=lambda mistake: (mistake[0], -mistake[1], -mistake[2]))
    return names[i], names[j], count, sum(result.confusion[i])
