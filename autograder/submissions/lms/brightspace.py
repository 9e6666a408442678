"""Brightspace's download of an assignment: a folder for each attempt."""

import re

from autograder.submissions.entries import FILE, Entry
from autograder.submissions.lms.handed_in import Context, HandIn, Parsed, of_top, person
from autograder.submissions.lms.listing import Listing
from autograder.submissions.lms.times import date_of, parse_time

KIND = "brightspace"
LOOKED_FOR = "folders such as 12345-67890 - Ada Lovelace - Nov 24, 2026 1159 PM"
NAME = re.compile(r"(?P<id>\S+) - (?P<name>.*) - (?P<time>[^-]+)", re.DOTALL)
CONTENTS = "index.html"  # which it writes itself


def fits(top: str, entries: list[Entry]) -> bool:
    """Tell whether a folder is named as Brightspace does."""
    is_file = any(len(entry.parts) == 1 and entry.kind == FILE for entry in entries)
    match = NAME.fullmatch(top)
    return not is_file and match is not None and date_of(match["time"]) is not None


def share(listing: Listing) -> float:
    """Return how much of a source fits."""
    return listing.share(fits)


def parse(listing: Listing, context: Context) -> Parsed:
    """Return every attempt; its time is on the clock of the server."""
    hand_ins: list[HandIn] = []
    left: list[str] = []
    for top, entries in listing.tops.items():
        match = NAME.fullmatch(top)
        if match is None or not fits(top, entries):
            left += [] if top == CONTENTS else [top]
            continue
        owner = person(KIND, match["id"], name=match["name"])
        received = parse_time(match["time"], context.zone)
        hand_ins.append(HandIn((owner,), of_top(entries), received))
    notes = (
        ()
        if context.zone
        else ('times are on Brightspace\'s clock: set timezone = "Europe/Berlin"',)
    )
    return Parsed(tuple(hand_ins), left=tuple(left), notes=notes if hand_ins else ())
