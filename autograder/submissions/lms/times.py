"""Times as LMSs write them, in words of several languages and on one clock or another."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

MONTHS = {  # by the first letters that tell them apart, in English, German, French, Spanish, ...
    1: "jan jän ene gen",
    2: "feb fév",
    3: "mar mär mrt maa",
    4: "apr avr abr",
    5: "may mai mag mei",
    6: "jun juin giu",
    7: "jul juil lug",
    8: "aug aoû ago",
    9: "sep set",
    10: "oct okt out ott",
    11: "nov",
    12: "dec dez déc dic",
}
NUMBERS = {start: month for month, starts in MONTHS.items() for start in starts.split()}
CLOCK = re.compile(r"(?<!\d)(\d{1,2}):(\d{2})(?::(\d{2}))?(?: *([ap])\.?m\.?)?$", re.IGNORECASE)
BARE_CLOCK = re.compile(r"(?<!\d)(\d{1,2})(\d{2})() ([ap])m$", re.IGNORECASE)  # of Brightspace
NUMERIC = re.compile(r"(\d{4})(?:[-/.]|年) ?(\d{1,2})(?:[-/.]|月) ?(\d{1,2})(?!\d)")
IN_WORDS = re.compile(
    r"(?<!\d)(\d{1,2})(?:st|nd|rd|th)?\.?,? +(?:de +)?([^\W\d_]{3,})\.?,? +(?:de +)?(\d{4})"
)
AMERICAN = re.compile(r"([^\W\d_]{3,})\.? +(\d{1,2})(?:st|nd|rd|th)?, +(\d{4})")
ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(\.\d{1,9})? *"
    r"([A-Za-z][\w/+-]{0,40}|[+-][\d:]{2,5}|)"
)
LENGTH = 200  # of a text that is a time


def parse_time(text: str, zone: ZoneInfo | None) -> datetime | None:
    """Return the time that a text such as ``Tuesday, 24 November 2026, 11:59 PM`` names.

    None where there is no date in it that is understood, or nobody knows whose clock it is.
    """
    text = text.strip()
    if len(text) > LENGTH or zone is None:
        return None
    date, clock = date_of(text), CLOCK.search(text) or BARE_CLOCK.search(text)
    if date is None or clock is None:
        return None
    hour, minute, second = (int(part or 0) for part in clock.groups()[:3])
    if half := (clock[4] or "").lower():
        hour = hour % 12 + 12 * (half == "p")
    try:
        return in_utc(datetime(*date, hour, minute, second, tzinfo=zone))
    except ValueError:
        return None


def date_of(text: str) -> tuple[int, int, int] | None:
    """Return year, month and day."""
    if match := NUMERIC.search(text):
        return int(match[1]), int(match[2]), int(match[3])
    if match := IN_WORDS.search(text):
        day, word, year = match.groups()
    elif match := AMERICAN.search(text):
        word, day, year = match.groups()
    else:
        return None
    month = month_of(word.casefold())
    return (int(year), month, int(day)) if month else None


def month_of(word: str) -> int | None:
    """Return the month of this name; June and July begin alike in French."""
    return NUMBERS.get(word[:4]) or NUMBERS.get(word[:3])


def parse_iso(text: str, zone: ZoneInfo | None = None) -> datetime | None:
    """Return an ISO time, with a zone or an offset behind it or on the clock of a zone, in UTC."""
    match = ISO.fullmatch(text.strip())
    if match is None:
        return None
    date, clock, fraction, behind = match.groups()
    is_name = behind[:1].isalpha() and behind != "Z"
    try:
        time = datetime.fromisoformat(
            f"{date}T{clock}{(fraction or '')[:7]}{'' if is_name else behind}"
        )
    except ValueError:
        return None
    if is_name:
        return on_named_clock(time, behind, zone)
    if time.tzinfo is None and zone is None:
        return None
    return in_utc(time if time.tzinfo else time.replace(tzinfo=zone))


def on_named_clock(time: datetime, name: str, zone: ZoneInfo | None) -> datetime | None:
    """Return a time on the clock of a zone's name, such as the "CEST" of the course's own zone."""
    if zone is not None:
        for fold in (0, 1):  # an hour that comes twice a year has two names
            local = time.replace(tzinfo=zone, fold=fold)
            if local.tzname() == name:
                return in_utc(local)
    try:
        return in_utc(time.replace(tzinfo=ZoneInfo(name)))
    except (KeyError, OSError, ValueError):
        return None


def in_utc(time: datetime) -> datetime | None:
    """Return a time in UTC, in which any two can be compared, None where it has none.

    On a zone's own clock, of the hour that comes twice a year, no time equals one in another zone.
    """
    try:
        return time.astimezone(UTC)
    except OverflowError:  # at the end of the years
        return None
