"""What the overview of a class says: counted from grades, whoever they are of."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.exports.overview import Overview, Student, bars_of, facts_of
from autograder.results import CheckResult, Grade
from tests.making.grades import NASTY, grade, result, texts
from tests.making.overviews import KIT, overview_of

AT = datetime(2026, 12, 1, tzinfo=UTC)
RUBRIC = "7" * 64


def check(name: str, earned: float = 0, points: float = 4, **fields: object) -> CheckResult:
    share = earned / points
    outcome = "passed" if share == 1 else "failed"
    return result(name, points=points, share=share, **{"outcome": outcome, **fields})


def by_kit(*results: CheckResult, **fields: object) -> Grade:
    return grade(*results, **{"sources_sha256": KIT, **fields})


def page(*grades: Grade | None, **student: object) -> str:
    overview = Overview("Lab 3", RUBRIC, KIT)
    for number, one in enumerate(grades):
        given = {"why_not": "not graded yet" if one is None else "", **student}
        overview.add(Student(f"Student {number}", f"s{number}", **given), one)  # type: ignore[arg-type]
    return overview.page(AT)


def rows(text: str, kind: str) -> list[str]:
    """The rows of the table of students, or of checks, as text."""
    table = text.split("<tbody>")[1 if kind == "students" else 2].split("</tbody>")[0]
    found = re.findall(r"<tr.*?</tr>", table, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in found]


def test_each_check_has_its_share_and_its_names() -> None:
    text = page(
        by_kit(check("a.one", 4), check("a.two", 0)),
        by_kit(check("a.one", 4), check("a.two", 3)),
        by_kit(check("a.one", 4), check("a.two", 4)),
    )
    (row,) = rows(text, "checks")
    assert "a: 1 failed, 1 in part 2 students Student 0 , Student 1 66.7 5 4" in row
    assert "1 of 2 checks cost nobody points" in text


def test_points_are_added_as_decimals() -> None:
    text = page(*(by_kit(check("a.one", 0, 0.1)) for _ in range(3)))
    assert rows(text, "checks")[0].endswith("100 0.3 0.1")


def test_other_rubrics_and_kits_are_marked() -> None:
    text = page(by_kit(), by_kit(rubric_sha256="9" * 64), by_kit(sources_sha256="b" * 64))
    marked = [("graded by another rubric or kit" in row) for row in rows(text, "students")]
    assert marked == [False, True, True]


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (by_kit(check("a.one"), unread="is empty"), "is empty"),
        (by_kit(check("a.one", outcome="grader_error")), "4 points undecided"),
        (by_kit(check("a.one"), is_canary_well=False), "the worker was not well: grade again"),
        (None, "not graded yet"),
    ],
)
def test_who_needs_a_look_is_told_why(one: Grade | None, said: str) -> None:
    assert said in rows(page(one), "students")[0]


def test_what_could_not_be_read_failed_no_check() -> None:
    text = page(by_kit(check("a.one"), unread="is empty"), by_kit(check("a.one", 4)))
    assert "1 of 1 checks cost nobody points" in text


def test_late_and_slow_ones_are_named() -> None:
    quick = [by_kit(check("a.one", 4), seconds=1.0) for _ in range(6)]
    text = page(*quick, by_kit(check("a.one", 4), seconds=9.0), late="3 h: -10 %")
    assert '<option value="slow">Slow (1)</option>' in text
    assert '<option value="late">Late (7)</option>' in text


def test_links_lead_to_the_folder_whatever_it_is_called() -> None:
    overview = Overview("Lab 3", RUBRIC, KIT)
    overview.add(Student("Ada", "a/b?c#d é"), by_kit(check("a.one", 4)))
    assert 'href="a%2Fb%3Fc%23d%20%C3%A9/feedback.html"' in overview.page(AT)


def test_an_empty_class_has_a_page() -> None:
    assert "Nobody is graded yet." in page()
    assert "0 of 1 graded" in page(None)


@pytest.mark.parametrize("count", [1, 60])
def test_no_name_becomes_markup(count: int) -> None:
    text = overview_of(count, NASTY).page(AT)
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "\x1b" not in text
    assert "\u202e" not in text


@settings(max_examples=20)
@given(texts)
def test_a_page_has_the_same_shape_whatever_the_texts(text: str) -> None:
    def made(name: str) -> str:
        overview = Overview(name, RUBRIC, KIT)
        overview.add(Student(name, "s1", late=name), by_kit(check("a.one", claim=name)))
        return re.sub(r">[^<]*<", "><", re.sub(r"<style>.*?</script>", "", overview.page(AT)))

    assert re.findall(r"</?\w+", made(text)) == re.findall(r"</?\w+", made("Ada"))


@given(st.lists(st.floats(0, 100), max_size=50))
def test_everybody_stands_in_one_bar(earned: list[float]) -> None:
    bars = bars_of(sorted(earned), 100)
    assert sum(bar.count for bar in bars) == len(earned)
    assert all(0 <= bar.height <= 90 and bar.y >= 10 for bar in bars)
    assert bool(facts_of(sorted(earned), 100)) == bool(earned)
