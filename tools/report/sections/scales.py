"""Scales before and after the approximation, and the shifts that they became."""

from collections.abc import Iterator, Sequence

from lab3.log.records import QuantizedTensor
from tools.report.facts.scales import shifts_text, summarise
from tools.report.figures.scales import alt_scales, save_scales
from tools.report.sections.context import Context, details
from tools.report.tables import decibels
from tools.report.texts import Texts


def paragraphs(context: Context) -> Iterator[str]:
    runs, names, t = context.sources.tensors, context.sources.names, context.t
    if not runs:
        yield t("sentences.no_analysis")
        return
    context.draw(lambda path: save_scales(path, runs, context.labels), "scales")
    yield context.image("scales", alt_scales(runs, names, t))
    yield context.caption("scales")
    shifts = [row for kind in runs for row in shift_rows(names[kind], runs[kind], t)]
    yield context.table("shifts", shifts, left=2)
    for kind, tensors in runs.items():
        yield clamped(names[kind], tensors, t)
    for kind, tensors in runs.items():
        caption = t("captions.layers", run=names[kind])
        rows = [layer_row(tensor, t) for tensor in tensors]
        yield details(caption, context.table("layers", rows, left=2))
    yield context.source_of_analyses()


def shift_rows(run: str, tensors: Sequence[QuantizedTensor], t: Texts) -> Iterator[tuple[str, ...]]:
    """Yield a row for each role that a run's tensors have."""
    for part in summarise(tensors):
        yield (
            f"`{run}`",
            t(f"rows.{part.role}s"),
            str(part.count),
            shifts_text(part.shifts) or "-",
            str(part.clamped_below),
            str(part.clamped_above),
            f"{100 * part.worst_outside:.2f}",
            decibels(part.worst_sqnr_db),
        )


def layer_row(tensor: QuantizedTensor, t: Texts) -> tuple[str, ...]:
    return (
        f"`{tensor.layer}`",
        t(f"rows.{tensor.role}"),
        f"{tensor.scale_before:.6f}",
        "-" if tensor.shift is None else str(tensor.shift),
        f"{tensor.scale:.6f}",
        t(f"rows.{tensor.clamped}") if tensor.clamped else "",
        f"{100 * tensor.outside:.2f}",
        decibels(tensor.sqnr_db),
    )


def clamped(run: str, tensors: Sequence[QuantizedTensor], t: Texts) -> str:
    """Say how many scales lie where no shift reaches."""
    below = sum(tensor.clamped == "below" for tensor in tensors)
    above = sum(tensor.clamped == "above" for tensor in tensors)
    count = len(tensors)
    if not below + above:
        return t("sentences.clamped_none", run=run, count=count)
    return t(
        "sentences.clamped_some",
        run=run,
        count=count,
        clamped=below + above,
        below=below,
        above=above,
    )
