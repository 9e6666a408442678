"""What is given for a whole class: an archive or a folder, listed in place and never unpacked."""

import bz2
import gzip
import hashlib
import lzma
import os
import re
import stat
import zipfile
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, BinaryIO

from autograder.submissions.archives import (
    ENCRYPTED,
    Bounded,
    from_zip,
    is_tar_header,
    span,
    tar_entries,
    zip_kind,
    zip_name,
)
from autograder.submissions.clutter import clutter_of
from autograder.submissions.entries import (
    CHUNK_BYTES,
    CLUTTER,
    FILE,
    FOLDER,
    NAME_LENGTH,
    Entry,
    Limits,
    Split,
    SubmissionError,
    folder_entries,
    opened,
    split,
    visible,
)
from autograder.submissions.places import own_name
from lab3.errors import LabError

# Of what is given for a whole class, in which 200 students may hand in 142 MB each.
LIMITS = Limits(total=10**12, entries=1_000_000)
LIST_BYTES = 1 << 27
COMPRESSED: dict[bytes, Any] = {  # by what they begin with
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\0": lzma.LZMAFile,
}
MAGIC_BYTES = 6
TABLE = ".csv"
NO_UTF8 = re.compile("[\ud800-\udfff]")
PROTECTED = "is protected by a password"


class SourceError(LabError):
    """A source can't be collected from; the text names it and the remedy."""


class Unsafe(tuple[str, ...]):
    """The parts of a name that leads elsewhere, without what leads there."""

    __slots__ = ()


@dataclass(frozen=True)
class Listing:
    """What a source holds. ``prefix`` is the folder from which the entries' names count.

    A compressed one is read over from its beginning wherever one goes back in it.
    """

    name: str
    entries: tuple[Entry, ...]
    prefix: tuple[str, ...] = ()
    is_archive: bool = False
    is_compressed: bool = False
    sha256: Callable[[], str | None] = field(default=lambda: None, compare=False)
    read_up_to: Callable[[int], None] = field(default=lambda _: None, compare=False)

    @property
    def is_file(self) -> bool:
        """Tell whether the source is a single file that is no archive."""
        is_one = not self.is_archive and len(self.entries) == 1 and not self.prefix
        return is_one and self.entries[0].parts == (self.name,)

    @property
    def is_table(self) -> bool:
        """Tell whether the source is one .csv."""
        return self.is_file and self.name.lower().endswith(TABLE)

    @cached_property
    def tops(self) -> dict[str, list[Entry]]:
        """What lies directly in it, by name; clutter is left out."""
        tops: dict[str, list[Entry]] = {}
        for entry in self.entries:
            if entry.parts and not clutter_of(entry.parts[:1]):
                tops.setdefault(entry.parts[0], []).append(entry)
        return tops

    def share(self, fits: Callable[[str, list[Entry]], bool]) -> float:
        """Return the share of what lies directly in it that fits."""
        tops = self.tops
        return sum(fits(top, entries) for top, entries in tops.items()) / len(tops) if tops else 0

    def inner(self) -> "Listing | None":
        """Return the same as seen from its only folder; None when it holds anything else."""
        tops = self.tops
        if len(tops) != 1:
            return None
        ((name, entries),) = tops.items()
        if any(len(entry.parts) == 1 and entry.kind == FILE for entry in entries):
            return None
        inside = tuple(below(entry, 1) for entry in entries)
        return replace(self, entries=inside, prefix=(*self.prefix, name))


def with_parts(entry: Entry, parts: tuple[str, ...]) -> Entry:
    """Return an entry under another name, which is as safe as it was."""
    return replace(entry, parts=type(entry.parts)(parts))


def below(entry: Entry, depth: int) -> Entry:
    """Return an entry whose name counts from a folder so deep."""
    return with_parts(entry, entry.parts[depth:])


def lenient_split(name: str) -> tuple[str, ...]:
    """Return the parts of a stored name as text that can be written; an unsafe one says so."""
    try:
        parts = split(name)
    except SubmissionError:
        inner = re.split(r"[\\/]", name[:NAME_LENGTH].replace("\0", "?"))
        parts = Unsafe(part[:200] for part in inner if part not in ("", ".", ".."))
    return type(parts)(map(clean, parts))


def clean(part: str) -> str:
    """Return a name in which bytes that are no UTF-8 are written as in addresses of the web."""
    return NO_UTF8.sub(lambda match: f"%{ord(match[0]) & 0xFF:02X}", part)


class Hashed:
    """A file that is hashed on the way, where it is read from beginning to end."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self._digest, self._done = file, hashlib.sha256(), 0
        self.seek, self.tell, self.close = file.seek, file.tell, file.close

    def read(self, size: int | None = -1, /) -> bytes:
        start = self.file.tell()
        if self._done < start <= self._done + CHUNK_BYTES:  # what no entry says is passed over
            self.read_up_to(start)
            self.file.seek(start)
        piece = self.file.read(-1 if size is None else size)
        if start <= self._done < start + len(piece):
            self._digest.update(piece[self._done - start :])
            self._done = start + len(piece)
        return piece

    def seekable(self) -> bool:
        return True

    def read_up_to(self, position: int) -> None:
        """Read what was passed over before a position."""
        while self._done < position:
            self.seek(self._done)
            if not self.read(min(CHUNK_BYTES, position - self._done)):
                return

    def sha256(self) -> str:
        """Read the rest, and return the digest of all."""
        self.read_up_to(self.file.seek(0, os.SEEK_END))
        return self._digest.hexdigest()


@contextmanager
def open_listing(path: Path, is_hashed: bool = True) -> Iterator[Listing]:
    """List an archive, a folder, or a single file; its entries can be read within the block.

    Raises SourceError when it can't be read.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY
    try:
        handle = os.open(path, flags)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "this can't be a path"
        raise SourceError(f"{visible(str(path))}: {reason}: check the path") from None
    with ExitStack() as stack:
        stack.callback(os.close, handle)
        try:
            listing = listed(path, handle, is_hashed, stack)
        except SubmissionError as error:
            raise SourceError(f"{visible(str(path))} {error}") from None
        yield listing


