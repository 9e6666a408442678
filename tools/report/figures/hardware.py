"""The figure of a network on integers: the bits of each layer's accumulator, and its shift."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lab3.log.certificate import ACCUMULATOR_BITS, IntegerLayer
from tools.report.facts.hardware import Certificates, accumulating, bounds
from tools.report.figures.drawing import COLOURS, GREY, save_figure, whole_ticks
from tools.report.texts import Texts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEIGHT = 2.3  # inches of one run


def save_hardware(path: Path, certificates: Certificates, t: Texts) -> list[Path]:
    """Draw what each layer's accumulator needs beside what was seen, and how far it shifts."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, HEIGHT * len(certificates) + 0.3))
    column = figure.subplots(len(certificates), 1, squeeze=False)[:, 0]
    for axes, (kind, certificate) in zip(column, certificates.items(), strict=True):
        draw_bits(axes, accumulating(certificate.layers), kind, t)
        axes.set_title(kind.upper(), loc="left", fontsize=9)
    column[0].legend(loc="upper right", bbox_to_anchor=(1, 1.17), fontsize=8, ncols=4)
    column[-1].set_xlabel(t("figures.layer"))
    margin = 1 / (HEIGHT * len(certificates) + 0.3)  # an inch
    figure.subplots_adjust(0.065, 0.45 * margin, 0.985, 1 - 0.3 * margin, hspace=0.25)
    return save_figure(figure, path)


def draw_bits(axes: "Axes", layers: Sequence[IntegerLayer], kind: str, t: Texts) -> None:
    """Draw bits, all on one scale: an accumulator's, and by how many its sum then moves."""
    order = range(1, len(layers) + 1)
    needed = [float(layer.accumulator_bits or 0) for layer in layers]
    seen = [math.nan if x.seen_bits is None else float(x.seen_bits) for x in layers]
    shifts = [math.nan if x.shift is None else float(x.shift) for x in layers]
    axes.vlines(order, seen, needed, color="#bbbbbb", linewidth=1)
    axes.plot(order, needed, "o", mfc="none", color=GREY, ms=4.5, label=t("figures.needed"))
    axes.plot(order, seen, "s", color=COLOURS[kind], ms=3.5, label=t("figures.seen"))
    axes.plot(order, shifts, "v", color="black", ms=3.5, label=t("figures.shift"))
    limit = t("figures.accumulator", bits=ACCUMULATOR_BITS)
    axes.axhline(ACCUMULATOR_BITS, color="black", linestyle="--", linewidth=1, label=limit)
    top = max(ACCUMULATOR_BITS, *needed) * 1.06
    axes.axhspan(ACCUMULATOR_BITS, top, color="#eeeeee", zorder=0)
    low = min([0.0, *(shift for shift in shifts if not math.isnan(shift))])
    axes.set_ylim(low - 1, top)
    axes.set_yticks(range(0, ACCUMULATOR_BITS + 1, 8))
    axes.set_ylabel(t("figures.bits"))
    whole_ticks(axes, len(layers))
    axes.grid(axis="y", alpha=0.3)


def alt_hardware(certificates: Certificates, names: dict[str, str], t: Texts) -> str:
    parts = []
    for kind, certificate in certificates.items():
        layers = accumulating(certificate.layers)
        needed = bounds(layer.accumulator_bits for layer in layers) or (0, 0)
        seen = bounds(layer.seen_bits for layer in layers) or (0, 0)
        shift = bounds(layer.shift for layer in layers) or (0, 0)
        parts.append(
            t(
                "alt.hardware_part",
                run=names[kind],
                count=len(layers),
                low=needed[0],
                high=needed[1],
                seen_low=seen[0],
                seen_high=seen[1],
                shift_low=shift[0],
                shift_high=shift[1],
            )
        )
    return t("alt.hardware", text="; ".join(parts), bits=ACCUMULATOR_BITS)
