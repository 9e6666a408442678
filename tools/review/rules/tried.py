"""What is said of settings tried by their values: "a batch of 256 is better than one of 128"."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations

from tools.review.reading.amounts import is_open
from tools.review.reading.cells import GIVEN, Setting
from tools.review.reading.facts import Facts
from tools.review.reading.lexicon import Tag, load
from tools.review.reading.orders import is_denied
from tools.review.reading.quantities import Quantity, quantities
from tools.review.reading.statements import Statement, percent
from tools.review.reading.words import Span
from tools.review.rules.ablation import columns, is_name
from tools.review.rules.registry import Fault, rule
from tools.review.rules.settings import NAMES, TRIED
from tools.review.rules.training import Said

BATCHES = (
    "## 3. Hyperparameters\n\n| Run | Batch size | Epochs | Val accuracy (%) |\n|---|---|---|---|\n"
    "| A | 128 | 40 | 92.8 |\n| B | 256 | 40 | 91.9 |\n| C | 128 | 80 | 93.4 |\n\n"
)
NEAR = 24  # characters between "larger" and the hyperparameter
STEP = Decimal(20)  # points; above it is where something stood
SLACK = Decimal("0.0006")
EXTREMES = {"most": True, "best": True, "least": False, "worst": False}
SIGNS = {
    **dict.fromkeys(("more", "better", "gains", "right"), 1),
    **dict.fromkeys(("less", "worse", "loses"), -1),
    **dict.fromkeys(("same", "par"), 0),
}


Judged = tuple[list[tuple[Setting, Setting]], int, Tag]  # better ones first, when the sign is 1


@dataclass(frozen=True)
class Column:
    """A hyperparameter of a table of settings, with the rows that have an accuracy."""

    kind: str
    header: str
    rows: tuple[Setting, ...]

    def value(self, row: Setting) -> Decimal | None:
        quantity = next(quantities(row.values.get(self.header, "")), None)
        return quantity.number if quantity else None

    @property
    def values(self) -> set[Decimal]:
        return {v for r in self.rows if (v := self.value(r)) is not None}

    def pairs(self, first: Decimal | None, second: Decimal | None) -> list[tuple[Setting, Setting]]:
        """Return rows with two values that differ in nothing else; with none given, larger first."""
        found = []
        for a, b in combinations(self.rows, 2):
            one, two = columns(a), columns(b)
            varied = [h for h in one if one[h] != two.get(h) and not is_name(h, list(self.rows))]
            if varied != [self.header]:
                continue
            for x, y in ((a, b), (b, a)):
                low, high = self.value(y), self.value(x)
                is_meant = (first is None or high == first) and (second is None or low == second)
                is_larger = low is not None and high is not None and high > low
                if is_meant and (first is not None or is_larger) and low != high:
                    found.append((x, y))
        return found


def columns_of(facts: Facts, said: Said) -> Iterator[Column]:
    """Yield the columns of settings that a sentence names, if it names one hyperparameter."""
    lexicon = said.words.lexicon
    tags = [t for t in lexicon.tags(said.text, "hyper") if t.is_of("hyper") and t.kind in GIVEN]
    kinds = list(dict.fromkeys(t.kind for t in tags))
    for table in facts.cells.settings:
        rows = tuple([s for s in table if s.accuracy][:16])
        for kind in kinds:
            for header in rows[0].values if rows else ():
                if lexicon.has(f"hyper.{kind}", header):
                    column = Column(kind, header, rows)
                    if len(column.values) > 1:
                        yield column


@rule(
    "settings-compared",
    "Which value of a hyperparameter is better is what the table of settings shows.",
    wrong=[
        BATCHES + "A batch of 256 turned out better than one of 128.\n",
        BATCHES + "A larger batch size improved accuracy.\n",
        BATCHES + "Training for 80 epochs was no better than 40.\n",
    ],
    right=[
        BATCHES + "A batch of 128 turned out better than one of 256.\n",
        BATCHES + "A larger batch size lowered accuracy, and is better for the memory.\n",
        BATCHES + "Training for 40 epochs was no better than 80.\n",
    ],
)
def settings_compared(said: Said, facts: Facts) -> Fault | None:
    if not facts.settings or not said.is_told or said.text.endswith("?"):
        return None
    if any(m.kind.startswith("row_") for m in said.words.models) or _is_of_other(said):
        return None
    for column in columns_of(facts, said):
        if (fault := _most(said, column)) is not None:
            return fault
        found = _compared(said, column) or _directed(said, column) or _single(said, column)
        if found is None:
            continue
        pairs, sign, word = found
        denied = is_denied(said.words, said.words.segment(word.start), word)
        if pairs and all(_is_wrong(a, b, sign, denied) for a, b in pairs):
            return _fault(said, column, pairs[0])
    return None


def _is_of_other(said: Said) -> bool:
    """Tell whether a sentence compares something else than validation or test accuracy."""
    words = said.words
    whole = Span(0, len(words.text))
    metrics = {t.kind for t in words.within(whole, "metric")}
    hyper = words.lexicon.tags(said.text, "hyper.epochs")
    trained = [
        t
        for t in words.within(whole, "split.train")
        if not any(h.start <= t.start < h.end for h in hyper)  # "training longer"
    ]
    if trained or words.within(whole, "elsewhere") or metrics - {"accuracy", "drop", "other"}:
        return True
    return "other" in metrics and not metrics & {"accuracy", "drop"}


def _is_wrong(a: Setting, b: Setting, sign: int, is_denied: bool) -> bool:
    assert a.accuracy is not None
    assert b.accuracy is not None
    gain = a.accuracy.middle - b.accuracy.middle
    if sign == 0:
        return gain != 0 and not is_denied and abs(gain) > SLACK
    return gain * sign > 0 if is_denied else gain * sign <= 0


def _numbers(said: Said, column: Column) -> list[Quantity]:
    """Return the values of a hyperparameter that a sentence names, in order."""
    found = [q for q in said.words.quantities if q.kind == "" and q.number in column.values]
    return list({q.number: q for q in found}.values())


def _compared(said: Said, column: Column) -> Judged | None:
    """Read "0.01 works better than 0.1": a comparison of two values."""
    words, numbers = said.words, _numbers(said, column)
    if len(numbers) != 2:
        return None
    first, second = numbers
    tags = [t for t in words.tags if t.is_of("compares", "beats", "equal") and t.kind in SIGNS]
    tags = [t for t in tags if t.start > first.start]
    thans = [t for t in words.tags if t.is_of("than") and t.start < second.start]
    if not tags or (not thans and tags[0].is_of("compares")):
        return None
    word = tags[0]
    if thans and thans[-1].role == "than.before" and thans[-1].end <= first.start:
        first, second = second, first
    return column.pairs(first.number, second.number), SIGNS[word.kind], word


def _directed(said: Said, column: Column) -> Judged | None:
    """Read "a larger batch hurt": the direction of a value and of the accuracy."""
    words, lexicon = said.words, said.words.lexicon
    numbers = _numbers(said, column)
    named = next(t for t in lexicon.tags(said.text, "hyper") if t.role == f"hyper.{column.kind}")
    ways = [
        (tag, sign)
        for role, sign in (("tried.larger", 1), ("tried.smaller", -1))
        for tag in lexicon.tags(said.text, role)
        if tag.role == role and abs(tag.start - named.start) < NEAR
    ]
    if not ways or len(numbers) > 2:
        return None
    way, direction = min(ways, key=lambda w: abs(w[0].start - named.start))
    effects = [
        t
        for t in words.tags
        if t.is_of(
            "change",
            "helps",
            "hurts",
            "compares.better",
            "compares.worse",
            "compares.more",
            "compares.less",
        )
        and t.start >= max(way.end, named.end)
    ]
    whole = Span(0, len(words.text))
    is_of_accuracy = bool(words.within(whole, "metric.accuracy", "metric.drop", "split.validation"))
    effects = [
        t
        for t in effects
        if is_of_accuracy or t.is_of("helps", "hurts", "compares.better", "compares.worse")
    ]
    # "Halving" and "by 0.5 points" are no other values.
    others = [q for q in words.quantities_but(numbers) if q.kind not in ("part", "times")]
    others = [q for q in others if q.kind not in ("%", "points") or q.number > STEP]
    if not effects or others:
        return None
    word = effects[0]
    sign = {"helps": 1, "hurts": -1}.get(word.role) or SIGNS.get(word.kind, 0)
    pairs = column.pairs(None, None)
    if len(numbers) == 2:
        pairs = column.pairs(max(n.number for n in numbers), min(n.number for n in numbers))
    elif numbers:
        ends = [(a, b) for a, b in pairs if numbers[0].number in (column.value(a), column.value(b))]
        pairs = ends or pairs
    return pairs, sign * direction, word


def _single(said: Said, column: Column) -> Judged | None:
    """Read "a batch size of 256 lowered the accuracy": one value against all others."""
    words, numbers = said.words, _numbers(said, column)
    if len(numbers) != 1 or words.quantities_but(numbers) or column.kind == "epochs":
        return None
    whole = Span(0, len(words.text))
    effects = [
        t for t in words.tags if t.is_of("change", "helps", "hurts") and t.start >= numbers[0].end
    ]
    if not effects or not words.within(whole, "metric.accuracy", "metric.drop"):
        return None
    word = effects[0]
    sign = {"helps": 1, "hurts": -1}.get(word.role) or SIGNS.get(word.kind, 0)
    others = column.values - {numbers[0].number}
    pairs = [p for other in others for p in column.pairs(numbers[0].number, other)]
    return pairs, sign, word


def _most(said: Said, column: Column) -> Fault | None:
    """Read "30 epochs gave the best result", "the largest batch was the worst"."""
    words, lexicon = said.words, said.words.lexicon
    tags = [t for t in words.tags if t.is_of("extreme") and t.kind in EXTREMES]
    numbers = _numbers(said, column)
    is_led = lexicon.has("tried.most", said.text), lexicon.has("tried.least", said.text)
    values = {n.number for n in numbers}
    if is_led in ((True, False), (False, True)):
        values |= {max(column.values) if is_led[0] else min(column.values)}
        tags = [t for t in tags if not lexicon.has("tried.most", words.text[t.start :][:24])]
        tags = [t for t in tags if not lexicon.has("tried.least", words.text[t.start :][:24])]
    if len(values) != 1 or len(tags) != 1 or words.quantities_but(numbers):
        return None
    if any(t.is_of("negates") for t in words.tags) or words.within(
        Span(0, len(words.text)), "compares"
    ):
        return None
    pick = max if EXTREMES[tags[0].kind] else min
    accuracies = [r.accuracy.middle for r in column.rows if r.accuracy]
    ends = [r for r in column.rows if r.accuracy and r.accuracy.middle == pick(accuracies)]
    if any(column.value(r) in values for r in ends):
        return None
    best = ends[0]
    assert best.accuracy is not None
    return Fault(
        said.place,
        f"{NAMES[column.kind]} {column.value(best)}: {percent(best.accuracy)} %",
        f"line {best.line} gives it",
        "likely",
        also=(best.line,),
    )


def _fault(said: Said, column: Column, pair: tuple[Setting, Setting]) -> Fault:
    a, b = pair
    assert a.accuracy is not None
    assert b.accuracy is not None
    name = NAMES[column.kind]
    return Fault(
        said.place,
        f"{name} {column.value(a)}: {percent(a.accuracy)} %, {column.value(b)}: {percent(b.accuracy)} %",
        f"lines {a.line} and {b.line} give them",
        "likely",
        also=(a.line, b.line),
    )


@rule(
    "settings-limit",
    "A limit that is given for all settings tried holds for each of them.",
    wrong=[TRIED + "Every run passed 90 % on the validation images.\n"],
    right=[TRIED + "Every run passed 86 % on the validation images.\n"],
)
def settings_limit(statement: Statement, facts: Facts) -> Fault | None:
    value = statement.value
    if statement.metric != "accuracy" or statement.relation != "is" or value is None:
        return None
    if statement.place.where != "prose" or not statement.is_claim or not is_open(value):
        return None
    lexicon, text = load(), statement.place.text
    is_none = lexicon.has("nobody.rows", text)
    if not (lexicon.has("all.rows", text) or is_none) or lexicon.has("all.except", text):
        return None
    for setting in facts.settings:
        accuracy = setting.accuracy
        if accuracy is None:
            continue
        is_inside = value.low <= accuracy.middle <= value.high
        if is_inside == is_none:
            return Fault(
                statement.place,
                f"line {setting.line} has {percent(accuracy)} %",
                "one of the settings tried lies on the other side of that",
                "likely",
                also=(setting.line,),
                key=f"limit {statement.place.line}",
            )
    return None


@rule(
    "settings-apart",
    "By how much two settings tried differ, and in what, is what their table shows.",
    wrong=[
        BATCHES + "A and C differ by 0.90 points.\n",
        BATCHES + "The only difference between B and C is the batch size.\n",
    ],
    right=[
        BATCHES + "A and C differ by 0.60 points.\n",
        BATCHES + "The only difference between A and B is the batch size.\n",
    ],
)
def settings_apart(said: Said, facts: Facts) -> Fault | None:
    lexicon, words = said.words.lexicon, said.words
    if not facts.settings or not said.is_claim:
        return None
    names = list(dict.fromkeys(m.kind for m in words.models if m.kind.startswith("row_")))
    if len(names) != 2 or not words.within(
        Span(0, len(words.text)), "apart", "alone", "change", "compares"
    ):
        return None
    for table in facts.cells.settings:
        rows = [_row(table, name) for name in names]
        a, b = rows
        if a is None or b is None or a.accuracy is None or b.accuracy is None:
            continue
        if words.within(Span(0, len(words.text)), "alone"):
            one, two = columns(a), columns(b)
            varied = [h for h in one if one[h] != two.get(h) and not is_name(h, table)]
            kinds = [k for k in NAMES if lexicon.has(f"hyper.{k}", said.text)]
            missing = [h for h in varied if not any(lexicon.has(f"hyper.{k}", h) for k in kinds)]
            if kinds and missing:
                also = f"they also differ in: {', '.join(missing)}"
                return Fault(
                    said.place,
                    also,
                    f"lines {a.line} and {b.line}",
                    "likely",
                    also=(a.line, b.line),
                )
            return None
        points = [q for q in words.quantities if q.kind in ("%", "points") and q.number < 20]
        gap = abs(a.accuracy.middle - b.accuracy.middle)
        if len(points) != 1 or len(words.quantities) > 1:
            return None
        value = points[0].interval.times("0.01")
        if not value.low - SLACK <= gap <= value.high + SLACK:
            return Fault(
                said.place,
                f"{100 * gap:.2f} points",
                f"{percent(a.accuracy)} % and {percent(b.accuracy)} % in lines {a.line} and {b.line}",
                "likely",
                also=(a.line, b.line),
            )
    return None


def _row(table: list[Setting], name: str) -> Setting | None:
    letter = name.removeprefix("row_")
    found = [s for s in table if any(v.strip().upper() == letter for v in s.values.values())]
    return found[0] if len(found) == 1 else None
