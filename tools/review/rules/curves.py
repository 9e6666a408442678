"""What sentences say of single epochs, against the log or table of epochs."""

from dataclasses import dataclass
from decimal import Decimal

from tools.review.reading.facts import Curve, Epoch, Facts
from tools.review.reading.quantities import Interval, Quantity, exactly
from tools.review.reading.statements import FP32
from tools.review.rules.registry import Fault, rule
from tools.review.rules.training import Said

EPOCHS = (
    "| Epoch | Training loss | Validation loss | Training accuracy (%) | Validation accuracy (%) |\n"
    "|---|---|---|---|---|\n| 10 | 0.900 | 0.950 | 82.0 | 81.0 |\n| 20 | 0.700 | 0.800 | 90.0 | 86.0 |\n"
    "| 30 | 0.500 | 0.850 | 98.0 | 87.0 |\n\n"
)
SLACK = Decimal("0.0006")
LEVEL = Decimal(20)  # percent; a lower number is a difference of accuracies


@dataclass(frozen=True)
class Told:
    """What a sentence names: the curve's values, epochs, and the one number besides them."""

    curve: Curve
    names: tuple[str, ...]  # of the values of an epoch; two for their gap
    epochs: tuple[Epoch, ...]
    number: Quantity | None

    def value(self, epoch: Epoch) -> Decimal | None:
        values = [getattr(epoch, name) for name in self.names]
        if any(value is None for value in values):
            return None
        return Decimal(values[0] - values[1]) if len(values) == 2 else Decimal(values[0])

    @property
    def given(self) -> Interval | None:
        """The number in the unit of the curve's values."""
        if self.number is None:
            return None
        is_share = self.names[0].endswith("accuracy")
        if is_share != (self.number.kind in ("%", "points")):
            return None
        interval = self.number.interval.times("0.01" if is_share else "1")
        by = abs(interval.middle) / 10 if self.number.is_about else SLACK
        return interval.widened(max(by, SLACK))

    def shown(self, value: Decimal) -> str:
        return f"{100 * value:.2f} %" if self.names[0].endswith("accuracy") else f"{value}"


def told_of(said: Said, facts: Facts) -> Told | None:
    """Return what a sentence says of a curve, or None when it names no one value of one curve."""
    words = said.words
    models = {m.kind for m in words.models}
    curves = [c for c in facts.curves if not models or c.model in models]
    if len(curves) > 1 and not models:  # what names no network is of FP32's training
        curves = [c for c in curves if c.model == FP32]
    if len(curves) != 1 or not said.is_told:
        return None
    curve = curves[0]
    metrics = {t.kind for t in words.tags if t.is_of("metric") and t.kind in ("accuracy", "loss")}
    splits = {t.kind for t in words.tags if t.is_of("split")}
    if splits == {"train", "validation"} and said.has("metric.gap") and "loss" not in metrics:
        names: tuple[str, ...] = ("train_accuracy", "validation_accuracy")
    elif len(metrics) == 1 and len(splits) == 1 and "test" not in splits:
        names = (f"{splits.pop()}_{metrics.pop()}",)
    else:
        return None
    spans, numbers = [], []
    shown = words.lexicon.normal(words.text)
    for match in words.lexicon.matches("claim.epoch", shown):
        spans.append(match.span())
        numbers += [int(g) for g in match.groups() if g]
    by_number = {e.number: e for e in curve.epochs}
    if any(n not in by_number for n in numbers) or len(numbers) > 2:
        return None
    if not numbers and said.has("claim.at_end"):
        numbers = [curve.epochs[-1].number]
    left = [q for q in words.quantities if not any(a <= q.start < b for a, b in spans)]
    left = [q for q in left if q.kind in ("%", "points") or -q.step.adjusted() >= 2]
    if len(left) > 1:
        return None
    number = left[0] if left else None
    if number and words.lexicon.has("bound.about", shown[: number.start].rstrip()):
        number = Quantity(**{**number.__dict__, "is_about": True})
    return Told(curve, names, tuple(by_number[n] for n in numbers), number)


def _is_denied(said: Said) -> bool:
    return any(tag.is_of("negates") for tag in said.words.tags)


def _has_extreme(said: Said) -> bool:
    return any(tag.is_of("extreme") for tag in said.words.tags)


