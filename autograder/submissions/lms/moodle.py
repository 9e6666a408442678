"""Moodle's "Download all submissions", in folders or flat."""

import re

from autograder.submissions.entries import Entry
from autograder.submissions.lms.handed_in import Context, HandIn, Parsed, person
from autograder.submissions.lms.listing import Listing, with_parts

KIND = "moodle"
LOOKED_FOR = "names such as Ada Lovelace_657693_assignsubmission_file_..."
# A name holds no "_": Moodle writes a space for it. The team of those in no team has no number.
PREFIX = re.compile(
    r"(?P<name>[^_]*)(?:_(?P<id>[0-9]+))?_assignsubmission_(?P<plugin>file|onlinetext)(?:_(?P<rest>.*))?",
    re.DOTALL,
)


def fits(top: str, _entries: list[Entry]) -> bool:
    """Tell whether a name is one that Moodle gives."""
    return PREFIX.fullmatch(top) is not None


def share(listing: Listing) -> float:
    """Return how much of a source fits."""
    return listing.share(fits)


def parse(listing: Listing, _context: Context) -> Parsed:
    """Return one attempt a participant or team: Moodle gives only the newest.

    Nothing tells when: the times of entries are not those of uploads, see ``moodle_worksheet``.
    """
    names: dict[str, str] = {}  # by number
    files: dict[str, list[Entry]] = {}
    texts: set[str] = set()
    left: list[str] = []
    for top, entries in listing.tops.items():
        match = PREFIX.fullmatch(top)
        if match is None:
            left.append(top)
            continue
        number = match["id"] or match["name"]
        names[number] = match["name"]
        handed_in = files.setdefault(number, [])
        if match["plugin"] == "onlinetext":
            texts.add(number)
            continue
        start = (match["rest"],) if match["rest"] else ()
        renamed = (with_parts(entry, (*start, *entry.parts[1:])) for entry in entries)
        handed_in += (entry for entry in renamed if entry.parts)
    is_blind = len(names) > 1 and len(set(names.values())) == 1  # "Participant" in some language
    hand_ins = (
        HandIn(
            (person(KIND, number, name="" if is_blind else names[number]),),
            tuple(entries),
            text="an online text" if number in texts else "",
        )
        for number, entries in files.items()
    )
    return Parsed(tuple(hand_ins), left=tuple(left))
