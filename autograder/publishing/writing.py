"""Files that leave a course: each is written whole, and the same again byte for byte."""

import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lab3.log.runlog import write_atomically

THEN = (1980, 1, 1, 0, 0, 0)  # the earliest that a .zip knows
EXECUTABLE, ORDINARY = 0o100755, 0o100644


@dataclass(frozen=True)
class Member:
    """A file of an archive."""

    name: str
    content: bytes
    is_executable: bool = False


def write_zip(path: Path, members: Iterable[Member]) -> int:
    """Write an archive, one file after the other; return how many there are, each name once."""
    names: set[str] = set()

    def fill(file: BinaryIO) -> None:
        with zipfile.ZipFile(file, "w") as archive:
            for member in members:
                if member.name not in names:
                    names.add(member.name)
                    archive.writestr(entry_of(member), member.content, zipfile.ZIP_DEFLATED)

    write_atomically(path, fill)
    return len(names)


def entry_of(member: Member) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(member.name, THEN)
    entry.external_attr = (EXECUTABLE if member.is_executable else ORDINARY) << 16
    return entry


def write_file(path: Path, content: bytes) -> None:
    """Write a file, all of it or nothing."""
    write_atomically(path, lambda file: file.write(content))
