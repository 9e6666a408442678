"""Our copies of what was handed in: one private file for each content, and archives that we write.

They are copies, not hard links: a linked file would be the same file, and change with the original.
"""

import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast

from pydantic import BaseModel, ConfigDict

from autograder.course.settings import CourseError
from autograder.submissions.entries import (
    FILE,
    Entry,
    LeftOutError,
    Limits,
    SubmissionError,
    megabytes,
    visible,
)
from autograder.submissions.magic import HEAD_BYTES, kind_of
from lab3.log.records import Sha256

ATTEMPTS, LOCK, SCRATCH = "attempts", ".lock", ".part-"
EPOCH = (1980, 1, 1, 0, 0, 0)
MOST_BYTES = 2 * 10**9  # of one attempt as it was handed in, far above what a student needs
LIMITS = Limits()  # of what is graded: no more is packed
Text = tuple[str, ...]


class Piece(BaseModel):
    """A file that was handed in, and where our copy of it lies."""

    model_config = ConfigDict(frozen=True)

    parts: Text
    path: Path
    sha256: Sha256
    bytes: int

    @property
    def name(self) -> str:
        return "/".join(self.parts)


class Store:
    """The folder of copies. What is being written lies in ``scratch`` until it is whole."""

    def __init__(self, submissions: Path, scratch: Path) -> None:
        self.submissions, self.scratch = submissions, scratch

    def put(self, piece: Piece) -> str:
        """Move a file to the place of its content; return its path below ``submissions``."""
        with piece.path.open("rb") as file:
            kind = kind_of("", file.read(HEAD_BYTES))
            os.fsync(file.fileno())
        name = f"{ATTEMPTS}/{piece.sha256}.{kind}"
        if not (self.submissions / name).exists():
            piece.path.chmod(0o600)
            piece.path.replace(self.submissions / name)
        return name


@contextmanager
def open_store(submissions: Path) -> Iterator[Store]:
    """Open the folder for one who writes; raise CourseError when another one does already.

    What a killed one left half written is removed.
    """
    import fcntl  # only here: Windows has none

    attempts = submissions / ATTEMPTS
    try:
        for folder in (submissions, attempts):
            folder.mkdir(mode=0o700, exist_ok=True)
        lock = (submissions / LOCK).open("a")
    except OSError as error:
        raise CourseError(f"{submissions} can't be written to: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            text = "another lab3 collect writes there: wait until it has ended"
            raise CourseError(f"{submissions}: {text}") from None
        for old in attempts.glob(f"{SCRATCH}*"):
            shutil.rmtree(old, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=attempts, prefix=SCRATCH) as scratch:
            yield Store(submissions, Path(scratch))


class HashedFile:
    """A file that is written from beginning to end and hashed on the way."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.bytes, self._digest = file, 0, hashlib.sha256()
        self.flush = file.flush

    def write(self, piece: bytes) -> int:
        self._digest.update(piece)
        self.bytes += len(piece)
        return self.file.write(piece)

    def sha256(self) -> str:
        return self._digest.hexdigest()


def bounded(pieces: Iterable[bytes], most: int = MOST_BYTES) -> Iterator[bytes]:
    """Yield pieces; raise SubmissionError when they are more than what anybody hands in."""
    left = most
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise SubmissionError(f"holds more than {megabytes(most)}")
        yield piece


def copy(pieces: Iterable[bytes], path: Path, most: int = MOST_BYTES) -> tuple[str, int]:
    """Write a new file that only we may read; return its digest and its bytes."""
    with path.open("xb") as file:
        path.chmod(0o600)
        hashed = HashedFile(file)
        for piece in bounded(pieces, most):
            hashed.write(piece)
    return hashed.sha256(), hashed.bytes


def pack(entries: Mapping[str, Entry], path: Path) -> tuple[str, int, list[str]]:
    """Write files into a new .zip, uncompressed; return its digest, bytes and what was left out.

    Raises SubmissionError where a file is damaged, or changes while it is read.
    """
    problems: list[str] = []
    left = LIMITS.total
    with path.open("xb") as file:
        path.chmod(0o600)
        hashed = HashedFile(file)
        with zipfile.ZipFile(cast("BinaryIO", hashed), "w") as archive:
            for name, entry in sorted(entries.items()):
                pieces = bounded(entry.chunks(), min(left, LIMITS.checkpoint))
                try:
                    if entry.kind != FILE:
                        raise LeftOutError(entry.kind)
                    if entry.size > LIMITS.checkpoint:
                        raise LeftOutError(f"is larger than {megabytes(LIMITS.checkpoint)}")
                    first = next(pieces, b"")
                except LeftOutError as error:
                    problems.append(f"{name} {error}")
                    continue
                member = zipfile.ZipInfo(name, EPOCH)
                member.external_attr = 0o100644 << 16
                write(archive, member, chain((first,), pieces))
                left -= member.file_size
    return hashed.sha256(), hashed.bytes, problems


def write(archive: zipfile.ZipFile, member: zipfile.ZipInfo, pieces: Iterable[bytes]) -> None:
    """Write one file into an archive."""
    try:
        with archive.open(member, "w") as inner:
            for piece in pieces:
                inner.write(piece)
    except LeftOutError as error:
        raise SubmissionError(f"{visible(member.filename)} {error}: collect again") from None
