"""What the text says that a setting costs or gives, against the table of settings."""

import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import combinations

from tools.review.reading.cells import Setting, bare
from tools.review.reading.facts import Facts
from tools.review.reading.quantities import Interval, quantities
from tools.review.reading.statements import PTQ, QAT, Place, Statement, percent
from tools.review.rules.registry import Fault, rule
from tools.review.rules.settings import NAMES, TRIED
from tools.review.rules.training import Said


def columns(setting: Setting) -> dict[str, str]:
    return {header: " ".join(text.lower().split()) for header, text in setting.values.items()}


@rule(
    "ablation-claim",
    "What the text says a setting costs or gives is what the table of settings shows.",
    wrong=[TRIED + "Removing the scheduler costs only 2 points of validation accuracy.\n"],
    right=[TRIED + "The cosine scheduler gives 6.3 points.\n"],
)
def ablation_claim(statement: Statement, facts: Facts) -> Fault | None:
    if statement.metric != "accuracy" or statement.relation not in ("loses", "gains", "changes"):
        return None
    if (
        not facts.settings
        or statement.value is None
        or statement.modality not in ("claimed", "past")
    ):
        return None
    if statement.place.where != "prose" or set(statement.others) & {PTQ, QAT, "other"}:
        return None
    named = list(_pairs(statement.place, facts))
    if not named:
        return None
    value = statement.value
    differences = [abs(a.middle - b.middle) for a, b, _ in named]
    slack = max((value.high - value.low) / 2, Decimal("0.0006"))
    every = [
        abs(a.accuracy.middle - b.accuracy.middle)
        for a, b in combinations([s for s in facts.settings if s.accuracy], 2)
        if a.accuracy and b.accuracy
    ]
    if _is_of_one(statement, facts):
        every = []
    trained = _gaps(facts)
    if any(
        value.low - slack <= d <= value.high + slack for d in [*differences, *every[:400], *trained]
    ):
        return None
    first, second, lines = named[0]
    return Fault(
        statement.place,
        f"{100 * differences[0]:.2f} points",
        f"the rows of the table differ by {percent(max(first, second, key=lambda x: x.middle))} - "
        f"{percent(min(first, second, key=lambda x: x.middle))} = {100 * differences[0]:.2f} points",
        "likely",
        also=lines,
        key=f"{statement.place.line} {100 * differences[0]:.2f}",
    )


def _is_of_one(statement: Statement, facts: Facts) -> bool:
    """Tell whether a sentence names one hyperparameter, no setting, and no further number."""
    from tools.review.reading.lexicon import load

    text = statement.place.text
    kinds = {k for k in KINDS if load().has(f"hyper.{k}", text)}
    rows = any(re.search(rf"\b{m[4:]}\b", text, re.I | re.A) for m in facts.rows())
    return len(kinds) == 1 and not rows and len(list(quantities(text))) == 1


def _gaps(facts: Facts) -> list[Decimal]:
    levels = [
        s.value.middle
        for s in facts.statements
        if s.metric == "accuracy" and s.relation == "is" and s.value
    ]
    return [abs(a - b) for a, b in combinations(levels[:30], 2)]


def _pairs(place: Place, facts: Facts) -> Iterator[tuple[Interval, Interval, tuple[int, int]]]:
    """Yield rows that differ in what a sentence names, and in nothing else."""
    from tools.review.reading.lexicon import load

    lexicon = load()
    tags = lexicon.tags(place.text, "hyper")
    kinds = {t.kind for t in tags if t.is_of("hyper")} - {"other"}
    for table in facts.cells.settings:
        for a, b in combinations([s for s in table if s.accuracy][:16], 2):
            one, two = columns(a), columns(b)
            changed = [h for h in one if one[h] != two.get(h)]
            varied = [h for h in changed if not is_name(h, table)]
            if len(varied) != 1 or a.accuracy is None or b.accuracy is None:
                continue
            header = varied[0]
            about = {
                k
                for k in kinds
                if lexicon.has(f"hyper.{k}", f"{header} {one[header]} {two[header]}")
            }
            if about:
                yield a.accuracy, b.accuracy, (a.line, b.line)


