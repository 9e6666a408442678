"""The part of the handout that is derived: what each claim is worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tools.shared.console import UserError
from tools.shared.table import Table

if TYPE_CHECKING:
    from autograder.rubric import Rubric

BEGIN, END = "<!-- points: derived from rubric.toml -->", "<!-- end of points -->"
TITLES = {
    "observer": "part 3",
    "forward": "part 1",
    "fusion": "part 2",
    "ptq": "parts 1 to 3, PTQ",
    "qat": "parts 1 to 3, QAT",
    "runs": "part 4, logs",
    "accuracy": "part 4, accuracy",
}


def with_points(path: Path, rubric: Rubric) -> str:
    """Return the handout's text with the points table of a rubric between its two markers."""
    text = path.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise UserError(f"{path} needs the two lines {BEGIN!r} and {END!r} around its points")
    return f"{before}{BEGIN}\n\n{points_table(rubric).markdown()}\n\n{END}{after}"


def points_table(rubric: Rubric) -> Table:
    """One row a check: its claim, its name for ``lab3 check -k``, and its points."""
    from autograder.catalog import all_checks, claim_of
    from autograder.messages import number

    checks = all_checks()
    points: dict[str, dict[str, float]] = {}
    for entry in rubric.entries:
        points.setdefault(entry.check, {})[entry.visibility] = entry.points
    rows: list[tuple[str, ...]] = []
    sums = {"public": 0.0, "hidden": 0.0}
    for check, of in points.items():
        group, name = check.split(".", 1)
        cells = [number(of[v]) if v in of else "" for v in sums]
        rows.append((TITLES[group], f"`{name}`", claim_of(checks[check]), *cells))
        sums = {v: total + of.get(v, 0.0) for v, total in sums.items()}
    rows.append(("sum", "", "", *(number(total) for total in sums.values())))
    return Table(("For", "Check", "Claim", "Public", "Hidden inputs"), rows, left=3)
