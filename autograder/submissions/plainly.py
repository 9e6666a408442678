"""Folders by their paths, for systems that open no folders: there, students read their own."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from autograder.submissions.entries import (
    CHUNK_BYTES,
    CLUTTER,
    FILE,
    FOLDER,
    LINK,
    Entry,
    LeftOutError,
    Limits,
    split,
    too_many,
)

# Whether a folder can be opened, and a file be opened from there: not on Windows.
HAS_HANDLES = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")


def folder_entries(top: Path, limits: Limits) -> list[Entry]:
    """List a folder; clutter is named but not looked into, and no link is followed."""
    entries: list[Entry] = []
    for folder, names, files in os.walk(top):
        here = Path(folder)
        for name in (*names, *files):
            path = here / name
            parts = split(path.relative_to(top).as_posix())
            if path.is_symlink():
                entries.append(Entry(parts, LINK))
            elif name in files:
                entries.append(Entry(parts, FILE, content_of(path), path.stat().st_size))
            else:
                entries.append(Entry(parts, FOLDER))
        names[:] = [n for n in names if n not in CLUTTER and not (here / n).is_symlink()]
        if len(entries) > limits.entries:
            raise too_many(limits)
    return entries


def content_of(path: Path) -> Callable[[], Iterator[bytes]]:
    def chunks() -> Iterator[bytes]:
        try:
            with path.open("rb") as file:
                while piece := file.read(CHUNK_BYTES):
                    yield piece
        except OSError as error:
            raise LeftOutError(f"can't be read: {error.strerror}") from None

    return chunks
