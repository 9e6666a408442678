"""Whose work is compared with whose."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.course import counting
from autograder.course.folder import Course
from autograder.course.index import Attempt, Student
from autograder.course.naming import folder_name
from autograder.plain_text import one_line


@dataclass(frozen=True)
class Person:
    """A student with all attempts, oldest first. ``group`` is one that hands in together.

    ``called`` are ids and addresses in small letters.
    """

    id: str
    name: str
    attempts: tuple[Attempt, ...]
    group: str = ""
    called: frozenset[str] = frozenset()

    def is_with(self, other: "Person") -> bool:
        """Tell whether two are one person, or hand in together."""
        own = {attempt.id for attempt in self.attempts}
        is_shared = any(attempt.id in own for attempt in other.attempts)
        is_group = self.group != "" and self.group == other.group
        return self.id == other.id or is_shared or is_group


@dataclass(frozen=True)
class People:
    """Everybody who handed in; what ``staff`` handed in is nobody's from a classmate."""

    students: tuple[Person, ...]
    staff: tuple[Person, ...]

    def by_id(self) -> Mapping[str, Person]:
        return {person.id: person for person in self.students}


def people_of(course: Course) -> People:
    """Return everybody in the index of a course."""
    index, settings = course.index(), course.settings
    staff = {*counting.by_student(index, dict.fromkeys(settings.staff))}
    everybody: dict[bool, list[Person]] = {True: [], False: []}
    for student in index.students:
        attempts = tuple(sorted(index.of(student.id), key=lambda a: (a.newest_at, a.id)))
        group = student.group if settings.groups else ""
        names = {*student.ids.values(), student.email, folder_name(student.id)} - {""}
        called = frozenset(name.casefold() for name in names)
        person = Person(student.id, name_of(student), attempts, group, called)
        everybody[student.id in staff].append(person)
    return People(tuple(everybody[False]), tuple(everybody[True]))


def name_of(student: Student) -> str:
    return one_line(student.name or student.id)


def files_of(course: Course, people: Sequence[Person]) -> Iterator[tuple[Attempt, Path]]:
    """Yield what was handed in that can be read, each content once."""
    seen = set[str]()
    for person in people:
        for attempt in person.attempts:
            path = course.path(attempt)
            if path is not None and attempt.file not in seen:
                seen.add(attempt.file or "")
                yield attempt, path
