"""The gradebook: what lab3 says, of everybody, and what people gave stays."""

from decimal import Decimal
from typing import Any

import pytest

from autograder.course.folder import Course
from autograder.publishing.cells import LATER, cells_of
from autograder.publishing.gradebook.opening import opened
from autograder.publishing.gradebook.reading import by_hand
from tests.autograder.publishing.gradebook.conftest import Make, dumped, exported
from tests.making import published
from tests.making.classes import DUE
from tests.making.published import LATE, Pupil

CONVERTS, CELL = "qat.converts", "qat-converts"


def scores(course: Course) -> dict[str, tuple[float, float]]:
    """Points and what lateness takes, by student, as nbgrader computes them."""
    with opened(course) as gradebook:
        found = {
            one.student_id: (one.score, one.late_submission_penalty)
            for one in gradebook.assignment_submissions("lab3")
        }
        gradebook.db.rollback()
        return found


def mark(course: Course, student: str, cell: str, comment: str = "", **values: Any) -> None:
    """Mark a cell as formgrader does."""
    notebook = "code" if "-" in cell or cell == LATER else "report"
    with opened(course) as gradebook:
        grade = gradebook.find_grade(cell, notebook, "lab3", student)
        for name, value in values.items():
            setattr(grade, name, value)
        grade.needs_manual_grade = grade.manual_score is None and grade.auto_score is None
        if comment:
            row = gradebook.find_comment(cell, notebook, "lab3", student)
            row.manual_comment = comment
        gradebook.db.commit()


def grade_row(course: Course, student: str, cell: str) -> dict[str, Any]:
    notebook = "code" if "-" in cell or cell == LATER else "report"
    with opened(course) as gradebook:
        row: dict[str, Any] = gradebook.find_grade(cell, notebook, "lab3", student).to_dict()
        gradebook.db.rollback()
        return row


def test_it_holds_every_mark_and_doing_it_again_changes_nothing(course_of_both: Make) -> None:
    pupils = published.mixed(14)
    course = course_of_both(pupils, missing=2)
    written = exported(course)
    assert (len(written.new), len(written.open), written.nothing) == (12, 2, ["gone0", "gone1"])
    found = scores(course)
    decided = {p.id: p.mark for p in pupils if p.mark is not None}
    assert {
        student: Decimal(str(points)) - Decimal(str(penalty))
        for student, (points, penalty) in found.items()
        if student in decided
    } == decided
    assert "s0004" not in found  # not graded yet
    before = dumped(course)
    again = exported(course)
    assert dumped(course) == before
    assert (len(again.same), again.new, again.changed, again.hiding) == (12, [], [], [])


def test_times_extensions_and_undecided_points_are_as_in_the_course(course_of: Make) -> None:
    undecided = Pupil(1, (CONVERTS,), outcome="grader_error")
    settings = f"{DUE}{LATE}[extensions]\ns0000 = 2026-12-03T23:59:00Z\n"
    course = course_of([Pupil(0, late_h=30), undecided], settings)
    exported(course)
    with opened(course) as gradebook:
        one = gradebook.find_submission("lab3", "s0000")
        assert one.timestamp.isoformat() == "2026-12-03T05:59:00"
        assert one.duedate.isoformat() == "2026-12-03T23:59:00"
        assert (one.total_seconds_late, one.late_submission_penalty) == (0, 0)
        gradebook.db.rollback()
    row = grade_row(course, "s0001", CELL)
    assert (row["auto_score"], row["needs_manual_grade"], row["max_score"]) == (None, True, 2)
    assert grade_row(course, "s0001", "observer-lower_clamp")["needs_manual_grade"] is False
    section = grade_row(course, "s0001", "qconfig")
    assert (section["auto_score"], section["needs_manual_grade"], section["max_score"]) == (
        None,
        True,
        25,
    )


def test_a_member_of_a_group_has_what_the_group_has(course_of: Make) -> None:
    course = course_of([Pupil(0, (CONVERTS,))], f"groups = true\n{DUE}{LATE}")
    (course.folder / "students.csv").write_text("id,name,group\ns0000,Ada,A\ns0001,Bob,A\n")
    published.store(course, [Pupil(0, (CONVERTS,))])
    made = (course.grades / "s0000").rename(course.grades / "both")
    for student in ("s0000", "s0001"):
        (course.grades / student).symlink_to(made)
    exported(course)
    assert scores(course) == {"s0000": (98, 0), "s0001": (98, 0)}


