"""Which attempt of a student counts, and how late it is: derived from settings and index.

Nothing here is stored, so another deadline, another rule or an extension changes it at once.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from autograder.course.index import Attempt, Index, Student
from autograder.course.naming import folder_name
from autograder.course.settings import Choice, Settings

Points = Callable[[Attempt], Decimal | None]
T = TypeVar("T")
ASK = "ask your instructor"  # ends a problem that is no fault of the student's
ELSEWHERE = f"is in the LMS, but not in what was collected from it: {ASK}"
ON_TIME, DAY = timedelta(), timedelta(days=1)


@dataclass(frozen=True)
class Counted:
    """A student's attempt that counts.

    ``late_by`` counts from the student's own deadline; it is zero within the grace and without a
    deadline, and None where nothing tells how late. ``is_late`` is None where nothing tells even
    that. ``lost`` is the share of the points that lateness takes. ``path`` is the archive to grade;
    where there is none, ``problem`` says why, to the student. ``why`` is the rule that chose it,
    and ``asks_staff`` what somebody has to decide, or is empty.
    """

    student: Student
    attempt: Attempt
    deadline: datetime | None
    is_late: bool | None
    late_by: timedelta | None
    lost: Decimal
    why: str
    path: Path | None
    problem: str | None
    asks_staff: str = ""

    @property
    def folder(self) -> str:
        """The name of the folder for the student's grade."""
        return folder_name(self.student.id)

    @property
    def is_for_staff(self) -> bool:
        """Whether nothing can be graded by no fault of the student's."""
        return self.problem is not None and self.problem.endswith(ASK)


@dataclass(frozen=True)
class Timing:
    """How an attempt stands to a deadline; ``is_late`` is None where nothing tells."""

    attempt: Attempt
    is_late: bool | None
    late_by: timedelta | None
    words: str


def timing(attempt: Attempt, deadline: datetime | None, grace: timedelta) -> Timing:
    """Return how late an attempt is, as far as something tells."""
    if deadline is None:
        return Timing(attempt, False, ON_TIME, "there is no deadline")
    if attempt.received is not None:
        late_by = attempt.received - deadline
        if late_by <= grace:
            return Timing(attempt, False, ON_TIME, "on time")
        return Timing(attempt, True, late_by, f"{spoken(late_by)} late")
    if attempt.collected - deadline <= grace:
        return Timing(attempt, False, ON_TIME, "on time: it was collected before the deadline")
    if attempt.lms_lateness is not None:
        said = attempt.lms_lateness
        words = f"{said.words or 'late' if said.is_late else 'on time'}, says {attempt.lms}"
        return Timing(attempt, said.is_late, None if said.is_late else ON_TIME, words)
    return Timing(attempt, None, None, "nothing tells when it was handed in")


def spoken(time: timedelta) -> str:
    """Return a length of time in words: ``2 days 3 h``, ``1 h 05 min``, ``12 s``."""
    seconds = int(time.total_seconds())
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days} day{'s' * (days > 1)} {hours} h"
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min" if minutes else f"{seconds} s"


def counted(
    settings: Settings, index: Index, submissions: Path, points: Points | None = None
) -> list[Counted]:
    """Return what counts for everybody who handed in, by student id; staff is left out.

    ``points`` are those of attempts that are graded: the rule "best" goes by them.
    """
    result = []
    for one in handed_in(settings, index):
        if one.choice:
            pick = Pick(one.timings[0], f"chosen by staff: {one.choice.reason}")
        else:
            pick = by_rule(settings, one.timings, points)
        result.append(of_student(settings, one.student, one.deadline, pick, submissions))
    return result


@dataclass(frozen=True)
class HandedIn:
    """What a student handed in, the oldest first; only what staff chose, where it did."""

    student: Student
    deadline: datetime | None
    timings: list[Timing]
    choice: Choice | None


def handed_in(settings: Settings, index: Index) -> Iterator[HandedIn]:
    """Yield what everybody handed in, by student id; staff is left out."""
    extensions = by_student(index, settings.extensions)
    choices = by_student(index, settings.choices)
    staff = by_student(index, dict.fromkeys(settings.staff))
    attempts: dict[str, list[Attempt]] = {student.id: [] for student in index.students}
    for attempt in sorted(index.attempts, key=lambda a: (a.newest_at, a.id)):
        for student_id in attempt.students:
            attempts[student_id].append(attempt)
    for student in sorted(index.students, key=lambda s: s.id):
        if student.id in staff or not attempts[student.id]:
            continue
        deadline, choice = extensions.get(student.id, settings.deadline), choices.get(student.id)
        timings = [
            timing(attempt, deadline, settings.grace)
            for attempt in attempts[student.id]
            if choice is None or attempt.id == choice.attempt
        ]
        yield HandedIn(student, deadline, timings, choice)


def candidates(settings: Settings, index: Index) -> list[tuple[Student, Attempt]]:
    """Return all attempts that can be graded and may count, with their students."""
    return [
        (one.student, timing.attempt)
        for one in handed_in(settings, index)
        for timing in (one.timings if one.choice else in_time(settings, one.timings))
        if timing.attempt.file is not None
    ]


