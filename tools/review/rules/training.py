"""Curves, images and chance: overfitting, leaks, and differences of a few images."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from tools.review.reading.facts import Curve, Facts
from tools.review.reading.orders import RANKED
from tools.review.reading.report import Report
from tools.review.reading.statements import FP32, NAMES, PTQ, QAT, Place, Statement, percent
from tools.review.reading.words import Words
from tools.review.rules.registry import Fault, rule

WIDE = Decimal("0.06")  # a gap of training and validation accuracy that needs a word
LEAK = Decimal("0.025")  # validation accuracy above test accuracy
FEW = 3
MANY = 2_000  # test images; of fewer, two accuracies are easily the same
TESTED = (
    "| Model | Accuracy (%) |\n|---|---|\n| FP32 | 94.96 |\n| PTQ | 93.10 |\n| QAT | 93.17 |\n\n"
)
SMALL = Decimal("0.006")  # with fewer images each report says itself what chance can do
RISE = Decimal("1.02")  # of a validation loss above its lowest value


@dataclass(frozen=True)
class Said:
    """A sentence with its words, where it stands."""

    words: Words
    place: Place

    @property
    def text(self) -> str:
        return self.words.text

    def has(self, role: str) -> bool:
        return self.words.lexicon.has(role, self.text)

    @property
    def is_told(self) -> bool:
        """Tell whether it says what was so, now or then."""
        return any(self.words.modality(s) in ("claimed", "past") for s in self.words.segments)

    @property
    def is_claim(self) -> bool:
        return any(self.words.modality(s) == "claimed" for s in self.words.segments)


def level(facts: Facts, split: str) -> list[Statement]:
    """Return FP32's accuracies on training or validation images."""
    return [
        s
        for s in facts.statements
        if s.metric == "accuracy"
        and s.relation == "is"
        and s.split == split
        and s.value
        and s.model in (FP32, "")
        and s.modality in ("claimed", "past")
    ]


@rule(
    "overfitting-gap",
    "What is said of overfitting is what the accuracies show.",
    wrong=[
        "![c](https://e.org/c.png)\n\nTraining accuracy ends at 99.6 %, validation accuracy at 88.0 %. "
        "There is no overfitting."
    ],
    right=[
        "![c](https://e.org/c.png)\n\nTraining accuracy ends at 96.6 %, validation accuracy at 94.0 %. "
        "There is no overfitting."
    ],
)
def overfitting_gap(said: Said, facts: Facts) -> Fault | None:
    if not said.is_told or not said.has("claim.no_overfitting") or said.text.endswith("?"):
        return None
    found = last_gap(facts)
    if found is None:
        return None
    train, validation, lines = found
    if train - validation < WIDE:
        return None
    return Fault(
        said.place,
        f"a word on the gap of {100 * (train - validation):.1f} points",
        f"training accuracy {percent(train)} %, validation accuracy {percent(validation)} %",
        "possible",
        also=lines,
        key="gap",
    )


def last_gap(facts: Facts) -> tuple[Decimal, Decimal, tuple[int, ...]] | None:
    """Return training and validation accuracy at the end, from a log or from sentences."""
    for curve in facts.curves:
        last = curve.epochs[-1]
        if curve.model == FP32 and last.train_accuracy and last.validation_accuracy:
            return last.train_accuracy, last.validation_accuracy, (last.line,)
    train, validation = level(facts, "train"), level(facts, "validation")
    if not train or not validation:
        return None
    first, second = train[-1], validation[-1]
    near = [v for v in validation if v.place.line == first.place.line]
    second = near[-1] if near else second
    if first.value is None or second.value is None:
        return None
    return first.value.nominal, second.value.nominal, (first.place.line, second.place.line)


@rule(
    "validation-leak",
    "Accuracy on validation images is near that on test images.",
    wrong=[
        "| Model | Test accuracy (%) |\n|---|---|\n| FP32 | 93.40 |\n| QAT | 93.00 |\n\nThe validation "
        "accuracy of QAT was 98.10 %."
    ],
    right=[
        "| Model | Test accuracy (%) |\n|---|---|\n| FP32 | 93.40 |\n| QAT | 93.00 |\n\nThe validation "
        "accuracy of QAT was 93.90 %."
    ],
)
def validation_leak(statement: Statement, facts: Facts) -> Fault | None:
    if statement.metric != "accuracy" or statement.split != "validation" or statement.value is None:
        return None
    if statement.relation != "is" or statement.model not in (FP32, PTQ, QAT):
        return None
    if not statement.is_claim:
        return None
    tested = [
        s for s in facts.values(statement.model, "accuracy", "test") if s.split in ("", "test")
    ]
    tested = [s for s in tested if s.place != statement.place]
    if not tested or tested[0].value is None:
        return None
    test = tested[0].value
    if statement.value.low > 1 or statement.value.nominal - test.nominal < LEAK:
        return None
    return Fault(
        statement.place,
        "why the validation images are so much easier; QAT has to reuse FP32's split",
        f"{statement.name}: {percent(statement.value)} % on validation images, but {percent(test)} % on "
        f"test images (line {tested[0].place.line}): were they trained on?",
        "possible",
        also=(tested[0].place.line,),
        key=statement.model,
    )


