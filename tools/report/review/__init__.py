"""Reads a student's report and lists what is wrong in it; nothing here imports torch."""

from collections.abc import Sequence
from pathlib import Path

from lab3.runlog import RunLog
from tools.report.review.arithmetic import review_arithmetic
from tools.report.review.document import Document
from tools.report.review.findings import Finding
from tools.report.review.images import review_images
from tools.report.review.results import read_results
from tools.report.review.sizes import review_sizes
from tools.report.review.structure import review_structure


def review(text: str, folder: Path, logs: Sequence[RunLog] = ()) -> list[Finding]:
    """Return what a report gets wrong, by line; images are looked for in ``folder``.

    With run logs, its numbers are compared with theirs.
    """
    document = Document(text)
    results = read_results(document)
    logged = [log.end.checkpoint_bytes for log in logs if log.end]
    found = [
        *review_structure(document, results),
        *review_images(document, folder),
        *review_arithmetic(document, results),
        *review_sizes(document, results, logged),
    ]
    return sorted(dict.fromkeys(found), key=lambda finding: (finding.line, finding.rule))
