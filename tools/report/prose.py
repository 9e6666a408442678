"""A report that is written by two hands: generated regions, and the student's prose between them.

Everything lies in one file, ``report.md``, because that is what a student edits, pastes into
HackMD and hands in; answers in files of their own would have to be matched with questions that
stand elsewhere. A generated region stands between two comments::

    <!-- lab3: curves 0123456789ab -->
    ...
    <!-- /lab3 -->

Whatever follows a region belongs to the student and stays behind it, word for word, however often
the report is made and in whichever language. The comment holds a digest of the region, so that
numbers changed by hand are noticed.
"""

import difflib
import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass, replace

from lab3.errors import LabError

BEGIN = re.compile(r"<!-- lab3: (?P<name>[a-z0-9-]+)(?: (?P<digest>[0-9a-f]{12}))? -->")
END = "<!-- /lab3 -->"
LOOKS_LIKE_MARKER = re.compile(r"<!-+\s*/?\s*lab3\b", re.IGNORECASE)
UNPLACED = "unplaced"


class MarkerError(LabError):
    """The comments around generated regions are damaged; the text lists lines and the remedy."""


@dataclass(frozen=True)
class Region:
    """A generated region, where it begins, and the student's prose behind it."""

    name: str
    digest: str | None
    line: int
    body: str
    prose: str

    @property
    def is_edited(self) -> bool:
        return self.digest != digest(self.body)


@dataclass(frozen=True)
class SplitReport:
    """``head`` is the student's prose before the first region."""

    head: str
    regions: tuple[Region, ...]

    def text(self) -> str:
        """Return the document, each region with the digest of what it holds."""
        parts = [self.head]
        for region in self.regions:
            begin = f"<!-- lab3: {region.name} {digest(region.body)} -->"
            parts += [f"{begin}\n{region.body}\n{END}", region.prose]
        return "\n\n".join(part for part in parts if part) + "\n"


@dataclass(frozen=True)
class Edit:
    """A generated region that was changed by hand: where, and the change as a diff."""

    name: str
    line: int
    diff: str


def digest(body: str) -> str:
    """Return what identifies a region's words, however its white space was arranged."""
    return hashlib.sha256(" ".join(body.split()).encode()).hexdigest()[:12]


def parse(text: str) -> SplitReport:
    """Split a report into its regions and prose; raise MarkerError when that isn't clear."""
    head: list[str] = []
    regions: list[Region] = []
    faults = []
    opened: tuple[int, re.Match[str]] | None = None
    body, prose = [""], head
    for number, line in enumerate(lines_of(text), 1):
        stripped = line.strip()
        if begin := BEGIN.fullmatch(stripped):
            if opened:
                faults.append(f"{number}: a region begins inside the one of line {opened[0]}")
            opened, body = (number, begin), []
        elif stripped == END:
            if opened is None:
                faults.append(f"{number}: a region ends that has not begun")
                continue
            at, begin = opened
            regions = close(regions, prose)
            regions.append(Region(begin["name"], begin["digest"], at, "\n".join(body), ""))
            opened, prose = None, []
        elif LOOKS_LIKE_MARKER.search(line):
            faults.append(f"{number}: not a comment of lab3, but looks like one: {stripped[:60]!r}")
        else:
            (body if opened else prose).append(line)
    if opened:
        faults.append(f"{opened[0]}: a region begins and never ends")
    if faults:
        raise MarkerError("\n".join(faults))
    return SplitReport(trim(head if regions else prose), tuple(close(regions, prose)))


def lines_of(text: str) -> list[str]:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")


def close(regions: list[Region], prose: list[str]) -> list[Region]:
    """Give the last region the prose that followed it."""
    return regions and [*regions[:-1], replace(regions[-1], prose=trim(prose))]


def trim(lines: list[str]) -> str:
    """Join lines without the empty ones at both ends."""
    first = next((i for i, line in enumerate(lines) if line.strip()), len(lines))
    last = next((i for i in range(len(lines), first, -1) if lines[i - 1].strip()), first)
    return "\n".join(lines[first:last])


def merge(
    fresh: SplitReport, existing: SplitReport, placeholders: Collection[str], unplaced: str
) -> tuple[SplitReport, list[Edit]]:
    """Put the existing document's prose behind the regions of one that was just made.

    Prose whose region is no more comes last, under the heading ``unplaced``. An answer that was
    written inside a region moves behind it. Returns also the regions that were edited otherwise.
    """
    bodies = {region.name: region.body for region in fresh.regions}
    prose: dict[str, list[str]] = {}
    edits = []
    for region in existing.regions:
        name = region.name if region.name in bodies else UNPLACED
        if region.is_edited and region.name != UNPLACED:
            new = bodies.get(region.name, "")
            added = insertion(new, region.body)
            if added is None:
                edits.append(Edit(region.name, region.line, changes(new, region.body)))
            else:
                prose.setdefault(name, []).append(added)
        prose.setdefault(name, []).append(region.prose)
    kept = {name: without(placeholders, parts) for name, parts in prose.items()}
    regions = [replace(r, prose=kept.get(r.name) or r.prose) for r in fresh.regions]
    if kept.get(UNPLACED):
        regions.append(Region(UNPLACED, None, 0, unplaced, kept[UNPLACED]))
    return SplitReport(existing.head or fresh.head, tuple(regions)), edits


def without(placeholders: Collection[str], parts: list[str]) -> str:
    """Join pieces of prose; placeholders that stayed beside them are left out."""
    lines = "\n\n".join(part for part in parts if part).split("\n")
    return trim([line for line in lines if line.strip() not in placeholders])


def insertion(new: str, edited: str) -> str | None:
    """Return the lines that were added to a region, or None when anything else was changed."""
    lines, expected = edited.split("\n"), new.split("\n")
    added = []
    for line in lines:
        if expected and line.strip() == expected[0].strip():
            expected.pop(0)
        else:
            added.append(line)
    return None if expected or not trim(added) else trim(added)


def changes(new: str, edited: str) -> str:
    """Return what was written by hand (-) and what takes its place (+), a few lines of it."""
    lines = list(difflib.unified_diff(edited.splitlines(), new.splitlines(), n=0, lineterm=""))
    shown = [line for line in lines[2:] if not line.startswith("@@")]
    more = f"\n... and {len(shown) - 8} more lines" if len(shown) > 8 else ""
    return "\n".join(shown[:8]) + more
