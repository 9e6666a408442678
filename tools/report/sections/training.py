"""The report on FP32 training: network, curves, overfitting, hyperparameters, ablation."""

from collections.abc import Iterator, Sequence

from lab3.log.records import End, Epoch, Start
from lab3.log.runlog import RunLog
from tools.report import tables
from tools.report.facts import comparison as facts
from tools.report.facts import overfitting
from tools.report.figures.curves import CurvePoint, save_curves
from tools.report.sections.context import Part
from tools.report.sources import lines_of, ranges


class TrainingPart(Part):
    """Makes blocks of Markdown from the FP32 run and the runs of an ablation."""

    def network(self) -> Iterator[str]:
        log = self.material.fp32
        if log is None:
            yield self.t("sentences.no_baseline")
            return
        start, t, data = log.start, self.t, log.start.data
        rows = [
            ("network", t("rows.width", arch=start.arch, width=start.width,
                          classes=start.num_classes)),
            ("parameters", f"{start.parameters:,}"),
            ("dataset", data.name),
            ("splits", f"{data.train:,} / {data.validation:,} / {data.test:,}"),
            ("software", f"PyTorch {start.environment.torch}, Python {start.environment.python}"),
            ("machine", f"{start.environment.device} ({start.environment.processor})"),
        ]  # fmt: skip
        if log.end:
            size = t("rows.wholesize", size=f"{log.end.checkpoint_bytes / 1e6:.2f}")
            rows.insert(2, ("size", size))
        yield self.table("network", [(t(f"rows.{key}"), value) for key, value in rows], left=2)
        yield self.source((log, lines_of(log, Start)))

    def curves(self) -> Iterator[str]:
        log, console = self.material.fp32, self.material.console
        points: Sequence[CurvePoint] = log.epochs if log else []
        if log and log.end is None:
            hyper = log.start.hyperparameters
            epochs = hyper.epochs if hyper else "?"
            yield self.t("sentences.unfinished", run=log.name, done=len(points), epochs=epochs)
        if points and log:
            name, source = log.name, self.source((log, lines_of(log, Epoch)))
        elif console and console.points:
            points, name = console.points, console.path.name
            source = self.imported(ranges(console.epoch_lines))
            yield self.t("sentences.imported")
            if console.has_repeated_epochs:
                yield self.t("sentences.imported_repeated")
        else:
            yield self.t("sentences.no_curves")
            return
        seen = overfitting.evidence(points, log.end.best_epoch if log and log.end else None)
        assert seen is not None  # there are epochs
        best = seen.best.epoch
        self.draw(lambda path: save_curves(points, best, path, self.labels), "curves")
        yield self.image("curves", self.t(
            "alt.curves", epochs=len(points), best_epoch=best,
            first_loss=f"{points[0].train_loss:.4f}", last_loss=f"{points[-1].train_loss:.4f}",
            first_validation_loss=f"{points[0].validation_loss:.4f}",
            last_validation_loss=f"{points[-1].validation_loss:.4f}",
            best=f"{100 * seen.best.validation_accuracy:.2f}",
        ))  # fmt: skip
        yield self.t("captions.curves", run=name)
        yield self.epoch_table(points, best)
        space = " " if self.t.language == "en" else ""
        yield space.join(self.overfitting(seen, len(points), log))
        yield source

    def epoch_table(self, points: Sequence[CurvePoint], best: int) -> str:
        """Return the best and the last epoch side by side."""
        by_epoch = {point.epoch: point for point in points}
        rows = []
        for key, point in (("best_epoch", by_epoch[best]), ("last_epoch", points[-1])):
            accuracies = (point.train_accuracy, point.validation_accuracy)
            rows.append(
                (
                    self.t(f"rows.{key}", epoch=point.epoch),
                    f"{point.train_loss:.4f}",
                    f"{point.validation_loss:.4f}",
                    *(f"{100 * accuracy:.2f}" for accuracy in accuracies),
                    signed(100 * (accuracies[0] - accuracies[1])),
                )
            )
        return self.table("epochs", rows)

    def overfitting(
        self, seen: overfitting.Evidence, count: int, log: RunLog | None
    ) -> Iterator[str]:
        """Yield sentences that say what the curves support."""
        t = self.t
        for key, gap in (("gap_best", seen.best), ("gap_last", seen.last)):
            yield t(
                f"sentences.{key}",
                epoch=gap.epoch,
                train=f"{100 * gap.train_accuracy:.2f}",
                validation=f"{100 * gap.validation_accuracy:.2f}",
                gap=signed(gap.points),
            )
        if seen.gap_slope is None or seen.loss_slope is None:
            yield t("sentences.trend_short", epochs=count)
        else:
            slopes = signed(seen.gap_slope, "+.3f"), signed(seen.loss_slope, "+.4f")
            yield t("sentences.trend", first=seen.first_of_trend, last=seen.last.epoch,
                    slope=slopes[0], loss=slopes[1])  # fmt: skip
        yield t("sentences.lowest_loss", epoch=seen.lowest_loss_epoch,
                lowest=f"{seen.lowest_loss:.4f}", last=f"{seen.last_loss:.4f}")  # fmt: skip
        if count >= overfitting.FEWEST_EPOCHS:
            yield t(f"sentences.{seen.verdict}")
        hyper = log.start.hyperparameters if log else None
        is_plain = hyper is not None and hyper.augmentation == "none"
        if hyper is not None:
            yield t("sentences.plain" if is_plain else "sentences.augmented")

    def hyperparameters(self) -> Iterator[str]:
        log = self.material.fp32
        hyper = log.start.hyperparameters if log else None
        if log is None or hyper is None:
            yield self.t("sentences.no_baseline")
            return
        rows = [
            ("loss", self.loss_name(hyper.label_smoothing)),
            ("optimizer", {"sgd": "SGD", "adamw": "AdamW"}[hyper.optimizer]),
            ("learning_rate", f"{hyper.learning_rate:g}"),
            ("scheduler", hyper.scheduler),
            ("decay", f"{hyper.weight_decay:g} / {hyper.momentum:g}"),
            ("batch_size", str(hyper.batch_size)),
            ("epochs", str(hyper.epochs)),
            ("augmentation", hyper.augmentation),
            ("seed", str(hyper.seed)),
        ]
        yield self.table("baseline", [(self.t(f"rows.{key}"), value) for key, value in rows], 2)
        yield self.source((log, lines_of(log, Start)))

    def ablation(self) -> Iterator[str]:
        logs = self.material.settings
        found = facts.ablations(logs)
        if len(found) < 2:
            yield self.t("sentences.no_ablation")
        if not found:
            return
        rows = []
        plain = tables.ablation_table(found).rows
        for log, fact, cells in zip(logs, found, plain, strict=True):
            loss = self.loss_name(fact.hyperparameters.label_smoothing)
            accuracy = f"{100 * fact.accuracy:.2f}"
            if fact.is_best and len(found) > 1:
                accuracy = f"**{accuracy}** ({self.t('rows.best')})"
            lines = lines_of(log, (Start, End))
            rows.append((f"`{cells[0]}`", loss, *cells[2:-1], accuracy, lines))
        yield self.table("ablation", rows, left=5)
        folders = sorted({self.shown(log.path.parent.parent) for log in logs})
        source = self.t("captions.rows", folders=", ".join(f"`{folder}/`" for folder in folders))
        yield f"<sub>{self.t('captions.source', source=source)}</sub>"

    def loss_name(self, smoothing: float) -> str:
        if not smoothing:
            return self.t("rows.cross_entropy")
        return self.t("rows.smoothed", amount=f"{smoothing:g}")


def signed(value: float, form: str = "+.2f") -> str:
    """Return a number with its sign, but zero without one."""
    text = f"{value:{form}}"
    return text[1:] if float(text) == 0 else text
