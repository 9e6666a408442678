"""The network that was trained, on which images and which machine."""

from collections.abc import Iterator

from lab3.log.records import Start
from tools.report.sections.context import Context
from tools.report.sources import lines_of


def paragraphs(context: Context) -> Iterator[str]:
    log, t = context.sources.fp32, context.t
    if log is None:
        yield t("sentences.no_baseline")
        return
    start, data = log.start, log.start.data
    network = t("rows.width", arch=start.arch, width=start.width, classes=start.num_classes)
    rows = [
        ("network", network),
        ("parameters", f"{start.parameters:,}"),
        ("dataset", data.name),
        ("splits", f"{data.train:,} / {data.validation:,} / {data.test:,}"),
        ("software", f"PyTorch {start.environment.torch}, Python {start.environment.python}"),
        ("machine", f"{start.environment.device} ({start.environment.processor})"),
    ]
    if log.end:
        size = t("rows.wholesize", size=f"{log.end.checkpoint_bytes / 1e6:.2f}")
        rows.insert(2, ("size", size))
    yield context.table("network", [(t(f"rows.{key}"), value) for key, value in rows], left=2)
    yield context.source((log, lines_of(log, Start)))
