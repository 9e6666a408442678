"""Where our copies of what was handed in lie: one private file for each content.

They are copies, not hard links: a linked file would be the same file, and change with the original.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autograder.course.assembling import Piece
from autograder.course.settings import CourseError
from autograder.submissions.magic import HEAD_BYTES, kind_of

ATTEMPTS, LOCK, SCRATCH = "attempts", ".lock", ".part-"


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
