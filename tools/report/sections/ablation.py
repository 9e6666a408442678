"""The settings that were tried, and the best validation accuracy of each."""

from collections.abc import Iterator

from lab3.log.records import End, Start
from tools.report.facts.comparison import ablations
from tools.report.sections.context import Context
from tools.report.sources import lines_of
from tools.report.tables import ablation_table


def paragraphs(context: Context) -> Iterator[str]:
    logs, t = context.sources.settings, context.t
    settings = ablations(logs)
    if len(settings) < 2:
        yield t("sentences.no_ablation")
    if not settings:
        return
    rows = []
    for log, setting, cells in zip(logs, settings, ablation_table(settings, t).rows, strict=True):
        accuracy = f"{100 * setting.accuracy:.2f}"
        if setting.is_best and len(settings) > 1:
            accuracy = f"**{accuracy}** ({t('rows.best')})"
        rows.append((f"`{cells[0]}`", *cells[1:-1], accuracy, lines_of(log, (Start, End))))
    yield context.table("ablation", rows, left=5)
    folders = sorted({context.shown(log.path.parent.parent) for log in logs})
    yield context.cited(t("captions.rows", folders=", ".join(f"`{name}/`" for name in folders)))
