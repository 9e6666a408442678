"""Every report of the corpus gives exactly the findings that it lists."""

import re
from collections import Counter
from collections.abc import Sequence

import pytest

from tests.reports.cases import RIGHT, WRONG, Case
from tests.reports.reviews import findings_of
from tests.reports.sentences import FALSE, TRUE
from tests.reports.whole import WHOLE
from tools.review import RULES
from tools.review.findings import Finding

PLACE = "  `Fusion only for eval!` told us"
CASES = {**RIGHT, **WRONG, **WHOLE}
# The reports of the corpus are short: what a whole one needs has tests of its own.
OF_WHOLE_REPORTS = {
    *("formula-missing", "approximation-missing", "comparison-missing", "challenges-missing"),
    *("results-missing",),
}


def matched(case: Case, findings: Sequence[Finding]) -> tuple[list[Finding], list[tuple[str, str]]]:
    """Return findings that the case doesn't list, and listed ones that were not found."""
    lines = case.text.split("\n")
    missed, surplus = list(case.findings), []
    for finding in findings:
        if finding.rule in OF_WHOLE_REPORTS:
            continue
        listed = [
            (rule, piece)
            for rule, piece in missed
            if rule == finding.rule and piece in lines[finding.line - 1]
        ]
        if listed:
            missed.remove(listed[0])
        else:
            surplus.append(finding)
    return surplus, missed


@pytest.mark.parametrize("name", CASES)
def test_a_report_gives_exactly_its_findings(name: str) -> None:
    surplus, missed = matched(CASES[name], findings_of(CASES[name]))
    assert (surplus, missed) == ([], [])


@pytest.mark.parametrize("sentence", [*TRUE, *FALSE])
def test_a_sentence_is_found_only_when_it_is_false(sentence: str) -> None:
    case = Case(
        "english",
        ((PLACE, f"  {sentence}{PLACE}"),),
        ((FALSE[sentence], sentence),) if sentence in FALSE else (),
    )
    assert matched(case, findings_of(case)) == ([], [])


def test_precision_and_recall_over_the_corpus(capsys: pytest.CaptureFixture[str]) -> None:
    counts: Counter[str] = Counter()
    for case in CASES.values():
        findings = findings_of(case)
        surplus, missed = matched(case, findings)
        counts += Counter(
            right=len(findings) - len(surplus), surplus=len(surplus), missed=len(missed)
        )
    precision = counts["right"] / (counts["right"] + counts["surplus"])
    recall = counts["right"] / (counts["right"] + counts["missed"])
    with capsys.disabled():
        print(f"\n{len(CASES)} reports: precision {precision:.3f}, recall {recall:.3f}")
    assert (precision, recall) == (1, 1)


def test_the_corpus_is_large_enough() -> None:
    assert len(RIGHT) >= 10
    assert len(WRONG) >= 30
    assert len({case.base for case in RIGHT.values()}) >= 5
    assert len({rule for case in WRONG.values() for rule, _ in case.findings}) >= 30


def test_each_finding_says_what_it_should_say_and_why() -> None:
    for case in WRONG.values():
        for finding in findings_of(case):
            assert finding.should
            assert finding.why
            assert finding.rule in RULES
            assert "\n" not in finding.says


@pytest.mark.parametrize(
    ("name", "should"),
    [
        ("a drop that is a fraction", "0.97 points"),
        ("a tiny fraction", "-0.06 points"),
        ("a relative drop", "0.97 points"),
        ("MiB of FP32", "94.40 MB"),
        ("a speed-up that is off", "2.50x"),
        ("fractions in a percent column", "92.99 %"),
        ("an accuracy in the text that is off", "92.99 %"),
    ],
)
def test_the_right_number_is_told(name: str, should: str) -> None:
    (finding,) = found(name)
    assert should in finding.should


def found(name: str) -> list[Finding]:
    return [f for f in findings_of(CASES[name]) if f.rule not in OF_WHOLE_REPORTS]


def test_two_sizes_that_betray_different_schemes_name_both() -> None:
    (finding,) = found("the default qconfig unsaid")
    assert finding.sure == "certain"
    assert re.search(r"24\.12 MB is the size of: the default qconfig .* fused", finding.why)
    assert re.search(r"23\.66 of PTQ is that of: fused, one scale per tensor", finding.why)