def listed(path: Path, handle: int, is_hashed: bool, stack: ExitStack) -> Listing:
    name = clean(own_name(path))
    status = os.fstat(handle)
    if stat.S_ISDIR(status.st_mode):
        with named_when_too_many() as split:
            entries = folder_entries(handle, LIMITS, split)
        return Listing(name, tuple(weighed(handle, entry) for entry in entries))
    if not stat.S_ISREG(status.st_mode):
        raise SubmissionError("is neither a folder nor a file: name one of these")
    file: Any = stack.enter_context(os.fdopen(os.dup(handle), "rb"))
    if is_hashed:
        file = Hashed(file)
    magic = file.read(MAGIC_BYTES)
    is_compressed = magic.startswith(tuple(COMPRESSED))
    archive = archived(file, magic, f"{status.st_size}:{status.st_mtime_ns}")
    if archive is None:
        chunks = partial(span, file, 0, status.st_size)
        return Listing(name, (Entry((name,), FILE, chunks, status.st_size),))
    if not is_hashed:
        return Listing(name, archive, (), True, is_compressed)
    if is_compressed:  # places in it are not those of its entries
        return Listing(name, archive, (), True, True, file.sha256)
    return Listing(name, archive, (), True, False, file.sha256, file.read_up_to)


@contextmanager
def named_when_too_many() -> Iterator[Split]:
    """Give what takes names apart; where there are too many, say whose they are."""
    counts: Counter[str] = Counter()

    def counted(name: str) -> tuple[str, ...]:
        parts = lenient_split(name)
        counts["/".join(parts[:2])] += 1  # there may be a folder around all
        return parts

    try:
        yield counted
    except SubmissionError:
        if counts.total() < LIMITS.entries:
            raise
        ((most, number),) = counts.most_common(1)
        raise SubmissionError(
            f"holds more than {LIMITS.entries:,} entries, {number:,} of them in {visible(most)}: "
            "collect it without that, or in parts"
        ) from None


def weighed(top: int, entry: Entry) -> Entry:
    """Return an entry with the number and bytes of the files in it, if it is clutter."""
    if entry.kind != FOLDER or not entry.parts or entry.parts[-1] not in CLUTTER:
        return entry
    files: list[Entry] = []
    with (
        suppress(OSError, SubmissionError),  # it was removed meanwhile, or is larger than all else
        opened(top, entry.parts, os.O_DIRECTORY) as handle,
    ):
        inner = folder_entries(handle, LIMITS, lenient_split, clutter=())
        files = [one for one in inner if one.kind != FOLDER]
    return replace(entry, size=sum(one.size for one in files), files=len(files))


def archived(file: Any, magic: bytes, state: str) -> tuple[Entry, ...] | None:
    """List an archive, None for any other file; ``state`` tells its file from a changed one."""
    file.seek(0)
    if magic[:4] in (b"PK\3\4", b"PK\5\6"):
        return tuple(zip_listing(file))
    for begin, opener in COMPRESSED.items():
        if magic.startswith(begin):
            file = opener(file)
    try:
        if not is_tar_header(file.read(512)):
            return None
        with named_when_too_many() as split:
            entries = tar_entries(file, LIMITS, split)
            return tuple(replace(e, mark=f"{state}:{e.position}") for e in entries)
    except (OSError, EOFError, lzma.LZMAError):
        raise SubmissionError("is damaged: fetch it again") from None


def zip_listing(file: BinaryIO) -> Iterator[Entry]:
    """List a .zip, of which single entries may be damaged or hostile."""
    try:
        with zipfile.ZipFile(Bounded(file, LIST_BYTES)) as archive:
            infos, end = archive.infolist(), archive.start_dir
    except SubmissionError:
        raise SubmissionError("holds too long a list of contents: fetch it in parts") from None
    except Exception:  # damage makes zipfile raise nearly anything
        raise SubmissionError("is damaged: fetch it again") from None
    if len(infos) > LIMITS.entries:
        with named_when_too_many() as split:
            for info in infos:
                split(info.filename)
            raise SubmissionError
    starts = sorted({info.header_offset for info in infos} | {end})
    for info in infos:
        raw, name = zip_name(info)
        kind = PROTECTED if info.flag_bits & ENCRYPTED else zip_kind(info, name)
        stop = starts[min(bisect_right(starts, info.header_offset), len(starts) - 1)]
        yield Entry(
            lenient_split(name),
            kind,
            from_zip(file, info, raw, stop),
            info.file_size,
            info.header_offset,
            f"{info.CRC:08x}:{info.file_size}",
        )
