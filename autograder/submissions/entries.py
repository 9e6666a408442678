"""What a folder or archive holds: entries with safe names, whose bytes are read within bounds."""

import os
import re
import stat
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from autograder import plain_text
from lab3.errors import LabError

CLUTTER = {"__MACOSX", ".git", ".venv", "venv", "__pycache__", "node_modules"}  # never looked into
CHUNK_BYTES = 1 << 18
NAME_LENGTH = 4096
PART_LENGTH = 255  # as in file systems; to put a name's accents in order is quadratic
DEPTH = 64
SHOWN = 120  # characters of a name
AFRESH = "pack lab3/, runs/ and report.md afresh"
DAMAGED = f"is damaged: {AFRESH}"
ONLY = "hand in only lab3/, runs/ and report.md"

# The kinds of entries; what is neither a file nor a folder is called what a problem says of it.
FILE = "file"
FOLDER = "is a folder"
LINK = "is a symbolic link and was not followed"
HARD_LINK = "is a hard link and was not followed: hand in a copy"
SPECIAL = "is not a regular file and was not read"
CLOSED = "is a folder that can't be read"


class SubmissionError(LabError):
    """A submission can't be graded at all; the text names it and what to do."""


class LeftOutError(Exception):
    """One file is left out; the text goes on after its name."""


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, as read and decompressed.

    ``logs`` is that of all logs together, ``total`` all of a tar archive.
    """

    source: int = 1_000_000
    log: int = 16_000_000
    logs: int = 64_000_000
    report: int = 4_000_000
    figure: int = 10_000_000
    page: int = 40_000_000
    checkpoint: int = 256_000_000
    total: int = 1_000_000_000
    entries: int = 10_000
    runs: int = 32
    figures: int = 64


@dataclass(frozen=True)
class Entry:
    """``chunks`` yields a file's bytes, in pieces of bounded size, until it raises or ends.

    ``size`` is what a list of contents claims, ``position`` where it lies in an archive, and
    ``mark`` changes when the bytes do, as far as that is known without reading them. ``files`` is
    how many files it stands for: a folder that is not looked into may hold many. ``time`` is when
    it was changed, from the year to the second, by the clock of whoever packed it.
    """

    parts: tuple[str, ...]
    kind: str
    chunks: Callable[[], Iterator[bytes]] = field(default=lambda: iter(()), compare=False)
    size: int = field(default=0, compare=False)
    position: int = field(default=0, compare=False)
    mark: str = field(default="", compare=False)
    files: int = field(default=1, compare=False)
    time: tuple[int, ...] = field(default=(), compare=False)


Split = Callable[[str], tuple[str, ...]]


def too_large(limits: Limits) -> SubmissionError:
    return SubmissionError(f"holds more than {megabytes(limits.total)}: {ONLY}")


def too_many(limits: Limits) -> SubmissionError:
    return SubmissionError(f"holds more than {limits.entries:,} entries: {ONLY}")


def megabytes(size: int) -> str:
    """Return a limit in whole decimal megabytes, or in bytes."""
    return f"{size // 10**6:,} MB" if size and size % 10**6 == 0 else f"{size:,} bytes"


def visible(text: str, instead: str = "?", length: int = SHOWN) -> str:
    """Return a name that can't steer a terminal, break a line or reorder what is beside it."""
    return plain_text.name(text[:NAME_LENGTH], instead, length)


def split(name: str) -> tuple[str, ...]:
    """Return the parts of a stored name; raise SubmissionError for one that leads elsewhere.

    Such a name is refused, not skipped: some programs unpack it over a file that counts.
    Backslashes are separators, as old programs on Windows write them.
    """
    if len(name) > NAME_LENGTH:
        raise SubmissionError(
            f"holds a name of more than {NAME_LENGTH:,} characters, {visible(name)!r}: {AFRESH}"
        )
    path = name.replace("\\", "/")
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    if path.startswith("/") or ".." in parts or "\0" in path or re.match("[A-Za-z]:", path):
        raise SubmissionError(f"holds the unsafe name {visible(name)!r}: {AFRESH}")
    if len(parts) > DEPTH:
        raise SubmissionError(f"holds {visible(name)!r}, more than {DEPTH} folders deep: {ONLY}")
    if any(len(part) > PART_LENGTH for part in parts):
        raise SubmissionError(
            f"holds {visible(name)!r}, with a name of more than {PART_LENGTH} characters: {AFRESH}"
        )
    return parts


def identity(handle: int) -> tuple[int, ...]:
    status = os.fstat(handle)
    return status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns


@contextmanager
def opened(top: int, names: tuple[str, ...], flags: int) -> Iterator[int]:
    """Open a file or folder from above, part by part, so that no link is followed on the way."""
    flags |= os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
    handle = os.dup(top)
    try:
        for number, name in enumerate(names, 1):
            on_the_way = os.O_DIRECTORY if number < len(names) else 0
            inner = os.open(name, flags | on_the_way, dir_fd=handle)
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


def folder_entries(
    top: int, limits: Limits, split: Split = split, clutter: Collection[str] = CLUTTER
) -> list[Entry]:
    """List a folder; clutter is named but not looked into."""
    entries: list[Entry] = []
    folders: deque[tuple[str, ...]] = deque([()])
    while folders:
        names = folders.popleft()
        parts = split("/".join(names))
        try:
            with opened(top, names, os.O_DIRECTORY) as handle, os.scandir(handle) as items:
                for item in items:
                    inner = (*names, item.name)
                    if item.is_symlink():
                        entries.append(Entry(split("/".join(inner)), LINK))
                    elif item.is_dir(follow_symlinks=False):
                        if item.name in clutter:
                            entries.append(Entry(split("/".join(inner)), FOLDER))
                        else:
                            folders.append(inner)
                    elif item.is_file(follow_symlinks=False):
                        entries.append(file_entry(split("/".join(inner)), top, inner, item))
                    else:
                        entries.append(Entry(split("/".join(inner)), SPECIAL))
                    if len(entries) + len(folders) > limits.entries:
                        raise too_many(limits)
            entries.append(Entry(parts, FOLDER))
        except OSError as error:
            if not names:
                raise SubmissionError(f"can't be read: {error.strerror}: check it") from None
            entries.append(Entry(parts, CLOSED))
    return entries


def file_entry(
    parts: tuple[str, ...], top: int, names: tuple[str, ...], item: "os.DirEntry[str]"
) -> Entry:
    status = item.stat(follow_symlinks=False)
    mark = f"{status.st_size}:{status.st_mtime_ns}"
    return Entry(parts, FILE, from_disk(top, names), status.st_size, mark=mark)


def from_disk(top: int, names: tuple[str, ...]) -> Callable[[], Iterator[bytes]]:
    def chunks() -> Iterator[bytes]:
        try:
            with opened(top, names, 0) as handle:
                before, status = identity(handle), os.fstat(handle)
                if not stat.S_ISREG(status.st_mode):
                    raise LeftOutError(SPECIAL)
                if status.st_nlink > 1:  # of a file that may be someone else's
                    raise LeftOutError(HARD_LINK)
                while piece := os.read(handle, CHUNK_BYTES):
                    yield piece
                if identity(handle) != before:
                    raise LeftOutError("changed while it was read and was left out")
        except OSError as error:
            raise LeftOutError(f"can't be read: {error.strerror}") from None

    return chunks