@rule(
    "validation-as-test",
    "Test accuracy is measured on the test images, and chooses nothing.",
    wrong=[
        "Test accuracy was measured on the validation set.",
        "We chose the best epoch by the test accuracy.",
    ],
    right=["The best epoch was chosen on the validation set; test accuracy was measured once."],
)
def validation_as_test(said: Said, _: Facts) -> Fault | None:
    if not said.is_claim or not said.has("claim.test_by_validation"):
        return None
    if any(t.is_of("negates") for t in said.words.tags):
        return None
    return Fault(
        said.place,
        "choices on the validation images, accuracy on the test images, once at the end",
        "an accuracy that chose something is not tested any more",
        "likely",
        key=f"{said.place.line}",
    )


@rule(
    "validation-repeated",
    "Test accuracy is another number than validation accuracy.",
    wrong=[
        "Validation accuracy ends at 93.96 %.\n\n| Model | Test accuracy (%) |\n|---|---|\n| FP32 | 93.96 |\n| PTQ | 93.10 |\n"
    ],
    right=[
        "Validation accuracy ends at 94.58 %.\n\n| Model | Test accuracy (%) |\n|---|---|\n| FP32 | 93.96 |\n| PTQ | 93.10 |\n"
    ],
)
def validation_repeated(statement: Statement, facts: Facts) -> Fault | None:
    if statement.metric != "accuracy" or statement.model != FP32 or statement.relation != "is":
        return None
    quantity, value = statement.quantity, statement.value
    if statement.place.where != "cell" or statement.split == "validation" or quantity is None:
        return None
    if value is None or quantity.is_integer or value.high >= 1 or facts.images < MANY:
        return None
    for other in facts.statements:
        is_same = other.value is not None and other.value.middle == value.middle
        if (
            is_same
            and other.split == "validation"
            and other.place.where == "prose"
            and other.is_claim
        ):
            if other.metric != "accuracy" or other.relation != "is":
                continue
            return Fault(
                statement.place,
                "accuracy on the test images",
                f"line {other.place.line} gives it as validation accuracy",
                "likely" if statement.split == "test" else "possible",
                also=(other.place.line,),
                key="repeated",
            )
    return None


@rule(
    "validation-split",
    "QAT and PTQ reuse FP32's split.",
    wrong=["For QAT we drew a fresh random split of the training images."],
    right=["QAT uses the same split as FP32."],
)
def validation_split(said: Said, _: Facts) -> Fault | None:
    if not said.is_told or not said.has("claim.resplit"):
        return None
    if any(t.is_of("negates") for t in said.words.tags):
        return None
    return Fault(
        said.place,
        "the split of FP32, reused",
        "a new split lets QAT validate on images that FP32 was trained on",
        "likely",
        key=f"{said.place.line}",
    )


@rule(
    "loss-trend",
    "What is said of the losses is what the log shows.",
    wrong=[
        "```\nEpoch 1 | Train Loss: 1.50 | Train Acc: 45.00% | Val Loss: 0.90 | Val Acc: 53.00%\n"
        "Epoch 2 | Train Loss: 1.20 | Train Acc: 57.00% | Val Loss: 1.10 | Val Acc: 54.00%\n"
        "Epoch 3 | Train Loss: 1.00 | Train Acc: 67.00% | Val Loss: 1.30 | Val Acc: 54.00%\n```\n\n"
        "The validation loss decreased steadily."
    ],
    right=[
        "```\nEpoch 1 | Train Loss: 1.50 | Train Acc: 45.00% | Val Loss: 1.30 | Val Acc: 53.00%\n"
        "Epoch 2 | Train Loss: 1.20 | Train Acc: 57.00% | Val Loss: 1.10 | Val Acc: 54.00%\n"
        "Epoch 3 | Train Loss: 1.00 | Train Acc: 67.00% | Val Loss: 1.00 | Val Acc: 54.00%\n```\n\n"
        "The validation loss decreased steadily."
    ],
)
def loss_trend(said: Said, facts: Facts) -> Fault | None:
    if not facts.curves or not said.is_told or not said.has("metric.loss"):
        return None
    falls = said.has("claim.falling") and said.has("claim.always")
    if not (falls or said.has("claim.rising")):
        return None
    if not (said.has("split.validation") or said.has("claim.both_losses")):
        return None
    models = {m.kind for m in said.words.models}
    curves = [c for c in facts.curves if c.model in models] or facts.curves[:1]
    risen = _risen(curves[0], said.has("claim.each"))
    if risen is None:
        return None
    lowest, last, lines = risen
    return Fault(
        said.place,
        f"the validation loss rises from {lowest} to {last}",
        f"lines {lines[0]} and {lines[1]} of the log",
        "likely",
        also=lines,
        key="loss",
    )


