"""nbgrader's ``submitted/``: a folder a student, in it one an assignment."""

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from autograder.submissions.entries import FILE, Entry, visible
from autograder.submissions.lms.handed_in import Context, HandIn, Parsed, content_of, member
from autograder.submissions.lms.listing import Listing, SourceError, below
from autograder.submissions.lms.times import parse_iso

KIND = "nbgrader"
LOOKED_FOR = "submitted/STUDENT/ASSIGNMENT/timestamp.txt"
SUBMITTED, TIMESTAMP = "submitted", "timestamp.txt"
OWN = {SUBMITTED, "source", "release", "autograded", "feedback", "exchange", "downloaded"}
OWN |= {"gradebook.db", "nbgrader_config.py", ".nbgrader.log"}


def fits(top: str, entries: list[Entry]) -> bool:
    """Tell whether a folder is a student's, or holds those of all."""
    depth = 4 if top == SUBMITTED else 3
    return any(len(entry.parts) == depth and entry.parts[-1] == TIMESTAMP for entry in entries)


def share(listing: Listing) -> float:
    """Return how much of a source fits; beside ``submitted`` lie other folders of nbgrader's."""
    submitted = listing.tops.get(SUBMITTED)
    return float(fits(SUBMITTED, submitted)) if submitted else listing.share(fits)


def parse(listing: Listing, context: Context) -> Parsed:
    """Return a student's attempt at the one assignment, or at the one that was named."""
    entries: Iterable[Entry] = listing.entries
    left: tuple[str, ...] = ()
    if SUBMITTED in listing.tops:
        entries = (below(entry, 1) for entry in listing.tops[SUBMITTED])
        left = tuple(top for top in listing.tops if top not in OWN)
    files: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        if len(entry.parts) >= 3:
            student, name = entry.parts[:2]
            files.setdefault((student, name), []).append(below(entry, 2))
    assignment = assignment_of({name for _, name in files}, context.assignment)
    hand_ins = (
        HandIn(
            (member(student),),
            tuple(entry for entry in handed_in if entry.parts != (TIMESTAMP,)),
            received(handed_in, context),
        )
        for (student, name), handed_in in files.items()
        if name == assignment
    )
    return Parsed(tuple(hand_ins), left=left)


def assignment_of(names: set[str], wanted: str | None) -> str:
    """Return which assignment is meant."""
    there = ", ".join(visible(name) for name in sorted(names))
    if wanted is not None and wanted not in names:
        raise SourceError(f"--assignment {wanted}: there are {there}")
    if wanted is None and len(names) > 1:
        raise SourceError(f"holds several assignments, {there}: name one with --assignment")
    return wanted or min(names)


def received(entries: list[Entry], context: Context) -> datetime | None:
    """Return the time beside the files; as nbgrader does, one without a zone is taken for UTC."""
    for entry in entries:
        if entry.parts == (TIMESTAMP,) and entry.kind == FILE:
            text = content_of(entry)[:100].decode("utf-8", "replace")
            return parse_iso(text, context.zone if text.strip()[-1:].isalpha() else ZoneInfo("UTC"))
    return None