def test_grading_again_keeps_what_people_gave_and_lists_what_it_hides(course_of_both: Make) -> None:
    course = course_of_both([Pupil(0, (CONVERTS,)), Pupil(1, (CONVERTS,))])
    exported(course)
    mark(course, "s0000", CELL, manual_score=1.5, extra_credit=0.5)
    mark(course, "s0000", "qconfig", "Well argued.", manual_score=20.0)
    mark(course, "s0001", "fusion-modes", manual_score=2.0)
    before = dumped(course)
    assert exported(course).hiding == []  # nothing automatic has changed behind them
    assert dumped(course) == before
    published.store(course, [Pupil(0), Pupil(1)])
    written = exported(course)
    assert sorted(written.changed) == ["s0000", "s0001"]
    said = "Ada Lovelace (s0000): qat-converts: 1.5 by hand, 2 automatically now"
    assert written.hiding == [said]
    row = grade_row(course, "s0000", CELL)
    assert (row["auto_score"], row["manual_score"], row["extra_credit"]) == (2, 1.5, 0.5)
    assert scores(course)["s0000"] == (98 + 2.0 + 20, 0)
    assert exported(course).hiding == [said]  # until somebody has looked
    with opened(course) as gradebook:
        comment = gradebook.find_comment("qconfig", "report", "lab3", "s0000")
        assert comment.manual_comment == "Well argued."
        gradebook.db.rollback()
    mark(course, "s0000", CELL, manual_score=1.5)
    assert exported(course).hiding == []


def test_what_people_gave_is_read_for_other_exports(course_of: Make) -> None:
    course = course_of([Pupil(0, late_h=1)])
    exported(course)
    mark(course, "s0000", CELL, manual_score=0.0)
    mark(course, "s0000", "tuning", manual_score=20.0, extra_credit=2.5)
    given = by_hand(course)
    assert given.checks == {*cells_of(course).checks}
    own = {cell: (g.points, g.extra) for cell, g in given.of("s0000").items()}
    assert own == {CELL: (0, 0), "tuning": (20, Decimal("2.5"))}
    exported(course)
    assert scores(course) == {"s0000": (98 + 22.5, 12.05)}


def test_another_deadline_takes_the_penalty_away(course_of: Make) -> None:
    course = course_of([Pupil(0, late_h=5)])
    exported(course)
    assert scores(course) == {"s0000": (100, 10)}
    path = course.folder / "course.toml"
    path.write_text(path.read_text().replace(DUE, published.due(8)))
    assert exported(course).changed == ["s0000"]
    assert scores(course) == {"s0000": (100, 0)}


def test_who_left_the_course_stays_in_the_gradebook_and_is_named(course_of: Make) -> None:
    course = course_of([Pupil(0), Pupil(1)])
    exported(course)
    path = course.folder / "course.toml"
    path.write_text('staff = ["s0001"]\n' + path.read_text())
    assert exported(course).left == ["s0001"]
    assert sorted(scores(course)) == ["s0000", "s0001"]


def test_checks_that_come_later_have_their_points_in_one_cell(
    course_of: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    course = course_of([Pupil(0, ("fusion.modes",))])
    with monkeypatch.context() as patch:
        patch.setattr("autograder.publishing.exporting.cells_of", lambda c: older(c))
        written = exported(course)
        assert written.later == ()
    before = dumped(course)
    written = exported(course)
    assert written.later == ("fusion-modes", CELL)
    assert written.gone == ("qat-gone",)
    assert len(dumped(course)["base_cell"]) == len(before["base_cell"])
    row = grade_row(course, "s0000", LATER)
    assert (row["auto_score"], row["max_score"]) == (2, 4)
    assert grade_row(course, "s0000", "qat-gone")["max_score"] == 0
    assert scores(course) == {"s0000": (98, 0)}
    again = dumped(course)
    exported(course)
    assert dumped(course) == again


def older(course: Course) -> Any:
    """Cells of a kit that lacked two checks, and had one that is gone."""
    cells = cells_of(course)
    gone = {CELL, "fusion-modes"}
    checks = {name: points for name, points in cells.checks.items() if name not in gone}
    return type(cells)({**checks, "qat-gone": Decimal(4)}, cells.sections)


def test_another_rubric_changes_what_cells_are_worth(course_of: Make) -> None:
    from autograder.rubric import RUBRIC

    course = course_of([Pupil(0)])
    exported(course)
    text = RUBRIC.read_text().replace("comparison = 25", "comparison = 15")
    (course.folder / "rubric.toml").write_text(text)
    path = course.folder / "course.toml"
    path.write_text('rubric = "rubric.toml"\n' + path.read_text())
    exported(course)
    assert grade_row(course, "s0000", "comparison")["max_score"] == 15
