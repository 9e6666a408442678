"""What differs between two grades of one student: marks, and what the grades rest on."""

from dataclasses import dataclass

from autograder.messages import number
from autograder.results import CheckResult, Grade, Visibility

# What a grade rests on, in the words in which a change is explained.
SUBMISSION, RUBRIC, INPUTS, TEST_SET = "submission", "rubric", "other hidden inputs", "test set"
COUNTED = "accuracy"  # the group that images and thresholds matter to


@dataclass(frozen=True)
class Standing:
    """What a check earned; nobody knows yet while it is open."""

    earned: float
    points: float
    is_open: bool = False

    def __str__(self) -> str:
        earned = "open" if self.is_open else number(self.earned)
        return f"{earned} of {number(self.points)}"


@dataclass(frozen=True)
class Change:
    """A check whose mark changed. It was not asked where ``before`` or ``after`` is None.

    ``why`` names what may have changed it; where it is empty, nothing that grades name did.
    """

    check: str
    visibility: Visibility
    before: Standing | None
    after: Standing | None
    why: tuple[str, ...]

    @property
    def title(self) -> str:
        return f"{self.check} (hidden)" if self.visibility == "hidden" else self.check


def conditions(grade: Grade) -> dict[str, object]:
    """Return all that a grade rests on."""
    return {
        SUBMISSION: grade.submission_sha256,
        RUBRIC: grade.rubric_sha256,
        "kit": (grade.kit, grade.sources_sha256),
        "PyTorch": grade.torch,
        "engine": grade.engine,
        "walls": (grade.tier, grade.walls),
        INPUTS: grade.seed,
        TEST_SET: (grade.test_set, grade.is_exact),
    }


def differences(old: Grade, new: Grade) -> tuple[str, ...]:
    """Return which of these are others; inputs that another submission draws are no reason more."""
    before, after = conditions(old), conditions(new)
    others = [name for name in before if before[name] != after[name]]
    if SUBMISSION in others and INPUTS in others:
        others.remove(INPUTS)
    return tuple(others)


def changes(old: Grade, new: Grade) -> tuple[Change, ...]:
    """Return the checks whose marks changed, in the order of the rubric."""
    before = {(result.check, result.visibility): result for result in old.results}
    after = {(result.check, result.visibility): result for result in new.results}
    reasons = differences(old, new)
    is_asked_alike = old.asked_sha256 == new.asked_sha256
    return tuple(
        Change(*key, standing(was), standing(now), why(was, now, reasons, is_asked_alike))
        for key in (*after, *(key for key in before if key not in after))
        if standing(was := before.get(key)) != standing(now := after.get(key))
    )


def standing(result: CheckResult | None) -> Standing | None:
    """Return what a check earned, None where it was not asked."""
    if result is None:
        return None
    return Standing(result.earned, result.points, result.outcome == "grader_error")


def why(
    was: CheckResult | None, now: CheckResult | None, reasons: tuple[str, ...], is_asked_alike: bool
) -> tuple[str, ...]:
    """Return those of some differences that can have changed the mark of a check."""
    if RUBRIC in reasons and (was is None or now is None or is_of_rubric(was, now)):
        return (RUBRIC,)
    one = now or was
    assert one is not None
    is_counted = one.group == COUNTED
    matters = {
        RUBRIC: is_counted or not is_asked_alike,
        INPUTS: is_counted or one.visibility == "hidden",
        TEST_SET: is_counted,
    }
    return tuple(reason for reason in reasons if matters.get(reason, True))


def is_of_rubric(was: CheckResult, now: CheckResult) -> bool:
    """Tell whether a check went as before, and only its points are others."""
    return (was.outcome, was.share) == (now.outcome, now.share)
