"""What programs and people leave among a student's files, and what nobody has to hand in."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from autograder.submissions.entries import CLUTTER, FOLDER, Entry

FOLDERS = CLUTTER | {".ipynb_checkpoints", ".idea", ".vscode", ".pytest_cache", ".mypy_cache"}
FILES = {".DS_Store", "Thumbs.db", "desktop.ini", ".localized"}
STARTS = ("._", "~$", ".~lock")  # of macOS, of Office
DATA_SETS = {
    "cifar-10-batches-py",
    "cifar-10-batches-bin",
    "cifar-10-python.tar.gz",
    "cifar-10-binary.tar.gz",
    "FashionMNIST",
}


def clutter_of(parts: tuple[str, ...]) -> str:
    """Return the part of a name that makes it clutter, or an empty text."""
    for part in parts:
        if part in FOLDERS or part in DATA_SETS:
            return part
    last = parts[-1] if parts else ""
    if last in FILES:
        return last
    return next((f"{start}*" for start in STARTS if last.startswith(start)), "")


@dataclass(frozen=True)
class LeftOut:
    """How many files were left out, and their bytes."""

    names: tuple[str, ...] = ()
    files: int = 0
    bytes: int = 0

    def and_also(self, name: str, entries: Collection[Entry]) -> "LeftOut":
        """Return the same with further files."""
        size = sum(entry.size for entry in entries)
        return LeftOut((*self.names, name), self.files + len(entries), self.bytes + size)

    def __str__(self) -> str:
        files = f"{self.files:,} file{'s' * (self.files != 1)}"
        return f"{files}, {self.bytes:,} bytes: {', '.join(self.names)}"


def without_clutter(entries: Iterable[Entry]) -> tuple[list[Entry], LeftOut]:
    """Return the entries that somebody may have meant to hand in, and what the others are."""
    kept: list[Entry] = []
    names: set[str] = set()
    files = size = 0
    for entry in entries:
        if name := clutter_of(entry.parts):
            names.add(name)
            files += 0 if entry.kind == FOLDER and not entry.size else entry.files
            size += entry.size
        else:
            kept.append(entry)
    return kept, LeftOut(tuple(sorted(names)), files, size)
