"""Canvas's "Download submissions": one flat archive."""

import re

from autograder.submissions.entries import FILE, Entry
from autograder.submissions.lms.handed_in import Context, HandIn, Parsed, person
from autograder.submissions.lms.listing import Listing, with_parts

KIND = "canvas"
LOOKED_FOR = "files such as lovelaceada_LATE_4711_98765_lab3.zip"
REST = r"(?:(?P<att>[0-9]+)_(?P<file>.+)|(?P<kind>text|link)\.html)"
ANONYMOUS = re.compile(
    rf"(?:(?P<late>LATE)_)?(?P<id>anon_(?=[0-9]*[A-Za-z])[A-Za-z0-9]+)_{REST}", re.DOTALL
)
# As Canvas reads them: the first number between two "_" is that of the student.
NAMED = re.compile(
    rf"(?:(?!LATE_)(?P<name>.*?)_)?(?:(?P<late>LATE)_)?(?P<id>[0-9]+)_{REST}", re.DOTALL
)
OTHERS = re.compile(r"_(assignsubmission|attempt)_")  # who write such numbers elsewhere
LATE = "LATE"


def match_of(top: str) -> re.Match[str] | None:
    return ANONYMOUS.fullmatch(top) or NAMED.fullmatch(top)


def fits(top: str, entries: list[Entry]) -> bool:
    """Tell whether a file is named as Canvas does."""
    is_file = len(entries) == 1 and entries[0].kind == FILE
    return is_file and not OTHERS.search(top) and match_of(top) is not None


def share(listing: Listing) -> float:
    """Return how much of a source fits."""
    return listing.share(fits)


def parse(listing: Listing, _context: Context) -> Parsed:
    """Return one attempt a student: Canvas gives the newest, and tells whether it is late."""
    matches: dict[str, re.Match[str]] = {}
    files: dict[str, list[Entry]] = {}
    texts: dict[str, str] = {}
    left: list[str] = []
    for top, entries in listing.tops.items():
        match = match_of(top)
        if match is None:
            left.append(top)
            continue
        number = match["id"]
        matches.setdefault(number, match)
        handed_in = files.setdefault(number, [])
        if match["kind"]:
            texts[number] = {"text": "a text", "link": "a link"}[match["kind"]]
        else:
            handed_in += (with_parts(entry, (match["file"], *entry.parts[1:])) for entry in entries)
    hand_ins = (
        HandIn(
            (person(KIND, number, name=matches[number].groupdict().get("name") or ""),),
            tuple(entries),
            late=LATE if matches[number]["late"] else "",
            text=texts.get(number, ""),
        )
        for number, entries in files.items()
    )
    return Parsed(tuple(hand_ins), left=tuple(left))
