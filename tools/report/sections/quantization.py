"""The report on quantization: scales, noise, comparison, trade-off, confusion, discussion."""

from collections.abc import Iterator, Sequence
from functools import partial
from math import sqrt

from lab3.log.records import TITLES, Analysis, QuantizedTensor, Result
from tools.report import tables
from tools.report.facts import comparison as facts
from tools.report.facts import scales
from tools.report.figures import drawing as figures
from tools.report.sections.context import Part, details, optional
from tools.report.sources import last_line_of, ranges
from tools.shared.table import Table

COMMANDS = {"train": "lab3 train", "ptq": "lab3 ptq", "qat": "lab3 qat"}


class QuantizationPart(Part):
    """Makes blocks of Markdown from the PTQ and the QAT run, beside FP32."""

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
        missing = [kind for kind in TITLES if kind not in {row.kind for row in rows}]
        if missing:
            names = ", ".join(TITLES[kind] for kind in missing)
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
        return self.t(f"sentences.{key}", model=TITLES[row.kind], run=row.run,
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
        for kind in TITLES:
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
                        TITLES[kind],
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

    def analysis_source(self) -> str:
        logs = self.material.quantized.values()
        return self.source(*((log, last_line_of(log, Analysis)) for log in logs))

    def result_source(self) -> str:
        return self.source(*((log, last_line_of(log, Result)) for log in self.material.compared))


def decibels(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
