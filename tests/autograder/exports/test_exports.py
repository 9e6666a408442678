"""A grade in others' formats: valid, inert, and silent about what is hidden."""

import json
import re
import xml.etree.ElementTree as ET
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser
from typing import Any, get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autograder.exports.feedback import Version, feedback
from autograder.exports.gradescope import gradescope
from autograder.exports.junit import junit
from autograder.messages import describe, visible
from autograder.plain_text import harmless
from autograder.results import CheckResult, Grade, Outcome, Place
from autograder.rubric import Disclosure
from tests.making.grades import NASTY, grade, result, result_of, results, seen, texts

DISCLOSURES: tuple[Disclosure, ...] = get_args(Disclosure)

SAMPLE = grade(
    result(
        observations=[seen("f(0.3)", "0.25", "0.3"), seen(holds=True)],
        said="It is not.",
        place=Place(file="lab3/observer.py", line=24, function="f"),
        output="debug 1\ndebug 2\n",
    ),
    result(visibility="hidden", points=1, outcome="crashed", said="IndexError"),
    result("observer.max_shift_amount", outcome="passed", claim="It stays in range"),
    result("forward.gradients", outcome="not_implemented", claim="It has gradients"),
    result("forward.stub_order", outcome="timed_out", share=0, claim="It is in order"),
    result("ptq.converts", outcome="grader_error", points=0.5, claim="It converts"),
    problems=("runs/qat/run.jsonl: line 7 is torn",),
)