def _risen(curve: Curve, is_each: bool) -> tuple[Decimal, Decimal, tuple[int, int]] | None:
    known = [e for e in curve.epochs if e.validation_loss is not None]
    if len(known) < 3:
        return None
    lowest = min(known, key=lambda e: e.validation_loss or Decimal(0))
    last = known[-1]
    assert lowest.validation_loss is not None
    assert last.validation_loss is not None
    least = Decimal(1) if is_each and lowest in known[-3:] else RISE
    if last.validation_loss <= lowest.validation_loss * least:
        return None
    return lowest.validation_loss, last.validation_loss, (lowest.line, last.line)


@rule(
    "few-images",
    "A difference of one or two test images is no improvement.",
    wrong=[
        "| Model | Accuracy (%) |\n|---|---|\n| FP32 | 93.96 |\n| PTQ | 93.10 |\n| QAT | 93.97 |\n\n"
        "QAT clearly outperforms FP32."
    ],
    right=[
        "| Model | Accuracy (%) |\n|---|---|\n| FP32 | 93.96 |\n| PTQ | 93.10 |\n| QAT | 93.97 |\n\n"
        "QAT is above FP32 by one image, which is noise."
    ],
)
def few_images(statement: Statement, facts: Facts) -> Fault | None:
    if statement.metric != "accuracy" or statement.relation != "more" or not statement.is_claim:
        return None
    if statement.model not in (FP32, PTQ, QAT) or statement.than not in (FP32, PTQ, QAT):
        return None
    if statement.header == RANKED:
        return None
    from tools.review.reading.lexicon import load

    if load().has("claim.chance", statement.place.text):
        return None
    for pair in facts.pairs(statement.model, statement.than, "accuracy"):
        difference = pair.own.middle - pair.base.middle
        images = int((difference * facts.images).to_integral_value())
        is_fine = (pair.own.high - pair.own.low) * facts.images <= Decimal("1.1")
        if is_fine and 0 < images <= FEW and 0 < difference <= SMALL:
            count = "one test image" if images == 1 else f"{images} test images"
            return Fault(
                statement.place,
                f"{NAMES[statement.model]} and {NAMES[statement.than]} are equal within chance",
                f"{percent(pair.own)} - {percent(pair.base)} = {percent(difference)} points are {count} "
                f"of {facts.images:,}",
                "possible",
                also=(pair.own_line, pair.base_line),
                key="images",
            )
    return None


@rule(
    "significance",
    "A difference within chance is not significant.",
    wrong=[TESTED + "QAT is significantly better than PTQ.", TESTED + "PTQ 顯著不如 QAT。"],
    right=[
        TESTED + "QAT is better than PTQ, but not significantly.",
        TESTED + "FP32 is significantly better than PTQ.",
    ],
)
def significance(statement: Statement, facts: Facts) -> Fault | None:
    if statement.metric != "accuracy" or statement.relation not in ("more", "less", "gains"):
        return None
    models = (statement.model, statement.than)
    if not statement.is_claim or any(m not in (FP32, PTQ, QAT) for m in models):
        return None
    from tools.review.reading.lexicon import load

    text = statement.place.text
    if not load().has("claim.significant", text) or load().has("claim.chance", text):
        return None
    for pair in facts.pairs(*models, "accuracy"):
        rate, difference = float(pair.base.middle), abs(float(pair.own.middle - pair.base.middle))
        chance = 1.96 * math.sqrt(2 * max(rate * (1 - rate), 0.0) / facts.images)
        if 0 < difference < chance:
            return Fault(
                statement.place,
                f"a difference within chance, which is up to about {100 * chance:.1f} points",
                f"{100 * difference:.2f} points of {facts.images:,} images",
                "possible",
                also=(pair.own_line, pair.base_line),
                key="images",
            )
    return None


@rule(
    "few-images-told",
    "A difference of one or two test images proves nothing.",
    wrong=["The step from 93.96 % to 93.97 % proves that QAT makes the network more robust."],
    right=["The step from 93.96 % to 93.97 % is one image, so it proves nothing."],
)
def few_images_told(said: Said, facts: Facts) -> Fault | None:
    if not said.is_claim or said.has("claim.chance"):
        return None
    if not (said.has("claim.proves") and said.has("claim.regularises")):
        return None
    numbers = [q for q in said.words.quantities if q.kind in ("%", "points")]
    levels = [q.number / 100 for q in numbers if q.number > 20 and q.step <= Decimal("0.01")]
    steps = [abs(q.number) / 100 for q in numbers if q.number < 5 and q.step <= Decimal("0.01")]
    steps += [abs(a - b) for a, b in itertools.pairwise(levels)]
    for step in steps:
        images = int((step * facts.images).to_integral_value())
        if 0 < images <= FEW and abs(step * facts.images - images) < Decimal("0.3"):
            count = "one test image" if images == 1 else f"{images} test images"
            return Fault(
                said.place,
                "no conclusion from so few images",
                f"{100 * step:.2f} points are {count} of {facts.images:,}",
                "possible",
                key="images",
            )
    return None


def said_in(report: Report) -> Iterator[Said]:
    for words, place in report.sentences:
        yield Said(words, place)
