"""Another rubric's marks of stored grades, and what has to be graded again."""

from dataclasses import replace
from pathlib import Path

import pytest

from autograder.grades.items import Facts
from autograder.grades.planning import Plan, Selection, plan
from autograder.grades.recomputing import recompute
from autograder.grades.storing import Store
from autograder.grades.unjudged import unread
from tests.making.grading import RUBRIC
from tests.making.stores import OPTIONS, facts_of, grade_by, item_of, put

FACTS = facts_of()
ITEMS = [item_of("ada"), item_of("bob", "other")]
EVERYTHING = Selection()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    for item in ITEMS:
        put(store, item.folder, grade_by(FACTS), FACTS, item.content)
    return store


def by_rubric(**fields: object) -> Facts:
    document = RUBRIC.document.model_copy(update=fields)
    return facts_of(replace(RUBRIC, document=document, sha256="9" * 64))


def with_points(points: float) -> Facts:
    """A rubric that gives the first check other points."""
    checks = RUBRIC.document.checks
    observer = {**checks["observer"], "follows_the_scale": {"public": points, "hidden": 1.0}}
    return by_rubric(checks={**checks, "observer": observer}, total=99 + points)


def planned(store: Store, facts: Facts, selection: Selection = EVERYTHING) -> tuple[set[str], Plan]:
    changed = recompute(ITEMS, selection, store, facts, OPTIONS)
    return changed, plan(ITEMS, selection, store, facts, OPTIONS)


def folders(items: object) -> list[str]:
    return [item.folder for item in items]  # type: ignore[attr-defined]


def test_other_points_are_given_without_grading(store: Store) -> None:
    changed, todo = planned(store, with_points(2.5))
    assert changed == {"ada", "bob"}
    assert (todo.todo, todo.stale) == ((), ())
    grade, made = store.grade("ada"), store.made("ada")
    assert grade is not None
    assert made is not None
    assert (grade.earned, grade.rubric_sha256) == (101.5, "9" * 64)
    assert (made.number, made.is_recomputed, made.earned) == (2, True, 101.5)
    assert planned(store, with_points(2.5))[0] == set()
    planned(store, FACTS)
    assert store.grade("ada") == grade_by(FACTS)


def test_the_pages_tell_what_another_disclosure_allows(store: Store) -> None:
    page = store.top / "ada" / "feedback.html"
    assert "(hidden inputs)" in page.read_text()
    hidden = RUBRIC.document.hidden.model_copy(update={"before_deadline": "points"})
    changed, _ = planned(store, by_rubric(hidden=hidden))
    assert changed == {"ada", "bob"}
    assert "(hidden inputs)" not in page.read_text()
    assert "No points changed." in page.read_text()


@pytest.mark.parametrize(
    "other",
    [
        by_rubric(key="another key of 128 random bits"),
        by_rubric(accuracy_error=1e-5),
        facts_of(sources_sha256="b" * 64),
        facts_of(torch="2.15.0"),
        facts_of(engine="qnnpack"),
    ],
)
def test_what_was_asked_otherwise_is_stale(store: Store, other: Facts) -> None:
    changed, todo = planned(store, other)
    assert changed == set()
    assert (folders(todo.todo), folders(todo.stale)) == ([], ["ada", "bob"])
    again = planned(store, other, Selection(rerun=("changed",)))[1]
    assert folders(again.todo) == ["ada", "bob"]


def test_what_could_not_be_read_has_its_points_as_well(tmp_path: Path) -> None:
    store, item, other = Store(tmp_path), item_of("eve", path=None), with_points(2.5)
    put(store, "eve", unread(item, FACTS, OPTIONS, item.problem), FACTS)
    assert recompute([item], EVERYTHING, store, other, OPTIONS) == {"eve"}
    assert store.grade("eve") == unread(item, other, OPTIONS, item.problem)


def test_another_submission_is_graded(store: Store) -> None:
    changed = recompute([item_of("ada", "new")], EVERYTHING, store, with_points(2), OPTIONS)
    todo = plan([item_of("ada", "new")], EVERYTHING, store, with_points(2), OPTIONS)
    assert (changed, folders(todo.todo)) == (set(), ["ada"])


def test_what_is_graded_again_anyway_is_not_recomputed(store: Store) -> None:
    changed, todo = planned(store, with_points(2.5), Selection(rerun=("ada",)))
    assert (changed, folders(todo.todo)) == ({"bob"}, ["ada"])
