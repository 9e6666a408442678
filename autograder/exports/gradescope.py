"""A grade as the ``results.json`` that Gradescope reads from an autograder."""

import json
from typing import Any

from autograder.messages import describe, summary, title, withheld
from autograder.plain_text import harmless
from autograder.results import CheckResult, Grade


def gradescope(grade: Grade) -> str:
    """Return the document.

    Students read a hidden check at once if it holds no more than its claim and outcome, as
    ``messages.visible`` leaves it; one that holds more is shown after the due date.
    """
    tests = [
        test(result, f"{first}.{second}")
        for first, results in enumerate(grade.groups.values(), 1)
        for second, result in enumerate(results, 1)
    ]
    document = {
        "score": grade.earned,
        "execution_time": grade.seconds,
        "output": "\n".join(harmless(line) for line in (summary(grade), *grade.problems)),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
        "extra_data": {
            "submission_sha256": harmless(grade.submission_sha256),
            "rubric_sha256": harmless(grade.rubric_sha256),
            "kit": harmless(grade.kit),
            "tier": harmless(grade.tier),
            "undecided": grade.undecided,
        }
        | ({"seed": harmless(grade.seed)} if grade.seed else {}),
    }
    return json.dumps(document, indent=2) + "\n"


def test(result: CheckResult, place: str) -> dict[str, Any]:
    """Return one entry; ``place`` sorts them."""
    return {
        "name": title(result),
        "number": place,
        "score": result.earned,
        "max_score": result.points,
        "status": "passed" if result.outcome == "passed" else "failed",
        "output": describe(result),
        "visibility": visibility(result),
        "extra_data": {"check": harmless(result.check), "outcome": result.outcome},
    }


def visibility(result: CheckResult) -> str:
    """Return Gradescope's word for who may read a result, and when."""
    return "visible" if result == withheld(result, "claim") else "after_due_date"
