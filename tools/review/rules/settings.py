"""Hyperparameters and what was tried: one part of a report against another."""

import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import combinations

from tools.review.reading.cells import Setting, bare
from tools.review.reading.facts import Facts
from tools.review.reading.quantities import Interval, quantities
from tools.review.reading.report import Report
from tools.review.reading.statements import FP32, PTQ, QAT, Place, Statement, percent
from tools.review.rules.registry import Fault, rule
from tools.review.rules.training import Said

NAMES = {
    "epochs": "epochs",
    "learning_rate": "learning rate",
    "batch_size": "batch size",
    "momentum": "momentum",
    "weight_decay": "weight decay",
    "label_smoothing": "label smoothing",
    "seed": "seed",
    "calibration": "calibration images",
    "best_epoch": "best epoch",
}
TRIED = (
    "## 3. Hyperparameters\n\n| Scheduler | Epochs | Val accuracy (%) |\n|---|---|---|\n"
    "| none | 40 | 86.5 |\n| cosine | 40 | 92.8 |\n\n"
)
NEAR = Decimal("0.005")  # half a point: further away it is another training


@rule(
    "hyperparameters-differ",
    "Hyperparameters are the same in all sections.",
    wrong=["We trained for 40 epochs.\n\n| Hyperparameter | Value |\n|---|---|\n| Epochs | 60 |\n"],
    right=[
        "We trained for 60 epochs, QAT for 5 epochs.\n\n| Hyperparameter | Value |\n|---|---|\n"
        "| Epochs | 60 |\n",
        "We first tried 40 epochs.\n\n| Hyperparameter | Value |\n|---|---|\n| Epochs | 60 |\n",
    ],
)
def hyperparameters_differ(statement: Statement, facts: Facts) -> Fault | None:
    if statement.metric not in NAMES or not statement.is_claim or statement.value is None:
        return None
    if statement.model.endswith("+") or statement.relation != "is":
        return None
    others = [
        s
        for s in facts.statements
        if s.metric == statement.metric
        and s.model == statement.model
        and s.is_claim
        and s.place != statement.place
        and s.value is not None
    ]
    tried = [] if statement.model.startswith("row_") else _tried(statement, facts)
    if not others or any(t.touches(statement.value) for t in tried):
        return None
    apart = [s for s in others if s.value and not s.value.touches(statement.value)]
    if len(apart) < len(others) and _is_majority(statement, others):
        return None
    before = [s for s in apart if s.place.line <= statement.place.line]
    if not before:
        return None
    other = before[0]
    if any(t.touches(other.value) for t in tried if other.value) or other.quantity is None:
        return None
    here, there = statement.quantity, other.quantity
    name = NAMES[statement.metric]
    assert here is not None
    return Fault(
        statement.place,
        f"{name}: {there.printed} or {here.printed}, in both",
        f"line {other.place.line} gives {there.printed}, line {statement.place.line} {here.printed}",
        "likely" if statement.is_sure == other.is_sure else "possible",
        also=tuple(s.place.line for s in apart),
        key=f"{statement.model} {statement.metric}",
    )


@rule(
    "epoch-beyond",
    "The best epoch is one of those that were trained.",
    wrong=["We trained for 30 epochs. Validation accuracy was highest in epoch 38."],
    right=["We trained for 60 epochs. Validation accuracy was highest in epoch 58."],
)
def epoch_beyond(statement: Statement, facts: Facts) -> Fault | None:
    if statement.metric != "best_epoch" or statement.value is None or not statement.is_claim:
        return None
    trained = [
        s
        for s in facts.statements
        if s.metric == "epochs" and s.model == statement.model and s.value and s.is_claim
    ]
    if not trained or any(s.value and s.value.high >= statement.value.low for s in trained):
        return None
    count = trained[0].quantity.printed if trained[0].quantity else ""
    return Fault(
        statement.place,
        f"an epoch up to {count}",
        f"line {trained[0].place.line} says {count} epochs",
        "likely",
        also=(trained[0].place.line,),
        key="beyond",
    )


def _is_majority(statement: Statement, others: list[Statement]) -> bool:
    """Tell whether most of the report agrees with a statement: the other one is at fault."""
    agree = sum(
        bool(s.value and statement.value and s.value.touches(statement.value)) for s in others
    )
    return agree > len(others) - agree


def _tried(statement: Statement, facts: Facts) -> list[Interval]:
    """Return the values that the tables of settings give for a hyperparameter."""
    from tools.review.reading.lexicon import load

    lexicon = load()
    found = []
    for setting in facts.settings:
        for header, text in setting.values.items():
            if lexicon.has(f"hyper.{statement.metric}", header) or lexicon.has(
                f"hyper.{statement.metric}", text
            ):
                found += [q.interval for q in quantities(text)]
    return found