@rule(
    "curve-change",
    "Changes between two epochs follow from the log.",
    wrong=[
        EPOCHS + "From epoch 10 to epoch 20 the validation accuracy rose by 8.0 points.",
        EPOCHS + "From epoch 20 to epoch 30 the validation loss decreased.",
    ],
    right=[EPOCHS + "From epoch 10 to epoch 20 the validation accuracy rose by 5.0 points."],
)
def curve_change(said: Said, facts: Facts) -> Fault | None:
    told = told_of(said, facts) if facts.curves else None
    if told is None or len(told.epochs) != 2 or _is_denied(said):
        return None
    first, last = told.epochs
    one, two = told.value(first), told.value(last)
    directions = {t.kind for t in said.words.tags if t.is_of("change")}
    if one is None or two is None or len(directions) != 1:
        return None
    change = two - one
    is_against = (change > SLACK and directions == {"loses"}) or (
        change < -SLACK and directions == {"gains"}
    )
    if told.number is not None and not is_against:
        given = told.given
        if given is None or (told.number.kind == "%" and told.number.number >= LEVEL):
            return None
        if given.touches(exactly(abs(change))) or (
            told.names[0].endswith("loss") and given.low > 1
        ):
            return None
    elif not is_against:
        return None
    return Fault(
        said.place,
        f"{'up' if change > 0 else 'down'} by {told.shown(abs(change))}",
        f"from {told.shown(one)} in epoch {first.number} to {told.shown(two)} in epoch {last.number}",
        "likely",
        also=(first.line, last.line),
    )


@rule(
    "curve-value",
    "What a sentence gives of an epoch is what the log has.",
    wrong=[
        EPOCHS + "The validation accuracy in epoch 20 was 87.0 %.",
        EPOCHS + "At the end the gap of training and validation accuracy is 4.0 points.",
    ],
    right=[
        EPOCHS + "The validation accuracy in epoch 20 was 86.0 %.",
        EPOCHS + "At the end the gap of training and validation accuracy is 11.0 points.",
    ],
)
def curve_value(said: Said, facts: Facts) -> Fault | None:
    told = told_of(said, facts) if facts.curves else None
    if told is None or len(told.epochs) != 1 or told.number is None or _has_extreme(said):
        return None
    value, given, epoch = told.value(told.epochs[0]), told.given, told.epochs[0]
    is_level = told.names[0].endswith("loss") or told.number.number >= LEVEL
    if value is None or given is None or is_level != (len(told.names) == 1):
        return None
    if given.touches(exactly(value)):
        return None
    is_change = any(t.is_of("change") for t in said.words.tags)
    if is_change and len(told.names) == 1 and told.names[0].endswith("loss"):
        return None
    return Fault(
        said.place,
        told.shown(value),
        f"line {epoch.line} has it for epoch {epoch.number}",
        "likely",
        also=(epoch.line,),
    )


@rule(
    "curve-extreme",
    "The lowest loss and the highest accuracy are those of the log.",
    wrong=[EPOCHS + "The lowest validation loss is 0.850."],
    right=[EPOCHS + "The lowest validation loss is 0.800."],
)
def curve_extreme(said: Said, facts: Facts) -> Fault | None:
    told = told_of(said, facts) if facts.curves else None
    kinds = {t.kind for t in said.words.tags if t.is_of("extreme")}
    if told is None or len(told.names) != 1 or len(kinds) != 1 or _is_denied(said):
        return None
    kind = kinds.pop()
    is_loss = told.names[0].endswith("loss")
    known = [(v, e) for e in told.curve.epochs if (v := told.value(e)) is not None]
    if kind not in ("most", "least", "best", "worst") or len(known) < 3:
        return None
    is_highest = kind == "most" or (kind == ("worst" if is_loss else "best"))
    value, epoch = max(known, key=lambda x: x[0] if is_highest else -x[0])
    given = told.given
    is_beyond = given is not None and (given.high < value if is_highest else given.low > value)
    if given is not None and is_beyond and (is_loss or given.high > Decimal("0.2")):
        why = f"line {epoch.line}, epoch {epoch.number}"
    elif len(told.epochs) == 1 and told.value(told.epochs[0]) != value:
        why = f"epoch {epoch.number} (line {epoch.line}), not {told.epochs[0].number}"
    else:
        return None
    return Fault(said.place, told.shown(value), why, "likely", also=(epoch.line,))
