"""The figure of the trade-off: what accuracy a file of what size has."""

from collections.abc import Sequence
from math import sqrt
from pathlib import Path

from tools.report.facts.comparison import Comparison
from tools.report.figures.drawing import COLOURS, MARKERS, plain, save_figure
from tools.report.texts import Texts


def save_tradeoff(
    path: Path, rows: Sequence[Comparison], images: Sequence[int], t: Texts
) -> list[Path]:
    """Draw test accuracy over file size, with the 95 % interval of each accuracy."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3))
    axes = figure.subplots()
    for row, count in zip(rows, images, strict=True):
        low, high = interval(row.accuracy, count)
        point = (row.size_bytes / 1e6, 100 * row.accuracy)
        spread = [[100 * (row.accuracy - low)], [100 * (high - row.accuracy)]]
        axes.errorbar(
            *point,
            yerr=spread,
            fmt=MARKERS[row.kind],
            ms=6,
            capsize=3,
            linewidth=1,
            color=COLOURS[row.kind],
            label=plain(row.run),
        )
    axes.margins(0.25, 0.2)
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3)
    axes.set(xlabel=t("figures.size"), ylabel=t("figures.test_accuracy"))
    axes.legend(fontsize=8, loc="best")
    figure.subplots_adjust(0.12, 0.16, 0.98, 0.96)
    return save_figure(figure, path)


def interval(share: float, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of so many images, within 0 and 1 (Wilson, 1927)."""
    if not count:
        return share, share
    z = 1.96
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half))


def alt_tradeoff(rows: Sequence[Comparison], t: Texts) -> str:
    parts = [
        t(
            "alt.tradeoff_part",
            run=row.run,
            accuracy=f"{100 * row.accuracy:.2f}",
            size=f"{row.size_bytes / 1e6:.2f}",
        )
        for row in rows
    ]
    return t("alt.tradeoff", text="; ".join(parts))
