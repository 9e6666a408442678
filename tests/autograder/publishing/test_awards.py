"""Whose mark is given out: of one total, with what people gave, and never 0 for what is open."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from autograder.course.folder import Course
from autograder.grades.storing import Store
from autograder.publishing.awards import CODE, WHOLE, Awards, TotalError, awards
from autograder.publishing.by_hand import ByHand, Given
from autograder.publishing.cells import LATER, cells_of
from autograder.publishing.standings import standings
from tests.making import published
from tests.making.classes import DUE
from tests.making.grades import result
from tests.making.published import Pupil
from tests.making.stores import facts_of, grade_by, put


def given_out(course: Course, by_hand: ByHand = ByHand(), is_code_only: bool = False) -> Awards:
    everybody = standings(course, Store(course.grades))
    return awards(everybody, cells_of(course), by_hand, is_code_only)


def marks(result: Awards) -> Mapping[str, Decimal | None]:
    return {award.folder: award.mark for award in result.all}


def hands(course: Course, **students: Mapping[str, Given]) -> ByHand:
    return ByHand(frozenset(cells_of(course).checks), students)


def sections(points: str) -> dict[str, Given]:
    return {name: Given(Decimal(points)) for name in published.SECTIONS}


def test_marks_are_points_less_what_lateness_takes(tmp_path: Path) -> None:
    pupils = published.mixed(14)
    course = published.write(tmp_path / "course", pupils, missing=1)
    found = given_out(course)
    assert marks(found) == {**{p.id: p.mark for p in pupils}, "gone0": None}
    assert (found.total, found.what) == (100, CODE)
    why = {award.folder: award.why for award in found.open}
    assert why["gone0"] == "handed in nothing"
    assert why["s0004"] == "not graded yet"
    assert why["s0005"] == "points of checks are undecided"


def test_another_deadline_gives_other_marks_at_once(tmp_path: Path) -> None:
    pupil = Pupil(0, late_h=30)
    course = published.write(tmp_path / "course", [pupil])
    assert marks(given_out(course)) == {"s0000": Decimal(80)}
    text = (course.folder / "course.toml").read_text().replace(DUE, published.due(8))
    (course.folder / "course.toml").write_text(text)
    assert marks(given_out(Course.find(course.folder))) == {"s0000": Decimal(90)}


def test_a_mark_is_rounded_once(tmp_path: Path) -> None:
    settings = DUE + "[late]\npercent = 33.35\n"
    course = published.write(tmp_path / "course", [Pupil(0, ("qat.converts",), 1)], settings)
    (award,) = given_out(course).given
    assert award.exact_mark == Decimal("98") * Decimal("0.6665")
    assert award.mark == Decimal("65.32")
    assert award.scaled(20, 100) == Decimal("13.06")


def test_points_by_hand_stand_for_automatic_ones(tmp_path: Path) -> None:
    course = published.write(tmp_path / "course", published.mixed(7))
    given = {"qat-converts": Given(Decimal("1.5"), Decimal("0.25"))}
    found = given_out(course, hands(course, s0001=given, s0005=given))
    assert marks(found)["s0001"] == Decimal("92.75")
    assert marks(found)["s0005"] == Decimal("99.75")  # what was undecided is decided
    assert found.what == CODE


def test_reports_count_as_soon_as_one_is_marked(tmp_path: Path) -> None:
    course = published.write(tmp_path / "course", [Pupil(0), Pupil(1, late_h=1), Pupil(2)])
    extra = {**sections("10"), "tuning": Given(Decimal(20), Decimal(10))}
    some = {"curves": Given(Decimal(3))}
    by_hand = hands(course, s0000=sections("9.5"), s0001=extra, s0002=some)
    found = given_out(course, by_hand)
    assert (found.total, found.what) == (200, WHOLE)
    assert marks(found) == {"s0000": Decimal(157), "s0001": Decimal("162"), "s0002": None}
    assert [award.why for award in found.open] == ["the report is not marked yet"]
    assert marks(given_out(course, by_hand, is_code_only=True))["s0002"] == 100


def test_a_check_that_the_gradebook_is_older_than_counts_in_one_cell(tmp_path: Path) -> None:
    course = published.write(tmp_path / "course", [Pupil(0, ("qat.converts",))])
    known = frozenset(cells_of(course).checks) - {"qat-converts", "qat-fake_quantize"}
    assert marks(given_out(course, ByHand(known)))["s0000"] == 98
    given = {"s0000": {LATER: Given(Decimal(1))}}
    assert marks(given_out(course, ByHand(known, given)))["s0000"] == 97


def test_a_grade_of_another_attempt_or_worker_is_not_given_out(tmp_path: Path) -> None:
    course = published.write(tmp_path / "course", [Pupil(0), Pupil(1)])
    store, facts = Store(course.grades), facts_of()
    put(store, "s0000", grade_by(facts), facts, "of something else")
    ill = replace_grade(Pupil(1))
    put(store, "s0001", ill, facts, store.made("s0001").key.content)  # type: ignore[union-attr]
    found = given_out(course)
    assert marks(found) == {"s0000": None, "s0001": None}
    assert [award.why.split(":")[0] for award in found.all] == [
        "the grade is of another attempt",
        "the worker was not well",
    ]


def replace_grade(pupil: Pupil) -> published.Grade:
    grade = pupil.grade()
    assert grade is not None
    return grade.model_copy(update={"is_canary_well": False})


def test_what_is_no_fault_of_a_students_is_not_0(tmp_path: Path) -> None:
    ours = "can't be read here, which is no fault of yours: ask your instructor"
    theirs = "is a web page, not an archive: hand in the archive itself"
    pupils = [Pupil(0, problem=ours), Pupil(1, problem=theirs)]
    found = given_out(published.write(tmp_path / "course", pupils))
    assert marks(found) == {"s0000": None, "s0001": Decimal(0)}
    assert found.all[1].why == f"nothing can be graded: {theirs}"


def test_a_time_that_nobody_knows_takes_nothing_and_is_told(tmp_path: Path) -> None:
    course = published.write(tmp_path / "course", [replace(Pupil(0), late_h=None)])
    (award,) = given_out(course).all
    assert (award.mark, award.why) == (100, "nothing tells when it was handed in")


def test_grades_of_different_totals_are_refused(tmp_path: Path) -> None:
    course = published.write(tmp_path / "course", [Pupil(0), Pupil(1)])
    facts = facts_of()
    store = Store(course.grades)
    made = store.made("s0001")
    assert made is not None
    put(store, "s0001", grade_by(facts, result(points=4)), facts, made.key.content)
    with pytest.raises(TotalError, match="1 of 100 and 1 of 4: lab3 grade"):
        given_out(course)


def test_every_check_and_every_section_has_a_cell(tmp_path: Path) -> None:
    from autograder.catalog import all_checks

    cells = cells_of(published.write(tmp_path / "course", []))
    assert {*cells.checks} == {check.replace(".", "-") for check in all_checks()}
    assert (cells.code_total, cells.report_total) == (100, 100)
    assert tuple(cells.sections) == published.SECTIONS
