"""``submissions/index.json``: who handed in what, when, and where our copy of it lies.

What follows from it (which attempt counts, how late it is) stands nowhere: ``counting`` derives it.
"""

from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError

from autograder.course.settings import CourseError
from lab3.log.records import Sha256
from lab3.log.runlog import write_atomically

INDEX_NAME = "index.json"


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Student(Record):
    """Somebody who handed in, or a group whose members nobody named.

    ``id`` is ``lms:number``, or that of the class list. ``ids`` are all ids by their kind: an LMS,
    ``id``, ``login``, ``email``. ``group`` is what an LMS or the class list calls the group.
    """

    id: str
    name: str = ""
    email: str = ""
    ids: dict[str, str] = Field(default_factory=dict)
    group: str = ""
    section: str = ""


class LmsLateness(Record):
    """What the LMS itself says of an attempt's lateness, in its words."""

    is_late: bool
    words: str = ""


class Source(Record):
    """Where an attempt was found; only archives have a ``sha256``."""

    name: str
    sha256: Sha256 | None = None


class Attempt(Record):
    """Something that was handed in at once, by one student or by several.

    ``received`` is None where nothing tells when; ``collected`` is when we first had it, and
    ``again`` when a later export had it once more, although there was a newer one by then. ``file``
    is our copy, below ``submissions/``, and None where there is nothing to grade: ``problem`` says
    why, to the student; without a problem, the LMS has files that its export has not. ``others``
    are copies of what doesn't count beside it. ``content`` identifies what was handed in, and
    ``fingerprint`` tells a later ``lab3 collect`` so without reading it. ``lms_name`` is what the
    LMS called a file of it, where only that tells how one goes back.
    """

    id: str
    students: tuple[str, ...]
    lms: str
    source: Source
    handed_in_as: str
    lms_name: str = ""
    received: AwareDatetime | None = None
    collected: AwareDatetime
    again: AwareDatetime | None = None
    lms_lateness: LmsLateness | None = None
    file: str | None = None
    sha256: Sha256 | None = None
    bytes: NonNegativeInt | None = None
    others: tuple[str, ...] = ()
    content: str = ""
    fingerprint: str = ""
    problem: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def is_elsewhere(self) -> bool:
        """Tell whether only the LMS has its files."""
        return self.file is None and self.problem is None

    @property
    def newest_at(self) -> datetime:
        """When it was received, or when it was so at the latest."""
        return self.received or self.collected


class SeenSource(Record):
    """An archive that was read to its end, told apart from others without reading it."""

    name: str
    sha256: Sha256
    bytes: NonNegativeInt
    modified_ns: int


class Index(Record):
    """Everything that was collected."""

    version: Literal[1] = 1
    students: tuple[Student, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    sources: tuple[SeenSource, ...] = ()

    def student(self, student_id: str) -> Student | None:
        """Return a student by id."""
        return next((student for student in self.students if student.id == student_id), None)

    def of(self, student_id: str) -> tuple[Attempt, ...]:
        """Return a student's attempts, oldest first."""
        return tuple(attempt for attempt in self.attempts if student_id in attempt.students)

    def in_order(self) -> "Index":
        """Return the same with everything in the order in which it is written."""
        return self.model_copy(
            update={
                "students": tuple(sorted(self.students, key=lambda s: s.id)),
                "attempts": tuple(
                    sorted(self.attempts, key=lambda a: (a.students, a.newest_at, a.id))
                ),
                "sources": tuple(sorted(self.sources, key=lambda s: (s.name, s.sha256))),
            }
        )


def read_index(path: Path) -> Index:
    """Return the index in a file, an empty one where there is none."""
    try:
        return Index.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Index()
    except OSError as error:
        raise CourseError(f"{path} can't be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CourseError(
            f"{path} is no index that this kit can read: {where}: {first['msg']}; move it away and "
            "collect all sources again, or use the kit that wrote it"
        ) from None


def write_index(path: Path, index: Index) -> None:
    """Write an index in place of the one before; only its owner may read it."""
    content = index.in_order().model_dump_json(indent=1).encode() + b"\n"
    write_atomically(path, lambda file: file.write(content))
    path.chmod(0o600)
