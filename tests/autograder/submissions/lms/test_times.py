"""Times in words."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from autograder.submissions.lms.times import parse_iso, parse_time

EVENING = datetime(2026, 11, 24, 23, 59)


@pytest.mark.parametrize(
    "text",
    [
        "Tuesday, 24 November 2026, 11:59 PM",
        "Dienstag, 24. November 2026, 23:59",
        "mardi 24 novembre 2026, 23:59",
        "martes, 24 de noviembre de 2026, 23:59",
        "2026\u5e74 11\u6708 24\u65e5 \u661f\u671f\u4e8c 23:59",
        "2026\u5e7411\u670824\u65e5(\u706b\u66dc\u65e5) 23:59",
        "Nov 24, 2026 1159 PM",
        "24 November, 2026 11:59 p.m.",
        "2026/11/24 23:59",
    ],
)
def test_a_time_is_read_in_many_languages(text: str) -> None:
    time = parse_time(text, ZoneInfo("Asia/Taipei"))
    assert time is not None
    assert time == EVENING.replace(tzinfo=ZoneInfo("Asia/Taipei"))
    assert time.tzinfo is UTC
    assert parse_time(text, None) is None


@pytest.mark.parametrize(
    "text",
    ["", "-", "24 November 2026", "31 Feb 2026, 10:00", "24 Brumaire 2026, 10:00", "9" * 999],
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert parse_time(text, ZoneInfo("UTC")) is None


def test_midnight_and_noon_are_told_apart() -> None:
    midnight = parse_time("1 July 2026, 12:05 AM", ZoneInfo("UTC"))
    noon = parse_time("1 juillet 2026, 12:05 PM", ZoneInfo("UTC"))
    assert midnight == datetime(2026, 7, 1, 0, 5, tzinfo=UTC)
    assert noon == datetime(2026, 7, 1, 12, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2026-11-24 10:00:00.5 UTC", 10),
        ("2026-11-24T10:00:00Z\n", 10),
        ("2026-11-24 10:00:00 -0800", 18),
        ("2026-11-24 10:00 +01:00", 9),
    ],
)
def test_iso_times_have_a_zone(text: str, hour: int) -> None:
    time = parse_iso(text)
    assert time is not None
    assert time.astimezone(UTC).hour == hour


@pytest.mark.parametrize(
    "text", ["2026-11-24 10:00", "2026-11-24 10:00 XYZ", "2026-13-01 10:00Z", ""]
)
def test_iso_times_without_one_are_unknown(text: str) -> None:
    assert parse_iso(text) is None


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2026-10-25 02:30:00.000000 CEST", 0),
        ("2026-10-25 02:30:00.000000 CET", 1),
        ("2026-10-25 02:30:00.000000 America/New_York", 6),
        ("2026-10-25 02:30:00.000000", 0),
    ],
)
def test_clocks_have_names(text: str, hour: int) -> None:
    time = parse_iso(text, ZoneInfo("Europe/Berlin"))
    assert time == datetime(2026, 10, 25, hour, 30, tzinfo=UTC)


def test_the_end_of_all_years_is_no_time() -> None:
    assert parse_iso("9999-12-31 23:59", ZoneInfo("America/New_York")) is None