def in_time(settings: Settings, timings: list[Timing]) -> list[Timing]:
    """Return those of some attempts that came until the last day."""
    last = None if settings.late.last_day is None else settings.late.last_day * DAY
    return [t for t in timings if last is None or t.late_by is None or t.late_by <= last]


def by_student(index: Index, values: Mapping[str, T]) -> dict[str, T]:
    """Return values by the ids of students, who may be called by any id that only one has."""
    ids = student_ids(index)
    return {ids[key]: value for key, value in values.items() if key in ids}


def student_ids(index: Index) -> dict[str, str]:
    """Return the id of each student by all ids that are theirs alone."""
    owners: dict[str, set[str]] = {}
    for student in index.students:
        for value in student.ids.values():
            owners.setdefault(value, set()).add(student.id)
    alone = {value: min(several) for value, several in owners.items() if len(several) == 1}
    return alone | {student.id: student.id for student in index.students}


@dataclass(frozen=True)
class Pick:
    """An attempt, why it counts, and what is wrong with it: for the student, and for staff."""

    timing: Timing
    why: str
    problem: str = ""
    asks_staff: str = ""


def by_rule(settings: Settings, timings: list[Timing], points: Points | None) -> Pick:
    """Return the attempt that counts; ``timings`` go from the oldest to the newest."""
    newest, last_day = timings[-1], settings.late.last_day
    pool = in_time(settings, timings)
    if not pool:
        late = f"more than {last_day} day{'s' * (last_day != 1)} after the deadline"
        text = f"was handed in {late}: it doesn't count"
        return Pick(newest, f"all attempts came {late}", text)
    why = "the only attempt" if len(timings) == 1 else f"{settings.rule} of {len(timings)} attempts"
    readable = [t for t in pool if t.attempt.file is not None]
    if readable and readable[-1] is not pool[-1]:
        why += "; a newer one can't be graded"
    if settings.rule == "best":
        return best(settings, readable or pool, points, why)
    if settings.rule == "latest":
        return one_of_equals(readable or pool, why, "")
    on_time = [t for t in readable if t.is_late is False]
    if on_time:
        unsure = [t for t in readable if t.is_late is None and is_newer(t, on_time[-1])]
        ask = f"nothing tells when attempt {unsure[0].attempt.id} came" if unsure else ""
        return one_of_equals(on_time, why, ask)
    lost = [t.attempt for t in pool if t.is_late is False and readable]
    ask = f"attempt {lost[-1].id} was on time, and there are no files of it" if lost else ""
    return one_of_equals(readable or pool, why, ask)


def is_newer(timing: Timing, other: Timing) -> bool:
    return timing.attempt.newest_at > other.attempt.newest_at


def best(settings: Settings, pool: list[Timing], points: Points | None, why: str) -> Pick:
    """Return the attempt with the most points, the newest of those; without points, the newest."""
    scored = []
    for number, timing in enumerate(pool):
        earned = points(timing.attempt) if points else None
        if earned is not None:
            scored.append((earned * (1 - lost(settings, timing)), number))
    if not scored:
        return Pick(pool[-1], why if len(pool) == 1 else f"{why}; none is graded yet")
    return Pick(pool[max(scored)[1]], why)


def one_of_equals(pool: list[Timing], why: str, asks_staff: str) -> Pick:
    """Return the newest attempt, unless nothing tells which of two that is."""
    newest = pool[-1]
    twins = [
        t.attempt.id
        for t in pool[:-1]
        if (not is_newer(newest, t) and not (t.attempt.received and newest.attempt.received))
        or (t.attempt.again is not None and t.attempt.again > newest.attempt.newest_at)
    ]
    if not twins:
        return Pick(newest, why, asks_staff=asks_staff)
    ids = " and ".join([*twins, newest.attempt.id])
    return Pick(
        newest,
        why,
        f"was handed in several times, and nothing tells which is the newest: {ASK}",
        f"nothing tells which of the attempts {ids} is newer: name one below [choices]",
    )


def lost(settings: Settings, timing: Timing) -> Decimal:
    """Return the share of the points that an attempt loses, none where its time isn't known."""
    return Decimal(0) if timing.late_by is None else settings.late.lost(timing.late_by)


def of_student(
    settings: Settings, student: Student, deadline: datetime | None, pick: Pick, submissions: Path
) -> Counted:
    """Return what counts for a student."""
    attempt = pick.timing.attempt
    problem = pick.problem or attempt.problem or (ELSEWHERE if attempt.is_elsewhere else None)
    return Counted(
        student=student,
        attempt=attempt,
        deadline=deadline,
        is_late=pick.timing.is_late,
        late_by=pick.timing.late_by,
        lost=lost(settings, pick.timing),
        why=f"{pick.why}; {pick.timing.words}",
        path=None if problem or attempt.file is None else submissions / attempt.file,
        problem=problem,
        asks_staff=pick.asks_staff
        or ("" if pick.timing.late_by is not None else pick.timing.words),
    )
