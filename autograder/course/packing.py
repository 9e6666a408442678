"""Archives that we write: the same files always give the same bytes."""

import hashlib
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast

from autograder.submissions.entries import (
    FILE,
    Entry,
    LeftOutError,
    Limits,
    SubmissionError,
    megabytes,
    visible,
)

EPOCH = (1980, 1, 1, 0, 0, 0)
MOST_BYTES = 2 * 10**9  # of one attempt as it was handed in, far above what a student needs
LIMITS = Limits()  # of what is graded: no more is packed


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
