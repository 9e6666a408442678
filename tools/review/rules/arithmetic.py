"""Do the numbers of a table follow from each other? Units, drops, ratios."""

from collections.abc import Callable, Iterator

from tools.review.findings import Finding, Sure
from tools.review.reading.document import ReportText
from tools.review.reading.quantities import Interval, Quantity, exactly
from tools.review.reading.results import (
    NAMES,
    Cell,
    Results,
    Row,
    accuracy,
    show_percent,
)
from tools.review.reading.words import (
    RELATIVE,
    SIGNED_CHANGE,
)

Fault = tuple[str, str, Sure]  # the rule, why, how sure


def review_arithmetic(document: ReportText, results: Results) -> Iterator[Finding]:
    for table in results.tables:
        yield from units(document, table)
        baselines = results.baselines(table)
        for row in table:
            yield from drop(document, row, baselines)
            yield from ratios(document, row, baselines)
    for settings in results.ablations:
        cells = [setting.accuracy for setting in settings if setting.accuracy]
        for cell in cells:
            yield from unit(document, cell)


def units(document: ReportText, rows: list[Row]) -> Iterator[Finding]:
    for row in rows:
        if cell := row.cells.get("accuracy"):
            yield from unit(document, cell)


def unit(document: ReportText, cell: Cell) -> Iterator[Finding]:
    """Yield an accuracy that is printed as a fraction where a percentage is announced."""
    quantity = cell.quantity
    if quantity is None or not cell.is_percent or quantity.is_integer:
        return
    if 0 < quantity.number <= 1:
        shown = show_percent(quantity.number)
        yield document.finding(
            "accuracy-unit",
            cell.line,
            f"{cell.header}: {cell.text}",
            f"{shown} %",
            "a fraction stands where a percentage is announced",
            "certain",
        )


def drop(document: ReportText, row: Row, baselines: list[Row]) -> Iterator[Finding]:
    """Yield a drop that isn't FP32's accuracy minus the network's, in percentage points."""
    cell = row.cells.get("drop")
    quantity = cell.quantity if cell else None
    if cell is None or quantity is None or quantity.kind not in ("", "%", "points"):
        return
    own = row.accuracy
    if row.model == "fp32":
        losses = [(exactly(0), own)] if own else []
    else:
        starts = [accuracy(row.before)] if row.before else [b.accuracy for b in baselines]
        losses = [(start - own, start) for start in starts if start and own]
    is_fraction = not cell.is_percent and is_printed_as_fraction(row)
    faults = [drop_fault(quantity, cell.header, *loss, is_fraction) for loss in losses]
    if faults and all(faults):
        rule, why, sure = next(fault for fault in faults if fault)
        loss, start = losses[0]
        if row.model == "fp32" or start is None:
            should = "0, or nothing: it is the baseline"
        else:
            should = f"{show_percent(loss)} points"
            why += f"; {show_percent(start)} - {show_percent(start - loss)} = {show_percent(loss)}"
        yield document.finding(
            rule, cell.line, f"{row.label}: {cell.header} {cell.text}", should, why, sure
        )


def is_printed_as_fraction(row: Row) -> bool:
    cell = row.cells.get("accuracy")
    quantity = cell.quantity if cell else None
    return quantity is not None and quantity.number <= 1


def drop_fault(
    quantity: Quantity, header: str, loss: Interval, start: Interval, is_fraction: bool
) -> Fault | None:
    """Return what is wrong with a printed drop, or None when it is right as printed."""
    value, points = quantity.interval, quantity.interval.times("0.01")
    either = SIGNED_CHANGE.search(header) is not None
    if is_finer_fraction(quantity, loss) and not is_fraction:
        return "drop-unit", "this is a fraction, not percentage points", "certain"
    if points.touches(loss) or (either and (-points).touches(loss)):
        return None
    if is_fraction and (value.touches(loss) or (either and (-value).touches(loss))):
        return None
    ratio = Interval(loss.low / start.high, loss.high / start.low)
    if RELATIVE.search(header) and (points.touches(ratio) or (-points).touches(ratio)):
        return None
    if (-points).touches(loss):
        return "drop-sign", "a drop is positive when accuracy is lost", "certain"
    if value.touches(loss) or (-value).touches(loss):
        return "drop-unit", "this is a fraction, not percentage points", "certain"
    if points.touches(ratio.widened("0.00005")) or (-points).touches(ratio.widened("0.00005")):
        return "drop-relative", "this is relative to FP32's accuracy", "certain"
    return "drop-arithmetic", "the accuracies of the table give another difference", "certain"


def is_finer_fraction(quantity: Quantity, loss: Interval) -> bool:
    """Tell whether a drop has two more decimals than the accuracies, and fits as a fraction.

    A drop near 0 may lie within the rounding of the accuracies in either unit.
    """
    nominal = exactly(loss.middle)
    is_finer = quantity.step <= (loss.high - loss.low) / 2
    points = quantity.interval.times("0.01")
    return is_finer and quantity.interval.touches(nominal) and not points.touches(nominal)


def ratios(document: ReportText, row: Row, baselines: list[Row]) -> Iterator[Finding]:
    """Yield compressions and speed-ups that don't follow from the sizes and times."""
    sides: tuple[tuple[str, str, Callable[[Row], Interval | None]], ...] = (
        ("compression", "sizes", lambda r: r.size),
        ("speed-up", "latencies", lambda r: r.latency),
    )
    for metric, what, measured in sides:
        cell = row.cells.get(metric)  # type: ignore[call-overload]
        quantity = cell.quantity if cell else None
        own = measured(row)
        bases = [base for b in baselines if (base := measured(b)) and base.is_positive]
        if cell is None or quantity is None or own is None or not own.is_positive or not bases:
            continue
        if row.model == "fp32":
            bases = [own]
        if not any(is_ratio(quantity, base, own) for base in bases):
            ratio = (bases[0] / own).middle
            yield document.finding(
                metric,
                cell.line,
                f"{row.label}: {cell.header} {cell.text}",
                f"{ratio:.2f}x",
                f"the {what} of {NAMES['fp32']} and {row.label} give that ratio",
                "certain",
            )


def is_ratio(quantity: Quantity, base: Interval, own: Interval) -> bool:
    """Tell whether a number, as a factor or as a percentage in any sense, fits two sizes."""
    ratio, value = base / own, quantity.interval
    if quantity.kind in ("%", "points"):
        part, gain = (own / base).times(100), ratio.times(100)
        hundred = exactly(100)
        senses = (part, hundred - part, gain, gain - hundred)
        return any(value.touches(sense) or (-value).touches(sense) for sense in senses)
    if quantity.kind not in ("", "times"):
        return True
    part = own / base
    one = exactly(1)
    # A bare number may be the part that is left or saved; a factor may not.
    factors = (ratio,) if quantity.kind == "times" else (ratio, part, one - part, ratio - one)
    return any(value.touches(factor) for factor in factors)
