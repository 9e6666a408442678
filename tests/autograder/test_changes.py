"""Which marks changed between two grades, and what may have changed them."""

from typing import Any

import pytest

from autograder.changes import Standing, changes, differences
from tests.making.grades import grade, result

FAILED, PASSED = result(), result(outcome="passed")
COUNTED = result("accuracy.fp32"), result("accuracy.fp32", outcome="passed")
HIDDEN = tuple(one.model_copy(update={"visibility": "hidden"}) for one in (FAILED, PASSED))


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"submission_sha256": "8" * 64}, ("submission",)),
        ({"submission_sha256": "8" * 64, "seed": "2"}, ("submission",)),
        ({"submission_sha256": "8" * 64, "kit": "0.2.0"}, ("submission", "kit")),
        ({"sources_sha256": "8" * 64}, ("kit",)),
        ({"torch": "2.15.0"}, ("PyTorch",)),
        ({"engine": "qnnpack"}, ("engine",)),
        ({"walls": ("landlock",)}, ("walls",)),
        ({"seed": "2"}, ()),  # public inputs are the same
        ({"test_set": "private.npz"}, ()),  # of no matter to code
        ({"rubric_sha256": "8" * 64}, ()),  # its points are the same, and it asked the same
        ({"rubric_sha256": "8" * 64, "asked_sha256": "8" * 64}, ("rubric",)),  # other limits
        ({}, ()),
    ],
)
def test_a_change_names_what_may_have_made_it(fields: dict[str, Any], why: tuple[str]) -> None:
    (change,) = changes(grade(FAILED), grade(PASSED, **fields))
    assert (change.check, str(change.before), str(change.after)) == (
        "observer.whole_power_of_two",
        "0 of 4",
        "4 of 4",
    )
    assert change.why == why


def test_what_matters_to_hidden_inputs_and_to_counting() -> None:
    assert changes(grade(HIDDEN[0]), grade(HIDDEN[1], seed="2"))[0].why == ("other hidden inputs",)
    for fields in ({"test_set": "private.npz"}, {"is_exact": True}):
        assert changes(grade(COUNTED[0]), grade(COUNTED[1], **fields))[0].why == ("test set",)
    (change,) = changes(grade(COUNTED[0]), grade(COUNTED[1], rubric_sha256="8" * 64))
    assert change.why == ("rubric",)  # another threshold


def test_other_points_are_the_rubrics_alone() -> None:
    more = PASSED.model_copy(update={"points": 4.5})
    (change,) = changes(grade(PASSED), grade(more, rubric_sha256="8" * 64, kit="0.2.0"))
    assert (change.before, change.after) == (Standing(4, 4), Standing(4.5, 4.5))
    assert change.why == ("rubric",)


def test_checks_that_come_and_go_and_points_that_are_open() -> None:
    new = grade(result("observer.b", outcome="grader_error"), rubric_sha256="8" * 64)
    came, went = changes(grade(PASSED), new)
    assert (came.check, came.before, str(came.after)) == ("observer.b", None, "open of 4")
    assert (went.check, str(went.before), went.after) == (PASSED.check, "4 of 4", None)
    assert came.why == went.why == ("rubric",)
    (decided,) = changes(new, grade(result("observer.b"), rubric_sha256="8" * 64))
    assert (str(decided.before), str(decided.after)) == ("open of 4", "0 of 4")


def test_the_same_marks_are_no_change() -> None:
    crashed = result(outcome="crashed")
    assert changes(grade(FAILED), grade(crashed, torch="2.15.0", seed="2")) == ()
    others = differences(grade(FAILED), grade(crashed, torch="2.15.0", seed="2"))
    assert others == ("PyTorch", "other hidden inputs")
