"""The report's figures, each with a text that says what it shows in numbers.

Colours are those of Okabe & Ito; markers and line styles say the same in grey print.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab3.log.records import QuantizedTensor, Result
from tools.report.facts.comparison import Comparison
from tools.report.facts.scales import chosen_layers
from tools.report.figures.curves import TRAIN, VALIDATION, save_figure
from tools.report.texts import Texts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {"train": TRAIN, "ptq": VALIDATION, "qat": "#009E73"}
MARKERS = {"train": "o", "ptq": "s", "qat": "^"}
GREY = "#595959"
CJK_FONTS = (
    "Noto Sans CJK TC", "Noto Sans TC", "Noto Sans CJK JP", "Noto Sans CJK SC",
    "Source Han Sans TC", "Microsoft JhengHei", "PingFang TC", "PingFang HK", "Heiti TC",
    "WenQuanYi Zen Hei", "AR PL UMing TW",
)  # fmt: skip
SHOWN_PART = 0.01  # of a class: rarer confusions are shaded, but get no number
SHOWN_COUNTS = 12  # classes up to which a confusion matrix shows its numbers
Tensors = dict[str, Sequence[QuantizedTensor]]  # of each run, by its kind


def cjk_font() -> str | None:
    """Return the name of a font with Chinese characters, if this computer has one."""
    from matplotlib import font_manager

    known = {entry.name for entry in font_manager.fontManager.ttflist}
    return next((name for name in CJK_FONTS if name in known), None)


@contextmanager
def style(font: str | None) -> Iterator[None]:
    """Draw with small, quiet axes, and with a font for Chinese behind the usual one."""
    from matplotlib import rc_context

    family = ["DejaVu Sans", *([font] if font else [])]
    quiet: dict[str, Any] = {"axes.spines.top": False, "axes.spines.right": False, "font.size": 9}
    quiet["text.hinting"] = "none"  # the default takes twice the time, for screens of old
    with rc_context(quiet | {"font.family": family}):  # type: ignore[arg-type]
        yield


def plain(name: str) -> str:
    """Return a name that matplotlib does not take for a formula."""
    return name.replace("$", r"\$")


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
        [i + 1 for i in marked], [after[i] * 1.6 for i in marked], "v", color="black", ms=4,
        label=t("figures.clamped"),
    )  # fmt: skip
    axes.axhspan(2.0**-30, 2.0**-8.5, color="#eeeeee", zorder=0)
    axes.axhspan(2.0**0.5, 2.0**30, color="#eeeeee", zorder=0)
    axes.set_yscale("log", base=2)
    axes.set_ylim(min([2.0**-10, *(0.7 * s for s in before)]), max([2, *(1.5 * s for s in before)]))
    axes.set_yticks([2.0**-8, 2.0**-6, 2.0**-4, 2.0**-2, 1], ["2⁻⁸", "2⁻⁶", "2⁻⁴", "2⁻²", "1"])
    axes.minorticks_off()
    whole_ticks(axes, len(tensors))
    axes.grid(axis="y", alpha=0.3)


def whole_ticks(axes: "Axes", count: int) -> None:
    """Number the layers by ones, fives, tens or twenties, whichever gives a few ticks."""
    step = next((step for step in (1, 5, 10, 20) if count / step <= 10), 50)
    axes.set_xticks([1, *range(step, count + 1, step)] if step > 1 else range(1, count + 1))


def alt_scales(runs: Tensors, names: dict[str, str], t: Texts) -> str:
    parts = []
    for kind, tensors in runs.items():
        shifts = [tensor.shift for tensor in tensors if tensor.shift is not None] or [0]
        clamped = sum(tensor.clamped is not None for tensor in tensors)
        parts.append(t("alt.scales_part", run=names[kind], count=len(tensors), low=min(shifts),
                       high=max(shifts), clamped=clamped))  # fmt: skip
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
        axes.set_title(
            f"{plain(tensor.layer)}, {role}\nS = {tensor.shift}, {beyond}",
            fontsize=8, loc="left",
        )  # fmt: skip
        axes.tick_params(labelsize=7)
    for axes in grid[-1]:
        axes.set_xlabel(t("figures.integer"), fontsize=8)
    for row in grid:
        row[0].set_ylabel(t("figures.count"), fontsize=8)
    figure.subplots_adjust(0.075, 0.11, 0.985, 0.9, 0.32, 0.55)
    return save_figure(figure, path)


def alt_histograms(tensors: Sequence[QuantizedTensor], t: Texts) -> str:
    parts = [
        t("alt.histograms_part", layer=tensor.layer, role=t(f"rows.{tensor.role}"),
          shift=tensor.shift, outside=f"{100 * tensor.outside:.2f}")
        for tensor in chosen_layers(tensors)
    ]  # fmt: skip
    return t("alt.histograms", text="; ".join(parts))


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
            axes.plot(range(1, len(part) + 1), ratios, line, marker=MARKERS[kind], ms=3.5,
                      linewidth=1, color=COLOURS[kind], label=kind.upper())  # fmt: skip
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
        if known := [(x.sqnr_db, x.layer) for x in tensors if x.sqnr_db is not None]:
            low, high = min(known), max(known)
            parts.append(t("alt.sqnr_part", run=names[kind], low=f"{low[0]:.1f}", low_layer=low[1],
                           high=f"{high[0]:.1f}", high_layer=high[1]))  # fmt: skip
    return t("alt.sqnr", text="; ".join(parts))


def save_tradeoff(
    path: Path, rows: Sequence[Comparison], images: Sequence[int], t: Texts
) -> list[Path]:
    """Draw test accuracy over file size, with the 95 % interval of each accuracy."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3))
    axes = figure.subplots()
    for row, count in zip(rows, images, strict=True):
        spread = 196 * sqrt(row.accuracy * (1 - row.accuracy) / count) if count else 0
        point = (row.size_bytes / 1e6, 100 * row.accuracy)
        axes.errorbar(*point, yerr=spread, fmt=MARKERS[row.kind], ms=6, capsize=3, linewidth=1,
                      color=COLOURS[row.kind], label=plain(row.run))  # fmt: skip
    axes.margins(0.25, 0.2)
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3)
    axes.set(xlabel=t("figures.size"), ylabel=t("figures.test_accuracy"))
    axes.legend(fontsize=8, loc="best")
    figure.subplots_adjust(0.12, 0.16, 0.98, 0.96)
    return save_figure(figure, path)


