"""One archive from what a student handed in: several archives, archives in them, loose files.

Archives that students made are read in a process that can be killed. It runs our readers, writes
into a folder that is ours, and sends what it found.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile

from pydantic import BaseModel, ConfigDict

from autograder.collecting.parts import LIMITS, Part, counting, part_of, union, verify
from autograder.collecting.storing import Piece, Text, copy, pack
from autograder.submissions.archives import archive_entries, span
from autograder.submissions.budgets import StalledError, UnreadableError, read_within
from autograder.submissions.entries import FILE, Entry, SubmissionError, visible
from autograder.submissions.lms.listing import clean, with_parts
from autograder.submissions.magic import ARCHIVES, HEAD_BYTES, kind_of
from autograder.submissions.reading import BUDGET, SAID

NESTED = 8  # archives in an archive that are opened
NOTHING = "holds no lab3/, runs/ or report.md: hand in an archive of these"


class Assembled(BaseModel):
    """The archive to keep, or why there is none; ``others`` are kept as evidence beside it."""

    model_config = ConfigDict(frozen=True)

    archive: Piece | None = None
    others: tuple[Piece, ...] = ()
    problem: str | None = None
    warnings: Text = ()


def assemble(archives: Sequence[Piece], loose: Sequence[Piece], scratch: Path) -> Assembled:
    """Return one archive of all that counts, written into ``scratch`` where it is not there."""

    def read() -> bytes:
        with ExitStack() as stack:
            return Assembly(archives, loose, scratch, stack).result().model_dump_json().encode()

    try:
        return Assembled.model_validate_json(read_within(BUDGET, read))
    except (UnreadableError, StalledError) as error:
        return Assembled(problem=str(error))


class Assembly:
    """The work of the other process: its warnings, and the archives that it has open."""

    def __init__(
        self, archives: Sequence[Piece], loose: Sequence[Piece], scratch: Path, stack: ExitStack
    ) -> None:
        self.scratch, self.stack = scratch, stack
        self.archives: dict[str, Piece] = {}  # each content once
        for piece in archives:
            self.archives.setdefault(piece.sha256, piece)
        self.copies = [piece for piece in archives if self.archives[piece.sha256] is not piece]
        self.loose = loose
        self.pieces = {piece.path: piece for piece in self.archives.values()}
        self.left = LIMITS.total  # bytes of archives in archives
        self.unpacked_left = LIMITS.total  # bytes of compressed ones, which are unpacked to be read
        self.warnings: list[str] = []
        self.problems: list[str] = []

    def result(self) -> Assembled:
        for piece in self.copies:
            same = visible(self.archives[piece.sha256].name)
            self.warnings.append(f"{visible(piece.name)} is the same as {same}")
        parts = [part for part in self.parts() if part.slots]
        if not parts:
            return Assembled(problem="; ".join(self.problems) or NOTHING, warnings=self.said())
        self.warnings += self.problems
        used, others = counting(parts)
        kept = {part.path: self.pieces[part.path] for part in others if part.path is not None}
        for part in others:
            newer = " and ".join(visible(other.name) for other in used)
            self.warnings.append(f"{visible(part.name)} doesn't count beside {newer}")
        archive = self.as_it_is(used[0]) if len(used) == 1 else None
        archive = archive or self.packed(used)
        return Assembled(archive=archive, others=tuple(kept.values()), warnings=self.said())

    def said(self) -> Text:
        return tuple(self.warnings[:SAID])

    def parts(self) -> list[Part]:
        """Return the loose files together, and each archive; one that is refused says why."""
        parts: list[Part] = []
        loose = [loose_entry(piece) for piece in self.loose]
        if loose:
            part = part_of("loose files", loose)
            names = ", ".join(sorted(part.files)[:5])
            if not part.slots and part.files:
                self.warnings.append(f"left out: {visible(names)}")
            parts.append(part)
        for piece in self.archives.values():
            try:
                parts += self.opened(piece)
            except SubmissionError as error:
                self.problems.append(f"{visible(piece.name)} {error}")
        return parts

    def opened(self, piece: Piece) -> list[Part]:
        """Return an archive, and archives in it where they are needed."""
        part = self.listed(piece)
        if part.slots:
            verify(part)
        self.warnings += part.problems
        parts = [part]
        for number, entry in enumerate(part.inside if not part.is_whole else ()):
            name = visible("/".join(entry.parts))
            if number >= NESTED:
                self.warnings.append(f"{name} and later archives inside were not opened")
                break
            parts += self.nested(entry, name, part, number)
        return parts

    def nested(self, entry: Entry, name: str, outer: Part, number: int) -> list[Part]:
        """Return an archive that lies in another one, unless both have the same files."""
        path = self.scratch / f"inner-{outer.path.name if outer.path else ''}-{number}"
        try:
            sha256, size = copy(entry.chunks(), path, self.left)
            self.left -= size
            with path.open("rb") as file:
                kind = kind_of(name, file.read(HEAD_BYTES))
            if kind not in ARCHIVES:
                raise SubmissionError("was not opened: it is no .zip, .tar or .tar.gz")
            piece = Piece(parts=entry.parts, path=path, sha256=sha256, bytes=size)
            part = self.listed(piece)
            verify(part)
            if part.slots.keys() & outer.slots.keys():
                raise SubmissionError("was left out: its files are there without it")
        except SubmissionError as error:
            self.warnings.append(f"{name} inside {error}")
            return []
        self.pieces[path] = piece
        return [part]

    def listed(self, piece: Piece) -> Part:
        file = self.stack.enter_context(piece.path.open("rb"))
        unpacked = self.stack.enter_context(TemporaryFile(dir=self.scratch))  # noqa: SIM115
        limits = replace(LIMITS, total=self.unpacked_left)
        try:
            entries = archive_entries(Path(piece.parts[-1]), file, unpacked, limits)
        finally:
            self.unpacked_left -= unpacked.seek(0, os.SEEK_END)
        writable = (with_parts(e, tuple(map(clean, e.parts))) for e in entries)
        return part_of(piece.name, writable, piece.path)

    def as_it_is(self, part: Part) -> Piece | None:
        """Return the archive that a part is."""
        return None if part.path is None else self.pieces[part.path]

    def packed(self, parts: Sequence[Part]) -> Piece:
        """Write one archive of several parts."""
        files, left_out = union(parts)
        path = self.scratch / "packed.zip"
        sha256, size, problems = pack(files, path)
        self.warnings += [*left_out, *problems]
        without = (part for part in parts if part.left_out.files)
        self.warnings += (f"{visible(part.name)}: left out {part.left_out}" for part in without)
        return Piece(parts=("packed.zip",), path=path, sha256=sha256, bytes=size)


def loose_entry(piece: Piece) -> Entry:
    def chunks() -> Iterator[bytes]:
        with piece.path.open("rb") as file:
            yield from span(file, 0, piece.bytes)

    return Entry(piece.parts, FILE, chunks, piece.bytes)
