"""What sentences say of rows of settings by name: ranks, gaps, what differs, and how many."""

from collections.abc import Iterator
from decimal import Decimal

from tools.review.reading.amounts import Number
from tools.review.reading.cells import Setting
from tools.review.reading.facts import Facts
from tools.review.reading.lexicon import Tag
from tools.review.reading.numerals import value_of
from tools.review.reading.orders import is_denied
from tools.review.reading.statements import percent
from tools.review.reading.words import Span
from tools.review.rules.ablation import KINDS, columns, is_name
from tools.review.rules.registry import Fault, rule
from tools.review.rules.settings import NAMES
from tools.review.rules.training import Said

RUNS = (
    "## 3. Hyperparameters\n\n| Run | Batch size | Epochs | Training accuracy (%) | Validation accuracy (%) |\n"
    "|---|---|---|---|---|\n| R1 | 128 | 40 | 95.0 | 92.8 |\n| R2 | 256 | 40 | 94.0 | 91.9 |\n"
    "| R3 | 128 | 80 | 99.0 | 93.4 |\n| R4 | 64 | 80 | 99.4 | 93.1 |\n\n"
)
SLACK = Decimal("0.0006")
CLOSE = Decimal("0.012")  # a gap that may be called none
UP = ("more", "better", "gains", "helps")
NEAR = 30  # characters between "highest" and the images that it is of


def rows_in(said: Said) -> list[Tag]:
    """Return the rows that a sentence names, each once, in order."""
    found: dict[str, Tag] = {}
    for tag in said.words.models:
        if tag.kind.startswith("row_"):
            found.setdefault(tag.kind, tag)
    return list(found.values())


def levels(facts: Facts, split: str, of: str) -> dict[str, tuple[Decimal, int]]:
    """Return the accuracies of the rows of one table, with their lines."""
    rows = [of, *facts.rows_with(of)]
    for name in [split] if split else ["validation", "test", ""]:
        found = {}
        for row in dict.fromkeys(rows):
            own = [s for s in facts.values(row, "accuracy", name) if s.value]
            own = [s for s in own if s.split == name and s.place.where == "cell"]
            if own and own[0].value:
                found[row] = own[0].value.middle, own[0].place.line
        if len(found) > 1 and of in found:
            return found
    return {}


def split_in(said: Said, span: Span | None = None) -> str:
    tags = said.words.within(span or Span(0, len(said.text)), "split")
    kinds = {t.kind for t in tags}
    return kinds.pop() if len(kinds) == 1 else ""


def _is_plain(said: Said) -> bool:
    return said.is_claim and not any(t.is_of("negates", "nobody") for t in said.words.tags)


def _fault(said: Said, should: str, why: str, *lines: int) -> Fault:
    return Fault(said.place, should, why, "likely", also=tuple(dict.fromkeys(lines)))


@rule(
    "rows-rank",
    "Which place a setting has is what the table of settings shows.",
    wrong=[RUNS + "R1 is the second best run.\n", RUNS + "R1 的驗證準確率排第二。\n"],
    right=[RUNS + "R4 is the second best run.\n", RUNS + "R1 的驗證準確率排第三。\n"],
)
def rows_rank(said: Said, facts: Facts) -> Fault | None:
    rows = rows_in(said)
    if len(rows) != 1 or not facts.settings or not _is_plain(said):
        return None
    lexicon, text = said.words.lexicon, said.words.lexicon.normal(said.text)
    ranks = [int(value_of(m["value"])) for m in lexicon.matches("claim.rank", text)]
    known = levels(facts, split_in(said), rows[0].kind)
    if len(ranks) != 1 or len(known) < 3 or lexicon.has("claim.worst_end", text):
        return None
    own, line = known[rows[0].kind]
    place = 1 + sum(value > own for value, _ in known.values())
    ties = sum(value == own for value, _ in known.values())
    if place <= ranks[0] < place + ties:
        return None
    return _fault(said, f"place {place} of {len(known)}", f"{percent(own)} % in line {line}", line)


@rule(
    "rows-extremes",
    "A setting that is best on two kinds of images is so in the table of settings.",
    wrong=[
        RUNS + "R4 has the highest training accuracy and also the highest validation accuracy.\n"
    ],
    right=[RUNS + "R4 has the highest training accuracy, R3 the highest validation accuracy.\n"],
)
def rows_extremes(said: Said, facts: Facts) -> Fault | None:
    rows, words = rows_in(said), said.words
    tags = [t for t in words.tags if t.role in ("extreme.most", "extreme.best")]
    if len(rows) != 1 or not facts.settings or not tags or not _is_plain(said):
        return None
    splits = [t for t in words.tags if t.is_of("split")]
    if len({t.kind for t in splits}) < 2:
        return None
    for tag in tags:
        near = [t for t in splits if abs(t.start - tag.start) <= NEAR]
        # In Chinese the images stand before what is the highest.
        near = [t for t in near if t.start > tag.start] or near[-1:]
        known = levels(facts, near[0].kind, rows[0].kind) if near else {}
        if not known:
            continue
        best = max(known, key=lambda row: known[row][0])
        if known[best][0] - known[rows[0].kind][0] > SLACK:
            value, line = known[best]
            return _fault(
                said,
                f"{best[4:]}: {percent(value)} %",
                f"line {line}",
                line,
                known[rows[0].kind][1],
            )
    return None


