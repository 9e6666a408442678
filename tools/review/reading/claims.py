"""The numbers in the text of a report, each with what its clause says about it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tools.review.reading.cues import (
    ABOUT,
    BY,
    GAINS,
    LOSES,
    LOWER,
    MOVED,
    OTHER_ACCURACY,
    OTHER_BYTES,
    SIZE,
    UPPER,
)
from tools.review.reading.document import ReportText
from tools.review.reading.quantities import Interval, Quantity
from tools.review.reading.results import NAMES, Cell, Results, Row
from tools.review.reading.sentences import Clause, Sentence, line_ends, sentences
from tools.review.reading.words import (
    MODELS,
    Model,
)


@dataclass(frozen=True)
class Claim:
    """A number in a clause of a sentence that claims something."""

    sentence: Sentence
    clause: Clause
    quantity: Quantity

    @property
    def line(self) -> int:
        return self.clause.line + line_ends(self.clause.text[: self.quantity.start])

    @property
    def before(self) -> str:
        return self.clause.text[: self.quantity.start].rstrip()

    @property
    def after(self) -> str:
        return self.clause.text[self.quantity.end :].lstrip()

    @property
    def value(self) -> Interval:
        """The number with what "about", "less than" and "more than" leave open."""
        quantity, before = self.quantity, self.before
        is_upper = UPPER.search(before) is not None or self.after[:3].startswith(("以內", "以内"))
        if is_upper:
            quantity = replace(quantity, comparator="<")
        elif LOWER.search(before) or self.after[:2] in ("以上",):
            quantity = replace(quantity, comparator=">")
        elif ABOUT.search(before) or ABOUT.match(self.after[:2]) or quantity.is_about:
            by = max(quantity.step / 2, abs(quantity.number) / 10)
            return Interval(quantity.number - by, quantity.number + by)
        return quantity.interval

    @property
    def is_bound(self) -> bool:
        """Tell whether the number is only said to be above or below."""
        return self.value.high - self.value.low > 500

    @property
    def cues(self) -> str:
        """The clause without the networks' names, which may hold words such as "training"."""
        text = self.clause.text
        for pattern in MODELS.values():
            text = pattern.sub(" ", text)
        return text

    @property
    def model(self) -> Model | None:
        """The one quantized network that the clause is about; FP32 only when it is alone."""
        quantized = [model for model in self.clause.models if model != "fp32"]
        if len(quantized) == 1:
            return quantized[0]
        return "fp32" if self.clause.models == ("fp32",) else None

    @property
    def moves(self) -> bool:
        """Tell whether the number is by how much something changed, not where it ended."""
        follows = MOVED.match(self.after)
        has_word = LOSES.search(self.cues) or GAINS.search(self.cues)
        is_difference = self.quantity.kind == "points" and has_word is not None
        return BY.search(self.before) is not None or follows is not None or is_difference


def claims(document: ReportText) -> Iterator[Claim]:
    """Yield the numbers of all sentences that claim something."""
    for sentence in sentences(document):
        if sentence.is_claim:
            for clause in sentence.clauses:
                for quantity in clause.quantities:
                    yield Claim(sentence, clause, quantity)


def add_prose(document: ReportText, results: Results) -> None:
    """Take the results from the text when no table has any: the first number of each counts."""
    if results.tables:
        return
    rows: dict[Model, Row] = {}
    for claim in claims(document):
        _take(rows, claim)
    if rows:
        results.tables.append(list(rows.values()))


def _take(rows: dict[Model, Row], claim: Claim) -> None:
    model, quantity = claim.model, claim.quantity
    if model is None or OTHER_ACCURACY.search(claim.cues) or OTHER_BYTES.search(claim.cues):
        return
    row = rows.setdefault(model, Row(model, NAMES[model], {}))
    cell = Cell(quantity.printed, claim.line, "")
    is_level = quantity.kind == "%" and quantity.number >= 20 and not claim.moves
    if is_level and not SIZE.search(claim.cues):
        row.cells.setdefault("accuracy", cell)
    elif quantity.kind == "bytes" and not claim.moves:
        row.cells.setdefault("size", cell)
