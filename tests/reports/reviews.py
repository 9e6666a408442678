"""Reviews of whole reports, each made once however many tests look at it."""

import tempfile
from functools import cache
from pathlib import Path

from tests.reports.cases import FILES, Case
from tools.review import review
from tools.review.findings import Finding


def findings_of(case: Case) -> tuple[Finding, ...]:
    return findings_in(case.text, tuple(case.files.items()))


@cache
def findings_in(
    text: str, files: tuple[tuple[str, bytes], ...] = tuple(FILES.items())
) -> tuple[Finding, ...]:
    """Return what a review finds in a report with these files beside it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, content in files:
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_bytes(content)
        return tuple(review(text, folder))
