"""The index while it grows: who is known, which attempt is there already, what a table adds."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from autograder.collecting.copying import Stored
from autograder.course.index import Attempt, Index, LmsLateness, SeenSource, Source, Student
from autograder.submissions.lms.handed_in import Fact, HandIn, Person

ID_LENGTH = 10


class GrowingIndex:
    """An index to which attempts are added; ``now`` is when this is done."""

    def __init__(self, index: Index, submissions: Path, now: datetime) -> None:
        self.submissions, self.now = submissions, now
        self.students = {student.id: student for student in index.students}
        self.attempts = {attempt.id: attempt for attempt in index.attempts}
        self.sources = list(index.sources)
        self._met: list[str] = []  # attempts that were there already, of the source that is read
        self._of: dict[tuple[str, ...], list[str]] = {}  # attempts by whose they are
        for attempt in index.attempts:
            self._of.setdefault(attempt.students, []).append(attempt.id)

    def index(self) -> Index:
        return Index(
            students=tuple(self.students.values()),
            attempts=tuple(self.attempts.values()),
            sources=tuple(self.sources),
        )

    def of(self, hand_in: HandIn, lms: str) -> list[Attempt]:
        """Return what was there already of the same people, and may be the same attempt."""
        attempts = (self.attempts[name] for name in self._of.get(ids_of(hand_in), ()))
        return [a for a in attempts if a.lms == lms and is_same_time(a, hand_in)]

    def meet(self, people: Iterable[Person]) -> None:
        """Take in people, or what is newly known of them."""
        for one in people:
            before = self.students.get(one.id, Student(id=one.id))
            self.students[one.id] = before.model_copy(
                update={
                    "name": one.name or before.name,
                    "email": one.email or before.email,
                    "group": one.group or before.group,
                    "ids": {**before.ids, **one.ids},
                }
            )

    def begin(self) -> None:
        """Note that another source is read."""
        self._met = []

    def known(self, hand_in: HandIn, lms: str) -> bool:
        """Tell whether an attempt is there, without reading it; take in what is new about it."""
        fingerprint = hand_in.fingerprint
        for attempt in self.of(hand_in, lms):
            is_same = bool(fingerprint) and attempt.fingerprint == fingerprint
            if hand_in.is_elsewhere:
                is_same = attempt.received == hand_in.received
            if is_same and (hand_in.is_elsewhere or self.has_copy(attempt)):
                self.update(attempt, hand_in)
                return True
        return False

    def has_copy(self, attempt: Attempt) -> bool:
        return attempt.file is not None and (self.submissions / attempt.file).is_file()

    def update(self, attempt: Attempt, hand_in: HandIn, **fields: object) -> None:
        """Take in what is newly known of an attempt."""
        changes = {"received": attempt.received or hand_in.received, **fields}
        if hand_in.late is not None:
            changes["lms_lateness"] = lateness(hand_in)
        self.attempts[attempt.id] = attempt.model_copy(update=changes)
        self._met.append(attempt.id)

    def add(self, hand_in: HandIn, lms: str, source: Source, stored: Stored) -> bool:
        """Take in an attempt of which there is a copy, or a reason for none; tell if it is new."""
        fields = {
            "file": stored.file,
            "sha256": stored.sha256,
            "bytes": stored.bytes,
            "problem": stored.problem,
            "warnings": (*hand_in.warnings, *stored.warnings),
            "others": stored.others,
            "content": stored.content,
            "fingerprint": hand_in.fingerprint,
            "handed_in_as": hand_in.label or hand_in.text,
            "lms_name": hand_in.lms_name,
        }
        for attempt in self.of(hand_in, lms):
            was_elsewhere = attempt.is_elsewhere and attempt.received == hand_in.received
            if attempt.content == stored.content or was_elsewhere:
                self.update(attempt, hand_in, **fields)
                return False
        ids = ids_of(hand_in)
        attempt = Attempt(
            id=self.free_id(lms, ids, stored.content),
            students=ids,
            lms=lms,
            source=source,
            received=hand_in.received,
            collected=self.now,
            lms_lateness=lateness(hand_in),
            **fields,
        )
        self.attempts[attempt.id] = attempt
        self._of.setdefault(ids, []).append(attempt.id)
        return True

    def free_id(self, lms: str, ids: tuple[str, ...], content: str) -> str:
        """Return an id that depends on nothing but the attempt, and is not taken."""
        text = repr((lms, ids, content)).encode()
        start = hashlib.sha256(text).hexdigest()[:ID_LENGTH]
        number, name = 1, start
        while name in self.attempts:
            number, name = number + 1, f"{start}-{number + 1}"
        return name

    def finish(self, seen: SeenSource) -> None:
        """Note that an archive was read to its end.

        In one that is new, an attempt that is not the newest may have been handed in once more; an
        archive that was read before is only an older one.
        """
        if all(source.sha256 != seen.sha256 for source in self.sources):
            for name in self._met:
                attempt = self.attempts[name]
                of_them = [self.attempts[other] for other in self._of[attempt.students]]
                if any(other.newest_at > attempt.newest_at for other in of_them):
                    self.attempts[name] = attempt.model_copy(update={"again": self.now})
        self.sources = [s for s in self.sources if (s.name, s.sha256) != (seen.name, seen.sha256)]
        self.sources.append(seen)
        for attempt in list(self.attempts.values()):
            if attempt.source == Source(name=seen.name) and attempt.collected == self.now:
                source = Source(name=seen.name, sha256=seen.sha256)
                self.attempts[attempt.id] = attempt.model_copy(update={"source": source})

    def apply(self, facts: Sequence[Fact]) -> bool:
        """Take in what tables say of people who handed in, and when; tell if it was anything.

        Where a table tells of teams, its numbers are those of members, and the ones here are not.
        """
        by_id: dict[tuple[str, str], list[Student]] = {}
        by_team: dict[str, list[Student]] = {}
        for student in self.students.values():
            for kind, value in student.ids.items():
                by_id.setdefault((kind, value), []).append(student)
            if "moodle" in student.ids and (name := letters(student.name)):
                by_team.setdefault(name, []).append(student)
        has_teams = any(fact.kind == "moodle" and letters(fact.group) in by_team for fact in facts)
        is_told = False
        for fact in facts:
            if has_teams and fact.kind == "moodle":
                students = by_team.get(letters(fact.group), [])
            else:
                students = by_id.get((fact.kind, fact.value), [])
                ids = {fact.kind: fact.value, **fact.ids}
                self.meet(Person(s.id, ids, fact.name, fact.email, fact.group) for s in students)
            for student in students:
                self.date(student, fact)
            is_told = is_told or bool(students)
        return is_told

    def date(self, student: Student, fact: Fact) -> None:
        """Give the newest attempt the time in a table, if it can't be that of another one."""
        attempts = [self.attempts[name] for name in self._of.get((student.id,), ())]
        if fact.received is None or not attempts:
            return
        newest = max(attempts, key=lambda a: a.collected)
        older = (a for a in attempts if a is not newest)
        is_olders = any(a.received == fact.received for a in attempts) or any(
            a.received is None and a.collected > fact.received for a in older
        )
        if newest.received is None and not is_olders:
            changed = newest.model_copy(update={"received": fact.received})
            self.attempts[newest.id] = changed


def letters(name: str) -> str:
    """Return what is left of a team's name in the names of files."""
    return re.sub(r"[\W_]", "", name).casefold()


def ids_of(hand_in: HandIn) -> tuple[str, ...]:
    return tuple(sorted({person.id for person in hand_in.people}))


def is_same_time(attempt: Attempt, hand_in: HandIn) -> bool:
    """Tell whether an attempt and what is handed in may be of one time."""
    times = {attempt.received, hand_in.received} - {None}
    return len(times) <= 1


def lateness(hand_in: HandIn) -> LmsLateness | None:
    if hand_in.late is None:
        return None
    return LmsLateness(is_late=bool(hand_in.late), words=hand_in.late)
