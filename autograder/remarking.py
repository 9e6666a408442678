"""Marks by another rubric, from what was observed: nothing is run, and nothing is counted."""

from collections.abc import Sequence

from autograder.asking.verdicts import Verdict, following, waiting
from autograder.checks.runs import DROP_FOLLOWS
from autograder.results import CheckResult, Grade, with_held_up
from autograder.rubric import Rubric
from autograder.thresholds import Judgement, is_complete, judge


def remark(grade: Grade, rubric: Rubric) -> Grade | None:
    """Return the grade that grading again by a rubric would give, apart from times.

    None where that can't be told: another key, other limits, data sets or checks, or a threshold
    that needs more images than were looked at. That all else is the same (what was handed in, the
    kit, PyTorch, the test set) is the caller's to know.
    """
    asked = [(entry.check, entry.visibility) for entry in rubric.entries]
    if grade.asked_sha256 != rubric.asked_sha256:
        return None
    if asked != [(result.check, result.visibility) for result in grade.results]:
        return None
    results: list[CheckResult] = []
    for result, entry in zip(grade.results, rubric.entries, strict=True):
        new = judged_again(result, grade.data_set, rubric, results)
        if new is None:
            return None
        results.append(new.model_copy(update={"points": entry.points}))
    is_judged = any(result.counts or result.sizes for result in results)
    update = {
        "rubric_sha256": rubric.sha256,
        "results": with_held_up(results) if is_judged else tuple(results),
    }
    return grade.model_copy(update=update)


def judged_again(
    result: CheckResult, data_set: str | None, rubric: Rubric, before: Sequence[CheckResult]
) -> CheckResult | None:
    """Return a result as the rubric's thresholds judge it; None where they don't decide it.

    ``before`` are the results of the checks before it.
    """
    document, update = rubric.document, Verdict()
    if result.is_claim_only:
        update["share"] = document.unverified
    if result.counts or result.sizes:
        assert data_set is not None, "what was counted is of a data set"
        judgement = judge(result, document.thresholds[data_set], document.accuracy_error)
        if judgement is None:
            return None
        update["observations"] = judgement.observations
        if is_complete(result):
            update |= verdict_on(result.check, judgement, before)
    return result.model_copy(update=update)


def verdict_on(check: str, judgement: Judgement, before: Sequence[CheckResult]) -> Verdict:
    """Return the fields that say how a check ends of which thresholds say this."""
    verdict: Verdict = {"outcome": "passed", "share": 1.0}
    if not judgement.holds:
        verdict = {"outcome": "failed", "share": judgement.share, "said": judgement.said}
    verdict, first = following(verdict, DROP_FOLLOWS.get(check, ()), before)
    blank: Verdict = {"share": 0.0, "said": "", "place": None, "waits_for": None}
    return blank | waiting(verdict, check, first)
