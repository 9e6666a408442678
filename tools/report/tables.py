"""Facts as tables: headers and cells, the same for the terminal and for Markdown."""

from collections.abc import Sequence

from lab3.log.records import TITLES, Hyperparameters, Result
from tools.report.facts.comparison import Ablation, Comparison, lacks_speedup, timed_alike
from tools.report.texts import Texts, load_texts
from tools.shared.table import Table

OPTIMIZERS = {"sgd": "SGD", "adamw": "AdamW"}


def comparison_table(rows: Sequence[Comparison], t: Texts | None = None) -> Table:
    """Size in decimal megabytes, accuracy in percent, drop in percentage points, times in ms."""
    t = t or load_texts("en")
    headers = ("Model", "Run", "Size MB", "Accuracy %", "Drop points", "Latency ms", "Speed-up")
    return Table(
        headers,
        [
            (
                TITLES[row.kind],
                row.run,
                f"{row.size_bytes / 1e6:.2f}",
                f"{100 * row.accuracy:.2f}",
                optional(row.drop_points).replace("-0.00", "0.00"),
                latency_text(row, t),
                speedup_text(row, t),
            )
            for row in rows
        ],
        left=2,
    )


def latency_text(row: Comparison, t: Texts) -> str:
    """Median and quartiles in milliseconds, or that they mean nothing."""
    if row.is_latency_noisy:
        return t("rows.noisy")
    low, high = row.latency_quartiles_s
    return f"{1e3 * row.latency_s:.2f} ({1e3 * low:.2f}-{1e3 * high:.2f})"


def speedup_text(row: Comparison, t: Texts) -> str:
    """A factor with its 95 % interval, or that it means nothing."""
    if row.is_noisy:
        return t("rows.noisy")
    if row.speedup is None or row.speedup_interval is None:
        return optional(row.speedup, "{:.2f}x")
    return "{:.2f}x ({:.2f}-{:.2f})".format(row.speedup, *row.speedup_interval)


def noise_notes(rows: Sequence[Comparison], t: Texts) -> list[str]:
    """Say of each run between what its time or its speed-up lies, where no number can be given."""
    notes = []
    for row in rows:
        if row.is_latency_noisy:
            low, high = (f"{1e3 * s:.2f}" for s in row.latency_quartiles_s)
            notes.append(t("sentences.noisy_latency", run=row.run, low=low, high=high))
        if row.is_noisy and row.speedup_interval:
            low, high = (f"{s:.2f}" for s in row.speedup_interval)
            notes.append(t("sentences.noisy_speedup", run=row.run, low=low, high=high))
    return [*notes, t("sentences.idle")] if notes else []


def optional(value: float | None, form: str = "{:.2f}", missing: str = "?") -> str:
    return missing if value is None else form.format(value)


def decibels(value: float | None) -> str:
    return optional(value, "{:.1f}", "-")


def ablation_table(rows: Sequence[Ablation], t: Texts | None = None) -> Table:
    """Hyperparameters and best validation accuracy, the best row marked with a star."""
    headers = (
        "Run",
        "Loss function",
        "Optimizer",
        "Scheduler",
        "Augmentation",
        "Learning rate",
        "Batch size",
        "Weight decay / momentum",
        "Epochs",
        "Best epoch",
        "Validation accuracy (%)",
    )
    return Table(
        headers,
        [
            (
                row.run,
                loss_name(row.hyperparameters, t),
                OPTIMIZERS[row.hyperparameters.optimizer],
                row.hyperparameters.scheduler,
                row.hyperparameters.augmentation,
                f"{row.hyperparameters.learning_rate:g}",
                str(row.hyperparameters.batch_size),
                f"{row.hyperparameters.weight_decay:g} / {row.hyperparameters.momentum:g}",
                str(row.hyperparameters.epochs),
                str(row.best_epoch),
                f"{100 * row.accuracy:.2f}" + (" *" if row.is_best else ""),
            )
            for row in rows
        ],
        left=5,
    )


def loss_name(hyper: Hyperparameters, t: Texts | None = None) -> str:
    """Name the loss in the words of a language, English by default."""
    t = t or load_texts("en")
    if not hyper.label_smoothing:
        return t("rows.cross_entropy")
    return t("rows.smoothed", amount=f"{hyper.label_smoothing:g}")


def class_table(results: dict[str, Result]) -> Table:
    """Test accuracy of each class in percent, one column a run."""
    columns = [result.class_accuracy for result in results.values()]

    def cell(accuracy: float | None) -> str:
        return "-" if accuracy is None else f"{100 * accuracy:.2f}"

    rows = [(name, *(cell(column.get(name)) for column in columns)) for name in columns[0]]
    return Table(("Class", *results), rows)


def confusion_table(result: Result) -> Table:
    """Test images by true class (rows) and predicted class (columns)."""
    classes = tuple(result.class_accuracy)
    rows = [
        (name, *map(str, counts)) for name, counts in zip(classes, result.confusion, strict=True)
    ]
    return Table(("true \\ predicted", *classes), rows)


def latency_notes(rows: Sequence[Comparison], t: Texts | None = None) -> list[str]:
    """Say how the latencies were measured, and what can't be said.

    In Markdown, or for a terminal where no texts are given."""
    if t is None:
        return [note.replace("`", "") for note in latency_notes(rows, load_texts("en"))]
    notes = []
    for (engine, threads), names in timed_alike(rows).items():
        runs = ", ".join(f"`{name}`" for name in names)
        count = t("sentences.threads" if threads > 1 else "sentences.one_thread", count=threads)
        notes.append(t("sentences.latency", runs=runs, engine=engine, threads=count))
    notes += noise_notes(rows, t)
    if any(row.speedup_interval for row in rows):
        notes.append(t("sentences.in_turn"))
    if lacks_speedup(rows):
        notes.append(t("sentences.other_machine"))
    return notes
