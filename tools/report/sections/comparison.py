"""FP32, PTQ and QAT side by side: size, accuracy, drop, latency."""

from collections.abc import Iterator

from lab3.log.records import TITLES
from tools.report.consoles import Consoles
from tools.report.facts.comparison import compare
from tools.report.sections.context import Context
from tools.report.sources import ranges
from tools.report.tables import comparison_table, latency_notes, optional

COMMANDS = {"train": "lab3 train", "ptq": "lab3 ptq", "qat": "lab3 qat"}


def paragraphs(context: Context) -> Iterator[str]:
    sources, t = context.sources, context.t
    rows = compare(sources.compared)
    if not rows and sources.console and sources.console.networks:
        yield from imported(context, sources.console)
        return
    if not rows:
        yield t("sentences.no_comparison")
        return
    missing = [kind for kind in TITLES if kind not in {row.kind for row in rows}]
    if missing:
        kinds = ", ".join(TITLES[kind] for kind in missing)
        commands = "`, `".join(COMMANDS[kind] for kind in missing)
        yield t("sentences.no_run", kinds=kinds, commands=commands)
    yield t("sentences.measured", images=f"{max(sources.images.values()):,}")
    cells = [
        (title, f"`{run}`", *numbers[:3], optional(row.compression, "{:.2f}x"), *numbers[3:])
        for row, (title, run, *numbers) in zip(rows, comparison_table(rows, t).rows, strict=True)
    ]
    yield context.table("comparison", cells, left=2)
    yield "\n".join(f"- {note}" for note in latency_notes(rows, t))
    yield context.source_of_results(sources.compared)


def imported(context: Context, console: Consoles) -> Iterator[str]:
    """Yield the comparison that console output alone tells."""
    t, fp32 = context.t, console.networks.get("train")
    yield t("sentences.imported")
    if console.has_mib:
        yield t("sentences.mib")
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
    yield context.table("imported", rows)
    yield context.imported(*((path, ranges(lines)) for path, lines in console.result_lines))
