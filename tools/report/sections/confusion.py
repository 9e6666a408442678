"""Which classes are taken for which, and the accuracy of each."""

from collections.abc import Iterator

from tools.report.facts.comparison import worst_pair
from tools.report.figures.confusion import alt_confusion, save_confusion
from tools.report.sections.context import Context, details
from tools.report.tables import class_table
from tools.shared.table import Table


def paragraphs(context: Context) -> Iterator[str]:
    results, t = context.sources.results, context.t
    if not results:
        yield t("sentences.no_comparison")
        return
    context.draw(lambda path: save_confusion(path, results, context.labels), "confusion")
    yield context.image("confusion", alt_confusion(results, t))
    yield context.caption("confusion")
    for run, result in results.items():
        if worst := worst_pair(result):
            true, predicted, count, of = worst
            yield t(
                "sentences.worst_pair",
                run=run,
                true=true,
                predicted=predicted,
                count=count,
                of=of,
            )
    headers = (t("columns.classes"), *(f"`{run}`" for run in results))
    classes = Table(headers, class_table(results).rows)
    yield details(t("captions.class_table"), classes.markdown())
    yield context.source_of_results(context.sources.compared)
