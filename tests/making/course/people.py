"""Who is in a class: what everybody hands in, where and when."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.making.course.work import Students, Work
from tests.making.submissions import Files

DEADLINE = datetime(2026, 3, 31, 22, 0, tzinfo=UTC)
# One of each, for a small class; a larger one goes on in the proportions of a real one.
FEW = (
    "right with_runs mutant several incomplete copy mutant broken hostile skeleton right missing"
).split()
# Then those who copied, each after the one they copied from, and those who may look like it.
PLANTED = (
    "with_runs own_seed with_runs exact resaved perturbed renamed pretended "
    "report chinese_report prose report prose"
).split()
MANY = (
    "right mutant right with_runs right several mutant right copy right incomplete mutant right "
    "broken right mutant several right hostile with_runs right mutant right missing skeleton"
).split()
# What an LMS tells of times: when, whether it was late, or nothing.
TIMED = ("moodle", "gradescope", "blackboard", "brightspace", "nbgrader")
KINDS = (*TIMED, "canvas", "classroom", "classroom50", "folders")
SURNAMES = ("Lovelace", "O'Brien", "Müller", "王", "de la Cruz", "Nguyễn", "Smith-Jones", "Åström")


@dataclass(frozen=True)
class Attempt:
    """Something handed in, and when."""

    work: Work
    received: datetime

    @property
    def is_late(self) -> bool:
        return self.received > DEADLINE


@dataclass(frozen=True)
class Person:
    """A student; the attempts go from the oldest to the newest."""

    number: int
    role: str
    kind: str
    attempts: tuple[Attempt, ...]
    has_extension: bool = False

    @property
    def id(self) -> str:
        return f"s{self.number:04}"

    @property
    def name(self) -> str:
        return f"Student {self.number} {SURNAMES[self.number % len(SURNAMES)]}"

    @property
    def email(self) -> str:
        return f"{self.id}@example.org"

    @property
    def counting(self) -> Attempt | None:
        """The attempt that counts: the newest of those on time, else the newest."""
        on_time = [a for a in self.attempts if not a.is_late or self.has_extension]
        return (on_time or [*self.attempts] or [None])[-1]

    @property
    def is_late(self) -> bool | None:
        """Whether what counts is late; None where its LMS doesn't tell."""
        counting = self.counting
        if counting is None or self.kind not in (*TIMED, "canvas"):
            return None
        return counting.is_late and not self.has_extension


def class_of(
    count: int,
    seed: int,
    runs: Files,
    kinds: Sequence[str] = KINDS,
    roles: Sequence[str] | None = None,
) -> list[Person]:
    """Return a class; the same numbers give the same class. ``roles`` are those of the first."""
    chance, students = random.Random(seed), Students(seed, runs)
    people = []
    first = (roles or [*FEW, *PLANTED])[:count]
    for number in range(count):
        role = first[number] if number < len(first) else MANY[number % len(MANY)]
        kind = chance.choice([k for k in kinds if role != "several" or k in TIMED] or kinds)
        attempts = attempts_of(f"student {number}", role, kind, students, chance)
        late = any(attempt.is_late for attempt in attempts)
        extension = late and role != "several" and kind in TIMED and chance.random() < 0.3
        people.append(Person(number, role, kind, attempts, extension))
    return people


def attempts_of(
    name: str, role: str, kind: str, students: Students, chance: random.Random
) -> tuple[Attempt, ...]:
    """Return what a student hands in."""
    if role == "missing":
        return ()
    if role == "several" and kind in TIMED:
        last = chance.choice((-2, 5))  # hours after the deadline
        works = students.mutant(f"{name}, first"), students.right(f"{name}, second")
        return (Attempt(works[0], at(-30)), Attempt(works[1], at(last)))
    work = getattr(students, "right" if role == "several" else role)(name)
    return (Attempt(work, at(4 if chance.random() < 0.12 else -chance.randint(1, 200))),)


def at(hours: int) -> datetime:
    return DEADLINE + timedelta(hours=hours)


def identity(files: Files) -> str:
    """Return what a grade calls the content of a submission."""
    lines = (f"{n}\0{hashlib.sha256(c).hexdigest()}\n" for n, c in sorted(files.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
