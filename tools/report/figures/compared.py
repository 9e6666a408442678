"""Curves of several runs together: in the terminal, and as a figure."""

from collections.abc import Sequence
from io import BytesIO
from typing import cast

from lab3.log.runlog import RunLog
from tools.report.figures.drawing import GREY, plain
from tools.report.texts import Texts, load_texts

# Okabe & Ito; with four line styles, 28 runs are told apart, in grey print the first four.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", GREY)
STYLES = ("-", "--", "-.", ":")
MARKERS = ("dot", "x", "o", "*", "+", "#", "@")


def terminal_comparison(logs: Sequence[RunLog], width: int = 78, height: int = 16) -> str:
    """Return the validation accuracies of runs over their epochs, drawn in text."""
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(width, height)
    longest = 0
    for number, log in enumerate(logs):
        if log.epochs:
            epochs = [epoch.epoch for epoch in log.epochs]
            accuracies = [100 * epoch.validation_accuracy for epoch in log.epochs]
            marker = MARKERS[number % len(MARKERS)]
            plotext.plot(epochs, accuracies, label=log.name, marker=marker)
            longest = max(longest, len(epochs))
    if longest <= 20:
        plotext.xticks(range(1, longest + 1))
    plotext.xlabel("epoch")
    plotext.ylabel("validation accuracy (%)")
    return cast(str, plotext.uncolorize(plotext.build()))


def comparison_svg(logs: Sequence[RunLog], texts: Texts | None = None) -> bytes:
    """Return loss and accuracy on validation images over the epochs of runs, as SVG."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    t = texts or load_texts("en")
    figure = Figure(figsize=(9, 3.8))
    loss, accuracy = figure.subplots(1, 2)
    for number, log in enumerate(log for log in logs if log.epochs):
        epochs = [epoch.epoch for epoch in log.epochs]
        look = {
            "color": COLOURS[number % len(COLOURS)],
            "ls": STYLES[number // len(COLOURS) % len(STYLES)],
            "marker": "o" if len(epochs) == 1 else "",
            "label": plain(log.name),
        }
        loss.plot(epochs, [epoch.validation_loss for epoch in log.epochs], **look)
        accuracy.plot(epochs, [100 * epoch.validation_accuracy for epoch in log.epochs], **look)
    loss.set(xlabel=t("figures.epoch"), ylabel=t("figures.loss"))
    accuracy.set(xlabel=t("figures.epoch"), ylabel=t("figures.accuracy"))
    for axes in (loss, accuracy):
        axes.grid(alpha=0.3)
        axes.xaxis.get_major_locator().set_params(integer=True)
    accuracy.legend(fontsize=8)
    figure.subplots_adjust(0.07, 0.15, 0.985, 0.96, 0.17)
    buffer = BytesIO()
    with rc_context({"svg.hashsalt": "lab3"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
