"""The figure of a network on integers: each layer's accumulator bits above, its shift below."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lab3.certificate import ACCUMULATOR_BITS, IntegerLayer
from tools.report.curves import save_figure
from tools.report.figures import COLOURS, GREY, whole_ticks
from tools.report.hardware import Certificates, accumulating, bounds
from tools.report.texts import Texts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEIGHT = 3.0  # inches of one run: the bits above, the shifts below
MARKERS = {  # of the operations whose shifts are drawn; a ReLU alone shifts by nothing
    "convolution": "s", "linear": "D", "addition": "^", "average": "o", "relu": "x",
}  # fmt: skip


def save_hardware(path: Path, certificates: Certificates, t: Texts) -> list[Path]:
    """Draw what each layer's accumulator needs beside what was seen, and how far it shifts."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, HEIGHT * len(certificates)))
    rows = figure.subfigures(len(certificates), 1, squeeze=False)[:, 0]
    for row, (kind, certificate) in zip(rows, certificates.items(), strict=True):
        bits, shifts = row.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        layers = accumulating(certificate.layers)
        draw_bits(bits, layers, kind, t)
        draw_shifts(shifts, layers, kind, t)
        bits.set_title(kind.upper(), loc="left", fontsize=9)
        row.subplots_adjust(0.065, 0.145, 0.985, 0.93, hspace=0.12)
    return save_figure(figure, path)


def draw_bits(axes: "Axes", layers: Sequence[IntegerLayer], kind: str, t: Texts) -> None:
    order = range(1, len(layers) + 1)
    needed = [float(layer.accumulator_bits or 0) for layer in layers]
    seen = [float("nan") if x.seen_bits is None else float(x.seen_bits) for x in layers]
    axes.vlines(order, seen, needed, color="#bbbbbb", linewidth=1)
    axes.plot(order, needed, "o", mfc="none", color=GREY, ms=4.5, label=t("figures.needed"))
    axes.plot(order, seen, "s", color=COLOURS[kind], ms=3.5, label=t("figures.seen"))
    limit = t("figures.accumulator", bits=ACCUMULATOR_BITS)
    axes.axhline(ACCUMULATOR_BITS, color="black", linestyle="--", linewidth=1, label=limit)
    top = max(ACCUMULATOR_BITS, *needed) * 1.06
    axes.axhspan(ACCUMULATOR_BITS, top, color="#eeeeee", zorder=0)
    axes.set_ylim(0, top)
    axes.set_yticks(range(0, ACCUMULATOR_BITS + 1, 8))
    axes.set_ylabel(t("figures.bits"))
    axes.grid(axis="y", alpha=0.3)
    axes.legend(loc="lower left", fontsize=8, ncols=3)


def draw_shifts(axes: "Axes", layers: Sequence[IntegerLayer], kind: str, t: Texts) -> None:
    """Draw a stem for each layer; its marker tells the operation."""
    from matplotlib.ticker import MaxNLocator

    points = [(i, x.shift, x.operation) for i, x in enumerate(layers, 1) if x.shift is not None]
    axes.vlines([i for i, *_ in points], 0, [y for _, y, _ in points], color="#bbbbbb", linewidth=1)
    for operation, marker in MARKERS.items():
        if part := [(i, y) for i, y, name in points if name == operation]:
            axes.plot(*zip(*part, strict=True), marker, color=COLOURS[kind], ms=3.5,
                      label=t(f"rows.{operation}"))  # fmt: skip
    low, high = bounds(y for _, y, _ in points) or (0, 0)
    axes.set_ylim(min(0, low) - 1, max(1, high) * 2)  # the legend stands above
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set_ylabel(t("figures.shift"))
    axes.set_xlabel(t("figures.layer"))
    whole_ticks(axes, len(layers))
    axes.grid(axis="y", alpha=0.3)
    axes.legend(loc="upper left", fontsize=8, ncols=len(MARKERS))


def alt_hardware(certificates: Certificates, names: dict[str, str], t: Texts) -> str:
    parts = []
    for kind, certificate in certificates.items():
        layers = accumulating(certificate.layers)
        needed = bounds(layer.accumulator_bits for layer in layers) or (0, 0)
        seen = bounds(layer.seen_bits for layer in layers) or (0, 0)
        shift = bounds(layer.shift for layer in layers) or (0, 0)
        parts.append(t("alt.hardware_part", run=names[kind], count=len(layers), low=needed[0],
                       high=needed[1], seen_low=seen[0], seen_high=seen[1], shift_low=shift[0],
                       shift_high=shift[1]))  # fmt: skip
    return t("alt.hardware", text="; ".join(parts), bits=ACCUMULATOR_BITS)
