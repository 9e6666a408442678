"""Does one part of a report agree with another: the settings tried, the images measured on."""

from collections.abc import Iterator
from decimal import Decimal

from tools.review.findings import Finding
from tools.review.reading.cues import TEST_BY_VALIDATION
from tools.review.reading.document import ReportText
from tools.review.reading.results import Results, Row, Setting, accuracy, qualifier, show_percent
from tools.review.reading.sentences import sentences
from tools.review.reading.words import ACCURACY_WORD

NEAR = Decimal("0.005")  # half a point: further away it is another training


def review_consistency(document: ReportText, results: Results) -> Iterator[Finding]:
    for settings in results.ablations:
        yield from best_of_settings(document, results, settings)
    yield from same_as_validation(document, results)
    for sentence in sentences(document):
        if sentence.is_claim and TEST_BY_VALIDATION.search(sentence.text):
            yield document.finding(
                "validation-as-test",
                sentence.line,
                sentence.text,
                "accuracy on the test images, measured once at the end",
                "choices were made on the validation images",
                "likely",
            )


def best_of_settings(
    document: ReportText, results: Results, settings: list[Setting]
) -> Iterator[Finding]:
    """Yield the best setting when it nearly has the baseline's accuracy, but not quite.

    The settings are often compared on validation images, or trained for less long: then their
    accuracies are others.
    """
    reached = [(a, s) for s in settings if s.accuracy and (a := accuracy(s.accuracy))]
    baselines = [(row.accuracy, row) for row in results.rows("fp32") if row.accuracy]
    if not reached or len(baselines) != 1:
        return
    best, setting = max(reached, key=lambda pair: pair[0].middle)
    final, row = baselines[0]
    cell = setting.accuracy
    measured = row.cells.get("accuracy")
    section = document.section(setting.line)
    if cell is None or measured is None or says_validation(document, cell.header, section):
        return
    is_near = abs(best.middle - final.middle) <= NEAR
    if is_near and not any(accuracy_.touches(final) for accuracy_, _ in reached):
        yield document.finding(
            "best-accuracy",
            measured.line,
            f"{row.label}: {measured.text}",
            f"{show_percent(best)} %, or which images each was measured on",
            f"line {setting.line} gives the best setting {show_percent(best)} %",
            "likely" if cell.qualifier == "test" else "possible",
        )


def says_validation(document: ReportText, header: str, section: int) -> bool:
    """Tell whether a table of settings is said to be of the validation images."""
    texts = (b.text for b in document.texts() if document.section(b.line) == section)
    return qualifier(header) == "validation" or (
        qualifier(header) != "test" and any(qualifier_of_all(text) for text in texts)
    )


def qualifier_of_all(text: str) -> bool:
    return any(
        qualifier(clause) == "validation" for clause in text.split(".") if "test" not in clause
    )


def same_as_validation(document: ReportText, results: Results) -> Iterator[Finding]:
    """Yield FP32's test accuracy where the text calls the same number validation accuracy."""
    validation = validation_accuracies(document)
    for row in results.rows("fp32"):
        cell = row.cells.get("accuracy")
        value = row.accuracy
        if cell is None or value is None or cell.qualifier == "validation" or _is_rough(row):
            continue
        if value.middle in validation:
            line, text = validation[value.middle]
            yield document.finding(
                "validation-as-test",
                cell.line,
                f"{row.label}: {cell.header} {cell.text}",
                "accuracy on the test images",
                f"line {line} gives it as validation: {text}",
                "likely" if cell.qualifier == "test" else "possible",
            )


def _is_rough(row: Row) -> bool:
    quantity = row.cells["accuracy"].quantity
    return quantity is None or quantity.is_integer or quantity.interval.high == 100


def validation_accuracies(document: ReportText) -> dict[Decimal, tuple[int, str]]:
    """Return the numbers that the text calls validation accuracy, each with line and words."""
    accuracies: dict[Decimal, tuple[int, str]] = {}
    for sentence in sentences(document):
        if not ACCURACY_WORD.search(sentence.text):
            continue
        for clause in sentence.clauses:
            if qualifier(clause.text) != "validation":
                continue
            for quantity in clause.quantities:
                if quantity.kind == "%" and not quantity.is_integer:
                    accuracies.setdefault(quantity.number / 100, (sentence.line, quantity.printed))
    return accuracies
