"""Each rule finds what its wrong examples show, and nothing of its own in the right ones."""

from pathlib import Path

import pytest

from tools.review import RULES, review

NOWHERE = Path("nowhere")
# Shown by a file or a run log, which other tests have.
BY_FILES = {"image-broken", *(name for name in RULES if name.startswith("log-"))}


def rules_of(text: str) -> set[str]:
    return {finding.rule for finding in review(text, NOWHERE)}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_keeps_to_its_examples(name: str) -> None:
    rule = RULES[name]
    assert rule.claim.endswith(".")
    assert rule.wrong or name in BY_FILES
    for text in rule.wrong:
        assert name in rules_of(text), text
    for text in rule.right:
        assert name not in rules_of(text), text


def test_findings_name_all_their_lines_and_the_weight_of_their_section() -> None:
    text = "## 5. Comparison\n\n" + RULES["drop-arithmetic"].wrong[0]
    (finding,) = [f for f in review(text, NOWHERE) if f.rule == "drop-arithmetic"]
    assert finding.line in finding.lines
    assert (finding.section, finding.weight) == (5, 25)


def test_only_cells_and_formulas_are_certain() -> None:
    sentences = [t for rule in RULES.values() for t in rule.wrong if "|" not in t and "`" not in t]
    certain = {
        f.rule
        for t in sentences
        for f in review(t, NOWHERE)
        if f.sure == "certain" and "$" not in t
    }
    assert certain <= {"equation", "placeholder", "image-missing", "zero-point", "integer-range"}
