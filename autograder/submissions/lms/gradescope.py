"""Gradescope's "Export submissions": folders beside ``submission_metadata.yml``."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import yaml

from autograder.submissions.entries import Entry
from autograder.submissions.lms.handed_in import (
    Context,
    HandIn,
    Parsed,
    Person,
    content_of,
    of_top,
    person,
)
from autograder.submissions.lms.listing import Listing, SourceError
from autograder.submissions.lms.times import parse_iso

KIND = "gradescope"
METADATA = "submission_metadata.yml"
LOOKED_FOR = METADATA
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def share(listing: Listing) -> float:
    """Tell whether there is the file that describes an export."""
    return float(METADATA in listing.tops)


def parse(listing: Listing, _context: Context) -> Parsed:
    """Return every submission: of the older ones there are no files."""
    tops = listing.tops
    hand_ins: list[HandIn] = []
    for name, entry in metadata_of(tops[METADATA][0]).items():
        if not isinstance(entry, Mapping):
            continue
        people = people_of(entry, str(name))
        hand_ins.append(HandIn(people, of_top(tops.pop(str(name), [])), time_of(entry)))
        for older in field_of(entry, "history") or ():
            if isinstance(older, Mapping) and (time := time_of(older)):
                hand_ins.append(HandIn(people, (), time, is_elsewhere=True))
    return Parsed(tuple(hand_ins), left=tuple(top for top in tops if top != METADATA))


def metadata_of(entry: Entry) -> Mapping[Any, Any]:
    """Return what the file says, by the names of the folders."""
    try:
        document = yaml.load(without_results(content_of(entry)), Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else "too deep"
        raise SourceError(f"{METADATA} is damaged: {reason}: export it again") from None
    if not isinstance(document, Mapping):
        raise SourceError(f"{METADATA} names no submissions: export it again")
    return document


def without_results(content: bytes) -> bytes:
    """Return the text without results, which are nearly all of it and long to read.

    They are blocks: what belongs to them stands further to the right.
    """
    kept: list[bytes] = []
    block: int | None = None
    for line in content.splitlines(keepends=True):
        bare = line.lstrip(b" ")
        depth = len(line) - len(bare)
        if block is not None and (depth > block or not bare.strip()):
            continue
        is_results = bare.startswith((b":results:", b"results:"))
        block = depth if is_results else None
        if not is_results:
            kept.append(line)
    return b"".join(kept)


def field_of(entry: Mapping[Any, Any], name: str) -> Any:
    """Return a field, whose key is Ruby's symbol or a plain word."""
    return entry.get(f":{name}", entry.get(name))


def people_of(entry: Mapping[Any, Any], submission: str) -> tuple[Person, ...]:
    """Return the submitters, several for a group; an anonymous one is known by the submission."""
    people = []
    for submitter in field_of(entry, "submitters") or ():
        if isinstance(submitter, Mapping):
            fields = {
                name: str(field_of(submitter, name) or "") for name in ("name", "sid", "email")
            }
            number = fields["sid"] or fields["email"] or submission
            known = {"name": fields["name"], "id": fields["sid"], "email": fields["email"]}
            people.append(person(KIND, number, **known))
    return tuple(people) or (person(KIND, submission),)


def time_of(entry: Mapping[Any, Any]) -> datetime | None:
    """Return when a submission was made; a time without zone is in UTC."""
    created = field_of(entry, "created_at")
    if isinstance(created, datetime):
        return created if created.tzinfo else created.replace(tzinfo=UTC)
    time = parse_iso(str(created))
    return time or parse_iso(f"{created} UTC")
