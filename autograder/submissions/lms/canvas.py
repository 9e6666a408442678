"""Canvas's "Download submissions": one flat archive."""

import re
from collections.abc import Iterable, Mapping

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
ANOTHER = re.compile(r"[0-9]+_|(text|link)\.html$")  # what may be the rest behind a number
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


def matches_in(tops: Iterable[str]) -> dict[str, re.Match[str]]:
    """Return how names are read: all with names, or all without, as nearly all of them are."""
    tops = list(tops)
    named, anonymous = (
        {top: match for top in tops if (match := pattern.fullmatch(top))}
        for pattern in (NAMED, ANONYMOUS)
    )
    return anonymous if 2 * len(anonymous) > len(tops) else named


def name_of(match: re.Match[str]) -> str:
    return match.groupdict().get("name") or ""


def is_unsure(match: re.Match[str]) -> bool:
    """Tell whether the number may end a name, and the next one be the student's.

    So Canvas writes what somebody hands in whose name is "Eve_4711".
    """
    return ANOTHER.match(match["file"] or "") is not None


def name_beside(lms_name: str, file: str) -> str:
    """Return what a file is called that goes back to whom another one came from.

    Empty where nothing but a text or a link was handed in, which has no number.
    """
    match = match_of(lms_name)
    return lms_name[: match.start("file")] + file if match and match["file"] else ""


def contradictions(matches: Mapping[str, re.Match[str]]) -> set[str]:
    """Return what is not surely that of a number, and names somebody else than the rest of it."""
    names: dict[str, set[str]] = {}
    sure: dict[str, set[str]] = {}
    for match in matches.values():
        names.setdefault(match["id"], set()).add(name_of(match))
        if not is_unsure(match):
            sure.setdefault(match["id"], set()).add(name_of(match))
    return {
        top
        for top, match in matches.items()
        if is_unsure(match) and sure.get(match["id"], names[match["id"]]) != {name_of(match)}
    }


def parse(listing: Listing, _context: Context) -> Parsed:
    """Return one attempt a student: Canvas gives the newest, and tells whether it is late."""
    matches = matches_in(listing.tops)
    left = contradictions(matches) | (listing.tops.keys() - matches.keys())
    own: dict[str, re.Match[str]] = {}
    files: dict[str, list[Entry]] = {}
    texts: dict[str, str] = {}
    for top, match in matches.items():
        if top in left:
            continue
        number = match["id"]
        if number not in own or is_unsure(own[number]):
            own[number] = match
        handed_in = files.setdefault(number, [])
        if match["kind"]:
            texts[number] = {"text": "a text", "link": "a link"}[match["kind"]]
        else:
            entries = listing.tops[top]
            handed_in += (with_parts(entry, (match["file"], *entry.parts[1:])) for entry in entries)
    hand_ins = (
        HandIn(
            (person(KIND, number, name=name_of(own[number])),),
            tuple(entries),
            late=LATE if own[number]["late"] else "",
            text=texts.get(number, ""),
            lms_name=own[number].string,
        )
        for number, entries in files.items()
    )
    notes = tuple(
        f"{match.string} is that of {number}, or of somebody whose name ends in _{number}: look"
        for number, match in own.items()
        if is_unsure(match)
    )
    return Parsed(tuple(hand_ins), left=tuple(sorted(left)), notes=notes)
