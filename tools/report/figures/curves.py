"""Training curves from run logs: in the terminal, and as PNG and SVG."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from tools.report.facts.overfitting import CurvePoint
from tools.report.figures.drawing import TRAIN, VALIDATION, save_figure
from tools.report.texts import Texts, load_texts


def terminal_curve(epochs: Sequence[CurvePoint], width: int = 72, height: int = 14) -> str:
    """Return the accuracies of training and validation over the epochs, drawn in text."""
    import plotext

    numbers = [epoch.epoch for epoch in epochs]
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(width, height)
    for label, marker, accuracies in (
        ("training", "dot", [epoch.train_accuracy for epoch in epochs]),
        ("validation", "x", [epoch.validation_accuracy for epoch in epochs]),
    ):
        percentages = [100 * accuracy for accuracy in accuracies]
        plotext.plot(numbers, percentages, label=label, marker=marker)
    if len(numbers) <= 20:
        plotext.xticks(numbers)
    plotext.xlabel("epoch")
    plotext.ylabel("accuracy (%)")
    return cast(str, plotext.uncolorize(plotext.build()))


def save_curves(
    epochs: Sequence[CurvePoint], best_epoch: int | None, path: Path, texts: Texts | None = None
) -> list[Path]:
    """Draw loss and accuracy of training and validation; return the PNG and the SVG written."""
    from matplotlib.figure import Figure

    t = texts or load_texts("en")
    figure = Figure(figsize=(9, 3.6))
    loss, accuracy = figure.subplots(1, 2)
    numbers = [epoch.epoch for epoch in epochs]
    marker = "o" if len(epochs) == 1 else ""  # one point makes no line
    train = {"color": TRAIN, "marker": marker, "label": t("figures.training")}
    validation = {
        "color": VALIDATION,
        "marker": marker,
        "ls": "--",
        "label": t("figures.validation"),
    }
    loss.plot(numbers, [e.train_loss for e in epochs], **train)
    loss.plot(numbers, [e.validation_loss for e in epochs], **validation)
    loss.set(xlabel=t("figures.epoch"), ylabel=t("figures.loss"))
    accuracy.plot(numbers, [100 * e.train_accuracy for e in epochs], **train)
    accuracy.plot(numbers, [100 * e.validation_accuracy for e in epochs], **validation)
    accuracy.set(xlabel=t("figures.epoch"), ylabel=t("figures.accuracy"))
    for axes in (loss, accuracy):
        axes.grid(alpha=0.3)
        axes.xaxis.get_major_locator().set_params(integer=True)
        if best_epoch is not None:
            label = t("figures.best_epoch", epoch=best_epoch)
            axes.axvline(best_epoch, color="grey", linewidth=0.8, label=label)
    loss.legend()
    figure.subplots_adjust(0.07, 0.15, 0.985, 0.96, 0.17)
    return save_figure(figure, path)