def columns(setting: Setting) -> dict[str, str]:
    return {header: " ".join(text.lower().split()) for header, text in setting.values.items()}


@rule(
    "best-accuracy",
    "The best accuracy of what was tried is that of the baseline compared.",
    wrong=[
        TRIED.replace("Val accuracy", "Test accuracy") + "| Model | Accuracy (%) |\n|---|---|\n"
        "| FP32 | 92.4 |\n| PTQ | 92.0 |\n",
    ],
    right=[TRIED + "| Model | Accuracy (%) |\n|---|---|\n| FP32 | 92.4 |\n| PTQ | 92.0 |\n"],
)
def best_accuracy(report: Report, facts: Facts) -> Fault | None:
    """Find a better baseline than the one compared, among settings and in sentences."""
    finals = [
        s
        for s in facts.values(FP32, "accuracy")
        if s.place.where == "cell" and s.split != "validation"
    ]
    if not finals or finals[0].value is None:
        return None
    final = finals[0]
    assert final.value is not None
    return _among_settings(report, facts, final) or _in_sentences(facts, final)


def _among_settings(report: Report, facts: Facts, final: Statement) -> Fault | None:
    assert final.value is not None
    reached = [s for s in facts.settings if s.accuracy and s.table != final.place.table]
    if not reached or any(s.accuracy and s.accuracy.touches(final.value) for s in reached):
        return None
    best = max(reached, key=lambda s: s.accuracy.middle if s.accuracy else Decimal(0))
    assert best.accuracy is not None
    if best.split == "validation" or (best.split != "test" and _says_validation(report, best)):
        return None
    if abs(best.accuracy.middle - final.value.middle) > NEAR:
        return None
    return Fault(
        final.place,
        f"{percent(best.accuracy)} %, or which images each was measured on",
        f"line {best.line} gives the best setting {percent(best.accuracy)} %",
        "likely" if best.split == "test" else "possible",
        also=(best.line,),
        key="best",
    )


def _says_validation(report: Report, setting: Setting) -> bool:
    """Tell whether the section of a table of settings speaks of validation images."""
    section = report.section(report.document.section(setting.line))
    return section is not None and report.lexicon.has("split.validation", section.own_text)


def _in_sentences(facts: Facts, final: Statement) -> Fault | None:
    from tools.review.reading.lexicon import load

    assert final.value is not None
    for statement in facts.statements:
        if statement.metric != "accuracy" or statement.relation != "is" or statement.value is None:
            continue
        if statement.place.where != "prose" or statement.model not in (FP32, "fp32+"):
            continue
        if statement.split == "validation" or statement.modality == "elsewhere":
            continue
        if statement.value.low <= final.value.high or statement.place.section not in (3, 0, 6):
            continue
        if statement.value.low - final.value.high > Decimal("0.05") or "other" in statement.others:
            continue
        if not load().has("claim.best", statement.place.text):
            continue
        return Fault(
            statement.place,
            f"the comparison with the best baseline ({percent(statement.value)} %), or why not",
            f"line {final.place.line} compares a baseline of {percent(final.value)} %",
            "possible",
            also=(final.place.line,),
            key="best",
        )
    return None


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
    is_more = said.has("claim.outweighs") and not (is_most or is_none)
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


@rule(
    "settings-all",
    "What is said of all settings tried is so in their table.",
    wrong=[TRIED.replace("| cosine | 40", "| cosine | 60") + "All runs used 40 epochs.\n"],
    right=[TRIED + "All runs used 40 epochs.\n"],
)
def settings_all(statement: Statement, facts: Facts) -> Fault | None:
    from tools.review.reading.lexicon import load

    lexicon, text = load(), statement.place.text
    if statement.metric not in NAMES or statement.place.where != "prose" or statement.value is None:
        return None
    if not statement.is_claim or not lexicon.has("all.rows", text):
        return None
    exempt = {
        m
        for m in facts.rows()
        if lexicon.has("all.except", text) and re.search(rf"\b{m[4:]}\b", text, re.I | re.A)
    }
    for setting in facts.settings:
        for header, cell in setting.values.items():
            quantity = next(quantities(cell), None)
            is_own = any(
                cell_.upper() == m.removeprefix("row_")
                for m in exempt
                for cell_ in setting.values.values()
            )
            if quantity is None or is_own or not lexicon.has(f"hyper.{statement.metric}", header):
                continue
            if not quantity.interval.touches(statement.value):
                return Fault(
                    statement.place,
                    f"not all: line {setting.line} has {cell}",
                    f"{NAMES[statement.metric]} {cell} in line {setting.line}",
                    "likely",
                    also=(setting.line,),
                    key=f"all {statement.place.line}",
                )
    return None