def is_name(header: str, table: list[Setting]) -> bool:
    """Tell whether a column only names the rows: each has another short word or letter."""
    cells = [bare(s.values[header]) for s in table]
    return len(set(cells)) == len(cells) and all(len(c) <= 3 for c in cells)


def effects(facts: Facts) -> dict[str, tuple[Decimal, int, int]]:
    """Return by hyperparameter the largest difference of two rows that differ in it alone."""
    from tools.review.reading.lexicon import load

    lexicon = load()
    found: dict[str, tuple[Decimal, int, int]] = {}

    def add(kind: str, a: Setting, b: Setting) -> None:
        if a.accuracy and b.accuracy:
            size = abs(a.accuracy.middle - b.accuracy.middle)
            if kind not in found or size > found[kind][0]:
                found[kind] = size, a.line, b.line

    for table in facts.cells.settings:
        rows = [s for s in table if s.accuracy][:16]
        for a, b in combinations(rows, 2):
            one, two = columns(a), columns(b)
            varied = [h for h in one if one[h] != two.get(h) and not is_name(h, table)]
            if len(varied) == 1:
                shown = f"{varied[0]} {one[varied[0]]} {two[varied[0]]}"
                kinds = {k for k in KINDS if lexicon.has(f"hyper.{k}", shown)}
                if len(one) > 1 and len(kinds) == 1:
                    add(kinds.pop(), a, b)
        if rows and len(rows[0].values) == 1:  # each row says what was changed
            named = [
                (s, {k for k in KINDS if lexicon.has(f"hyper.{k}", " ".join(s.values.values()))})
                for s in rows
            ]
            plain = [s for s, kinds in named if not kinds]
            for s, kinds in named:
                if len(plain) == 1 and len(kinds) == 1:
                    add(next(iter(kinds)), s, plain[0])
    return found


KINDS = (
    *("augmentation", "label_smoothing", "weight_decay", "scheduler", "epochs", "learning_rate"),
    *("batch_size", "momentum", "optimizer"),
)


@rule(
    "ablation-most",
    "What is said to matter most, or not at all, does so in the table of settings.",
    wrong=[
        "## 3. Hyperparameters\n\n| Setting | Val accuracy (%) |\n|---|---|\n| all | 92.2 |\n"
        "| without augmentation | 91.2 |\n| weight decay 1e-4 | 90.7 |\n\n"
        "Augmentation has the largest effect.\n"
    ],
    right=[
        "## 3. Hyperparameters\n\n| Setting | Val accuracy (%) |\n|---|---|\n| all | 92.2 |\n"
        "| without augmentation | 91.2 |\n| weight decay 1e-4 | 90.7 |\n\n"
        "Weight decay has the largest effect.\n"
    ],
)
def ablation_most(said: Said, facts: Facts) -> Fault | None:
    if not facts.settings or not said.is_claim:
        return None
    lexicon = said.words.lexicon
    is_most, is_none = said.has("claim.most"), said.has("claim.none")
    is_less = said.has("claim.outweighed") and not (is_most or is_none)
    is_more = (is_less or said.has("claim.outweighs")) and not (is_most or is_none)
    if not (is_most or is_none or is_more):
        return None
    if is_more and any(t.is_of("negates") for t in said.words.tags):
        return None
    found = effects(facts)
    named = [k for k in KINDS if lexicon.has(f"hyper.{k}", said.text) and k in found]
    if not named or not found:
        return None
    first = min(named, key=lambda k: lexicon.search(f"hyper.{k}", said.text).start())  # type: ignore[union-attr]
    size, one, two = found[first]
    if is_less:
        others = [k for k in named if k != first]
        if len(others) == 1:  # what contributed less stands first
            first, named = others[0], [others[0], first]
            size, one, two = found[first]
    if is_more:
        others = [k for k in named if k != first]
        if len(others) != 1 or size >= found[others[0]][0]:
            return None
        larger = others[0]
        return Fault(
            said.place,
            f"{NAMES.get(larger, larger)} changes {100 * found[larger][0]:.2f} points",
            f"{NAMES.get(first, first)} changes {100 * size:.2f} points (lines {one}, {two})",
            "likely",
            also=(*found[larger][1:], one, two),
        )
    if is_none:
        if size < Decimal("0.003") or len(named) > 1:
            return None
        should = f"{NAMES.get(first, first)} changes {100 * size:.2f} points"
        return Fault(said.place, should, f"lines {one} and {two}", "likely", also=(one, two))
    most = max(found, key=lambda k: found[k][0])
    if most == first or found[most][0] <= size or any(most == k for k in named[:1]):
        return None
    shown = f"{NAMES.get(most, most)}: {100 * found[most][0]:.2f} points"
    return Fault(
        said.place,
        shown,
        f"{NAMES.get(first, first)} changes {100 * size:.2f} points (lines {one}, {two})",
        "likely",
        also=(*found[most][1:], one, two),
    )


