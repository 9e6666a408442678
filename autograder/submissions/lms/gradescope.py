"""Gradescope's "Export submissions": folders beside ``submission_metadata.yml``."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

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
from autograder.submissions.lms.times import in_utc, parse_iso

KIND = "gradescope"
METADATA = "submission_metadata.yml"
LOOKED_FOR = METADATA


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads plain values, also where Ruby says of which class they are."""


def plain(loader: Any, _ruby: str, node: yaml.Node) -> Any:
    """Return a value of a class of Ruby's as what it holds."""
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)


Loader.add_multi_constructor("!ruby/", plain)


def share(listing: Listing) -> float:
    """Tell whether there is the file that describes an export."""
    return float(METADATA in listing.tops)


def parse(listing: Listing, _context: Context) -> Parsed:
    """Return every submission: of the older ones there are no files."""
    tops = listing.tops
    metadata = metadata_of(tops[METADATA][0])
    entries = {str(n): entry for n, entry in metadata.items() if isinstance(entry, Mapping)}
    shared = shared_ids(entries.values())
    hand_ins: list[HandIn] = []
    for name, entry in entries.items():
        people = people_of(entry, name, shared)
        hand_ins.append(HandIn(people, of_top(tops.pop(name, [])), time_of(entry)))
        for older in several(entry, "history"):
            if isinstance(older, Mapping) and (time := time_of(older)):
                hand_ins.append(HandIn(people, (), time, is_elsewhere=True))
    left = tuple(top for top in tops if top != METADATA)
    notes = (f"several addresses have the id {one}: they are told apart" for one in sorted(shared))
    return Parsed(tuple(hand_ins), left=left, notes=tuple(notes))


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


def several(entry: Mapping[Any, Any], name: str) -> Sequence[Any]:
    """Return a field that is a list, an empty one for anything else."""
    value = field_of(entry, name)
    return value if isinstance(value, list) else ()


def submitters_of(entry: Mapping[Any, Any]) -> Iterator[dict[str, str]]:
    """Yield name, sid and email of those who handed in."""
    for submitter in several(entry, "submitters"):
        if isinstance(submitter, Mapping):
            yield {key: str(field_of(submitter, key) or "") for key in ("name", "sid", "email")}


def shared_ids(entries: Iterable[Mapping[Any, Any]]) -> set[str]:
    """Return ids that people with several addresses say are theirs: an account's owner may."""
    addresses: dict[str, set[str]] = {}
    for entry in entries:
        for one in submitters_of(entry):
            if one["sid"] and one["email"]:
                addresses.setdefault(one["sid"], set()).add(one["email"].casefold())
    return {number for number, several in addresses.items() if len(several) > 1}


def people_of(
    entry: Mapping[Any, Any], submission: str, shared: Collection[str]
) -> tuple[Person, ...]:
    """Return the submitters, several for a group; an anonymous one is known by the submission."""
    people = []
    for one in submitters_of(entry):
        sid = "" if one["sid"] in shared else one["sid"]
        number = sid or one["email"] or submission
        people.append(person(KIND, number, name=one["name"], id=sid, email=one["email"]))
    return tuple(people) or (person(KIND, submission),)


def time_of(entry: Mapping[Any, Any]) -> datetime | None:
    """Return when a submission was made; a time without zone is in UTC."""
    created = field_of(entry, "created_at")
    if isinstance(created, Mapping):  # a time of a class of Ruby's
        created = created.get("utc")
    if isinstance(created, datetime):
        return in_utc(created if created.tzinfo else created.replace(tzinfo=UTC))
    return parse_iso(str(created), ZoneInfo("UTC"))
