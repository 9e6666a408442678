"""The submissions of a class as items: those that count in a course folder, or all in a folder."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from autograder.course.counting import Counted
from autograder.course.folder import Course
from autograder.course.index import Attempt, Student
from autograder.course.naming import folder_name
from autograder.grades.items import Item
from autograder.plain_text import one_line
from autograder.submissions.clutter import clutter_of
from autograder.submissions.places import ARCHIVE, grade_name, is_submission
from lab3.errors import LabError


class NothingToGradeError(LabError):
    """A folder holds no submissions; the text says what was looked for."""


def item_of(counted: Counted) -> Item:
    """Return what counts of a student as an item.

    The same attempt is another content while a rule refuses it: there is nothing to grade then.
    """
    content, problem = content_of(counted.attempt), counted.problem or ""
    if problem:
        content = hashlib.sha256(f"{content}\0{problem}".encode()).hexdigest()
    return Item(counted.folder, title_of(counted.student), content, counted.path, problem)


def attempts_of(course: Course) -> list[Item]:
    """Return all that may count of anybody, each content once, whoever handed it in."""
    names: dict[str, dict[str, None]] = {}
    attempts: dict[str, Attempt] = {}
    for student, attempt in course.candidates():
        folder = attempt_folder(attempt)
        attempts.setdefault(folder, attempt)
        names.setdefault(folder, {}).update(
            dict.fromkeys((title_of(student), folder_name(student.id)))
        )
    return [
        Item(
            folder=folder,
            title=f"{next(iter(names[folder]))}, attempt {attempt.id}",
            content=content_of(attempt),
            path=course.path(attempt),
            names=tuple(names[folder]),
        )
        for folder, attempt in attempts.items()
    ]


def title_of(student: Student) -> str:
    return one_line(student.name or student.id)


def content_of(attempt: Attempt) -> str:
    """Return what identifies the content of an attempt."""
    return attempt.sha256 or attempt.content or attempt.id


def attempt_folder(attempt: Attempt) -> str:
    """Return the folder of an attempt's grade, the same for the same content."""
    return hashlib.sha256(content_of(attempt).encode()).hexdigest()[:16]


def holds_several(path: Path) -> bool:
    """Tell whether a path is a folder of submissions, not one itself, perhaps in a folder more."""
    if not path.is_dir() or path.is_symlink() or is_submission(path):
        return False
    inner = [p for p in path.iterdir() if not clutter_of((p.name,)) and p.name[0] != "."]
    if len(inner) == 1 and inner[0].is_dir():
        return False
    return all(p.is_dir() or ARCHIVE.search(p.name) for p in inner)


def items_in(folder: Path) -> list[Item]:
    """Return the submissions in a folder: each folder and archive in it is one.

    Raises NothingToGradeError when there is none, or two would share the folder of a grade.
    """
    if is_submission(folder):
        raise NothingToGradeError(f"{folder} is one submission: name the folder that holds all")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if clutter_of((path.name,)) or path.name.startswith("."):
            continue
        name = grade_name(path)
        if name in found:
            raise NothingToGradeError(f"{found[name]} and {path} would share a grade: rename one")
        found[name] = path
    if not found:
        raise NothingToGradeError(
            f"{folder} is empty: name a folder that holds one folder or archive for each student"
        )
    return [
        Item(name, one_line(path.name), fingerprint(path), path) for name, path in found.items()
    ]


def fingerprint(path: Path) -> str:
    """Return what tells a submission from a later version of it without reading all of it."""
    digest = hashlib.sha256()
    for name, status in sorted(statuses(path)):
        digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode(errors="replace"))
    return digest.hexdigest()


def statuses(path: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the names and states of all files of a submission, without following a link."""
    if path.is_symlink() or not path.is_dir():
        yield "", path.lstat()
        return
    for top, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not clutter_of((name,))]
        for name in names:
            file = Path(top) / name
            yield str(file.relative_to(path)), file.lstat()
