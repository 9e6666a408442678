"""Listings without a disk: what a parser is given."""

import zlib
from collections.abc import Mapping

from autograder.submissions.entries import FILE, Entry
from autograder.submissions.lms.handed_in import HandIn
from autograder.submissions.lms.listing import Listing, lenient_split


def listing_of(
    files: Mapping[str, bytes], name: str = "export", is_archive: bool = True
) -> Listing:
    """Return the listing of an archive of files."""
    entries = tuple(
        Entry(
            lenient_split(path),
            FILE,
            lambda content=content: iter((content,)),  # type: ignore[misc]
            len(content),
            position,
            f"{zlib.crc32(content):08x}:{len(content)}",
        )
        for position, (path, content) in enumerate(files.items())
    )
    return Listing(name, entries, is_archive=is_archive)


def contents(hand_in: HandIn) -> dict[str, bytes]:
    """Return the files of a hand-in by their names."""
    return {"/".join(entry.parts): b"".join(entry.chunks()) for entry in hand_in.files}
