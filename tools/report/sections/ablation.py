"""The settings that were tried, and the best validation accuracy of each."""

from collections.abc import Iterator

from lab3.log.records import End, Start
from tools.report.facts.comparison import ablations
from tools.report.sections.context import Context
from tools.report.sources import lines_of
from tools.report.tables import ablation_table
from tools.shared.table import Table


def paragraphs(context: Context) -> Iterator[str]:
    logs, t = context.sources.settings, context.t
    settings = ablations(logs)
    if len(settings) < 2:
        yield t("sentences.no_ablation")
    if not settings:
        return
    rows: list[tuple[str, ...]] = []
    for log, setting, cells in zip(logs, settings, ablation_table(settings, t).rows, strict=True):
        accuracy = f"{100 * setting.accuracy:.2f}"
        if setting.is_best and len(settings) > 1:
            accuracy = f"**{accuracy}** ({t('rows.best')})"
        rows.append((f"`{cells[0]}`", *cells[1:-1], accuracy, lines_of(log, (Start, End))))
    headers = t.columns("ablation")
    constant = [
        index for index in range(1, len(headers) - 2) if len({row[index] for row in rows}) == 1
    ]
    if constant and len(rows) > 1:  # a single run's stand in the table of hyperparameters
        same = [f"{headers[index]} {rows[0][index]}" for index in constant]
        yield t("sentences.same_settings", settings=t("rows.semicolon").join(same))
    kept = [index for index in range(len(headers)) if index not in constant]
    left = sum(index < 5 for index in kept)
    table = Table(
        tuple(headers[i] for i in kept), [tuple(row[i] for i in kept) for row in rows], left
    )
    yield table.markdown()
    folders = sorted({context.shown(log.path.parent.parent) for log in logs})
    yield context.cited(t("captions.rows", folders=", ".join(f"`{name}/`" for name in folders)))