@rule(
    "rows-gap",
    "The gap of training and validation accuracy of a setting is what the table shows.",
    wrong=[
        RUNS + "R3 has a training accuracy that is 3.6 points above its validation accuracy.\n",
        RUNS + "Training and validation accuracy of R4 hardly differ.\n",
    ],
    right=[RUNS + "R3 has a training accuracy that is 5.6 points above its validation accuracy.\n"],
)
def rows_gap(said: Said, facts: Facts) -> Fault | None:
    rows, words = rows_in(said), said.words
    splits = {t.kind for t in words.tags if t.is_of("split")}
    if len(rows) != 1 or not facts.settings or not said.is_claim:
        return None
    train = levels(facts, "train", rows[0].kind).get(rows[0].kind)
    validation = levels(facts, "validation", rows[0].kind).get(rows[0].kind)
    if train is None or validation is None or splits != {"train", "validation"}:
        return None
    gap = train[0] - validation[0]
    points = [q for q in words.quantities if q.kind in ("%", "points") and q.number < 20]
    shown = f"{percent(train[0])} - {percent(validation[0])} = {100 * gap:.2f}"
    if len(points) == 1 and len(words.quantities) == 1:
        value = Number(words, points[0]).value.times("0.01")
        if value.low - SLACK <= abs(gap) <= value.high + SLACK:
            return None
        return _fault(said, f"{100 * gap:.2f} points", shown, train[1], validation[1])
    if not words.quantities and said.has("claim.no_gap") and gap > CLOSE:
        return _fault(said, f"a gap of {100 * gap:.2f} points", shown, train[1], validation[1])
    return None


@rule(
    "rows-differ",
    "What two settings differ in is what the table of settings shows.",
    wrong=[
        RUNS + "R1 and R2 differ in the epochs.\n",
        RUNS + "R1 and R3 share everything but the batch size.\n",
    ],
    right=[
        RUNS + "R1 and R2 differ in the batch size.\n",
        RUNS + "R1 and R3 share everything but the epochs.\n",
    ],
)
def rows_differ(said: Said, facts: Facts) -> Fault | None:
    rows, lexicon = rows_in(said), said.words.lexicon
    is_said = said.has("claim.differ_in") or said.has("claim.same_but")
    if len(rows) != 2 or not facts.settings or not is_said or not _is_plain(said):
        return None
    kinds = [k for k in KINDS if lexicon.has(f"hyper.{k}", said.text)]
    for table in facts.cells.settings:
        a, b = (_row(table, row.kind) for row in rows)
        if a is None or b is None or not kinds:
            continue
        one, two = columns(a), columns(b)
        varied = [h for h in one if one[h] != two.get(h) and not is_name(h, table)]
        shown = [f"{h} {one[h]} {two[h]}" for h in varied]
        absent = [k for k in kinds if not any(lexicon.has(f"hyper.{k}", s) for s in shown)]
        listed = [k for k in absent if any(lexicon.has(f"hyper.{k}", h) for h in one)]
        others = [
            h
            for h, s in zip(varied, shown, strict=True)
            if not any(lexicon.has(f"hyper.{k}", s) for k in kinds)
        ]
        is_all = said.has("claim.same_but") or bool(
            said.words.within(Span(0, len(said.text)), "alone")
        )
        if listed or (is_all and others):
            should = f"they differ in: {', '.join(varied)}" if varied else "they differ in nothing"
            return _fault(said, should, f"lines {a.line} and {b.line}", a.line, b.line)
    return None


def _row(table: list[Setting], kind: str) -> Setting | None:
    name = kind.removeprefix("row_")
    found = [
        s for s in table if any(v.strip().strip("*`").upper() == name for v in s.values.values())
    ]
    return found[0] if len(found) == 1 else None


