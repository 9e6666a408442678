"""Grades and results, pleasant and nasty."""

from collections.abc import Callable
from typing import Any, get_args

from hypothesis import strategies as st

from autograder.results import CheckResult, Grade, Observation, Outcome, Place

NASTY = (
    "<script>alert(1)</script>",
    "</title></style></pre><img src=x onerror=alert(1)>",
    "\"'><a href='https://example.org'>here</a>",
    "{{ 7*7 }}{% raw %}",
    "=HYPERLINK(0)",
    "]]><!--&lt;&#0;",
    "[bold red]PASSED[/]",
    "\x1b[2J\x1b]0;title\x07",
    "\u202eDESSAP\u2066\u200b",
    "\r\n\x0b\x85\u2028\ufffe\U000e0041\ue000\xa0\t",
)


# Never empty, so that a page has the same shape whatever the text.
texts = st.lists(st.text(max_size=12) | st.sampled_from(NASTY), max_size=3).map(
    lambda parts: "a" + "".join(parts)
)


def seen(question: str = "f(1)", expected: str = "2", got: str = "3", holds: bool = False) -> Any:
    return Observation(question=question, expected=expected, got=got, holds=holds)


def result(check: str = "observer.whole_power_of_two", **fields: Any) -> CheckResult:
    """A public claim worth four points that failed, unless told otherwise."""
    fields.setdefault("share", float(fields.get("outcome") == "passed"))
    given = {
        "visibility": "public",
        "claim": "The result is a whole power of two",
        "points": 4,
        "outcome": "failed",
        "seconds": 0.25,
    }
    return CheckResult.model_validate({"check": check, **given, **fields})


def grade(*results: CheckResult, **fields: Any) -> Grade:
    given = {
        "submission": "r12345",
        "submission_sha256": "5" * 64,
        "rubric_sha256": "7" * 64,
        "kit": "0.1.0",
        "torch": "2.14.1",
        "tier": "bubblewrap",
        "seed": "5eed",
        "data_set": None,
        "accuracy_error": 1e-6,
        "problems": (),
        "seconds": 1.5,
    }
    return Grade.model_validate({"results": results, **given, **fields})


def whole(**fields: Any) -> CheckResult:
    """A result in which every field says something; the public claim that everybody knows."""
    given: dict[str, Any] = {
        "said": "It is not.",
        "diagnosis": "It was rounded to quarters.",
        "observations": [seen()],
        "place": Place(file="lab3/observer.py", line=24, function="scale_approximate"),
        "waits_for": "observer.lower_clamp",
        "output": "here",
    }
    return result(**given | fields)


def result_of(draw: Callable[[], str], **fields: Any) -> CheckResult:
    """A result all of whose strings are drawn, and that waits for nothing unless told so."""
    return result(
        check=f"{draw()}.{draw()}",
        claim=draw(),
        said=draw(),
        diagnosis=draw(),
        observations=[seen(draw(), draw(), draw())],
        place=Place(file=draw(), line=3, function=draw()),
        output=draw(),
        **fields,
    )


@st.composite
def results(draw: st.DrawFn) -> CheckResult:
    """A result with arbitrary text in every string."""
    return result_of(
        lambda: draw(texts),
        waits_for=draw(st.none() | texts),
        outcome=draw(st.sampled_from(get_args(Outcome))),
        visibility=draw(st.sampled_from(["public", "hidden"])),
        points=draw(st.sampled_from([0.5, 1, 2.25, 4])),
        share=draw(st.sampled_from([0, 0.5, 1])),
    )
