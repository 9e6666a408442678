"""What quantization costs in accuracy, and what it saves in size."""

from collections.abc import Iterator

from lab3.log.records import TITLES
from tools.report.facts.comparison import Comparison, compare
from tools.report.figures.tradeoff import alt_tradeoff, save_tradeoff
from tools.report.sections.context import Context
from tools.report.texts import Texts


def paragraphs(context: Context) -> Iterator[str]:
    sources, t = context.sources, context.t
    rows = compare(sources.compared)
    if not rows:
        yield t("sentences.no_comparison")
        return
    images = [sources.images[row.run] for row in rows]
    context.draw(lambda path: save_tradeoff(path, rows, images, context.labels), "tradeoff")
    yield context.image("tradeoff", alt_tradeoff(rows, t))
    yield context.caption("tradeoff")
    costs = [cost(row, t) for row in rows if row.kind != "train"]
    yield "\n".join(f"- {text}" for text in costs if text)
    yield context.source_of_results(sources.compared)


def cost(row: Comparison, t: Texts) -> str:
    """Say what a quantized network loses and saves, or nothing when that isn't known."""
    if row.drop_points is None or row.compression is None:
        return ""
    drop = round(row.drop_points, 2)
    key = "drop" if drop > 0 else "gain" if drop < 0 else "keep"
    return t(
        f"sentences.{key}",
        model=TITLES[row.kind],
        run=row.run,
        drop=f"{abs(row.drop_points):.2f}",
        compression=f"{row.compression:.2f}",
    )
