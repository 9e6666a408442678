"""What people read about results: the whole message, no more than allowed, harmless."""

from itertools import permutations
from typing import get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autograder.messages import describe, summary, visible
from autograder.plain_text import harmless
from autograder.results import CheckResult, Place
from autograder.rubric import Disclosure
from tests.making.grades import NASTY, grade, result, result_of, results, seen, whole


def test_a_failure_reads_as_the_style_guide_shows_it() -> None:
    shown = describe(
        result(
            observations=[
                seen("scale_approximate(0.5)", "0.5", "0.5", holds=True),
                seen("scale_approximate(0.3)", "0.25  2**-2", "0.29730177875068026  2**-1.75"),
            ],
            diagnosis="A shift moves by whole bits. Your exponents are multiples of 1/4, so "
            "log2(scale) is being rounded to quarters instead of to an integer.",
            place=Place(
                file="lab3/observer.py", line=24, function="CusQuantObserver.scale_approximate"
            ),
        )
    )
    assert (
        shown
        == """\
FAILED  The result is a whole power of two                        0 of 4 points

  scale_approximate(0.3)
      expected   0.25                  2**-2
      got        0.29730177875068026   2**-1.75

  A shift moves by whole bits. Your exponents are multiples of 1/4, so
  log2(scale) is being rounded to quarters instead of to an integer.

  where   lab3/observer.py:24  CusQuantObserver.scale_approximate
  again   lab3 check -k whole_power_of_two"""
    )


def test_everything_that_a_result_can_hold_has_its_place() -> None:
    shown = describe(
        result(
            points=0.5,
            claim="Every convolution is fused with the BatchNorm, and the ReLU, that follow it "
            "directly",
            observations=[seen(f"f({i})", "0.25 (2**-2)", "no") for i in range(18)],
            said="12 of 53 are not.",
            held_up=("observer.lower_clamp", "ptq.converts"),
            is_claim_only=True,
            output="\n".join(f"line {i}" for i in range(12)) + "\n",
        )
    )
    observations = "\n".join(
        f"  f({i})\n      expected   0.25 (2**-2)\n      got        no" for i in range(6)
    )
    output = "\n".join(f"      line {i}" for i in range(10))
    assert (
        shown
        == f"""\
FAILED  Every convolution is fused with the BatchNorm, and the  0 of 0.5 points
        ReLU, that follow it directly

{observations}
  ... and 12 more

  12 of 53 are not.

  Only the run's log says so: no checkpoint was handed in that proves it.

  What waits for this: observer.lower_clamp, ptq.converts.

  your code printed
{output}
      ... and 2 more lines

  again   lab3 check -k whole_power_of_two"""
    )


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        ("passed", "PASSED"),
        ("failed", "FAILED"),
        ("not_implemented", "NOT YET"),
        ("crashed", "CRASHED"),
        ("timed_out", "TIMED OUT"),
        ("grader_error", "GRADER ERROR"),
    ],
)
def test_each_outcome_has_its_word(outcome: str, word: str) -> None:
    shown = describe(result(claim="It holds", outcome=outcome, said="So it was."))
    points = "4 of 4 points" if outcome == "passed" else "0 of 4 points"
    headline = f"{word}  It holds".ljust(79 - len(points)) + points
    assert shown.splitlines()[:3] == [headline, "", "  So it was."]
    assert ("contact staff" in shown) == (outcome == "grader_error")
    assert ("lab3 check" in shown) == (outcome not in ("passed", "grader_error"))


def test_a_claim_that_holds_takes_one_line() -> None:
    kept = whole(outcome="passed", said="", diagnosis="", waits_for=None, observations=())
    assert describe(kept).count("\n") == 0


def test_what_waits_is_explained_where_the_cause_is_told() -> None:
    seen_often = [seen(f"f({i})") for i in range(5)]
    shown = describe(whole(waits_for="observer.lower_clamp", observations=seen_often))
    assert "f(1)" in shown
    assert "... and 3 more" in shown
    assert "  observer.lower_clamp has to hold first; these 4 points wait for it." in shown
    assert "It is not." not in shown
    assert "quarters" not in shown
    waiting = describe(whole(waits_for="observer.lower_clamp", observations=[seen(holds=True)]))
    assert "  Not judged yet: observer.lower_clamp has to hold first" in waiting


def test_what_crashed_tells_its_error_though_it_waits_for_another_claim() -> None:
    said = "AssertionError: Fusion only for eval!"
    crashed = whole(outcome="crashed", said=said, waits_for="fusion.blocks", diagnosis="because")
    assert said in describe(crashed)
    assert "because" not in describe(crashed)
    failed = crashed.model_copy(update={"outcome": "failed"})
    assert said not in describe(failed)