@rule(
    "rows-better",
    "Which of two settings is better, or the best, is what the table of settings shows.",
    wrong=[
        RUNS + "We took R3 although R4 had the better validation accuracy.\n",
        RUNS + "None of the other runs reaches R4.\n",
        RUNS + "Going from R1 to R2 helped.\n",
    ],
    right=[
        RUNS + "We took R4 although R3 had the better validation accuracy.\n",
        RUNS + "None of the other runs reaches R3.\n",
        RUNS + "Going from R1 to R3 helped.\n",
    ],
)
def rows_better(said: Said, facts: Facts) -> Fault | None:
    rows = rows_in(said)
    if not facts.settings or not said.is_told or not rows or said.text.endswith("?"):
        return None
    if len(rows) == 1 and said.has("claim.unreached"):
        known = levels(facts, split_in(said), rows[0].kind)
        best = max(known, key=lambda row: known[row][0], default="")
        if best and known[best][0] - known[rows[0].kind][0] > SLACK:
            value, line = known[best]
            return _fault(said, f"{best[4:]} has {percent(value)} %", f"line {line}", line)
    if len(rows) != 2:
        return None
    for better, worse in _compared(said, rows):
        known = levels(facts, split_in(said), better)
        if better in known and worse in known and known[worse][0] - known[better][0] > -SLACK:
            own, base = known[better], known[worse]
            should = f"{better[4:]}: {percent(own[0])} %, {worse[4:]}: {percent(base[0])} %"
            return _fault(said, should, f"lines {own[1]} and {base[1]}", own[1], base[1])
    return None


def _compared(said: Said, rows: list[Tag]) -> Iterator[tuple[str, str]]:
    """Yield which row a sentence says to be better than the other."""
    words, (first, last) = said.words, rows
    one, two = words.segment(first.start), words.segment(last.start)
    ways = [
        t for t in words.tags if t.role in ("compares.better", "compares.more", "compares.accurate")
    ]
    if one != two and not words.standards and said.has("claim.although"):
        for tag in ways:
            if words.segment(tag.start) == two and not is_denied(words, two, tag):
                yield last.kind, first.kind
    between = words.between(first.end, last.start)
    if words.lexicon.fits("claim.steps_to", between) and between:
        effects = [
            t
            for t in words.tags
            if t.is_of("helps", "hurts", "change", "compares.better", "compares.worse")
        ]
        signs = {t.kind in UP or t.role == "helps" for t in effects}
        if len(signs) == 1 and not any(
            is_denied(words, words.segment(t.start), t) for t in effects
        ):
            yield (last.kind, first.kind) if signs.pop() else (first.kind, last.kind)


@rule(
    "rows-count",
    "How many settings pass a limit, or share a value, is what the table of settings shows.",
    wrong=[
        RUNS + "Three runs exceed 93 % on the validation images.\n",
        RUNS + "All runs used the same batch size.\n",
        RUNS + "Only R3 exceeds 93 % on the validation images.\n",
    ],
    right=[
        RUNS + "Two runs exceed 93 % on the validation images.\n",
        RUNS + "All runs used the same images.\n",
        RUNS + "Only R3 exceeds 93.2 % on the validation images.\n",
    ],
)
def rows_count(said: Said, facts: Facts) -> Fault | None:
    if not facts.settings or not _is_plain(said):
        return None
    lexicon, words, rows = said.words.lexicon, said.words, rows_in(said)
    text = lexicon.normal(said.text)
    is_all = lexicon.has("all.rows", text) and not lexicon.has("all.except", text)
    for table in facts.cells.settings:
        if is_all and lexicon.has("claim.one_value", text):
            for kind in (k for k in NAMES if lexicon.has(f"hyper.{k}", text)):
                for header in table[0].values:
                    found = {" ".join(s.values[header].lower().split()) for s in table}
                    if lexicon.has(f"hyper.{kind}", header) and len(found) > 1:
                        lines = [s.line for s in table]
                        return _fault(
                            said, f"not all: {', '.join(sorted(found))}", "the table", *lines
                        )
        is_only = len(rows) == 1 and lexicon.has("claim.only_row", text)
        counts = [int(value_of(m["value"])) for m in lexicon.matches("claim.how_many", text)]
        limits = [Number(words, q) for q in words.quantities if q.kind == "%" and q.number > 50]
        if len(limits) != 1 or (len(counts) != 1 and not is_only and not is_all) or len(rows) > 1:
            continue
        value = limits[0].value
        if lexicon.has("claim.reaches", limits[0].before[-24:]):
            low, high = limits[0].quantity.interval.low, Decimal(1000)
        elif limits[0].is_bound:
            low, high = value.low, value.high
        else:
            continue
        split = split_in(said)
        inside = [
            s
            for s in table
            if s.accuracy and low <= 100 * s.accuracy.middle <= high and split in ("", s.split)
        ]
        wanted = 1 if is_only else len(table) if is_all else counts[0]
        if split not in ("", table[0].split) or len(inside) == wanted:
            continue
        return _fault(
            said, f"{len(inside)} of {len(table)}", "the table", *(s.line for s in inside[:4])
        )
    return None
