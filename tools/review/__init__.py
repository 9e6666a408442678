"""Reads a student's report and lists what is wrong in it; nothing here imports torch."""

from collections.abc import Sequence
from pathlib import Path

from lab3.log.runlog import RunLog
from tools.review.findings import Finding
from tools.review.reading.claims import add_prose
from tools.review.reading.document import ReportText
from tools.review.reading.results import read_results
from tools.review.rules.arithmetic import review_arithmetic
from tools.review.rules.consistency import review_consistency
from tools.review.rules.contract import review_contract
from tools.review.rules.contradictions import review_contradictions
from tools.review.rules.images import review_images
from tools.review.rules.logs import review_logs
from tools.review.rules.orders import review_orders
from tools.review.rules.sizes import review_sizes
from tools.review.rules.structure import review_structure


def review(text: str, folder: Path, logs: Sequence[RunLog] = ()) -> list[Finding]:
    """Return what a report gets wrong, by line; images are looked for in ``folder``.

    With run logs, its numbers are compared with theirs.
    """
    document = ReportText(text)
    results = read_results(document)
    add_prose(document, results)
    logged = [log.end.checkpoint_bytes for log in logs if log.end]
    findings = [
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
    return sorted(dict.fromkeys(findings), key=lambda finding: (finding.line, finding.rule))