@rule(
    "ablation-direction",
    "What is said to help or harm does so in the table of settings.",
    wrong=[TRIED + "With the cosine scheduler accuracy dropped.\n"],
    right=[TRIED + "With the cosine scheduler accuracy improved.\n"],
)
def ablation_direction(said: Said, facts: Facts) -> Fault | None:
    if not facts.settings or not said.is_claim:
        return None
    if any(q.kind not in ("%", "points") or q.number > 20 for q in said.words.quantities):
        return None
    lexicon, words = said.words.lexicon, said.words
    if any(not m.kind.startswith("row_") for m in words.models):
        return None
    kinds = [k for k in ADDED if lexicon.has(f"hyper.{k}", said.text)]
    changes = (
        {t.kind for t in words.tags if t.is_of("change")}
        if said.has("metric.accuracy") or words.quantities
        else set()
    )
    changes |= {EFFECTS[t.role] for t in words.tags if t.role in EFFECTS}
    levels = [t for t in words.tags if t.role in ("compares.more", "compares.less")]
    near = {t.start for t in words.tags if t.role == "metric.accuracy"}
    changes |= {LEVELS[t.role] for t in levels if any(0 <= s - t.end <= 2 for s in near)}
    named = [k for k in KINDS if lexicon.has(f"hyper.{k}", said.text)]
    if words.quantities and len(named) > 1:
        return None
    if len(kinds) != 1 or len(changes) != 1 or any(t.is_of("negates") for t in words.tags):
        return None
    is_without = lexicon.has("without", said.text)
    for table in facts.cells.settings:
        for a, b in combinations([s for s in table if s.accuracy][:16], 2):
            one, two = columns(a), columns(b)
            varied = [h for h in one if one[h] != two.get(h) and not is_name(h, table)]
            if len(varied) != 1 or a.accuracy is None or b.accuracy is None:
                continue
            has = [_has(kinds[0], varied[0], c[varied[0]]) for c in (one, two)]
            if has[0] == has[1] or not lexicon.has(
                f"hyper.{kinds[0]}", f"{varied[0]} {one[varied[0]]} {two[varied[0]]}"
            ):
                continue
            with_, without = (a, b) if has[0] else (b, a)
            assert with_.accuracy is not None
            assert without.accuracy is not None
            gain = with_.accuracy.middle - without.accuracy.middle
            gain = -gain if is_without else gain
            if (gain > 0) == (changes == {"gains"}) or gain == 0:
                return None
            return Fault(
                said.place,
                f"{NAMES.get(kinds[0], kinds[0])}: {100 * abs(gain):.2f} points {'more' if gain > 0 else 'less'}",
                f"lines {a.line} and {b.line}",
                "likely",
                also=(a.line, b.line),
            )
    return None


EFFECTS = {
    "helps": "gains",
    "hurts": "loses",
    "compares.better": "gains",
    "compares.worse": "loses",
}
LEVELS = {"compares.more": "gains", "compares.less": "loses"}
ADDED = ("augmentation", "label_smoothing", "scheduler")


def _has(kind: str, header: str, cell: str) -> bool:
    """Tell whether a cell says that something is used."""
    from tools.review.reading.lexicon import load

    lexicon = load()
    if lexicon.has("without", cell) or cell.strip() in ("-", "0", "0.0", "none", "no", "off", ""):
        return False
    return lexicon.has(f"hyper.{kind}", header) or lexicon.has(f"hyper.{kind}", cell)
