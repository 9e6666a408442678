"""Courses whose grades are stored, without grading anybody, and what their LMSs give."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

from autograder.course.counting import Counted
from autograder.course.folder import Course
from autograder.course.index import Attempt, Student, write_index
from autograder.grades.choosing import counted_in
from autograder.grades.gathering import item_of
from autograder.grades.storing import Store
from autograder.publishing.awards import Award, Awards
from autograder.results import CheckResult, Grade
from tests.making.classes import DEADLINE, DUE, attempt, index, write_course
from tests.making.stores import facts_of, grade_by, put

SECTIONS = ("architecture", "curves", "tuning", "qconfig", "comparison", "discussion")
LATE = "[late]\npercent = 10\n"
NAMES = (
    "Ada Lovelace",
    "O'Brien, Mary-Jane",
    '王 "小明"',
    "مريم العلي",
    "=HYPERLINK(1)",
    "Jos\u00e9\nN\u00fa\u00f1ez",
    "de la Cruz; María",
    "Eve_4711",
    "@SUM(A1)",
    "Nguy\u1ec5n \u202e Van",
    "-Dash\tTab",
    "Åström 🎓",
)


@dataclass(frozen=True)
class Pupil:
    """A student: ``failed`` are checks without points; None where there is no grade yet."""

    number: int
    failed: tuple[str, ...] | None = ()
    late_h: float | None = -1
    lms: str = "moodle"
    name: str = ""
    outcome: str = "failed"
    problem: str | None = None

    @property
    def own_name(self) -> str:
        return self.name or NAMES[self.number % len(NAMES)]

    @property
    def login(self) -> str:
        return f"{6_000_000 + self.number}"  # looks like a number of Canvas's

    @property
    def lms_number(self) -> str:
        return str(600_000 + self.number)

    @property
    def id(self) -> str:
        return f"s{self.number:04}"

    @property
    def email(self) -> str:
        return f"{self.id}@example.org"

    @property
    def student(self) -> Student:
        ids = {"id": self.id, "login": self.login, self.lms: self.lms_number, "email": self.email}
        return Student(id=self.id, name=self.own_name, email=self.email, ids=ids)

    @property
    def attempt(self) -> Attempt:
        name = f"a{self.number:04}"
        fields = {"file": None, "problem": self.problem} if self.problem else {}
        lms_name = f"x_{self.lms_number}_{self.number}_lab.zip" if self.lms == "canvas" else ""
        return attempt(name, self.id, late_h=self.late_h, lms=self.lms, lms_name=lms_name, **fields)

    def grade(self) -> Grade | None:
        """The grade, None where there is none."""
        return None if self.failed is None else grade_of(self.failed, self.outcome, self.problem)

    @property
    def mark(self) -> Decimal | None:
        """The mark that has to be given out, with 10 % less for each day."""
        grade = self.grade()
        if grade is None or grade.undecided:
            return None
        days = -(-max(self.late_h or 0, 0) // 24)
        return Decimal(str(grade.earned)) * (10 - min(int(days), 10)) / 10


@cache
def grade_of(failed: tuple[str, ...], outcome: str = "failed", problem: str | None = None) -> Grade:
    """A grade of the kit's rubric in which some checks got nothing."""
    facts = facts_of()
    whole = grade_by(facts)
    results = tuple(
        without_points(r, outcome) if r.check in failed or problem else r for r in whole.results
    )
    return whole.model_copy(
        update={
            "results": results,
            "unread": f"nothing can be graded: {problem}" if problem else "",
        }
    )


def without_points(result: CheckResult, outcome: str) -> CheckResult:
    return result.model_copy(update={"outcome": outcome, "share": 0.0, "said": "It is not so."})


def award(
    number: int, name: str = "", points: str | None = "0", lost: str = "0", **ids: str
) -> Award:
    """What a student gets who handed in, and whom Moodle and Canvas know by numbers."""
    pupil = Pupil(number, name=name)
    known = {"id": pupil.id, "moodle": pupil.lms_number, "canvas": str(4000 + number), **ids}
    student = Student(id=pupil.id, name=pupil.own_name, ids={k: v for k, v in known.items() if v})
    counted = Counted(
        student, pupil.attempt, DEADLINE, False, timedelta(), Decimal(lost), "", None, None
    )
    earned = None if points is None else Decimal(points)
    why = "not graded yet" if points is None else ""
    return Award(student, pupil.id, earned, Decimal(lost), why, counted)


def given(*several: Award, total: str = "100") -> Awards:
    """The marks of a class."""
    return Awards(several, Decimal(total), "code")


def mixed(count: int, lms: str = "moodle") -> list[Pupil]:
    """A class in which everything happens, again and again."""
    several = (
        {},
        {"failed": ("observer.lower_clamp", "accuracy.fp32")},
        {"late_h": 5},
        {"failed": ("fusion.modes",), "late_h": 30},
        {"failed": None},
        {"failed": ("qat.converts",), "outcome": "grader_error"},
        {"failed": (), "problem": "is empty (0 bytes): hand it in again, and look at its size"},
    )
    return [Pupil(n, lms=lms, **several[n % len(several)]) for n in range(count)]


def write(
    folder: Path, pupils: Sequence[Pupil], settings: str = DUE + LATE, missing: int = 0
) -> Course:
    """Write a course of some students, and of some who handed in nothing."""
    rows = [f'{p.id},"{p.own_name.replace(chr(34), chr(34) * 2)}",{p.email}' for p in pupils]
    rows += [f"gone{n},Gone {n},gone{n}@example.org" for n in range(missing)]
    files = {"students_csv": "\n".join(["id,name,email", *rows, ""])}
    settings = f'students = "students.csv"\n{settings}'
    course = write_course(folder, settings, **files)
    students = {p.id: p.student for p in pupils}
    write_index(course.index_file, index(*(p.attempt for p in pupils), **students))
    store(course, pupils)
    return course


def store(course: Course, pupils: Sequence[Pupil]) -> None:
    """Store the grades of some students."""
    there, facts = Store(course.grades), facts_of()
    content = {one.student.id: item_of(one).content for one in counted_in(course, there)}
    for pupil in pupils:
        if (grade := pupil.grade()) is not None:
            put(there, pupil.id, grade, facts, content[pupil.id])


def due(hours: float) -> str:
    """A deadline so many hours later."""
    return f"deadline = {(DEADLINE + timedelta(hours=hours)).isoformat()}\n"
