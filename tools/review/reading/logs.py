"""Console output that a report quotes: its results and curves, with their lines."""

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from tools.report.console_log import EPOCH, numbered_results, parse_console
from tools.review.reading.cells import fraction
from tools.review.reading.document import ReportTable
from tools.review.reading.facts import Curve, Epoch
from tools.review.reading.lexicon import Lexicon
from tools.review.reading.quantities import narrow, quantities, size_bytes, time_s
from tools.review.reading.statements import FP32, Place, Statement

MODELS = {"train": FP32, "ptq": "ptq", "qat": "qat"}
DROP = re.compile(r"\bdrop\w*\s*[:=]?\s*(-?\d+\.\d+(?:\s?%)?)", re.I)
METRICS = {"accuracy": "accuracy", "size_bytes": "size", "latency_s": "latency"}


def curve_of(table: ReportTable, lexicon: Lexicon) -> Curve | None:
    """Return the training that a table of epochs shows, with its losses and accuracies."""
    columns: dict[str, int] = {}
    for index, header in enumerate(table.rows[0] if table.rows else ()):
        split = "train" if lexicon.has("split.train", header) else ""
        split = "validation" if lexicon.has("split.validation", header) else split
        for metric in ("loss", "accuracy"):
            if split and lexicon.has(f"metric.{metric}", header):
                columns[f"{split}_{metric}"] = index
    is_of_epochs = bool(table.rows) and lexicon.has("hyper.epochs", table.rows[0][0])
    if not is_of_epochs or "validation_loss" not in columns or len(table.rows) < 3:
        return None
    epochs = []
    for number, (row, line) in enumerate(zip(table.rows[1:], table.lines[1:], strict=True), 1):
        values = {}
        for name, index in columns.items():
            quantity = next(quantities(row[index]), None)
            if quantity is not None:
                share = fraction(quantity) if "accuracy" in name else None
                values[name] = share.middle if share else quantity.number
        printed = next(quantities(row[0]), None)
        if printed is not None and printed.is_integer:
            number = int(printed.number)
        epochs.append(Epoch(number, line, **values))
    return Curve(FP32, tuple(epochs))


def read_log(text: str, line: int, section: int) -> tuple[list[Statement], list[Curve]]:
    """Return what console output states that begins at a line of the report."""
    log = parse_console(Path(), narrow(text))
    rows = text.split("\n")
    statements = []
    for kind, name, number, printed in numbered_results(log):
        quantity = next(quantities(printed), None)
        if quantity is None:
            continue
        reads = {"size_bytes": size_bytes, "latency_s": time_s, "accuracy": fraction}[name]
        value = reads(quantity)
        place = Place(line + number - 1, section, rows[number - 1].strip(), "log", -line)
        statement = Statement(MODELS[kind], METRICS[name], "is", place, value, quantity=quantity)
        statements.append(replace(statement, split="test" if name == "accuracy" else ""))
        drop = DROP.search(narrow(place.text)) if name == "accuracy" else None
        lost = next(quantities(drop[1]), None) if drop else None
        if lost is not None and statement.model != FP32:
            points = lost.interval.times("0.01")
            made = replace(statement, relation="loses", value=points, quantity=lost, header="drop")
            statements.append(made)
    curves = []
    for curve in log.curves:
        last = dict(zip((p.epoch for p in curve.points), curve.lines, strict=False))
        epochs = tuple(
            Epoch(
                p.epoch,
                line + last.get(p.epoch, 1) - 1,
                *(Decimal(str(v)) for v in (p.train_loss, p.validation_loss)),
                *(Decimal(str(round(v, 6))) for v in (p.train_accuracy, p.validation_accuracy)),
            )
            for p in curve.points
        )
        curves.append(Curve(MODELS[curve.kind], epochs))
    totals = {int(m["of"]): m.start() for m in EPOCH.finditer(text[:20_000]) if m["of"]}
    if curves and len(totals) == 1:
        total, start = next(iter(totals.items()))
        place = Place(
            line + text.count("\n", 0, start), section, f"Epoch .../{total}", "log", -line
        )
        value = next(quantities(str(total))).interval
        statements.append(Statement(curves[0].model, "epochs", "is", place, value))
    return statements, curves
