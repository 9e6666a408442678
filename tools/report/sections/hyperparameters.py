"""The hyperparameters of the FP32 run."""

from collections.abc import Iterator

from lab3.log.records import Start
from tools.report.sections.context import Context
from tools.report.sources import lines_of
from tools.report.tables import OPTIMIZERS, loss_name


def paragraphs(context: Context) -> Iterator[str]:
    log, t = context.sources.fp32, context.t
    hyper = log.start.hyperparameters if log else None
    if log is None or hyper is None:
        yield t("sentences.no_baseline")
        return
    rows = [
        ("loss", loss_name(hyper, t)),
        ("optimizer", OPTIMIZERS[hyper.optimizer]),
        ("learning_rate", f"{hyper.learning_rate:g}"),
        ("scheduler", hyper.scheduler),
        ("decay", f"{hyper.weight_decay:g} / {hyper.momentum:g}"),
        ("batch_size", str(hyper.batch_size)),
        ("epochs", str(hyper.epochs)),
        ("augmentation", hyper.augmentation),
        ("seed", str(hyper.seed)),
    ]
    yield context.table("baseline", [(t(f"rows.{key}"), value) for key, value in rows], left=2)
    yield context.source((log, lines_of(log, Start)))
