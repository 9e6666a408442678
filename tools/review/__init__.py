"""Reads a student's report and lists what is wrong in it; nothing here imports torch."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from lab3.log.runlog import RunLog
from tools.review.findings import Finding, Review
from tools.review.reading.report import Report
from tools.review.reading.shapes import read_report
from tools.review.rules import (  # noqa: F401 -- each registers its rules
    ablation,
    completeness,
    contract,
    counts,
    curves,
    drops,
    equations,
    images,
    leftovers,
    limits,
    orders,
    own_numbers,
    ratios,
    rows,
    settings,
    shares,
    sizes,
    told,
    training,
    tried,
    values,
)
from tools.review.rules.completeness import is_foreign
from tools.review.rules.images import Picture
from tools.review.rules.leftovers import leftovers as left_in
from tools.review.rules.logs import logged  # also registers
from tools.review.rules.registry import RULES, judge, merged
from tools.review.rules.scope import checked, unchecked
from tools.review.rules.training import said_in

__all__ = ["RULES", "review", "review_file", "review_text"]

# A report of another lab is not held against this one's contract.
OF_ANY_LAB = {
    "other-lab",
    "image-missing",
    "image-broken",
    "image-repeated",
    "placeholder",
    "chat-residue",
}


def review(text: str, folder: Path, logs: Sequence[RunLog] = ()) -> list[Finding]:
    """Return what a report gets wrong, by line; images are looked for in ``folder``.

    With run logs, its numbers are compared with theirs.
    """
    return _findings(Report(text), folder, logs)


def review_text(name: str, text: str, folder: Path, logs: Sequence[RunLog] = ()) -> Review:
    """Return the findings on a report, and what could be checked in it."""
    report = Report(text)
    return Review(
        report=name,
        findings=tuple(_findings(report, folder, logs)),
        checked=tuple(checked(report, logs)),
        unchecked=tuple(unchecked(report, logs)),
    )


def review_file(path: Path, logs: Sequence[RunLog] = ()) -> Review:
    """Return the review of a file in any shape; raise ReportError when it can't be read."""
    return review_text(str(path), read_report(path), path.parent, logs)


def _findings(report: Report, folder: Path, logs: Sequence[RunLog]) -> list[Finding]:
    facts = report.facts
    faults = list(judge(_subjects(report, folder, logs), facts))
    if is_foreign(report):
        faults = [(name, fault) for name, fault in faults if name in OF_ANY_LAB]
    return merged(faults, report.document.section)


def _subjects(report: Report, folder: Path, logs: Sequence[RunLog]) -> Iterator[object]:
    """Yield everything that rules judge."""
    yield report
    yield from report.sections
    yield from left_in(report)
    yield from report.facts.cells.blanks
    yield from report.facts.statements
    yield from said_in(report)
    for image in report.document.images:
        yield Picture(image, folder)
    yield from logged(report, logs)