def alt_tradeoff(rows: Sequence[Comparison], t: Texts) -> str:
    parts = [
        t("alt.tradeoff_part", run=row.run, accuracy=f"{100 * row.accuracy:.2f}",
          size=f"{row.size_bytes / 1e6:.2f}")
        for row in rows
    ]  # fmt: skip
    return t("alt.tradeoff", text="; ".join(parts))


def save_confusion(path: Path, results: dict[str, Result], t: Texts) -> list[Path]:
    """Draw the confusion matrices side by side; darker means a larger part of the true class."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3 * len(results) + 0.6, 3.4))
    panels = figure.subplots(1, len(results), sharey=True, squeeze=False)[0]
    for axes, (run, result) in zip(panels, results.items(), strict=True):
        classes = [plain(name[:10]) for name in result.class_accuracy]
        parts = [[count / max(1, sum(row)) for count in row] for row in result.confusion]
        shades = [[part**0.5 for part in row] for row in parts]  # rare mistakes can be seen too
        axes.imshow(shades, cmap="Greys", vmin=0, vmax=1, aspect="equal")
        axes.set_title(plain(run), fontsize=9, loc="left")
        axes.set_xlabel(t("figures.predicted"))
        ticks: dict[str, Any] = {"fontsize": 7} if len(classes) <= SHOWN_COUNTS else {"fontsize": 4}
        turned = 90 if max(map(len, classes), default=0) > 2 else 0
        axes.set_xticks(range(len(classes)), classes, rotation=turned, **ticks)
        axes.set_yticks(range(len(classes)), classes, **ticks)
        axes.tick_params(length=0)
        for i, row in enumerate(result.confusion if len(classes) <= SHOWN_COUNTS else []):
            for j, count in enumerate(row):
                if parts[i][j] >= SHOWN_PART:
                    colour = "white" if shades[i][j] > 0.5 else "black"
                    axes.text(
                        j, i, str(count), ha="center", va="center", fontsize=5.5, color=colour
                    )
    panels[0].set_ylabel(t("figures.true"))
    figure.subplots_adjust(0.22 / len(results) + 0.02, 0.2, 0.99, 0.93, 0.06)
    return save_figure(figure, path)


def alt_confusion(results: dict[str, Result], t: Texts) -> str:
    parts = []
    for run, result in results.items():
        wrong = sum(map(sum, result.confusion)) - sum(r[i] for i, r in enumerate(result.confusion))
        worst = worst_pair(result)
        said = ""
        if worst:
            said = t("alt.confusion_worst", true=worst[0], predicted=worst[1], count=worst[2])
        parts.append(
            t("alt.confusion_part", run=run, wrong=wrong, images=result.images, worst=said)
        )
    return t("alt.confusion", text="; ".join(parts))


def worst_pair(result: Result) -> tuple[str, str, int, int] | None:
    """Return the most frequent mistake: true class, predicted class, count, images of the class."""
    names = list(result.class_accuracy)
    mistakes = [
        (count, i, j)
        for i, row in enumerate(result.confusion)
        for j, count in enumerate(row)
        if i != j and count
    ]
    if not mistakes:
        return None
    count, i, j = max(mistakes, key=lambda mistake: (mistake[0], -mistake[1], -mistake[2]))
    return names[i], names[j], count, sum(result.confusion[i])