def test_one_point_is_not_many() -> None:
    shown = describe(result(points=1, waits_for="observer.lower_clamp"))
    assert "0 of 1 point\n" in shown
    assert "has to hold first; this point waits for\n  it." in shown


@pytest.mark.parametrize("disclosure", get_args(Disclosure))
def test_public_checks_are_always_told_whole(disclosure: Disclosure) -> None:
    assert describe(whole(), disclosure) == describe(whole())
    assert visible(grade(whole()), disclosure).results == (whole(),)


def test_hidden_checks_tell_what_the_policy_allows() -> None:
    hidden = whole(visibility="hidden", outcome="crashed", points=1)
    assert describe(hidden, "points") == (
        "FAILED  A hidden check of observer                                 0 of 1 point"
    )
    assert describe(hidden, "claim") == (
        "CRASHED  The result is a whole power of two (hidden inputs)        0 of 1 point\n\n"
        "  Not judged yet: observer.lower_clamp has to hold first; this point waits for\n  it."
    )
    everything = describe(hidden.model_copy(update={"waits_for": None}), "everything")
    for word in ("It is not.", "quarters", "f(1)", "lab3/observer.py:24", "here"):
        assert word in everything
    assert "lab3 check" not in everything  # students can't ask it


@pytest.mark.parametrize("disclosure", ["points", "claim"])
def test_a_visible_grade_keeps_points_and_whose_fault_it_is(disclosure: Disclosure) -> None:
    whole_grade = grade(
        whole(visibility="hidden", share=0.5, outcome="failed"),
        whole(visibility="hidden", outcome="passed"),
        whole(visibility="hidden", outcome="grader_error"),
        whole(),
    )
    shown = visible(whole_grade, disclosure)
    assert (shown.earned, shown.points, shown.undecided) == (6, 16, 4)
    assert visible(shown, disclosure) == shown
    assert shown.seed == ""
    assert visible(whole_grade, "everything") == whole_grade


def test_the_order_of_anonymous_checks_does_not_name_them() -> None:
    results = [
        result("observer.a", visibility="hidden", points=2),
        result("observer.b", visibility="hidden", points=1, outcome="passed"),
        result("observer.c", visibility="hidden", points=1, outcome="timed_out"),
        result("observer.d", visibility="hidden", points=1, outcome="grader_error"),
        result("observer.e"),
    ]
    shown = {visible(grade(*order), "points").model_dump_json() for order in permutations(results)}
    assert len(shown) == 1


def test_the_summary_counts_outcomes() -> None:
    def line(*outcomes: str, points: float = 4) -> str:
        return summary(grade(*(result(outcome=o, points=points) for o in outcomes)))

    assert line("passed", "passed") == "8 of 8 points; all checks passed"
    assert line("passed", "failed") == "4 of 8 points; 1 check failed"
    assert line("failed", "not_implemented", "failed", "crashed", "timed_out") == (
        "0 of 20 points; 2 checks failed, 1 not implemented, 1 crashed, 1 timed out"
    )
    assert line("grader_error", "passed", "passed", points=0.5) == (
        "1 of 1.5 points; 1 check not judged; 0.5 points wait for staff"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 量化 🙂", "plain é 量化 🙂"),
        ("two\nlines\r\n", "two\nlines\n"),
        ("\x1b[31mred\x1b[0m\x07", r"\x1b[31mred\x1b[0m\x07"),
        ("over\rwritten\x08", r"over\rwritten\x08"),
        ("\u202etxt.exe\u2066", r"\u202etxt.exe\u2066"),
        ("no\xa0break\u3000wide", "no break wide"),
        ("a\tb", "a   b"),
        ("\ud800\ufffe\U000e0041", r"\ud800\ufffe\U000e0041"),
        ("[bold]markup[/]", "[bold]markup[/]"),
    ],
)
def test_what_steers_a_terminal_is_shown_instead(text: str, shown: str) -> None:
    assert harmless(text) == shown


@settings(max_examples=150)
@given(results(), st.sampled_from(get_args(Disclosure)))
@example(result_of(lambda: "".join(NASTY)), "everything")
@example(result_of(lambda: "\n" * 99 + "x" * 5000), "everything")
def test_messages_are_harmless_whatever_they_hold(
    drawn: CheckResult, disclosure: Disclosure
) -> None:
    shown = describe(drawn, disclosure)
    assert shown.replace("\n", "").isprintable()
    # No line of the student's can pass for a headline or for another part of the message.
    assert all(line.startswith("  ") or not line for line in shown.split("\n")[1:])
    assert len(shown) < 20_000
