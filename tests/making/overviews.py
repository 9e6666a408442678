"""Overviews of classes that nobody graded."""

import random

from autograder.exports.overview import Overview, Student
from autograder.results import CheckResult
from autograder.rubric import Entry
from tests.making.grades import NASTY, grade, result
from tests.making.grading import RUBRIC

KIT = "a" * 64


def overview_of(count: int, names: tuple[str, ...] = NASTY) -> Overview:
    """An overview of so many students, some of them late, slow, stale or not graded at all."""
    chance = random.Random(count)
    page = Overview("Deep Learning & <Lab 3>", RUBRIC.sha256, KIT)
    hard = {entry.check: chance.random() ** 3 for entry in RUBRIC.entries}
    for number in range(count):
        name = names[number] if number < len(names) else f"Student {number} O'Brien"
        student = Student(name, f"moodle-{number}", late="3 h: -10 %" if number % 9 == 4 else "")
        if number % 25 == 24:
            page.add(Student(name, f"s/{number}?#", why_not="not graded yet"), None)
            continue
        weak = chance.random()
        results = [
            result_of(entry, passes=chance.random() > weak * hard[entry.check])
            for entry in RUBRIC.entries
        ]
        rubric = "9" * 64 if number % 17 == 3 else RUBRIC.sha256
        seconds = 100.0 if number % 50 == 7 else chance.uniform(1, 3)
        page.add(
            Student(student.name, student.folder, student.late, mark=1.5 * number % 97),
            grade(*results, rubric_sha256=rubric, sources_sha256=KIT, seconds=seconds),
        )
    return page


def result_of(entry: Entry, passes: bool) -> CheckResult:
    return result(
        entry.check,
        visibility=entry.visibility,
        claim=f"{NASTY[0]} {entry.check}" if entry.check == "ptq.converts" else entry.check,
        points=entry.points,
        outcome="passed" if passes else "crashed" if entry.points > 3 else "failed",
    )
