"""The figure of noise: the signal-to-quantization-noise ratio of each tensor."""

from pathlib import Path

from tools.report.facts.scales import Tensors
from tools.report.figures.drawing import COLOURS, MARKERS, save_figure, whole_ticks
from tools.report.texts import Texts


def save_sqnr(path: Path, runs: Tensors, t: Texts) -> list[Path]:
    """Draw the signal-to-quantization-noise ratio of each tensor, in the order of forward."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3))
    panels = figure.subplots(1, 2, sharey=True)
    for axes, title in zip(panels, ("weights", "activations"), strict=True):
        for kind, tensors in runs.items():
            part = [
                tensor for tensor in tensors if (tensor.role == "weight") == (title == "weights")
            ]
            whole_ticks(axes, len(part))
            ratios = [float("nan") if x.sqnr_db is None else x.sqnr_db for x in part]
            line = "-" if kind == "ptq" else "--"
            axes.plot(
                range(1, len(part) + 1),
                ratios,
                line,
                marker=MARKERS[kind],
                ms=3.5,
                linewidth=1,
                color=COLOURS[kind],
                label=kind.upper(),
            )
        axes.set_title(t(f"figures.{title}"), loc="left", fontsize=9)
        axes.set_xlabel(t("figures.layer"))
        axes.grid(axis="y", alpha=0.3)
    panels[0].set_ylabel(t("figures.sqnr"))
    panels[1].legend(fontsize=8)
    figure.subplots_adjust(0.07, 0.16, 0.985, 0.91, 0.05)
    return save_figure(figure, path)


def alt_sqnr(runs: Tensors, names: dict[str, str], t: Texts) -> str:
    parts = []
    for kind, tensors in runs.items():
        if ratios := [(x.sqnr_db, x.layer) for x in tensors if x.sqnr_db is not None]:
            (low, low_layer), (high, high_layer) = min(ratios), max(ratios)
            parts.append(
                t(
                    "alt.sqnr_part",
                    run=names[kind],
                    low=f"{low:.1f}",
                    low_layer=low_layer,
                    high=f"{high:.1f}",
                    high_layer=high_layer,
                )
            )
    return t("alt.sqnr", text="; ".join(parts))
