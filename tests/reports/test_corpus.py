"""Every report of the corpus gives exactly the findings that it lists."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.reports.cases import RIGHT, WRONG, Case
from tests.reports.sentences import FALSE, TRUE
from tests.reports.whole import WHOLE
from tools.review import review
from tools.review.findings import RULES, Finding

PLACE = "  `Fusion only for eval!` told us"
CASES = {**RIGHT, **WRONG, **WHOLE}
# What only a run log can show has tests of its own.
NEEDS_LOGS = {name for name in RULES if name.startswith("log-")}


def found_in(case: Case, folder: Path) -> list[Finding]:
    for name, content in case.files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    return review(case.text, folder)


def matched(case: Case, findings: list[Finding]) -> tuple[list[Finding], list[tuple[str, str]]]:
    """Return findings that the case doesn't list, and listed ones that were not found."""
    lines = case.text.split("\n")
    missed, surplus = list(case.findings), []
    for finding in findings:
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
def test_a_report_gives_exactly_its_findings(name: str, tmp_path: Path) -> None:
    surplus, missed = matched(CASES[name], found_in(CASES[name], tmp_path))
    assert (surplus, missed) == ([], [])


@pytest.mark.parametrize("sentence", [*TRUE, *FALSE])
def test_a_sentence_is_found_only_when_it_is_false(sentence: str, tmp_path: Path) -> None:
    case = Case(
        "english",
        ((PLACE, f"  {sentence}{PLACE}"),),
        ((FALSE[sentence], sentence),) if sentence in FALSE else (),
    )
    assert matched(case, found_in(case, tmp_path)) == ([], [])


def test_precision_and_recall_over_the_corpus(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts: Counter[str] = Counter()
    for index, case in enumerate(CASES.values()):
        folder = tmp_path / str(index)
        folder.mkdir()
        findings = found_in(case, folder)
        surplus, missed = matched(case, findings)
        counts += Counter(
            right=len(findings) - len(surplus), surplus=len(surplus), missed=len(missed)
        )
    precision = counts["right"] / (counts["right"] + counts["surplus"])
    recall = counts["right"] / (counts["right"] + counts["missed"])
    with capsys.disabled():
        print(f"\n{len(CASES)} reports: precision {precision:.3f}, recall {recall:.3f}")
    assert (precision, recall) == (1, 1)


def test_the_corpus_is_large_enough_and_has_every_rule() -> None:
    assert len(RIGHT) >= 10
    assert len(WRONG) >= 30
    assert len({case.base for case in RIGHT.values()}) >= 5
    assert {rule for case in WRONG.values() for rule, _ in case.findings} == set(RULES) - NEEDS_LOGS


def test_each_finding_says_what_it_should_say_and_why(tmp_path: Path) -> None:
    for index, case in enumerate(WRONG.values()):
        folder = tmp_path / str(index)
        folder.mkdir()
        for finding in found_in(case, folder):
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
def test_the_right_number_is_told(name: str, should: str, tmp_path: Path) -> None:
    (finding,) = found_in(CASES[name], tmp_path)
    assert finding.should == should


def test_two_sizes_that_betray_different_schemes_name_both(tmp_path: Path) -> None:
    (finding,) = found_in(CASES["the default qconfig unsaid"], tmp_path)
    assert finding.sure == "certain"
    assert re.search(r"24\.12 MB is the size of: the default qconfig .* fused", finding.why)
    assert re.search(r"23\.66 of PTQ is that of: fused, one scale per tensor", finding.why)
