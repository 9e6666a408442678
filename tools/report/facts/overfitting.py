"""What training curves say of overfitting, and no more."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

FEWEST_EPOCHS = 6  # a third of them gives a trend
LARGE_RISE = 0.05  # of validation loss, beside its lowest value


class CurvePoint(Protocol):
    """What a curve needs of an epoch; accuracies are fractions."""

    @property
    def epoch(self) -> int: ...
    @property
    def train_loss(self) -> float: ...
    @property
    def train_accuracy(self) -> float: ...
    @property
    def validation_loss(self) -> float: ...
    @property
    def validation_accuracy(self) -> float: ...


@dataclass(frozen=True)
class Gap:
    """Training minus validation accuracy of one epoch, in percentage points."""

    epoch: int
    train_accuracy: float
    validation_accuracy: float

    @property
    def points(self) -> float:
        return 100 * (self.train_accuracy - self.validation_accuracy)


@dataclass(frozen=True)
class Evidence:
    """Slopes are those of straight lines through the last third, an epoch; None when too short."""

    best: Gap
    last: Gap
    first_of_trend: int | None
    gap_slope: float | None
    loss_slope: float | None
    lowest_loss_epoch: int
    lowest_loss: float
    last_loss: float
    verdict: Literal["overfits", "overfits_not", "diverges"]


def evidence(points: Sequence[CurvePoint], best_epoch: int | None = None) -> Evidence | None:
    """Return the evidence in the curves of a run, which may be unfinished; None without epochs."""
    if not points:
        return None
    by_epoch = {point.epoch: point for point in points}
    best = by_epoch.get(best_epoch or 0) or max(points, key=lambda p: p.validation_accuracy)
    last = points[-1]
    lowest = min(points, key=lambda point: point.validation_loss)
    tail = points[-(len(points) // 3) :] if len(points) >= FEWEST_EPOCHS else []
    gaps = [100 * (point.train_accuracy - point.validation_accuracy) for point in tail]
    rise = last.validation_loss - lowest.validation_loss
    return Evidence(
        best=gap(best),
        last=gap(last),
        first_of_trend=tail[0].epoch if tail else None,
        gap_slope=slope(gaps),
        loss_slope=slope([point.validation_loss for point in tail]),
        lowest_loss_epoch=lowest.epoch,
        lowest_loss=lowest.validation_loss,
        last_loss=last.validation_loss,
        verdict="overfits_not"
        if rise <= LARGE_RISE * abs(lowest.validation_loss)
        else "overfits"
        if last.train_loss < lowest.train_loss
        else "diverges",
    )


def gap(point: CurvePoint) -> Gap:
    return Gap(point.epoch, point.train_accuracy, point.validation_accuracy)


def slope(values: Sequence[float]) -> float | None:
    """Return the slope of the least-squares line through values at 0, 1, 2, ..."""
    count = len(values)
    if count < 2:
        return None
    middle, mean = (count - 1) / 2, sum(values) / count
    products = sum((i - middle) * (value - mean) for i, value in enumerate(values))
    return products / sum((i - middle) ** 2 for i in range(count))
