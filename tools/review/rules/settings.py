"""Hyperparameters and what was tried: one part of a report against another."""

import re
from decimal import Decimal

from tools.review.reading.cells import Setting
from tools.review.reading.facts import Facts
from tools.review.reading.quantities import Interval, quantities
from tools.review.reading.report import Report
from tools.review.reading.statements import FP32, Statement, percent
from tools.review.rules.registry import Fault, rule

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
    if any(t.touches(other.value) for t in tried if other.value):
        return None
    here, there = printed(statement), printed(other)
    name = NAMES[statement.metric]
    return Fault(
        statement.place,
        f"{name}: {there} or {here}, in both",
        f"line {other.place.line} gives {there}, line {statement.place.line} {here}",
        "likely" if statement.is_sure == other.is_sure else "possible",
        also=tuple(s.place.line for s in apart),
        key=f"{statement.model} {statement.metric}",
    )


def printed(statement: Statement) -> str:
    """Return a number as it stands in the report; a log's epochs were counted, not printed."""
    if statement.quantity is not None:
        return statement.quantity.printed
    return f"{statement.value.middle.normalize():f}" if statement.value else ""


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
    texts = [block.text for block in section.blocks] if section else []
    return any(report.lexicon.has("split.validation", text) for text in texts)


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
