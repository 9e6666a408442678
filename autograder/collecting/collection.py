"""Collecting: from sources to our copies and the index, as often as one likes.

What is there already is not read again, and whatever interrupts it, the next call goes on.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from autograder.collecting.copying import Convert, DamagedSourceError, Stored, in_one_file, store
from autograder.collecting.growing import GrowingIndex
from autograder.collecting.storing import Store, open_store
from autograder.course.folder import Course
from autograder.course.index import SeenSource, Source, read_index, write_index
from autograder.submissions.entries import visible
from autograder.submissions.lms import moodle_worksheet
from autograder.submissions.lms.handed_in import Context, Fact, HandIn, Parsed
from autograder.submissions.lms.kinds import recognised
from autograder.submissions.lms.listing import TABLE, Listing, SourceError, open_listing

NOBODY = "nobody of whom it tells has handed in: collect it together with the download"
WRITE_S = 2.0  # between two writings of the index: what a kill can cost


@dataclass(frozen=True)
class Request:
    """What to collect: a kind to insist on, and an assignment where a source has several."""

    sources: Sequence[Path]
    kind: str | None = None
    assignment: str | None = None


@dataclass(frozen=True)
class Progress:
    """How far a source has been read: ``done`` of ``total`` bytes, and what comes now."""

    source: str
    done: int
    total: int
    text: str


OnProgress = Callable[[Progress], None]


@dataclass
class FromSource:
    """What a source gave.

    ``unread`` of those that were known were not read again. ``damaged`` tells of attempts that the
    source has and that can't be read in it, ``left`` names what was not understood, and ``notes``
    are for staff.
    """

    name: str
    kind: str
    new: int = 0
    known: int = 0
    unread: int = 0
    damaged: list[str] = field(default_factory=list)
    left: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def ignore(_progress: Progress) -> None:
    """Hear of no progress."""


def collect(
    course: Course,
    request: Request,
    convert: Convert | None = None,
    on_progress: OnProgress = ignore,
    now: datetime | None = None,
) -> list[FromSource]:
    """Collect from sources into a course; return what each of them gave.

    Tables are read first: they tell of what is in the others. Raises SourceError for a source that
    can't be read, and CourseError; what was collected until then stays.
    """
    with open_store(course.submissions) as there:
        collecting = Collecting(course, request, there, convert, on_progress, now)
        with collecting.written():
            facts = collecting.facts()
            results = [collecting.read(path, facts) for path in request.sources]
            is_told = collecting.index.apply(facts)
    for result in results:
        if not is_told and result.kind == moodle_worksheet.KIND:
            result.notes = (*result.notes, NOBODY)
    return results


class Collecting:
    """One call: its request, its store, and the index as it grows."""

    def __init__(
        self,
        course: Course,
        request: Request,
        there: Store,
        convert: Convert | None,
        on_progress: OnProgress,
        now: datetime | None,
    ) -> None:
        self.course, self.request, self.there = course, request, there
        self.convert, self.on_progress = convert, on_progress
        index = read_index(course.index_file)
        self.index = GrowingIndex(index, course.submissions, now or datetime.now(UTC))
        self._written_at = time.monotonic()

    @contextmanager
    def written(self) -> Iterator[None]:
        """Write the index at the end, also at one that comes too early."""
        try:
            yield
        finally:
            self.write()

    def write(self) -> None:
        write_index(self.course.index_file, self.index.index())
        self._written_at = time.monotonic()

    def facts(self) -> tuple[Fact, ...]:
        """Return what the tables among the sources tell."""
        facts: list[Fact] = []
        for path in self.request.sources:
            if path.suffix.lower() == TABLE:
                with open_listing(path, is_hashed=False) as listing:
                    facts += self.parsed(path, listing, ())[1].facts
        return tuple(facts)

    def parsed(self, path: Path, listing: Listing, facts: Sequence[Fact]) -> tuple[str, Parsed]:
        """Return the kind of a source, and what is in it."""
        zone = self.course.settings.timezone
        try:
            kind, view = recognised(listing, self.request.kind)
            context = Context(zone, self.request.assignment, tuple(facts))
            return kind.name, kind.parse(view, context)
        except SourceError as error:
            raise SourceError(f"{visible(str(path))}: {error}") from None

    def read(self, path: Path, facts: Sequence[Fact]) -> FromSource:
        """Take everything from a source that is not there yet."""
        seen = self.seen(path)
        self.index.begin()
        with open_listing(path, is_hashed=seen is None) as listing:
            kind, parsed = self.parsed(path, listing, facts)
            result = FromSource(listing.name, kind, left=parsed.left, notes=parsed.notes)
            source = Source(name=listing.name, sha256=seen.sha256 if seen else None)
            sizes = [entry.size for hand_in in parsed.hand_ins for entry in hand_in.files]
            progress = Bytes(self.on_progress, listing.name, sum(sizes))
            reading = Reading(source, result, progress, listing.is_compressed)
            for hand_in in sorted(parsed.hand_ins, key=lambda h: h.position):
                listing.read_up_to(hand_in.position)
                self.take(hand_in, reading)
            sha256 = listing.sha256()
        if sha256:
            status = path.stat()
            self.index.finish(
                SeenSource(
                    name=listing.name,
                    sha256=sha256,
                    bytes=status.st_size,
                    modified_ns=status.st_mtime_ns,
                )
            )
        return result

    def seen(self, path: Path) -> SeenSource | None:
        """Return what is known of an archive that was read to its end."""
        try:
            status = path.stat()
        except (OSError, ValueError):
            return None
        state = (status.st_size, status.st_mtime_ns)
        sources = self.index.sources
        return next((s for s in sources if (s.bytes, s.modified_ns) == state), None)

    def take(self, hand_in: HandIn, reading: "Reading") -> None:
        """Take one attempt, unless it is there."""
        self.index.meet(hand_in.people)
        result, progress = reading.result, reading.progress
        progress.tell(hand_in.people[0].name or hand_in.people[0].id)
        if self.index.known(hand_in, result.kind):
            result.known += 1
            result.unread += 1
            progress.add(sum(entry.size for entry in hand_in.files))
            return
        try:
            stored = self.stored(hand_in, reading)
        except DamagedSourceError as error:
            result.damaged.append(f"{hand_in.people[0].id}: {error}")
            return
        if self.index.add(hand_in, result.kind, reading.source, stored):
            result.new += 1
        else:
            result.known += 1
        if time.monotonic() - self._written_at > WRITE_S:
            self.write()

    def stored(self, hand_in: HandIn, reading: "Reading") -> Stored:
        """Keep a copy, where the source has files of it."""
        if hand_in.is_elsewhere:
            return Stored(f"elsewhere {hand_in.received}")
        add = reading.progress.add
        if not reading.is_compressed:
            return store(hand_in, self.there, self.convert, add)
        with in_one_file(hand_in, self.there) as unpacked:
            return store(unpacked, self.there, self.convert, add)


@dataclass(frozen=True)
class Reading:
    """A source that is being read: what it gave so far, and how far it is."""

    source: Source
    result: FromSource
    progress: "Bytes"
    is_compressed: bool


class Bytes:
    """Counts bytes, and tells of them."""

    def __init__(self, on_progress: OnProgress, source: str, total: int) -> None:
        self._on_progress, self._source, self._total = on_progress, source, total
        self._done, self._text = 0, ""

    def tell(self, text: str) -> None:
        self._text = text
        self.add(0)

    def add(self, size: int) -> None:
        self._done += size
        self._on_progress(Progress(self._source, self._done, self._total, self._text))
