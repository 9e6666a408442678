"""The parts of a hand-in: its loose files together, and each archive; and which of them count."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from autograder.submissions.choosing import LAB, REPORT_NAME, RUNS, choose, find_root
from autograder.submissions.clutter import LeftOut, without_clutter
from autograder.submissions.entries import FILE, Entry, Limits, SubmissionError, visible
from autograder.submissions.lms.listing import Unsafe
from autograder.submissions.magic import is_named_archive
from lab3.log.runlog import CHECKPOINT_NAME

LIMITS = Limits()
MOST_FILES = 200_000  # of one attempt
OTHERS, OTHERS_BYTES = 1000, 50_000_000  # files that don't count, such as figures of the report
SUFFIX = re.compile(r"(\.tar)?\.\w{1,4}$")
NUMBER = re.compile(r"-(\d{1,3})$")  # which Canvas puts behind the name of what is handed in again


@dataclass(frozen=True)
class Part:
    """What came together: ``slots`` are the files that count, by what they are for.

    ``files`` are all files, by their names below the folder that holds ``lab3/``; ``inside`` are
    archives among them, which are not opened. ``path`` is the part's own archive, if it is one.
    """

    name: str
    path: Path | None
    slots: Mapping[str, Entry]
    files: Mapping[str, Entry]
    left_out: LeftOut
    problems: tuple[str, ...] = ()
    inside: tuple[Entry, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Tell whether there is code and a run."""
        return {LAB, RUNS} <= {slot.split("/")[0] for slot in self.slots}

    @property
    def newest(self) -> tuple[int, ...]:
        """When the newest file that counts was changed, by the clock of whoever packed it."""
        return max((entry.time for entry in self.slots.values()), default=())


def part_of(name: str, entries: Iterable[Entry], path: Path | None = None) -> Part:
    """Return what counts among entries; raise SubmissionError when that is not clear."""
    kept, left_out = without_clutter(entry for entry in entries if entry.parts)
    for entry in kept:
        if isinstance(entry.parts, Unsafe):
            raise SubmissionError(f"holds the unsafe name {visible('/'.join(entry.parts))!r}")
    if len(kept) > MOST_FILES:
        raise SubmissionError(f"holds more than {MOST_FILES:,} files: hand in only what counts")
    problems: list[str] = []
    slots, _ = choose(kept, LIMITS, problems)
    root = find_root(kept)
    files = {
        "/".join(entry.parts[len(root) :]): entry
        for entry in kept
        if entry.kind == FILE and entry.parts[: len(root)] == root
    }
    for entry in slots.values():
        files.pop("/".join(entry.parts[len(root) :]), None)
    if len(files) > OTHERS or sum(entry.size for entry in files.values()) > OTHERS_BYTES:
        left_out = left_out.and_also("what doesn't count", files.values())
        files = {}
    files |= slots
    alone = len(files) == 1 and not slots  # whatever it is called
    inside = tuple(e for e in files.values() if alone or is_named_archive(e.parts[-1]))
    return Part(name, path, slots, files, left_out, tuple(problems), inside)


def verify(part: Part) -> None:
    """Read what counts as far as it is quick; raise SubmissionError where it is damaged."""
    for slot, entry in part.slots.items():
        if entry.kind == FILE:
            pieces = iter(entry.chunks())
            most = 1 if slot.endswith(f"/{CHECKPOINT_NAME}") else LIMITS.log
            while most > 0 and (piece := next(pieces, b"")):
                most -= len(piece)


def counting(parts: Iterable[Part]) -> tuple[list[Part], list[Part]]:
    """Return the parts that are one attempt together, and those in whose place others count.

    Raises SubmissionError when two contradict each other and nothing tells which is newer.
    """
    used: list[Part] = []
    others: list[Part] = []
    for part in parts:
        if any(adds_nothing(part, other) for other in used):
            others.append(part)
            continue
        rivals = [other for other in used if adds_nothing(other, part) or conflict(part, other)]
        if any(not adds_nothing(other, part) and not is_newer(part, other) for other in rivals):
            others.append(part)
        else:
            used = [other for other in used if other not in rivals] + [part]
            others += rivals
    return used, others


def adds_nothing(part: Part, other: Part) -> bool:
    """Tell whether all that counts of a part is in another one as well."""
    slots = part.slots.keys()
    return slots <= other.slots.keys() and not any(differs(part, other, slot) for slot in slots)


def conflict(part: Part, other: Part) -> str:
    """Return a file of code or runs that both have and that differs; an empty text for none."""
    both = sorted(part.slots.keys() & other.slots.keys() - {REPORT_NAME})
    return next((slot for slot in both if differs(part, other, slot)), "")


def differs(part: Part, other: Part, slot: str) -> bool:
    one, two = part.slots[slot], other.slots[slot]
    return one.size != two.size or digest(one) != digest(two)


def digest(entry: Entry) -> bytes:
    value = hashlib.sha256()
    if entry.kind == FILE:
        for piece in entry.chunks():
            value.update(piece)
    return value.digest()


def is_newer(part: Part, other: Part) -> bool:
    """Tell which of two counts: by Canvas's numbers where names agree, else by times inside."""
    (stem, number), (other_stem, other_number) = numbered(part.name), numbered(other.name)
    if stem == other_stem and number != other_number:
        return number > other_number
    if part.newest == other.newest or not (part.newest and other.newest):
        both = " and ".join(sorted(visible(one.name) for one in (part, other)))
        raise SubmissionError(
            f"{both} differ in {conflict(part, other)}, and nothing tells which is newer: hand in "
            "one of them"
        )
    return part.newest > other.newest


def numbered(name: str) -> tuple[str, int]:
    """Return a name without the suffix of an archive and its number, and the number."""
    stem = SUFFIX.sub("", name)
    match = NUMBER.search(stem)
    return (stem[: match.start()], int(match[1])) if match else (stem, 0)


def union(parts: Iterable[Part]) -> tuple[dict[str, Entry], list[str]]:
    """Return the files of several parts as those of one, and what of them was left out.

    Of reports counts one that was handed in for itself, then the newest.
    """
    files: dict[str, Entry] = {}
    owners: dict[str, str] = {}
    left_out: list[str] = []
    newest_first = sorted(
        parts, key=lambda p: (p.path is None, numbered(p.name)[1], p.newest), reverse=True
    )
    for part in newest_first:
        for name, entry in part.files.items():
            if name == REPORT_NAME and name in files:
                left_out.append(f"{name} of {part.name} was left out: {owners[name]} has another")
            files.setdefault(name, entry)
            owners.setdefault(name, part.name)
    part_of("", (with_name(name, entry) for name, entry in files.items()))  # is it clear?
    return files, left_out


def with_name(name: str, entry: Entry) -> Entry:
    return Entry(tuple(name.split("/")), entry.kind)
