"""Earlier grades are kept: a line for each, and the newest as they were."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from autograder.grades import history
from autograder.grades.items import Graded
from autograder.grades.storing import Store
from autograder.results import CheckResult, Grade
from tests.making.grades import grade, result
from tests.making.grading import RUBRIC
from tests.making.stores import POLICY, facts_of, key, put

FACTS = facts_of()
PASSED, FAILED = result(outcome="passed"), result(outcome="failed")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "grades", by="tess")


def numbers(store: Store) -> list[int]:
    return [made.number for made in store.history("ada")]


def earlier(store: Store, number: int) -> Grade | None:
    return history.version(store.top / "ada", number)


def test_the_history_says_who_when_and_by_which_rubric(store: Store) -> None:
    put(store, "ada", grade(FAILED), FACTS)
    Store(store.top, by="tom").write(
        Graded("ada", grade(PASSED)), key(FACTS), POLICY, is_recomputed=True
    )
    first, second = store.history("ada")
    assert (first.number, first.by, first.is_recomputed, first.earned) == (1, "tess", False, 0)
    assert (second.number, second.by, second.is_recomputed, second.earned) == (2, "tom", True, 4)
    assert first.at <= second.at
    assert second.key.rubric_sha256 == FACTS.rubric.sha256
    assert earlier(store, 1) == grade(FAILED)
    assert store.before("ada") == (1, grade(FAILED))
    assert "Version 1" in (store.top / "ada" / "versions" / "1" / "feedback.html").read_text()
    assert "Changed since version 1" in (store.top / "ada" / "feedback.html").read_text()


def test_grading_again_to_the_same_result_adds_nothing(store: Store) -> None:
    put(store, "ada", grade(FAILED), FACTS)
    (first,) = store.history("ada")
    again = FAILED.model_copy(update={"seconds": 9.0})
    put(store, "ada", grade(again, seconds=3), FACTS)
    assert store.history("ada") == [first]
    assert store.made("ada") == first
    assert not (store.top / "ada" / "versions").exists()
    put(store, "ada", grade(FAILED), facts_of(torch="2.15.0"))
    assert numbers(store) == [1, 2]  # by something else


def test_two_who_write_at_once_write_one_after_the_other(store: Store) -> None:
    """Files of one grade beside those of another would be taken for a grade."""
    by_rubric = {"one": FACTS, "two": facts_of(replace(RUBRIC, sha256="b" * 64))}

    def write_some(name: str) -> None:
        facts = by_rubric[name]
        for number in range(20):
            result = FAILED if number % 2 else PASSED
            put(store, "ada", grade(result, rubric_sha256=facts.rubric.sha256), facts)

    with ThreadPoolExecutor() as threads:
        assert [*threads.map(write_some, by_rubric)] == [None, None]
    made, there = store.made("ada"), store.grade("ada")
    assert made is not None
    assert there is not None
    assert made.is_of(there)
    assert made.number == len(set(numbers(store)))
    for number in history.kept_versions(store.top / "ada"):
        kept = earlier(store, number)
        assert kept is not None
        assert store.history("ada")[number - 1].is_of(kept)


def killed_after(store: Store, files: int, new: CheckResult) -> None:
    """Store a grade in a process that is killed after so many of its writes."""
    written = 0

    def write(path: Path, text: str) -> None:
        nonlocal written
        if written == files:
            raise KeyboardInterrupt
        written += 1
        path.write_text(text)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("autograder.grades.storing.write_text", write)
        with pytest.raises(KeyboardInterrupt):
            put(store, "ada", grade(new), FACTS)


@pytest.mark.parametrize("files", range(5))
def test_what_was_interrupted_ends_with_the_same_history(store: Store, files: int) -> None:
    put(store, "ada", grade(FAILED), FACTS)
    killed_after(store, files, PASSED)
    assert store.made("ada") is None
    put(store, "ada", grade(PASSED), FACTS)
    assert numbers(store) == [1, 2]
    assert earlier(store, 1) == grade(FAILED)
    assert store.grade("ada") == grade(PASSED)
    assert (made := store.made("ada"))
    assert made.number == 2


def test_the_history_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "LINES", 4)
    monkeypatch.setattr(history, "KEPT", 2)
    for count in range(7):
        put(store, "ada", grade(result(points=count + 1)), FACTS)
    assert numbers(store) == [4, 5, 6, 7]
    assert history.kept_versions(store.top / "ada") == [5, 6]
    before = store.before("ada")
    assert before is not None
    assert (before[0], before[1].points) == (6, 6)


def test_damaged_lines_are_left_out(store: Store) -> None:
    put(store, "ada", grade(FAILED), FACTS)
    file = store.top / "ada" / "history.jsonl"
    file.write_text(file.read_text() + '{"number": 2, "by"\n')
    put(store, "ada", grade(PASSED), FACTS)
    assert numbers(store) == [1, 2]
    shutil.rmtree(store.top / "ada" / "versions")
    assert store.before("ada") is None
