"""From what a student handed in to our copy of it, or to a sentence that says why there is none."""

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from autograder.collecting.assembling import NOTHING, assemble
from autograder.collecting.parts import Part, part_of
from autograder.collecting.storing import MOST_BYTES, Piece, Store, copy, pack
from autograder.course.counting import ASK
from autograder.submissions.archives import span
from autograder.submissions.clutter import without_clutter
from autograder.submissions.entries import (
    FILE,
    FOLDER,
    Entry,
    LeftOutError,
    SubmissionError,
    megabytes,
    visible,
)
from autograder.submissions.lms.handed_in import HandIn
from autograder.submissions.magic import (
    ARCHIVES,
    DOCUMENTS,
    FOREIGN,
    HEAD_BYTES,
    FileKind,
    is_named_archive,
    kind_of,
    suffix_of,
)
from lab3.errors import LabError

Convert = Callable[[Path, Path], None]  # an archive of another kind into a .tar; raises LabError
LOOKED_AT = 50  # files whose first bytes are read where names don't tell
CONVERTED = 4  # archives of other kinds, each of which may take minutes and a gigabyte
SAID = 3  # sentences
HAND_IN = "hand in an archive of lab3/, runs/ and report.md"
NOT_HERE = "can't be opened here"
FAULT = f"can't be read here, which is no fault of yours: {ASK}"
SENTENCES: dict[FileKind, str] = {
    "empty": "is empty (0 bytes): hand it in again, and look at its size",
    "page": "is a web page, not an archive: hand in the archive itself",
    "shortcut": "is a link to a file, not the file: hand in the file itself",
    "notebook": f"is a notebook, which is not graded: {HAND_IN}",
    "python": f"is a single Python file: {HAND_IN}",
}


@dataclass(frozen=True)
class Stored:
    """Our copy of an attempt, or the reason why there is none, for the student.

    ``content`` identifies what was handed in, whether there is a copy or not. ``others`` are kept
    beside it.
    """

    content: str
    file: str | None = None
    sha256: str | None = None
    bytes: int | None = None
    problem: str | None = None
    warnings: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


class DamagedSourceError(LabError):
    """A source is damaged at a place; the text names it."""


def store(
    hand_in: HandIn, into: Store, convert: Convert | None, on_bytes: Callable[[int], None]
) -> Stored:
    """Keep a copy of what was handed in; nothing that a student made raises an error.

    Raises DamagedSourceError where the source can't be read, which tells nothing of the student.
    """
    with tempfile.TemporaryDirectory(dir=into.scratch) as work:
        copying = Copying(hand_in, into, Path(work), convert, on_bytes)
        try:
            return copying.stored()
        except (SubmissionError, LeftOutError) as error:
            return Stored(copying.content, problem=str(error))
        except (OSError, LabError):
            raise
        except Exception as error:  # one attempt is none of the others' fault
            detail = ascii(f"{type(error).__name__}: {error}")
            return Stored(copying.content, problem=FAULT, warnings=(detail,))


@contextmanager
def in_one_file(hand_in: HandIn, into: Store) -> Iterator[HandIn]:
    """Give a hand-in whose files lie one after the other, as they do in its source.

    They can then be read in any order. What is too large is left for others to refuse.
    """
    if sum(entry.size for entry in hand_in.files) > MOST_BYTES:
        yield hand_in
        return
    with tempfile.TemporaryFile(dir=into.scratch) as file:
        moved: dict[int, Entry] = {}
        for entry in sorted(hand_in.files, key=lambda entry: entry.position):
            start = file.tell()
            if entry.kind == FILE:
                file.writelines(entry.chunks())
            chunks = partial(span, file, start, file.tell() - start)
            moved[entry.position] = replace(entry, chunks=chunks)
        yield replace(hand_in, files=tuple(moved[entry.position] for entry in hand_in.files))


