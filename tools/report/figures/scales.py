"""The figures of scales: before and after the approximation, and values on their INT8 grids."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lab3.log.records import QuantizedTensor
from tools.report.facts.scales import Tensors, chosen_layers
from tools.report.figures.drawing import COLOURS, GREY, plain, save_figure, whole_ticks
from tools.report.texts import Texts

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def save_scales(path: Path, runs: Tensors, t: Texts) -> list[Path]:
    """Draw each tensor's scale before and after the approximation, clamped ones marked."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.8 * len(runs) + 0.4))
    grid = figure.subplots(len(runs), 2, sharey=True, squeeze=False)
    for row, (kind, tensors) in zip(grid, runs.items(), strict=True):
        weights = [tensor for tensor in tensors if tensor.role == "weight"]
        others = [tensor for tensor in tensors if tensor.role != "weight"]
        for axes, part, title in zip(
            row, (weights, others), ("weights", "activations"), strict=True
        ):
            draw_scales(axes, part, kind, t)
            axes.set_title(f"{kind.upper()}: {t(f'figures.{title}')}", loc="left", fontsize=9)
        row[0].set_ylabel(t("figures.scale"))
    for axes in grid[-1]:
        axes.set_xlabel(t("figures.layer"))
    grid[0][1].legend(loc="upper right", fontsize=8, ncols=3)
    figure.subplots_adjust(0.09, 0.5 / (2.8 * len(runs)), 0.985, 1 - 0.1 / len(runs), 0.06, 0.32)
    return save_figure(figure, path)


def draw_scales(axes: "Axes", tensors: Sequence[QuantizedTensor], kind: str, t: Texts) -> None:
    order = range(1, len(tensors) + 1)
    before = [max(tensor.scale_before, 1e-6) for tensor in tensors]
    after = [tensor.scale for tensor in tensors]
    axes.vlines(order, before, after, color="#bbbbbb", linewidth=1)
    axes.plot(order, before, "o", mfc="none", color=GREY, ms=4.5, label=t("figures.before"))
    axes.plot(order, after, "s", color=COLOURS[kind], ms=3.5, label=t("figures.after"))
    marked = [i for i, tensor in enumerate(tensors) if tensor.clamped]
    axes.plot(
        [i + 1 for i in marked],
        [after[i] * 1.6 for i in marked],
        "v",
        color="black",
        ms=4,
        label=t("figures.clamped"),
    )
    axes.axhspan(2.0**-30, 2.0**-8.5, color="#eeeeee", zorder=0)
    axes.axhspan(2.0**0.5, 2.0**30, color="#eeeeee", zorder=0)
    axes.set_yscale("log", base=2)
    axes.set_ylim(min([2.0**-10, *(0.7 * s for s in before)]), max([2, *(1.5 * s for s in before)]))
    axes.set_yticks([2.0**-8, 2.0**-6, 2.0**-4, 2.0**-2, 1], ["2⁻⁸", "2⁻⁶", "2⁻⁴", "2⁻²", "1"])
    axes.minorticks_off()
    whole_ticks(axes, len(tensors))
    axes.grid(axis="y", alpha=0.3)


def alt_scales(runs: Tensors, names: dict[str, str], t: Texts) -> str:
    parts = []
    for kind, tensors in runs.items():
        shifts = [tensor.shift for tensor in tensors if tensor.shift is not None] or [0]
        clamped = sum(tensor.clamped is not None for tensor in tensors)
        parts.append(
            t(
                "alt.scales_part",
                run=names[kind],
                count=len(tensors),
                low=min(shifts),
                high=max(shifts),
                clamped=clamped,
            )
        )
    return t("alt.scales", text="; ".join(parts))


def save_histograms(
    path: Path, tensors: Sequence[QuantizedTensor], kind: str, t: Texts
) -> list[Path]:
    """Draw the values of a few layers on their INT8 grids: weights above, activations below."""
    from matplotlib.figure import Figure

    chosen = chosen_layers(tensors)
    columns = max(1, len(chosen) // 2)
    figure = Figure(figsize=(9, 4.2))
    grid = figure.subplots(2, columns, squeeze=False)
    for axes, tensor in zip(grid.flat, chosen, strict=False):
        low = -128 if tensor.role == "weight" else 0
        bins = len(tensor.counts)
        edges = [low + 256 * i / bins for i in range(bins + 1)]
        axes.stairs(tensor.counts, edges, fill=True, color=COLOURS[kind], alpha=0.85)
        axes.set_yscale("log")
        axes.set_ylim(0.3, 4 * max(*tensor.counts, 1))
        powers = len(str(max(tensor.counts)))
        ticks = [10**power for power in range(0, powers, 1 if powers <= 3 else 2)]
        axes.set_yticks(ticks, [f"{tick:,}" for tick in ticks])
        axes.minorticks_off()
        axes.set_xticks(range(low, low + 257, 128))
        axes.vlines(range(low, low + 257, 16), 0.3, 0.5, color="black", linewidth=0.6)
        beyond = t("figures.outside", percent=f"{100 * tensor.outside:.2f}")
        role = t(f"figures.{tensor.role}")
        title = f"{plain(tensor.layer)}, {role}\nS = {tensor.shift}, {beyond}"
        axes.set_title(title, fontsize=8, loc="left")
        axes.tick_params(labelsize=7)
    for axes in grid[-1]:
        axes.set_xlabel(t("figures.integer"), fontsize=8)
    for row in grid:
        row[0].set_ylabel(t("figures.count"), fontsize=8)
    figure.subplots_adjust(0.075, 0.11, 0.985, 0.9, 0.32, 0.55)
    return save_figure(figure, path)


def alt_histograms(tensors: Sequence[QuantizedTensor], t: Texts) -> str:
    parts = [
        t(
            "alt.histograms_part",
            layer=tensor.layer,
            role=t(f"rows.{tensor.role}"),
            shift=tensor.shift,
            outside=f"{100 * tensor.outside:.2f}",
        )
        for tensor in chosen_layers(tensors)
    ]
    return t("alt.histograms", text="; ".join(parts))
