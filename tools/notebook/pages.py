"""What a cell shows: a page in a notebook, and the same as text elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from tools.shared.table import Table


@dataclass(frozen=True)
class Page:
    """Something to look at: HTML for notebooks, a text for everything else."""

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def table_html(title: str, table: Table) -> str:
    """Return a table as HTML, numbers to the right."""

    def cells(tag: str, row: Sequence[str]) -> str:
        sides = ("left" if n < table.left else "right" for n in range(len(row)))
        return "".join(
            f'<{tag} style="text-align: {side}">{escape(cell)}</{tag}>'
            for cell, side in zip(row, sides, strict=True)
        )

    head = f"<tr>{cells('th', table.headers)}</tr>"
    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in table.rows)
    return (
        f"<table><caption>{escape(title)}</caption><thead>{head}</thead>"
        f"<tbody>{body}</tbody></table>"
    )


def note(text: str) -> Page:
    """Return a sentence as a page."""
    return Page(f"<pre>{escape(text)}</pre>", text)
