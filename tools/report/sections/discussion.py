"""Whether QAT and PTQ differ by more than chance explains."""

from collections.abc import Iterator
from math import sqrt

from tools.report.sections.context import Context


def paragraphs(context: Context) -> Iterator[str]:
    ptq_run, qat_run, t = context.sources.ptq, context.sources.qat, context.t
    ptq, qat = ptq_run and ptq_run.result, qat_run and qat_run.result
    if not (ptq and qat and min(ptq.images, qat.images) > 0):
        return
    bound = 196 * sqrt(sum(r.accuracy * (1 - r.accuracy) / r.images for r in (ptq, qat)))
    difference = 100 * (qat.accuracy - ptq.accuracy)
    if round(difference, 2) == 0:
        yield t("sentences.equal", images=f"{ptq.images:,}", bound=f"{bound:.2f}")
    else:
        direction = "higher" if difference > 0 else "lower"
        verdict = "is_chance" if abs(difference) <= bound else "is_real"
        yield t(
            "sentences.difference",
            difference=f"{abs(difference):.2f}",
            direction=t(f"sentences.{direction}"),
            images=f"{ptq.images:,}",
            bound=f"{bound:.2f}",
            verdict=t(f"sentences.{verdict}"),
        )
    yield context.source_of_results(log for log in (ptq_run, qat_run) if log)
