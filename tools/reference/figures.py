"""The figures of a plan: accuracy over the limit of the shift, and over calibration images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tools.reference.results import Summary
from tools.report.figures.drawing import COLOURS, GREY, MARKERS, save_figure, style


def save_figures(folder: Path, results: Summary) -> list[Path]:
    """Draw what there are rows for, as PNG and SVG."""
    drawn: list[Path] = []
    with style(None):
        for name, label in (
            ("limited", "largest shift"),
            ("calibrated", "calibration images"),
        ):
            if results[name]:
                drawn += save_accuracies(folder / name, results[name], results, label)
    return drawn


def save_accuracies(path: Path, rows: list[Summary], results: Summary, label: str) -> list[Path]:
    """Draw the test accuracy of each seed and their mean, with FP32 and QAT as lines."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3))
    axes = figure.subplots()
    places = list(range(len(rows)))
    colour = COLOURS["ptq"]
    for place, row in zip(places, rows, strict=True):
        values = [100 * value for value in row["accuracy"]["values"]]
        axes.plot([place] * len(values), values, MARKERS["ptq"], ms=3, color=GREY)
    means = [100 * row["accuracy"]["mean"] for row in rows]
    axes.plot(places, means, MARKERS["ptq"] + "-", color=colour, label="PTQ, mean")
    lines: dict[str, Any] = {"FP32": ("train", "--"), "QAT": ("qat", ":")}
    for row in results["compared"]:
        if row["title"] in lines:
            kind, dashes = lines[row["title"]]
            mean = 100 * row["accuracy"]["mean"]
            text = f"{row['title']}, mean"
            axes.axhline(mean, linestyle=dashes, color=COLOURS[kind], linewidth=1, label=text)
    axes.set_xticks(places, [row["title"] for row in rows])
    axes.grid(alpha=0.3)
    axes.set(xlabel=label, ylabel="test accuracy (%)")
    axes.legend(fontsize=8, loc="best")
    figure.subplots_adjust(0.12, 0.16, 0.98, 0.96)
    return save_figure(figure, path)
