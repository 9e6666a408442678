"""Reads a student's report and lists what is wrong in it; nothing here imports torch."""

from collections.abc import Sequence
from pathlib import Path

from lab3.runlog import RunLog
from tools.report.review.arithmetic import review_arithmetic
from tools.report.review.claims import add_prose
from tools.report.review.consistency import review_consistency
from tools.report.review.contract import review_contract
from tools.report.review.contradictions import review_contradictions
from tools.report.review.document import Document
from tools.report.review.findings import Finding
from tools.report.review.images import review_images
from tools.report.review.logs import review_logs
from tools.report.review.orders import review_orders
from tools.report.review.results import read_results
from tools.report.review.sizes import review_sizes
from tools.report.review.structure import review_structure


def review(text: str, folder: Path, logs: Sequence[RunLog] = ()) -> list[Finding]:
    """Return what a report gets wrong, by line; images are looked for in ``folder``.

    With run logs, its numbers are compared with theirs.
    """
    document = Document(text)
    results = read_results(document)
    add_prose(document, results)
    logged = [log.end.checkpoint_bytes for log in logs if log.end]
    found = [
        *review_structure(document, results),
        *review_images(document, folder),
        *review_arithmetic(document, results),
        *review_sizes(document, results, logged),
        *review_contradictions(document, results),
        *review_orders(document, results),
        *review_consistency(document, results),
        *review_contract(document),
        *review_logs(document, results, logs),
    ]
    return sorted(dict.fromkeys(found), key=lambda finding: (finding.line, finding.rule))
