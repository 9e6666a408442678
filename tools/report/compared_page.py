"""Several runs on one page: their curves, and in what they differ."""

import base64
from collections.abc import Sequence

from lab3.log.runlog import RunLog
from tools.report.facts.settings import differing, outcomes
from tools.report.figures import drawing
from tools.report.figures.compared import comparison_svg
from tools.report.page import framed, safe_html
from tools.shared.table import Table


def comparison_page(logs: Sequence[RunLog]) -> str:
    """Return the page; it needs no other file, and no network."""
    rows, shared = differing(logs)
    headers = ("", *(f"`{log.name.replace('`', '')}`" for log in logs))
    table = Table(headers, [*outcomes(logs), *escaped(rows)]).markdown()
    same = ", ".join(f"{name} {value}" for name, value in shared.items())
    text = f"# Runs compared\n\n{table}\n\nThe same in all: {same.replace('|', ' ')}.\n"
    with drawing.style(drawing.cjk_font(is_needed=False)):
        figure = base64.b64encode(comparison_svg(logs)).decode()
    alt = "Validation loss and accuracy over the epochs of each run."
    image = f'<img class="drawn" src="data:image/svg+xml;base64,{figure}" alt="{alt}">'
    caption = f"<figcaption><strong>Figure 1.</strong> {alt}</figcaption>"
    return framed(f"{safe_html(text)}<figure>{image}{caption}</figure>", "en")


def escaped(rows: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Let no name or value of a log be taken for Markdown."""
    return [(row[0], *(f"`{cell.replace('`', '')}`" for cell in row[1:])) for row in rows]