class Page(HTMLParser):
    """Elements with their attributes, in order, and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, Any]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"the page holds the comment {data!r}")


def squeezed(text: str) -> str:
    return " ".join(text.split())


def compact(text: str) -> str:
    """The text without its spaces and breaks, which a page may show in several ways."""
    return "".join(text.replace("\\n", "").split())


def exported(whole: Grade, disclosure: Disclosure) -> dict[str, str]:
    """Everything that leaves the grader about one grade, by format."""
    shown = visible(whole, disclosure)
    return {
        "grade.json": shown.model_dump_json(),
        "junit": junit(shown),
        "gradescope": gradescope(shown),
        "feedback": feedback(whole, disclosure),
        "terminal": "\n".join(describe(r, disclosure) for r in whole.results),
    }


def test_junit_maps_outcomes() -> None:
    root = ET.fromstring(junit(SAMPLE))
    suite = root[0]
    for element in (root, suite):
        counts = {name: element.get(name) for name in ("tests", "failures", "errors", "skipped")}
        assert counts == {"tests": "6", "failures": "2", "errors": "3", "skipped": "0"}
    cases = suite.findall("testcase")
    assert [(case.get("classname"), case.get("name")) for case in cases] == [
        ("observer", "whole_power_of_two"),
        ("observer", "whole_power_of_two (hidden)"),
        ("observer", "max_shift_amount"),
        ("forward", "gradients"),
        ("forward", "stub_order"),
        ("ptq", "converts"),
    ]
    problems = [[(e.tag, e.get("type")) for e in case if "type" in e.attrib] for case in cases]
    assert problems == [
        [("failure", "failed")],
        [("error", "crashed")],
        [],
        [("failure", "not_implemented")],
        [("error", "timed_out")],
        [("error", "grader_error")],
    ]
    assert cases[0].get("time") == "0.250"
    assert cases[0].findtext("failure") == describe(SAMPLE.results[0])
    assert cases[0].findtext("system-out") == "debug 1\ndebug 2"
    earned = [case.find("properties/property[@name='earned']") for case in cases]
    assert [e.get("value") for e in earned if e is not None] == ["0", "0", "4", "0", "0", "0"]


def test_anonymous_test_cases_have_names_of_their_own() -> None:
    hidden = [result(visibility="hidden"), result("observer.b", visibility="hidden")]
    root = ET.fromstring(junit(visible(grade(*hidden), "points")))
    assert [case.get("name") for case in root.iter("testcase")] == ["hidden", "hidden (2)"]


def test_gradescope_reads_scores_and_who_may_see_them() -> None:
    document = json.loads(gradescope(SAMPLE))
    assert document["score"] == 4
    assert document["output"].splitlines() == [
        "4 of 17.5 points; 1 check failed, 1 not implemented, 1 crashed, 1 timed out, "
        "1 not judged; 0.5 points wait for staff",
        "runs/qat/run.jsonl: line 7 is torn",
    ]
    first, hidden, *_, last = document["tests"]
    assert first == {
        "name": "The result is a whole power of two",
        "number": "1.1",
        "score": 0,
        "max_score": 4,
        "status": "failed",
        "output": describe(SAMPLE.results[0]),
        "visibility": "visible",
        "extra_data": {"check": "observer.whole_power_of_two", "outcome": "failed"},
    }
    assert hidden["visibility"] == "after_due_date"
    assert (last["number"], last["max_score"], last["status"]) == ("3.1", 0.5, "failed")


@pytest.mark.parametrize("disclosure", ["points", "claim"])
def test_gradescope_shows_at_once_what_may_be_told(disclosure: Disclosure) -> None:
    document = json.loads(gradescope(visible(SAMPLE, disclosure)))
    assert {test["visibility"] for test in document["tests"]} == {"visible"}


def test_the_page_tells_the_whole_grade() -> None:
    page = feedback(SAMPLE, "everything")
    text = squeezed(Page(page).text)
    for told in (
        "4 of 17.5 points; 1 check failed, 1 not implemented",
        "line 7 is torn",
        "observer49",  # group, earned and possible points: three cells of a table
        "FAILED The result is a whole power of two 0 of 4 points",
        "CRASHED The result is a whole power of two (hidden inputs) 0 of 1 point",
        "PASSED It stays in range 4 of 4 points",
        "NOT YET It has gradients",
        "TIMED OUT It is in order",
        "GRADER ERROR It converts 0 of 0.5 points",
        "f(0.3) expected0.25 got0.3",
        "1 of 2 observations hold.",
        "debug 1 debug 2",
        "lab3/observer.py:24 f",
        "lab3 check -k whole_power_of_two",
        "0.1.0",
        "5" * 64,
        "7" * 64,
        "bubblewrap",
        "5eed",
    ):
        assert told in text
    is_open = [dict(a) for tag, a in Page(page).elements if tag == "details"]
    # What is to be mended comes first and unfolded; then a folded group with what passed.
    assert ["open" in a for a in is_open] == [True, True, True, True, True, False, False]
    assert text.index("FAILED The result") < text.index("PASSED It stays")
    assert re.search(r"\d{4}-\d\d-\d\d, rubric 77777777, kit 0.1.0", text)


def test_the_page_needs_and_runs_nothing() -> None:
    elements = Page(feedback(SAMPLE, "everything")).elements
    policy = dict(elements[3][1])["content"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")
    tags = {tag for tag, _ in elements}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "form", "base", "a"}
    for _, attributes in elements:
        assert not {name for name, _ in attributes if name.startswith("on")}
        assert not {"src", "href", "style"} & dict(attributes).keys()
    page = feedback(SAMPLE, "everything")
    assert "http:" not in page
    assert "https:" not in page
    assert "url(" not in page
    assert "@import" not in page


@pytest.mark.parametrize("disclosure", DISCLOSURES)
def test_nothing_leaks_that_the_policy_withholds(disclosure: Disclosure) -> None:
    secret = result(
        "observer.LEAKname",
        visibility="hidden",
        claim="LEAKclaim",
        outcome="timed_out",
        said="LEAKsaid",
        diagnosis="LEAKdiagnosis",
        observations=[seen("LEAKquestion", "LEAKexpected", "LEAKgot")],
        place=Place(file="LEAKfile", line=98765, function="LEAKfunction"),
        is_claim_only=True,
        output="LEAKoutput",
        seconds=43.21,
    )
    waiting = secret.model_copy(update={"waits_for": "observer.LEAKfirst"})
    whole = grade(result(), secret, waiting, result("ptq.converts"), seed="LEAKseed")
    named = {"LEAKname", "LEAKclaim", "LEAKfirst"}
    leaks = "said diagnosis question expected got file function output"
    told = named | {f"LEAK{leak}" for leak in leaks.split()} | {"98765"}
    withheld = {
        "points": told | {"LEAK", "43.21", "timed_out", "TIMED OUT", "says so"},
        "claim": told - named | {"LEAKseed", "43.21", "says so"},
        "everything": set(),
    }[disclosure]
    for name, text in exported(whole, disclosure).items():
        body = text.split("</style>")[-1]
        assert not {word for word in withheld if word in body}, name
        if disclosure == "everything":
            # A hidden check's name is of no use to who can't ask for it.
            unused = {"LEAKname"} if name in ("feedback", "terminal") else set()
            assert not {word for word in told - unused if word not in text}, name
        if disclosure == "claim":
            assert "LEAKclaim" in text, name
        assert ("LEAKseed" in text) == (
            disclosure == "everything" and name in ("grade.json", "gradescope", "feedback")
        ), name


AT = datetime(2026, 12, 3, 9, 5, tzinfo=timezone(timedelta(hours=1)))


def test_the_page_says_which_version_it_is_and_what_changed() -> None:
    passed = result(outcome="passed")
    hidden = result("forward.b", visibility="hidden", claim="It computes")
    gone = result("ptq.converts", claim="It converts", points=0.5)
    old = grade(result(), hidden, gone, rubric_sha256="8" * 64)
    page = feedback(grade(passed, hidden), "claim", Version(3, AT, (2, old)))
    text = squeezed(Page(page).text)
    assert "Version 3, 2026-12-03 08:05 UTC, rubric 77777777" in text
    changed = text.split("Changed since version 2")[1].split("To mend")[0]
    assert "The result is a whole power of two0 of 44 of 4" in changed
    assert "It converts0 of 0.5not asked" in changed
    assert "It computes" not in changed
    assert "What is different: rubric." in changed
    same = feedback(old, "claim", Version(1, AT, (0, old)))
    assert "No points changed." in same
    assert "Changed since" not in feedback(old, "claim", Version(1, AT))
    assert "Version" not in feedback(old, "claim")


@pytest.mark.parametrize("disclosure", DISCLOSURES)
def test_what_changed_tells_no_more_than_the_policy_allows(disclosure: Disclosure) -> None:
    def secret(name: str, outcome: Outcome, **fields: Any) -> CheckResult:
        told = {"said": "LEAKsaid", "observations": [seen("LEAKquestion", "1", "2")]}
        check = {"claim": f"LEAKclaim {name}", "visibility": "hidden", **told}
        return result(f"observer.LEAK{name}", outcome=outcome, **check, **fields)

    before = secret("a", "timed_out"), secret("b", "passed", points=1), secret("gone", "passed")
    old = grade(*before, result("ptq.converts"), seed="LEAKseed1")
    after = secret("a", "passed"), secret("b", "crashed", points=1)
    new = grade(*after, result("ptq.converts"), rubric_sha256="8" * 64, seed="LEAKseed2")
    page = feedback(new, disclosure, Version(2, AT, (1, old)))
    section = page.split("Changed since version 1")[1].split("</section>")[0]
    text = squeezed(Page(section).text)
    assert not re.search("LEAK(said|question|seed)", section)
    if disclosure == "points":
        assert "LEAK" not in page
        assert "timed" not in page.split("</style>")[1].lower()
        assert "All hidden checks of observer5 of 94 of 5" in text
        assert text.count("of 4") == 0
    else:
        for shown in ("LEAKclaim a (hidden inputs)0 of 44 of 4", "LEAKclaim b (hidden inputs)1"):
            assert shown in text
        assert "LEAKclaim gone (hidden inputs)4 of 4not asked" in text


@pytest.mark.parametrize("disclosure", DISCLOSURES)
def test_what_changed_is_inert(disclosure: Disclosure) -> None:
    nothing = HOSTILE.model_copy(update={"results": ()})
    for old, new in ((nothing, HOSTILE), (HOSTILE, nothing)):
        page = Page(feedback(new, disclosure, Version(2, AT, (1, old))))
        sample = Page(feedback(SAMPLE, disclosure, Version(2, AT, (1, nothing))))
        assert {tag for tag, _ in page.elements} <= {tag for tag, _ in sample.elements}
        assert page.text.replace("\n", "").isprintable()


@st.composite
def grades(draw: st.DrawFn) -> Grade:
    """A grade with arbitrary text in every string."""
    names = ("submission", "submission_sha256", "rubric_sha256", "kit", "torch", "tier", "seed")
    return grade(
        *draw(st.lists(results(), min_size=1, max_size=3)),
        **{name: draw(texts) for name in names},
        problems=tuple(draw(st.lists(texts, max_size=2))),
    )


HOSTILE = grade(
    *(
        result_of(lambda: "".join(NASTY), outcome=outcome, waits_for=first)
        for outcome in get_args(Outcome)
        for first in (None, "".join(NASTY))
    ),
    submission="".join(NASTY),
    problems=NASTY,
)
thorough = settings(max_examples=100)


@thorough
@given(grades())
@example(HOSTILE)
def test_junit_is_valid_whatever_it_holds(drawn: Grade) -> None:
    root = ET.fromstring(junit(drawn).encode())
    cases = list(root.iter("testcase"))
    assert len(cases) == len(drawn.results)
    assert len({(case.get("classname"), case.get("name")) for case in cases}) == len(cases)
    allowed = {"testsuites", "testsuite", "testcase", "properties", "property"}
    assert {e.tag for e in root.iter()} <= allowed | {"failure", "error", "system-out"}
    for case, whole in zip(cases, drawn.results, strict=True):
        problem = case.find("failure") if case.find("error") is None else case.find("error")
        assert (problem is None) == (whole.outcome == "passed")
        if problem is not None:
            assert problem.text == describe(whole)


@thorough
@given(grades(), st.sampled_from(DISCLOSURES))
@example(HOSTILE, "everything")
def test_gradescope_adds_up_whatever_it_holds(drawn: Grade, disclosure: Disclosure) -> None:
    document = json.loads(gradescope(visible(drawn, disclosure)))
    assert document["score"] == drawn.earned
    assert sum(test["score"] for test in document["tests"]) == pytest.approx(drawn.earned)
    assert sum(test["max_score"] for test in document["tests"]) == pytest.approx(drawn.points)
    for test in document["tests"]:
        shown = test["name"] + test["output"].replace("\n", "")
        assert shown.isprintable()


def plain(whole: Grade) -> Grade:
    """The same grade, every string of it a word."""

    def word(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: word(inner, name) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return [word(inner, key) for inner in value]
        if key == "check":  # groups that differ stay different
            return f"{value.split('.', 1)[0].encode().hex()}.b"
        is_free = isinstance(value, str) and key not in ("outcome", "visibility")
        return "a" if is_free else value

    return Grade.model_validate(word(whole.model_dump()))


@thorough
@given(grades(), st.sampled_from(DISCLOSURES))
@example(HOSTILE, "everything")
def test_the_page_is_inert_whatever_it_holds(drawn: Grade, disclosure: Disclosure) -> None:
    page = Page(feedback(drawn, disclosure))
    assert page.elements == Page(feedback(plain(drawn), disclosure)).elements
    assert page.text.replace("\n", "").isprintable()
    text = compact(page.text)
    told = [drawn.submission, drawn.kit, drawn.tier, *drawn.problems]
    for shown in visible(drawn, disclosure).results:
        told += [shown.claim, shown.group]
        for observation in shown.observations:
            told += [observation.question, observation.expected, observation.got]
    for field in told:
        assert compact(harmless(field)) in text
