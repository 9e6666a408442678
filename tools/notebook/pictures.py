"""The drawings of the notebook, as SVG."""

from __future__ import annotations

import re
from collections.abc import Sequence
from io import StringIO
from typing import TYPE_CHECKING

from tools.report.figures.drawing import GREY, TRAIN, VALIDATION, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STEPS = 6  # of the wider grid that are shown on each side of 0
BOXES = 5  # layers in a row


def as_svg(figure: Figure) -> str:
    """Return a figure as SVG that stands inside of a page."""
    from matplotlib import rc_context

    buffer = StringIO()
    with rc_context({"svg.hashsalt": "lab3"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None}, facecolor="white")
    text = buffer.getvalue()
    return re.sub(r"^.*?(?=<svg)", "", text, flags=re.DOTALL)


def draw_grids(values: Sequence[float], scale: float, approximated: float) -> str:
    """Draw values on two grids, each value with the way to its nearest line."""
    from matplotlib.figure import Figure

    reach = STEPS * max(scale, approximated)
    near = [value for value in values if abs(value) <= reach][:40]
    with style(None):
        figure = Figure(figsize=(8, 3.4))
        for axes, step, title in zip(
            figure.subplots(2, 1, sharex=True),
            (scale, approximated),
            (f"before: scale {scale:.6f}", f"after scale_approximate: {approximated:.6g}"),
            strict=True,
        ):
            count = int(reach / step)
            for line in range(-count, count + 1):
                axes.axvline(line * step, color=GREY, linewidth=0.4)
            for value in near:
                axes.plot([value, round(value / step) * step], [1, 0], color=GREY, linewidth=0.5)
            axes.plot(near, [1] * len(near), ".", color=TRAIN, ms=5)
            axes.plot(
                [round(v / step) * step for v in near], [0] * len(near), "x", color=VALIDATION
            )
            axes.set(yticks=[0, 1], yticklabels=["on the grid", "value"], ylim=(-0.3, 1.3))
            axes.set_title(title, fontsize=9, loc="left")
        axes.set_xlim(-reach, reach)
        figure.subplots_adjust(0.11, 0.09, 0.98, 0.92, hspace=0.45)
        return as_svg(figure)


def draw_fusion(before: Sequence[tuple[str, str]], after: Sequence[tuple[str, str]]) -> str:
    """Draw a block's layers as boxes, those that fusion has emptied in dashes."""
    from matplotlib.figure import Figure

    rows = -(-len(before) // BOXES)
    with style(None):
        figure = Figure(figsize=(8, 1.1 + 1.5 * rows))
        halves = figure.subplots(2, 1)
        for axes, layers, title in zip(
            halves, (before, after), ("before fuse_model", "after"), strict=True
        ):
            boxes(axes, layers, rows)
            axes.set_title(title, fontsize=9, loc="left")
        figure.subplots_adjust(0.01, 0.01, 0.99, 0.94, hspace=0.2)
        return as_svg(figure)


def boxes(axes: Axes, layers: Sequence[tuple[str, str]], rows: int) -> None:
    """Draw layers in rows."""
    from matplotlib.patches import Rectangle

    axes.set(xlim=(0, BOXES), ylim=(-rows, 0))
    axes.axis("off")
    for number, (name, kind) in enumerate(layers):
        x, y = number % BOXES, -(number // BOXES) - 1
        is_gone = kind == "Identity"
        axes.add_patch(
            Rectangle(
                (x + 0.04, y + 0.1),
                0.92,
                0.8,
                fill=False,
                edgecolor=GREY if is_gone else TRAIN,
                linestyle="--" if is_gone else "-",
            )
        )
        axes.text(x + 0.5, y + 0.62, name, ha="center", va="center", fontsize=8)
        colour = GREY if is_gone else "black"
        axes.text(x + 0.5, y + 0.33, kind, ha="center", va="center", fontsize=7, color=colour)


def draw_ranges(ranges: dict[str, tuple[float, float]]) -> str:
    """Draw ranges as bars below each other, from the least to the largest value."""
    from matplotlib.figure import Figure

    with style(None):
        figure = Figure(figsize=(8, 2.4))
        axes = figure.subplots()
        names = list(ranges)[::-1]
        for row, name in enumerate(names):
            low, high = ranges[name]
            axes.barh(row, high - low, left=low, height=0.5, color=TRAIN)
            axes.text(high, row, f"  {low:.2f} to {high:.2f}", va="center", fontsize=8)
        axes.axvline(0, color=GREY, linewidth=0.8)
        axes.set(yticks=range(len(names)), yticklabels=names, xlabel="value")
        axes.margins(x=0.2)
        figure.subplots_adjust(0.12, 0.19, 0.98, 0.97)
        return as_svg(figure)
