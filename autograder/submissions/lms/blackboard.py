"""Blackboard's "Assignment file download": one flat archive with a text beside each attempt."""

import re

from autograder.submissions.entries import FILE, Entry
from autograder.submissions.lms.handed_in import Context, HandIn, Parsed, content_of, person
from autograder.submissions.lms.listing import Listing, with_parts
from autograder.submissions.lms.times import parse_iso

KIND = "blackboard"
LOOKED_FOR = "files such as Lab 3_ada_attempt_2026-11-24-23-59-00_lab3.zip"
# The first "_attempt_" is Blackboard's: what follows the time was written by the student.
NAME = re.compile(
    r"(?P<start>.+?)_attempt_(?P<time>[0-9]{4}(?:-[0-9][0-9]){5})(?:_(?P<file>.+)|\.txt)", re.DOTALL
)
WHO = re.compile(r"\s*Name: *(?P<name>.*) \((?P<user>.+)\)\s*$", re.MULTILINE)
HEAD_BYTES = 4096  # of a text; what follows its head was written by the student


def fits(top: str, _entries: list[Entry]) -> bool:
    """Tell whether a name is one that Blackboard gives."""
    return NAME.fullmatch(top) is not None


def share(listing: Listing) -> float:
    """Return how much of a source fits."""
    return listing.share(fits)


def parse(listing: Listing, context: Context) -> Parsed:
    """Return every attempt; its time is on the clock of the server."""
    files: dict[tuple[str, str], list[Entry]] = {}  # by the start of their names and the time
    texts: dict[tuple[str, str], Entry] = {}
    left: list[str] = []
    for top, entries in listing.tops.items():
        match = NAME.fullmatch(top)
        if match is None:
            left.append(top)
            continue
        handed_in = files.setdefault((match["start"], match["time"]), [])
        if match["file"]:
            handed_in += (with_parts(entry, (match["file"], *entry.parts[1:])) for entry in entries)
        elif entries[0].kind == FILE:
            texts[match["start"], match["time"]] = entries[0]
    hand_ins = []
    for (start, time), entries in files.items():
        user, name = who(start, texts.get((start, time)))
        date, clock = time[:10], time[11:].replace("-", ":")
        owner = person(KIND, user, login=user, name=name)
        hand_ins.append(
            HandIn((owner,), tuple(entries), parse_iso(f"{date} {clock}", context.zone))
        )
    notes = (
        ()
        if context.zone
        else ('times are on Blackboard\'s clock: set timezone = "Europe/Berlin"',)
    )
    return Parsed(tuple(hand_ins), left=tuple(left), notes=notes if hand_ins else ())


def who(start: str, text: Entry | None) -> tuple[str, str]:
    """Return user name and name; a user name may hold "_", which only the text tells."""
    if text is not None:
        match = WHO.match(content_of(text)[:HEAD_BYTES].decode("utf-8-sig", "replace"))
        if match and start.endswith(f"_{match['user']}"):
            return match["user"], match["name"]
    return start.rpartition("_")[2], ""
