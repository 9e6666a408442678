"""The generated parts of the report: paragraphs of Markdown, made from runs alone."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import sqrt
from pathlib import Path

from lab3.records import Analysis, End, Epoch, QuantizedTensor, Result, Start
from lab3.runlog import RunLog
from tools.report import facts, figures, overfitting, scales, tables
from tools.report.curves import CurvePoint, save_curves
from tools.report.material import Material, last_line_of, lines_of, ranges
from tools.report.tables import Table
from tools.report.texts import Texts

MODELS = {"train": "FP32", "ptq": "PTQ", "qat": "QAT"}
COMMANDS = {"train": "lab3 train", "ptq": "lab3 ptq", "qat": "lab3 qat"}


@dataclass
class Blocks:
    """Makes the blocks of one report.

    ``labels`` are the words in figures. ``drawings`` collects what is still to be drawn.
    """

    material: Material
    t: Texts
    labels: Texts
    folder: Path
    root: Path
    drawings: list[Callable[[], list[Path]]] = field(default_factory=list)

    def title(self) -> Iterator[str]:
        yield self.t("sentences.edited_notice")
        if self.t.language != self.labels.language:
            yield self.t("sentences.english_labels")

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

    def scales(self) -> Iterator[str]:
        runs = self.tensors()
        if not runs:
            yield self.t("sentences.no_analysis")
            return
        names = self.names()
        self.draw(lambda path: figures.save_scales(path, runs, self.labels), "scales")
        yield self.image("scales", figures.alt_scales(runs, names, self.t))
        yield self.t("captions.scales")
        yield self.shift_table(runs)
        for kind, tensors in runs.items():
            yield self.clamped(names[kind], tensors)
        for kind, tensors in runs.items():
            caption = self.t("captions.layers", run=names[kind])
            table = self.table("layers", [self.layer_row(tensor) for tensor in tensors], left=2)
            yield details(caption, table)
        yield self.analysis_source()

    def shift_table(self, runs: figures.Tensors) -> str:
        rows = []
        for kind, tensors in runs.items():
            for part in scales.summarise(tensors):
                rows.append(
                    (
                        f"`{self.names()[kind]}`",
                        self.t(f"rows.{part.role}s"),
                        str(part.count),
                        scales.shifts_text(part.shifts) or "-",
                        str(part.clamped_below),
                        str(part.clamped_above),
                        f"{100 * part.worst_outside:.2f}",
                        decibels(part.worst_sqnr_db),
                    )
                )
        return self.table("shifts", rows, left=2)

    def layer_row(self, tensor: QuantizedTensor) -> tuple[str, ...]:
        return (
            f"`{tensor.layer}`",
            self.t(f"rows.{tensor.role}"),
            f"{tensor.scale_before:.6f}",
            "-" if tensor.shift is None else str(tensor.shift),
            f"{tensor.scale:.6f}",
            self.t(f"rows.{tensor.clamped}") if tensor.clamped else "",
            f"{100 * tensor.outside:.2f}",
            decibels(tensor.sqnr_db),
        )

    def clamped(self, run: str, tensors: Sequence[QuantizedTensor]) -> str:
        below = sum(tensor.clamped == "below" for tensor in tensors)
        above = sum(tensor.clamped == "above" for tensor in tensors)
        if not below + above:
            return self.t("sentences.clamped_none", run=run, count=len(tensors))
        return self.t("sentences.clamped_some", run=run, count=len(tensors),
                      clamped=below + above, below=below, above=above)  # fmt: skip

    def noise(self) -> Iterator[str]:
        runs, names = self.tensors(), self.names()
        if not runs:
            yield self.t("sentences.no_analysis")
            return
        images = {log.analysis.images for log in self.material.quantized.values() if log.analysis}
        yield self.t("sentences.noise_of_weights", images=max(images))
        self.draw(lambda path: figures.save_sqnr(path, runs, self.labels), "sqnr")
        yield self.image("sqnr", figures.alt_sqnr(runs, names, self.t))
        yield self.t("captions.sqnr")
        for kind, tensors in runs.items():
            if pair := scales.noisiest(tensors):
                low, high = pair
                yield self.t(
                    "sentences.noisiest", run=names[kind], layer=low.layer, best_layer=high.layer,
                    role=self.t(f"rows.{low.role}"), best_role=self.t(f"rows.{high.role}"),
                    sqnr=decibels(low.sqnr_db), best_sqnr=decibels(high.sqnr_db),
                )  # fmt: skip
        kind, tensors = next(iter(runs.items()))
        if scales.chosen_layers(tensors):
            save = partial(figures.save_histograms, tensors=tensors, kind=kind, t=self.labels)
            self.draw(lambda path: save(path), "histograms")
            yield self.image("histograms", figures.alt_histograms(tensors, self.t))
            bins = len(tensors[0].counts)
            yield self.t("captions.histograms", run=names[kind], bins=bins)
        yield self.analysis_source()

    def comparison(self) -> Iterator[str]:
        rows = facts.compare(self.material.compared)
        console = self.material.console
        if not rows and console and console.networks:
            yield from self.imported_comparison()
            return
        if not rows:
            yield self.t("sentences.no_comparison")
            return
        missing = [kind for kind in MODELS if kind not in {row.kind for row in rows}]
        if missing:
            names = ", ".join(MODELS[kind] for kind in missing)
            commands = "`, `".join(COMMANDS[kind] for kind in missing)
            yield self.t("sentences.no_run", kinds=names, commands=commands)
        yield self.t("sentences.measured", images=f"{max(self.images(rows)):,}")
        cells = [
            (
                *((plain[0], f"`{plain[1]}`", *plain[2:5])),
                "?" if row.compression is None else f"{row.compression:.2f}x",
                *plain[5:],
            )
            for row, plain in zip(rows, tables.comparison_table(rows).rows, strict=True)
        ]
        yield self.table("comparison", cells, left=2)
        yield "\n".join(f"- {note}" for note in self.latency_notes(rows))
        yield self.result_source()

    def latency_notes(self, rows: Sequence[facts.Comparison]) -> Iterator[str]:
        places: dict[tuple[str, int], list[str]] = {}
        for row in rows:
            places.setdefault((row.engine, row.threads), []).append(f"`{row.run}`")
        for (engine, threads), runs in places.items():
            yield self.t("sentences.latency", runs=", ".join(runs), engine=engine, threads=threads)
        if any(row.speedup is None and row.compression is not None for row in rows):
            yield self.t("sentences.other_machine")

    def tradeoff(self) -> Iterator[str]:
        rows = facts.compare(self.material.compared)
        if not rows:
            yield self.t("sentences.no_comparison")
            return
        images = self.images(rows)
        self.draw(lambda path: figures.save_tradeoff(path, rows, images, self.labels), "tradeoff")
        yield self.image("tradeoff", figures.alt_tradeoff(rows, self.t))
        yield self.t("captions.tradeoff")
        said = [self.cost(row) for row in rows if row.kind != "train"]
        yield "\n".join(f"- {text}" for text in said if text)
        yield self.result_source()

    def cost(self, row: facts.Comparison) -> str:
        if row.drop_points is None or row.compression is None:
            return ""
        drop = round(row.drop_points, 2)
        key = "drop" if drop > 0 else "gain" if drop < 0 else "keep"
        points, times = f"{abs(row.drop_points):.2f}", f"{row.compression:.2f}"
        return self.t(f"sentences.{key}", model=MODELS[row.kind], run=row.run,
                      drop=points, compression=times)  # fmt: skip

    def confusion(self) -> Iterator[str]:
        results = self.results()
        if not results:
            yield self.t("sentences.no_comparison")
            return
        self.draw(lambda path: figures.save_confusion(path, results, self.labels), "confusion")
        yield self.image("confusion", figures.alt_confusion(results, self.t))
        yield self.t("captions.confusion")
        for run, result in results.items():
            if worst := figures.worst_pair(result):
                true, predicted, count, of = worst
                yield self.t("sentences.worst_pair", run=run, true=true, predicted=predicted,
                             count=count, of=of)  # fmt: skip
        classes = tables.class_table(results)
        headers = (self.t("columns.classes"), *(f"`{run}`" for run in results))
        yield details(self.t("captions.class_table"), Table(headers, classes.rows).markdown())
        yield self.result_source()

    def discussion(self) -> Iterator[str]:
        """Yield whether QAT and PTQ differ by more than chance explains."""
        ptq = self.material.ptq and self.material.ptq.result
        qat = self.material.qat and self.material.qat.result
        if not (ptq and qat and min(ptq.images, qat.images) > 0):
            return
        bound = 196 * sqrt(sum(r.accuracy * (1 - r.accuracy) / r.images for r in (ptq, qat)))
        difference = 100 * (qat.accuracy - ptq.accuracy)
        if round(difference, 2) == 0:
            yield self.t("sentences.equal", images=f"{ptq.images:,}", bound=f"{bound:.2f}")
        else:
            verdict = "is_chance" if abs(difference) <= bound else "is_real"
            direction = "higher" if difference > 0 else "lower"
            yield self.t(
                "sentences.difference", difference=f"{abs(difference):.2f}",
                direction=self.t(f"sentences.{direction}"), images=f"{ptq.images:,}",
                bound=f"{bound:.2f}", verdict=self.t(f"sentences.{verdict}"),
            )  # fmt: skip
        logs = [log for log in (self.material.ptq, self.material.qat) if log]
        yield self.source(*((log, last_line_of(log, Result)) for log in logs))

    def imported_comparison(self) -> Iterator[str]:
        """Yield the comparison that console output alone tells."""
        console = self.material.console
        assert console is not None
        yield self.t("sentences.imported")
        if console.has_mib:
            yield self.t("sentences.mib")
        fp32 = console.networks.get("train")
        rows = []
        for kind in MODELS:
            if network := console.networks.get(kind):
                drop = compression = speedup = None
                if fp32 and fp32.accuracy is not None and network.accuracy is not None:
                    drop = 100 * (fp32.accuracy - network.accuracy)
                if fp32 and fp32.size_bytes and network.size_bytes:
                    compression = fp32.size_bytes / network.size_bytes
                if fp32 and fp32.latency_s and network.latency_s:
                    speedup = fp32.latency_s / network.latency_s
                rows.append(
                    (
                        MODELS[kind],
                        optional(network.size_bytes and network.size_bytes / 1e6),
                        optional(network.accuracy and 100 * network.accuracy),
                        optional(drop).replace("-0.00", "0.00"),
                        optional(compression, "{:.2f}x"),
                        optional(network.latency_s and 1e3 * network.latency_s, "{:.3f}"),
                        optional(speedup, "{:.2f}x"),
                    )
                )
        yield self.table("imported", rows)
        yield self.imported(ranges(console.result_lines))

    def tensors(self) -> figures.Tensors:
        logs = self.material.quantized
        found = {kind: log.analysis.tensors for kind, log in logs.items() if log.analysis}
        return {kind: tensors for kind, tensors in found.items() if tensors}

    def names(self) -> dict[str, str]:
        return {kind: log.name for kind, log in self.material.quantized.items()}

    def results(self) -> dict[str, Result]:
        """The results of the FP32, the PTQ and the QAT run, by name, if they fit their classes."""
        logs = (self.material.fp32, self.material.ptq, self.material.qat)
        found = {log.name: log.result for log in logs if log and log.result}
        return {
            name: result
            for name, result in found.items()
            if {len(result.class_accuracy)} == {len(result.confusion), *map(len, result.confusion)}
        }

    def images(self, rows: Sequence[facts.Comparison]) -> list[int]:
        of = {log.name: log.result.images for log in self.material.compared if log.result}
        return [of[row.run] for row in rows]

    def loss_name(self, smoothing: float) -> str:
        if not smoothing:
            return self.t("rows.cross_entropy")
        return self.t("rows.smoothed", amount=f"{smoothing:g}")

    def table(self, name: str, rows: Sequence[tuple[str, ...]], left: int = 1) -> str:
        return Table(self.t.columns(name), list(rows), left).markdown()

    def draw(self, save: Callable[[Path], list[Path]], name: str) -> None:
        self.drawings.append(partial(save, self.folder / name))

    def image(self, name: str, alt: str) -> str:
        described = alt.replace("[", "(").replace("]", ")").replace("\n", " ")
        return f"![{described}]({self.folder.name}/{name}.png)"

    def source(self, *places: tuple[RunLog, str]) -> str:
        """Return where facts come from: the logs and their lines."""
        named = []
        for log, lines in places:
            key = "captions.lines" if "-" in lines or "," in lines else "captions.line"
            named.append(self.t(key, path=self.shown(log.path), lines=lines))
        return f"<sub>{self.t('captions.source', source='; '.join(named))}</sub>"

    def shown(self, path: Path) -> str:
        """Return a path as seen from the report, where that is shorter."""
        is_below = path.is_relative_to(self.root)
        return (path.relative_to(self.root) if is_below else path).as_posix()

    def analysis_source(self) -> str:
        logs = self.material.quantized.values()
        return self.source(*((log, last_line_of(log, Analysis)) for log in logs))

    def result_source(self) -> str:
        return self.source(*((log, last_line_of(log, Result)) for log in self.material.compared))

    def imported(self, lines: str) -> str:
        assert self.material.console is not None
        path = self.material.console.path.as_posix()
        told = self.t("captions.imported", path=path, lines=lines)
        return f"<sub>{self.t('captions.source', source=told)}</sub>"


def details(summary: str, content: str) -> str:
    """Return content that unfolds, on GitHub, HackMD and in the page."""
    words = summary.replace("`", "")
    return f'<details markdown="1">\n<summary>{words}</summary>\n\n{content}\n\n</details>'


def signed(value: float, form: str = "+.2f") -> str:
    """Return a number with its sign, but zero without one."""
    text = f"{value:{form}}"
    return text[1:] if float(text) == 0 else text


def decibels(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def optional(value: float | None, form: str = "{:.2f}") -> str:
    return "?" if value is None else form.format(value)
