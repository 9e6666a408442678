"""A student's words survive whatever ``lab3 report`` does around them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.report.prose import MarkerError, Region, SplitReport, digest, merge, parse

PLACEHOLDERS = ["*Write your answer here.*", "*請在此作答。*"]
NAMES = ("curves", "ask-winner", "comparison")


def fresh(number: int = 1, language: int = 0) -> SplitReport:
    """A report as it is made anew: its numbers and its language differ from time to time."""
    bodies = (f"## Curves {language}\n\n{number} epochs", f"**Why {language}?**", f"| {number} |")
    regions = (
        Region(name, None, 0, body, PLACEHOLDERS[language] if name.startswith("ask") else "")
        for name, body in zip(NAMES, bodies, strict=True)
    )
    return SplitReport("", tuple(regions))


def again(text: str, number: int = 1, language: int = 0) -> tuple[str, list[str]]:
    document, edits = merge(fresh(number, language), parse(text), PLACEHOLDERS, "## Unplaced")
    return document.text(), [edit.name for edit in edits]


def word_list(text: str) -> list[str]:
    return text.split()


FIRST = fresh().text()
lines = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=30).filter(
    lambda line: "lab3" not in line.lower()
)
prose = st.lists(lines | st.just("    code") | st.just("```") | st.just("<!-- note -->")).map(
    "\n".join
)


@given(
    st.lists(prose, min_size=4, max_size=4),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 1))),
)
def test_prose_between_regions_survives_any_number_of_runs_and_languages(
    pieces: list[str], runs: list[tuple[int, int]]
) -> None:
    regions = (
        Region(r.name, None, 0, r.body, piece)
        for r, piece in zip(fresh().regions, pieces[1:], strict=True)
    )
    text = SplitReport(pieces[0], tuple(regions)).text()
    before = parse(text)
    kept = (before.head, *(region.prose for region in before.regions))
    for number, language in runs:
        text, edited = again(text, number, language)
        assert edited == []
    after = parse(text)
    for old, new in zip(kept, (after.head, *(r.prose for r in after.regions)), strict=True):
        if old:
            assert new == old
        else:
            assert new in ("", *PLACEHOLDERS)


def test_running_again_changes_nothing() -> None:
    assert again(FIRST) == (FIRST, [])


def test_numbers_and_languages_change_around_the_prose() -> None:
    text = FIRST.replace(PLACEHOLDERS[0], "QAT won, by luck.")
    text, edited = again(text, number=2, language=1)
    assert "2 epochs" in text
    assert "**Why 1?**\n<!-- /lab3 -->\n\nQAT won, by luck.\n" in text
    assert edited == []


def test_a_placeholder_follows_the_language_and_leaves_when_answered_beside() -> None:
    text, _ = again(FIRST, language=1)
    assert PLACEHOLDERS[1] in text
    assert PLACEHOLDERS[0] not in text
    answered, _ = again(FIRST.replace(PLACEHOLDERS[0], PLACEHOLDERS[0] + "\n\nLuck."))
    assert PLACEHOLDERS[0] not in answered
    assert "Luck." in answered


def test_a_number_changed_by_hand_is_reported_with_both_values() -> None:
    document, (edit,) = merge(fresh(), parse(FIRST.replace("| 1 |", "| 99 |")), PLACEHOLDERS, "##")
    assert edit.name == "comparison"
    assert edit.diff == "-| 99 |\n+| 1 |"
    assert FIRST.splitlines()[edit.line - 1].startswith("<!-- lab3: comparison ")
    assert "| 99 |" not in document.text()


def test_white_space_that_an_editor_changes_is_no_edit() -> None:
    text = FIRST.replace("| 1 |", "|  1  |  ").replace("\n", "\r\n")
    assert again(text) == (FIRST, [])


def test_an_answer_inside_of_a_region_moves_behind_it() -> None:
    text = FIRST.replace("**Why 0?**\n", "**Why 0?**\n\nBecause.\n")
    text, edited = again(text)
    assert edited == []
    assert "**Why 0?**\n<!-- /lab3 -->\n\nBecause.\n" in text


def test_prose_of_a_region_that_is_gone_is_kept_under_a_heading_of_its_own() -> None:
    text = FIRST.replace("lab3: ask-winner", "lab3: ask-other").replace(PLACEHOLDERS[0], "Mine.")
    for _ in range(3):
        text, edited = again(text)
    assert edited == []
    assert text.endswith("## Unplaced\n<!-- /lab3 -->\n\nMine.\n")


def test_regions_in_another_order_keep_their_prose() -> None:
    document = parse(FIRST.replace(PLACEHOLDERS[0], "Mine."))
    turned = SplitReport("", document.regions[::-1]).text()
    assert again(turned) == (FIRST.replace(PLACEHOLDERS[0], "Mine."), [])


def test_prose_behind_a_region_that_stands_twice_is_joined() -> None:
    one = parse(FIRST.replace(PLACEHOLDERS[0], "First.")).regions
    two = parse(FIRST.replace(PLACEHOLDERS[0], "Second.")).regions
    text, _ = again(SplitReport("", (*one, *two)).text())
    assert word_list("First. Second.") == word_list(parse(text).regions[1].prose)


def test_a_region_deleted_with_its_marks_comes_back_and_no_prose_is_lost() -> None:
    document = parse(FIRST)
    text = SplitReport("", (document.regions[0],)).text() + "\nMy own words.\n"
    text, _ = again(text)
    assert [region.name for region in parse(text).regions] == list(NAMES)
    assert "My own words." in text


DAMAGES = {
    "an end is gone": (FIRST.replace("<!-- /lab3 -->\n", "", 1), "begins inside the one of line 1"),
    "the last end is gone": (FIRST[: FIRST.rindex("<!-- /lab3")], "begins and never ends"),
    "a begin is gone": ("\n".join(FIRST.split("\n")[1:]), "ends that has not begun"),
    "an end stands twice": (
        FIRST.replace("<!-- /lab3 -->", "<!-- /lab3 -->\n<!-- /lab3 -->", 1),
        "ends that has not begun",
    ),
    "a comment is cut": (FIRST.replace("<!-- /lab3 -->", "<!-- /lab3", 1), "looks like one"),
    "words beside a comment": (
        FIRST.replace("<!-- /lab3 -->", "<!-- /lab3 --> mine", 1),
        "looks like one",
    ),
    "a digest is cut": (FIRST.replace(f" {digest('| 1 |')}", " 12ab"), "looks like one"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_marks_are_refused_by_line(damage: str) -> None:
    text, reason = DAMAGES[damage]
    with pytest.raises(MarkerError, match=reason) as caught:
        parse(text)
    assert all(fault.split(":")[0].isdigit() for fault in str(caught.value).splitlines())


@given(st.text())
def test_any_text_is_split_or_refused(text: str) -> None:
    try:
        document = parse(text)
    except MarkerError:
        return
    assert document.head.split() == text.removeprefix("\ufeff").split()


@given(prose)
def test_a_file_without_regions_is_all_prose(text: str) -> None:
    merged, _ = again(text)
    assert parse(merged).head == parse(text).head
    assert set(word_list(text)) <= set(word_list(merged))
