"""Whether a class was graded as it has to be."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autograder.results import Grade
from tests.making.course.writing import Expected

# What differs between two gradings of the same: times, and what stood around the worker.
TIMELY = ("seconds", "resources", "walls", "tier")
UNPROMISED = "ptq.full_depth"  # no mutant says what it is to be
CODE = ("observer", "forward", "fusion", "ptq", "qat")


def timeless(text: str) -> dict[str, Any]:
    """Return a ``grade.json`` without what no two gradings share."""
    grade: dict[str, Any] = json.loads(text)
    for result in grade["results"]:
        result.pop("seconds")
    return {name: value for name, value in grade.items() if name not in TIMELY}


def timeless_grades(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the grades of a class by their folders."""
    return {p.parent.name: timeless(p.read_text()) for p in sorted(folder.glob("*/grade.json"))}


def lost(grade: Grade) -> dict[str, str]:
    """Return the outcome of every code check of which some visibility isn't passed."""
    found: dict[str, str] = {}
    for result in grade.results:
        if result.outcome != "passed" and result.group in CODE and result.check != UNPROMISED:
            found.setdefault(result.check, result.outcome)
    return found


def faults(expected: list[Expected], grades: Path) -> Iterator[str]:
    """Yield what is not as expected, a line each."""
    folders = {path.parent.name for path in grades.glob("*/grade.json")}
    present = {one.id for one in expected if one.role != "missing"}
    if folders != present:
        yield f"graded but not expected or not graded: {sorted(folders ^ present)}"
    for one in expected:
        if one.id in folders:
            grade = Grade.model_validate_json((grades / one.id / "grade.json").read_bytes())
            for said in faults_of(one, grade):
                yield f"{one.id} ({one.role}, {one.title}): {said}"


def faults_of(one: Expected, grade: Grade) -> Iterator[str]:
    """Yield what is wrong with one grade."""
    if bool(grade.unread) != one.is_unreadable:
        yield f"unread: {grade.unread!r}"
    if one.content is not None and grade.submission_sha256 != one.content:
        yield "another attempt was graded"
    if one.lost is not None and lost(grade) != one.lost:
        yield f"lost {lost(grade)}, not {one.lost}"
    if one.points is not None and grade.earned != one.points:
        yield f"{grade.earned:g} points, not {one.points:g}"
    if not grade.is_canary_well or grade.undecided:
        yield f"needs staff: {grade.canary}, {grade.undecided:g} points undecided"


def rows(expected: list[Expected], collected: dict[str, Any]) -> Iterator[str]:
    """Yield what ``lab3 collect --json`` should say and doesn't."""
    counted = {one["student"]: one for one in collected["counted"]}
    missing = {one.id for one in expected if one.role == "missing"}
    if set(collected["missing"]) != missing:
        yield f"missing: {sorted(collected['missing'])}, not {sorted(missing)}"
    if collected["not_in_class_list"]:
        yield f"not in the class list: {collected['not_in_class_list']}"
    for one in expected:
        if one.role != "missing" and counted[one.id]["is_late"] != one.is_late:
            yield f"{one.id}: late is {counted[one.id]['is_late']}, not {one.is_late}"
    unreadable = {one.id for one in expected if one.is_unreadable}
    said = {s for a in collected["attempts"] if a["problem"] for s in a["students"]}
    if not said <= unreadable:
        yield f"unreadable: {sorted(said - unreadable)}"
