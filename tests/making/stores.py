"""Stored grades of a class, without grading anybody."""

from pathlib import Path
from typing import Any

from autograder.grades.items import Facts, Graded, Item
from autograder.grades.made import Key, key_of
from autograder.grades.storing import Store
from autograder.options import Options
from autograder.results import CheckResult, Grade
from autograder.rubric import Policy, Rubric
from tests.making.grades import grade
from tests.making.grading import RUBRIC

OPTIONS = Options()
POLICY = Policy(before_deadline="claim", after_deadline="everything")


def facts_of(rubric: Rubric = RUBRIC, **fields: Any) -> Facts:
    """What grades rest on here, perhaps with another kit or computer."""
    given = {
        "claims": {entry.check: "It is right" for entry in rubric.entries},
        "sources_sha256": "a" * 64,
        "kit": "0.1.0",
        "torch": "2.14.1",
        "engine": "onednn",
        "tier": "namespaces",
        "walls": ("namespaces",),
    }
    return Facts(rubric=rubric, **{**given, **fields})


def item_of(folder: str, content: str = "one", path: Path | None = Path("/x.zip")) -> Item:
    return Item(folder, folder.title(), content, path, "" if path else "is empty")


def key(facts: Facts, content: str = "one") -> Key:
    return key_of(item_of("ada", content), facts, OPTIONS)


def grade_by(facts: Facts, *results: CheckResult, **fields: Any) -> Grade:
    """A grade by a rubric, of these results or full points for all that it asks."""
    every = tuple(
        CheckResult(
            check=entry.check,
            visibility=entry.visibility,
            claim=facts.claims[entry.check],
            points=entry.points,
            outcome="passed",
            share=1.0,
            seconds=0.0,
        )
        for entry in facts.rubric.entries
    )
    given = {
        "rubric_sha256": facts.rubric.sha256,
        "asked_sha256": facts.rubric.asked_sha256,
        "sources_sha256": facts.sources_sha256,
        "kit": facts.kit,
        "tier": facts.tier,
    }
    return grade(*(results or every), **{**given, **fields})


def put(store: Store, folder: str, whole: Grade, facts: Facts, content: str = "one") -> None:
    """Store a grade that is final."""
    store.write(Graded(folder, whole), key(facts, content), POLICY)
