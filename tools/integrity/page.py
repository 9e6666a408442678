"""The page of what is to be looked at, for staff alone."""

from datetime import UTC, datetime

from autograder.exports import pages
from tools.integrity.findings import SIGNALS, Level
from tools.integrity.result import Case, Result

WORDS: dict[Level, str] = {"strong": "strong", "possible": "possible", "expected": "expected"}


def page(result: Result, course: str, at: datetime) -> str:
    """Return the page, made at a time."""
    cases = (*result.pairs, *result.singles)
    kinds = {finding.kind for case in cases for finding in case.findings}
    return pages.template("integrity.html.j2").render(
        course=course,
        at=at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        result=result,
        parts={"Pairs": result.pairs, "Single submissions": result.singles},
        signals=SIGNALS,
        kinds=[kind for kind in SIGNALS if kind in kinds],
        state=state,
        style=pages.style("overview.css", "integrity.css"),
    )


def state(case: Case) -> str:
    """Say what staff decided: when, who and why, and whether that still holds."""
    if case.decision is None:
        return "open"
    one = case.decision
    when = f" on {one.at.astimezone(UTC):%Y-%m-%d}" if one.at else ""
    by = f" by {one.by}" if one.by else ""
    why = f": {one.why}" if one.why else ""
    changed = "; the evidence has changed since" if case.is_changed else ""
    return f"{one.decision}{when}{by}{why}{changed}"
