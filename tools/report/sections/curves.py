"""Training and validation curves, and what they say of overfitting."""

from collections.abc import Iterator, Sequence

from lab3.log.records import Epoch
from lab3.log.runlog import RunLog
from tools.report.facts.overfitting import FEWEST_EPOCHS, CurvePoint, Evidence, evidence
from tools.report.figures.curves import save_curves
from tools.report.sections.context import Context
from tools.report.sources import lines_of, ranges


def paragraphs(context: Context) -> Iterator[str]:
    log, console, t = context.sources.fp32, context.sources.console, context.t
    points: Sequence[CurvePoint] = log.epochs if log else []
    if log and log.end is None:
        hyper = log.start.hyperparameters
        epochs = hyper.epochs if hyper else "?"
        yield t("sentences.unfinished", run=log.name, done=len(points), epochs=epochs)
    if points and log:
        name, source = log.name, context.source((log, lines_of(log, Epoch)))
    elif console and console.drawn:
        output, curve = console.drawn
        points, name = curve.points, output.path.name
        source = context.imported((output.path, ranges(curve.lines)))
        yield t("sentences.imported")
        if console.has_repeated_epochs:
            yield t("sentences.imported_repeated")
    else:
        yield t("sentences.no_curves")
        return
    shown = evidence(points, log.end.best_epoch if log and log.end else None)
    assert shown is not None  # there are epochs
    best = shown.best.epoch
    context.draw(lambda path: save_curves(points, best, path, context.labels), "curves")
    alt = t(
        "alt.curves",
        epochs=len(points),
        best_epoch=best,
        first_loss=f"{points[0].train_loss:.4f}",
        last_loss=f"{points[-1].train_loss:.4f}",
        first_validation_loss=f"{points[0].validation_loss:.4f}",
        last_validation_loss=f"{points[-1].validation_loss:.4f}",
        best=f"{100 * shown.best.validation_accuracy:.2f}",
    )
    yield context.image("curves", alt)
    yield context.caption("curves", run=name)
    yield epoch_table(context, points, best)
    space = " " if t.language == "en" else ""
    yield space.join(overfitting(context, shown, len(points), log))
    yield source


def epoch_table(context: Context, points: Sequence[CurvePoint], best: int) -> str:
    """Return the best and the last epoch side by side."""
    by_epoch = {point.epoch: point for point in points}
    rows = []
    for key, point in (("best_epoch", by_epoch[best]), ("last_epoch", points[-1])):
        accuracies = (point.train_accuracy, point.validation_accuracy)
        rows.append(
            (
                context.t(f"rows.{key}", epoch=point.epoch),
                f"{point.train_loss:.4f}",
                f"{point.validation_loss:.4f}",
                *(f"{100 * accuracy:.2f}" for accuracy in accuracies),
                signed(100 * (accuracies[0] - accuracies[1])),
            )
        )
    return context.table("epochs", rows)


def overfitting(context: Context, shown: Evidence, count: int, log: RunLog | None) -> Iterator[str]:
    """Yield sentences that say what the curves support."""
    t = context.t
    for key, gap in (("gap_best", shown.best), ("gap_last", shown.last)):
        yield t(
            f"sentences.{key}",
            epoch=gap.epoch,
            train=f"{100 * gap.train_accuracy:.2f}",
            validation=f"{100 * gap.validation_accuracy:.2f}",
            gap=signed(gap.points),
        )
    if shown.gap_slope is None or shown.loss_slope is None:
        yield t("sentences.trend_short", epochs=count)
    else:
        yield t(
            "sentences.trend",
            first=shown.first_of_trend,
            last=shown.last.epoch,
            slope=signed(shown.gap_slope, "+.3f"),
            loss=signed(shown.loss_slope, "+.4f"),
        )
    yield t(
        "sentences.lowest_loss",
        epoch=shown.lowest_loss_epoch,
        lowest=f"{shown.lowest_loss:.4f}",
        last=f"{shown.last_loss:.4f}",
    )
    if count >= FEWEST_EPOCHS:
        yield t(f"sentences.{shown.verdict}")
    hyper = log.start.hyperparameters if log else None
    if hyper is not None:
        yield t("sentences.plain" if hyper.augmentation == "none" else "sentences.augmented")


def signed(value: float, form: str = "+.2f") -> str:
    """Return a number with its sign, but zero without one."""
    text = f"{value:{form}}"
    return text[1:] if float(text) == 0 else text
