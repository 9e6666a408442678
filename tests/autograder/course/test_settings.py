"""``course.toml``: what is right in it, and what is told of what is wrong."""

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.course.settings import TEMPLATE, CourseError, Late, Settings, load


def written(folder: Path, text: str) -> Path:
    path = folder / "course.toml"
    path.write_text(text)
    return path


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(CourseError) as caught:
        load(written(folder, text))
    return str(caught.value).removeprefix(f"{folder}/course.toml:")


def test_all_that_the_template_comments_out_is_right_when_uncommented(tmp_path: Path) -> None:
    text = TEMPLATE.read_text()
    all_of_it = re.sub(r'^# (?=\[|"?\w+"? = )', "", text, flags=re.MULTILINE)
    settings, _ = load(written(tmp_path, all_of_it))
    unset = {name for name in Settings.model_fields if getattr(settings, name) in (None, (), {})}
    assert not unset
    assert settings.late == Late(percent=Decimal(10), cap=Decimal(50), tokens=2, last_day=7)
    assert settings.grace == timedelta(minutes=15)
    assert settings.students == tmp_path / "students.csv"
    assert settings.extensions.keys() == settings.choices.keys() == {"0012345"}
    assert load(written(tmp_path, text))[0] == load(written(tmp_path, ""))[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('\nnmae = "x"', "2: nmae: there is no such setting: did you mean name?"),
        ("[late]\nprecent = 1", "2: late.precent: there is no such setting: did you mean percent?"),
        ("percent = 3", "1: percent: there is no such setting: percent belongs below [late]"),
        ('[late]\ngrace = "1 h"', "2: late.grace: there is no such setting: grace belongs above"),
        ("xyz = 1", "1: xyz: there is no such setting: there are name, deadline, "),
        (
            "deadline = 2026",
            "1: deadline: write a time such as 2026-12-01T23:59:00+01:00, got 2026",
        ),
        (
            "deadline = 2026-12-01",
            "1: deadline: a day has no time: write 2026-12-01T23:59:00+01:00",
        ),
        ("deadline = 2026-12-01T10:00:00", "1: deadline: 2026-12-01 10:00:00 is nobody's clock"),
        ('timezone = "Mars/North"', "1: timezone: no time zone known here: write one such as"),
        (
            'grace = "soon"',
            '1: grace: write a time such as "15 min", "2 h" or "1 day", got \'soon\'',
        ),
        ('rule = "first"', "1: rule: it has to be 'latest on time', 'latest' or 'best'"),
        ('language = "fr"', "1: language: choose en or zh-TW, got 'fr'"),
        ("staff = [12]", "1: staff.0: write it in quotes, got 12"),
        ("rubric = 3", '1: rubric: write a path in quotes, such as "students.csv", got 3'),
        ('exact = "yes"', "1: exact: write true or false, got 'yes'"),
        ("late = 3", "1: late: write a table, got 3"),
        ("[late]\ntokens = 0.5", "2: late.tokens: write a whole number, got 0.5"),
        ("[late]\ncap = 101", "2: late.cap: it has to be less than or equal to 100, got 101"),
        ('[extensions]\n"00(1)" = 3', "2: extensions.00(1): write a time such as"),
        ("[extensions]\nada = 2026-12-01T10:00:00", "2: extensions.ada: 2026-12-01 10:00:00 is"),
        ("[extensions]\na.b = 2026-12-01", "2: extensions.a.b: an id that holds a dot stands in q"),
        (
            "deadline = 10:00:00",
            "1: deadline: write a time such as 2026-12-01T23:59:00+01:00, got 10",
        ),
        ('students = ""', "1: students: write something, or leave it out"),
        ('[choices]\nada = {attempt = "x"}', "2: choices.ada.reason: is missing: add it"),
        ('[choices."a.b"]\nattempt = "x"\nreason = ""', "3: choices.a.b.reason: write something"),
        ("name = ", " not TOML: Invalid value (at end of document): mend this line"),
        (
            'name = "a"\ndeadline = 2026-12-01 23:59',
            " not TOML: Expected newline or end of document after a statement (at line "
            "2, column 23): mend this line; a time is written like 2026-12-01T23:59:00+01:00",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_a_remedy(
    text: str, said: str, tmp_path: Path
) -> None:
    assert refusal(tmp_path, text).startswith(said)


def test_files_that_are_no_settings_are_told(tmp_path: Path) -> None:
    (tmp_path / "course.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(CourseError, match="is not UTF-8: save it"):
        load(tmp_path / "course.toml")
    with pytest.raises(CourseError, match="can't be read: No such file"):
        load(tmp_path / "other.toml")


def test_local_times_are_those_of_the_courses_zone(tmp_path: Path) -> None:
    text = 'timezone = "Asia/Taipei"\ndeadline = 2026-12-01T23:59:00\n'
    settings, _ = load(written(tmp_path, f"{text}[extensions]\nada = 2026-12-02T00:00:00"))
    assert settings.deadline == datetime(2026, 12, 1, 15, 59, tzinfo=UTC)
    assert settings.extensions["ada"] == datetime(2026, 12, 1, 16, 0, tzinfo=UTC)


def test_deadlines_have_an_offset_by_which_one_can_count(tmp_path: Path) -> None:
    text = 'timezone = "Europe/Berlin"\ndeadline = 2026-10-25T01:59:00\n'
    settings, _ = load(written(tmp_path, text))
    assert settings.deadline is not None
    later = settings.deadline + timedelta(hours=2)  # when the clock has been put back
    assert later == datetime(2026, 10, 25, 1, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("policy", "late_h", "lost"),
    [
        (Late(), 1000, "0"),
        (Late(percent=Decimal(10)), 0, "0"),
        (Late(percent=Decimal(10)), 0.1, "0.1"),
        (Late(percent=Decimal(10)), 24, "0.1"),
        (Late(percent=Decimal(10)), 24.1, "0.2"),
        (Late(percent=Decimal(10), cap=Decimal(15)), 24.1, "0.15"),
        (Late(percent=Decimal(10)), 1000, "1"),
        (Late(percent=Decimal("2.5"), step="hour"), 2.5, "0.075"),
        (Late(percent=Decimal(10), tokens=2), 48, "0"),
        (Late(percent=Decimal(10), tokens=2), 49, "0.1"),
    ],
)
def test_lateness_costs_what_the_policy_says(policy: Late, late_h: float, lost: str) -> None:
    assert policy.lost(timedelta(hours=late_h)) == Decimal(lost)


@given(st.binary(max_size=60))
def test_no_text_ends_in_another_error(
    tmp_path_factory: pytest.TempPathFactory, text: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(text)
    with suppress(CourseError):
        load(path)