class Copying:
    """The copying of one hand-in, in a folder for its work."""

    def __init__(
        self,
        hand_in: HandIn,
        store: Store,
        work: Path,
        convert: Convert | None,
        on_bytes: Callable[[int], None],
    ) -> None:
        self.hand_in, self.store, self.work = hand_in, store, work
        self.convert, self.on_bytes = convert, on_bytes
        self.entries = [self.guarded(entry) for entry in hand_in.files]
        self.meant, _ = without_clutter(self.entries)
        self.files = [entry for entry in self.meant if entry.kind == FILE]
        self.problems: list[str] = []
        self.copies = self.converted = 0
        self.content = digest_of(repr((e.parts, e.kind, e.size)) for e in hand_in.files)

    def guarded(self, entry: Entry) -> Entry:
        """Return an entry that tells of what is read, and whose damage is the source's."""

        def chunks() -> Iterator[bytes]:
            try:
                for piece in entry.chunks():
                    self.on_bytes(len(piece))
                    yield piece
            except SubmissionError:
                name = visible("/".join(entry.parts))
                raise DamagedSourceError(f"{name} is damaged: fetch it again") from None

        return replace(entry, chunks=chunks)

    def stored(self) -> Stored:
        self.refuse_what_is_empty_or_huge()
        loose = part_of("", self.entries)
        kinds = self.kinds_of_files(has_slots=bool(loose.slots))
        found = [entry for entry in self.files if kinds.get(entry) in (*ARCHIVES, *FOREIGN)]
        if loose.slots and (loose.is_whole or not found):
            return self.packed(loose)
        if not found:
            raise SubmissionError(self.why_nothing(kinds))
        return self.assembled(found, kinds)

    def refuse_what_is_empty_or_huge(self) -> None:
        if not self.files:
            odd = (entry for entry in self.meant if entry.kind != FOLDER)
            said = [f"{visible('/'.join(entry.parts))} {entry.kind}" for entry in odd]
            only = f"holds only {self.hand_in.text}: {HAND_IN}" if self.hand_in.text else NOTHING
            raise SubmissionError("; ".join(said[:SAID]) or only)
        if sum(entry.size for entry in self.files) > MOST_BYTES:
            raise SubmissionError(f"holds more than {megabytes(MOST_BYTES)}: {HAND_IN}")

    def kinds_of_files(self, has_slots: bool) -> dict[Entry, FileKind]:
        """Return what files are: those called archives, and, where nothing counts, all others."""
        suspects = [entry for entry in self.files if is_named_archive(entry.parts[-1])]
        if not has_slots:
            others = (e for e in self.files if suffix_of(e.parts[-1]) not in DOCUMENTS)
            suspects = list(dict.fromkeys([*suspects, *others]))
        kinds: dict[Entry, FileKind] = {}
        for entry in suspects[:LOOKED_AT]:
            with named(entry):
                head = next(entry.chunks(), b"")[:HEAD_BYTES]
            kinds[entry] = kind_of(entry.parts[-1], head)
        return kinds

    def why_nothing(self, kinds: dict[Entry, FileKind]) -> str:
        """Say what was handed in instead."""
        said = [
            f"{visible('/'.join(entry.parts))} {SENTENCES[kind]}"
            for entry, kind in kinds.items()
            if kind in SENTENCES
        ]
        return "; ".join(said[:SAID]) or NOTHING

    def packed(self, part: Part) -> Stored:
        """Keep loose files as one archive."""
        path = self.work / "packed.zip"
        sha256, size, problems = pack(part.files, path)
        piece = Piece(parts=(path.name,), path=path, sha256=sha256, bytes=size)
        return self.kept(piece, (), [*part.problems, *problems, *said_of(part)], content=sha256)

    def assembled(self, found: list[Entry], kinds: dict[Entry, FileKind]) -> Stored:
        """Keep one archive of those that were handed in, and of what lies beside them."""
        raw = [self.copied(entry) for entry in found]
        self.content = digest_of(f"{piece.name}\0{piece.sha256}" for piece in raw)
        pairs = zip(raw, found, strict=True)
        archives = [ours for piece, e in pairs if (ours := self.opened(piece, kinds[e]))]
        rest = part_of("", [entry for entry in self.entries if entry not in found])
        if not archives and not rest.slots:
            raise SubmissionError("; ".join(self.problems[:SAID]))
        loose = rest.files.values() if rest.slots else ()
        result = assemble(archives, [self.copied(entry) for entry in loose], self.work)
        warnings = [*self.problems, *rest.problems, *result.warnings, *said_of(rest)]
        if rest.files and not rest.slots:
            names = ", ".join(visible(name) for name in sorted(rest.files)[:SAID])
            warnings.append(f"left out: {names}")
        if result.archive is None:
            problems = "; ".join([*self.problems, result.problem or NOTHING])
            return Stored(self.content, problem=problems, warnings=tuple(warnings))
        return self.kept(result.archive, result.others, warnings, self.content)

    def copied(self, entry: Entry) -> Piece:
        self.copies += 1
        path = self.work / str(self.copies)
        with named(entry):
            sha256, size = copy(entry.chunks(), path)
        return Piece(parts=entry.parts, path=path, sha256=sha256, bytes=size)

    def opened(self, piece: Piece, kind: FileKind) -> Piece | None:
        """Return an archive that is read here: one of another kind is converted where possible."""
        if kind in ARCHIVES:
            return piece
        path = piece.path.with_suffix(".tar")
        try:
            self.converted += 1
            if self.converted > CONVERTED:
                raise SubmissionError(f"is one of more than {CONVERTED}: {HAND_IN} as a .zip")
            if self.convert is None:
                raise SubmissionError(f"{NOT_HERE}: {HAND_IN} as a .zip")
            self.convert(piece.path, path)
        except LabError as error:
            self.problems.append(f"{visible(piece.name)} is packed as {kind} and {error}")
            return None
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        size = path.stat().st_size
        return piece.model_copy(update={"path": path, "sha256": sha256, "bytes": size})

    def kept(
        self, archive: Piece, others: tuple[Piece, ...], warnings: list[str], content: str
    ) -> Stored:
        """Put the copies in their place."""
        return Stored(
            content,
            self.store.put(archive),
            archive.sha256,
            archive.bytes,
            warnings=tuple(warnings),
            others=tuple(self.store.put(other) for other in others),
        )


@contextmanager
def named(entry: Entry) -> Iterator[None]:
    """Put the name of a file before what is said of it."""
    try:
        yield
    except LeftOutError as error:
        raise SubmissionError(f"{visible('/'.join(entry.parts))} {error}") from None


def said_of(part: Part) -> list[str]:
    """Return a sentence on what was left out, if anything was."""
    return [f"left out {part.left_out}"] if part.left_out.files else []


def digest_of(texts: Iterator[str]) -> str:
    return hashlib.sha256("\n".join(sorted(texts)).encode()).hexdigest()
