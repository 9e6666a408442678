"""The figure of confusion: which classes each network takes for which."""

from pathlib import Path
from typing import Any

from lab3.log.records import Result
from tools.report.facts.comparison import worst_pair
from tools.report.figures.drawing import plain, save_figure
from tools.report.texts import Texts

SHOWN_PART = 0.01  # of a class: rarer confusions are shaded, but get no number
SHOWN_COUNTS = 12  # classes up to which a confusion matrix shows its numbers


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
        worst = ""
        if pair := worst_pair(result):
            true, predicted, count, _ = pair
            worst = t("alt.confusion_worst", true=true, predicted=predicted, count=count)
        parts.append(
            t("alt.confusion_part", run=run, wrong=wrong, images=result.images, worst=worst)
        )
    return t("alt.confusion", text="; ".join(parts))
