"""The noise that quantization adds to each tensor."""

from collections.abc import Iterator

from tools.report.facts.scales import chosen_layers, noisiest
from tools.report.figures.noise import alt_sqnr, save_sqnr
from tools.report.figures.scales import alt_histograms, save_histograms
from tools.report.sections.context import Context
from tools.report.tables import decibels


def paragraphs(context: Context) -> Iterator[str]:
    sources, t = context.sources, context.t
    runs, names = sources.tensors, sources.names
    if not runs:
        yield t("sentences.no_analysis")
        return
    images = {log.analysis.images for log in sources.quantized.values() if log.analysis}
    yield t("sentences.noise_of_weights", images=max(images))
    context.draw(lambda path: save_sqnr(path, runs, context.labels), "sqnr")
    yield context.image("sqnr", alt_sqnr(runs, names, t))
    yield context.caption("sqnr")
    for kind, tensors in runs.items():
        if pair := noisiest(tensors):
            low, high = pair
            yield t(
                "sentences.noisiest",
                run=names[kind],
                layer=low.layer,
                role=t(f"rows.{low.role}"),
                sqnr=decibels(low.sqnr_db),
                best_layer=high.layer,
                best_role=t(f"rows.{high.role}"),
                best_sqnr=decibels(high.sqnr_db),
            )
    shown, tensors = next(iter(runs.items()))
    if chosen_layers(tensors):
        context.draw(
            lambda path: save_histograms(path, tensors, shown, context.labels), "histograms"
        )
        yield context.image("histograms", alt_histograms(tensors, t))
        yield context.caption("histograms", run=names[shown], bins=len(tensors[0].counts))
    yield context.source_of_analyses()
