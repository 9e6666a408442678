"""Which kind of source something is, by the names in it."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from autograder.submissions.entries import Entry
from autograder.submissions.lms import (
    blackboard,
    brightspace,
    canvas,
    classroom,
    folders,
    gradescope,
    moodle,
    moodle_worksheet,
    nbgrader,
)
from autograder.submissions.lms.handed_in import Context, Parsed
from autograder.submissions.lms.listing import Listing, SourceError
from autograder.submissions.magic import FOREIGN, HEAD_BYTES, kind_of
from lab3 import STUDENT_FILES

NO_EXPORTS: dict[str, str] = {
    "empty": "is empty (0 bytes)",
    "page": "is a web page, not an archive",
    "shortcut": "is a link to a file, not the file",
}
DEPTH = 3  # of folders around what counts
AROUND = re.compile(r"assignment_\w+_export|(.+[- ])?submissions|submitted")
DOWNLOADED_AGAIN = re.compile(r" ?\(\d+\)$")  # how browsers number what is there already
MOST, FEW = 0.5, 0.1  # shares of names: more than that is of a kind, less may be chance


@dataclass(frozen=True)
class Kind:
    """A kind of source: how much of one fits it, and how it is read."""

    name: str
    looked_for: str
    share: Callable[[Listing], float]
    parse: Callable[[Listing, Context], Parsed]


TABLES = (
    Kind(
        moodle_worksheet.KIND,
        moodle_worksheet.LOOKED_FOR,
        moodle_worksheet.share,
        moodle_worksheet.parse,
    ),
    Kind(
        classroom.KIND_TABLE,
        classroom.LOOKED_FOR_TABLE,
        classroom.share_of_table,
        classroom.parse_table,
    ),
)
EXPORTS = (
    *(
        Kind(module.KIND, module.LOOKED_FOR, module.share, module.parse)
        for module in (moodle, canvas, gradescope, blackboard, brightspace, nbgrader, classroom)
    ),
    Kind(classroom.KIND_50, classroom.LOOKED_FOR_50, classroom.share_50, classroom.parse_50),
)
FOLDERS = Kind(folders.KIND, folders.LOOKED_FOR, folders.share, folders.parse)
KINDS = {kind.name: kind for kind in (*EXPORTS, *TABLES, FOLDERS)}


def recognised(listing: Listing, wanted: str | None = None) -> tuple[Kind, Listing]:
    """Return a source's kind, and the source as seen from the folder that is of this kind.

    Somebody who insists on a kind means tables, or all that are none. Raises SourceError, which
    lists what was looked for, when that is not clear.
    """
    if listing.is_file and (what := no_archive(listing.entries[0])):
        raise SourceError(what)
    if wanted is not None and listing.is_table == (KINDS[wanted] in TABLES):
        kind = KINDS[wanted]
        return kind, fitting(kind, listing)
    view: Listing | None = listing
    for _ in range(DEPTH):
        if view is None:
            break
        shares = {kind.name: kind.share(view) for kind in (*EXPORTS, *TABLES)}
        whole = [name for name, share in shares.items() if share == 1]
        some = whole if len(whole) == 1 else [n for n, share in shares.items() if share >= FEW]
        if some and not all(is_around(folder, listing) for folder in view.prefix):
            raise SourceError(unclear([*some, FOLDERS.name]))
        if len(some) == 1 and shares[some[0]] >= MOST:
            return KINDS[some[0]], view
        if some:
            raise SourceError(unclear(some))
        view = view.inner()
    if is_one(listing):
        raise SourceError(
            "looks like one student's submission: grade it with lab3 grade PATH; where it is that "
            "of a class, add --from folders"
        )
    if FOLDERS.share(listing) >= MOST and not listing.is_file:
        return FOLDERS, listing
    raise SourceError(unclear([]))


def no_archive(file: Entry) -> str:
    """Say what a file is that is surely no export; an empty text for any other."""
    kind = kind_of(file.parts[-1], next(file.chunks(), b"")[:HEAD_BYTES])
    if kind in FOREIGN:
        return f"is packed as {kind}: unpack it, and name the folder"
    if kind in NO_EXPORTS:
        return f"{NO_EXPORTS[kind]}: fetch it again"
    return ""


def is_around(folder: str, listing: Listing) -> bool:
    """Tell whether a folder is called as one is that an LMS or a program puts around everything.

    Any other may be that of the only student, who decides what lies in it.
    """
    stem = DOWNLOADED_AGAIN.sub("", folders.ARCHIVE.sub("", listing.name))
    return folder == stem or AROUND.fullmatch(folder) is not None


def fitting(kind: Kind, listing: Listing) -> Listing:
    """Return a source as seen from the outermost folder in which anything fits."""
    view: Listing | None = listing
    for _ in range(DEPTH):
        if view is None:
            break
        if kind.share(view) > 0:
            return view
        view = view.inner()
    raise SourceError(f"holds nothing of {kind.name}: looked for {kind.looked_for}")


def is_one(listing: Listing) -> bool:
    """Tell whether a source is a single submission: of an archive also in folders around it."""
    view: Listing | None = listing
    while view is not None:
        if "lab3" in view.tops or set(STUDENT_FILES) & {*view.tops}:
            return True
        view = view.inner() if listing.is_archive else None
    return False


def unclear(names: list[str]) -> str:
    """Say what was looked for, or between which kinds somebody has to choose."""
    kinds = [KINDS[name] for name in names] or [*KINDS.values()]
    looked_for = "".join(f"\n  {kind.name:<18} {kind.looked_for}" for kind in kinds)
    state = "is of no known kind" if not names else f"may be of {' or '.join(names)}"
    return f"{state}: say which with --from KIND. Looked for:{looked_for}"
