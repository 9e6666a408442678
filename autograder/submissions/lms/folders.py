"""A folder with one folder or archive a student, named by the student's id."""

import re
import unicodedata

from autograder.submissions.entries import FILE, Entry
from autograder.submissions.lms.handed_in import Context, HandIn, Parsed, member, of_top
from autograder.submissions.lms.listing import Listing

KIND = "folders"
LOOKED_FOR = "a folder or an archive for each student, named by the student's id"
ARCHIVE = re.compile(r"\.(zip|tar|tgz|tar\.\w{2,4}|rar|7z)$", re.IGNORECASE)


def fits(top: str, entries: list[Entry]) -> bool:
    """Tell whether a name may be a student's."""
    return bool(ARCHIVE.search(top)) or not is_file(entries)


def is_file(entries: list[Entry]) -> bool:
    return any(len(entry.parts) == 1 and entry.kind == FILE for entry in entries)


def share(listing: Listing) -> float:
    """Return how much of a source fits."""
    return listing.share(fits)


def parse(listing: Listing, _context: Context) -> Parsed:
    """Return one attempt a name; nothing tells when it was handed in."""
    files: dict[str, list[Entry]] = {}
    left: list[str] = []
    for top, entries in listing.tops.items():
        if fits(top, entries):
            name = (ARCHIVE.sub("", top) if is_file(entries) else top) or top
            name = unicodedata.normalize("NFC", name)  # macOS takes accents apart
            files.setdefault(name, []).extend(of_top(entries))
        else:
            left.append(top)
    hand_ins = (HandIn((member(name),), tuple(entries)) for name, entries in files.items())
    return Parsed(tuple(hand_ins), left=tuple(left))
