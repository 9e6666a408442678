"""What every parser finds: people, and what each of them handed in at once."""

import hashlib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from autograder.submissions.entries import FILE, Entry, SubmissionError, visible
from autograder.submissions.lms.listing import SourceError, below

# Whose numbers are ids of their own: "moodle:12" and "canvas:12" are different people.
LMS = ("moodle", "canvas", "gradescope", "blackboard", "brightspace", "github")
MOST_TEXT_BYTES = 500_000_000  # of a file that an LMS wrote


@dataclass(frozen=True)
class Person:
    """A student, or a group, as an LMS knows them.

    ``id`` is ``lms:number``, or the number alone where it is the course's own. ``ids`` are all ids
    by their kind: an LMS, ``id``, ``login`` or ``email``.
    """

    id: str
    ids: Mapping[str, str]
    name: str = ""
    email: str = ""
    group: str = ""


@dataclass(frozen=True)
class HandIn:
    """What was handed in at once.

    ``files`` have the names that the student gave them. ``received`` is None where nothing tells
    when. ``late`` is what the LMS says of lateness: None, or its words, empty for "on time".
    ``text`` is what was written into a form, as an LMS calls it. With ``is_elsewhere`` the LMS has
    files that the source has not. ``lms_name`` is a file's name in the LMS's download, where only
    that tells what a file for this student has to be called.
    """

    people: tuple[Person, ...]
    files: tuple[Entry, ...]
    received: datetime | None = None
    late: str | None = None
    text: str = ""
    is_elsewhere: bool = False
    lms_name: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def position(self) -> int:
        """Where it begins in an archive."""
        return min((entry.position for entry in self.files), default=0)

    @property
    def fingerprint(self) -> str:
        """What changes when a file does; empty where only reading would tell."""
        files = [entry for entry in self.files if entry.kind == FILE]
        if not all(entry.mark for entry in files):
            return ""
        marks = sorted((entry.parts, entry.kind, entry.mark) for entry in self.files)
        return hashlib.sha256(repr(marks).encode()).hexdigest()

    @property
    def label(self) -> str:
        """What to call it: the names of its files, or how many there are."""
        names = sorted("/".join(entry.parts) for entry in self.files if entry.kind == FILE)
        tops = sorted({name.split("/")[0] for name in names})
        shown = names if len(names) <= 2 else tops
        return ", ".join(shown[:3]) + (f" and {len(shown) - 3} more" if len(shown) > 3 else "")


@dataclass(frozen=True)
class Fact:
    """What a table of an LMS says of somebody who is known by one id."""

    kind: str
    value: str
    ids: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    email: str = ""
    group: str = ""
    received: datetime | None = None


@dataclass(frozen=True)
class Parsed:
    """What a source holds; ``left`` names what is not understood, ``notes`` are for staff."""

    hand_ins: tuple[HandIn, ...] = ()
    facts: tuple[Fact, ...] = ()
    left: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Context:
    """What a parser is told beside the source: whose clock it is, which assignment, and facts."""

    zone: ZoneInfo | None = None
    assignment: str | None = None
    facts: tuple[Fact, ...] = ()


def person(lms: str, number: str, **known: str) -> Person:
    """Return somebody whom an LMS knows by a number; ``known`` are other ids, name and email."""
    number = unicodedata.normalize("NFC", number)
    fields = {key: known.pop(key) for key in ("name", "group") if known.get(key)}
    ids = {kind: value for kind, value in known.items() if value}
    return Person(f"{lms}:{number}", {lms: number, **ids}, email=known.get("email", ""), **fields)


def member(number: str) -> Person:
    """Return somebody whom the course itself knows by an id."""
    number = unicodedata.normalize("NFC", number)  # as macOS takes names apart
    return Person(own_id(number), {"id": number})


def own_id(number: str) -> str:
    """Return the id of somebody by the course's own number, which is never that of an LMS."""
    start, colon, _ = number.partition(":")
    return f"course:{number}" if colon and start in (*LMS, "course") else number


def content_of(entry: Entry) -> bytes:
    """Return all bytes of a file that an LMS wrote."""
    pieces, size = [], 0
    name = visible("/".join(entry.parts))
    try:
        for piece in entry.chunks():
            size += len(piece)
            if size > MOST_TEXT_BYTES:
                raise SourceError(f"{name} is too large to be what it seems")
            pieces.append(piece)
    except SubmissionError as error:
        raise SourceError(f"{name} {error}") from None
    return b"".join(pieces)


def of_top(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Return what lies in a folder, with names that count from it; a file as it is."""
    return tuple(
        entry if len(entry.parts) == 1 and entry.kind == FILE else below(entry, 1)
        for entry in entries
    )
