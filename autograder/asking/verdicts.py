"""How a verdict depends on those of other checks: what isn't written, and what has to hold first.

A verdict is the fields of a result that say how a check ended.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from autograder.results import CheckResult, first_unmet, first_unwritten

Verdict = dict[str, Any]


def is_fine(verdict: Mapping[str, Any]) -> bool:
    """Tell whether there is nothing that a student has to mend."""
    return verdict["outcome"] in ("passed", "grader_error")


def following(
    verdict: Verdict, follows: Sequence[str], results: Sequence[CheckResult]
) -> tuple[Verdict, CheckResult | None]:
    """Return a verdict beside those that its check follows, and the first that isn't met."""
    unwritten = first_unwritten(results, follows)
    if verdict["outcome"] == "passed" and unwritten:
        said = {"outcome": "not_implemented", "said": unwritten.said, "place": unwritten.place}
        return said, unwritten
    return verdict, first_unmet(results, follows)


def waiting(verdict: Verdict, check: str, first: CheckResult | None) -> Verdict:
    """Return the verdict on a check with what it waits for, when something is to be mended."""
    if first is None or first.check == check or is_fine(verdict):
        return verdict
    return {
        **verdict,
        "waits_for": first.waits_for or first.check,
        "place": verdict.get("place") or first.place,
    }
