"""``course.toml``: what a course does otherwise than the kit."""

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    StrictBool,
    StrictInt,
    ValidationError,
)
from pydantic_core import PydanticCustomError

from autograder.rubric import line_of
from lab3.errors import LabError

COURSE_NAME = "course.toml"
TEMPLATE = Path(__file__).with_name("template.toml")
LANGUAGES = Path(__file__).resolve().parents[2] / "report_template"
DURATION = re.compile(r"(\d{1,4}) ?(min|minutes?|h|hours?|d|days?)")
UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
STEPS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}
OFFSET = "2026-12-01T23:59:00+01:00"

Rule = Literal["latest on time", "latest", "best"]
Percent = Annotated[Decimal, Field(ge=0, le=100)]
Text = Annotated[str, Field(min_length=1)]
Time = Annotated[AwareDatetime, Strict()]


class CourseError(LabError):
    """The course folder can't be used; the text names file, line and remedy."""


def read_duration(value: object) -> object:
    """Read ``"15 min"``, ``"2 h"`` or ``"1 day"``."""
    match = DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise PydanticCustomError("duration", 'write a time such as "15 min", "2 h" or "1 day"')
    return int(match[1]) * UNITS[match[2][0]]


def read_language(value: object) -> object:
    """Refuse a language that the kit has no words for."""
    known = sorted(path.stem for path in LANGUAGES.glob("*.toml"))
    if value not in known:
        raise PydanticCustomError("language", "{known}", {"known": f"choose {' or '.join(known)}"})
    return value


def read_zone(value: object) -> ZoneInfo:
    """Read the name of a time zone."""
    try:
        return ZoneInfo(str(value))
    except (KeyError, OSError, ValueError):
        text = 'no time zone known here: write one such as "Europe/Berlin", or times with offsets'
        raise PydanticCustomError("zone", text) from None


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Late(Table):
    """What lateness costs: ``percent`` of the points a step begun, ``cap`` at most.

    A student has ``tokens`` days free. Days and hours count from the student's own deadline, and
    what comes more than ``last_day`` days after it doesn't count.
    """

    percent: Percent = Decimal(0)
    step: Literal["day", "hour"] = "day"
    cap: Percent = Decimal(100)
    tokens: StrictInt = Field(default=0, ge=0)
    last_day: StrictInt | None = Field(default=None, ge=0)

    def lost(self, late_by: timedelta) -> Decimal:
        """Return the share of the points that is lost."""
        late = max(late_by - self.tokens * STEPS["day"], timedelta())
        steps = -(-late // STEPS[self.step])
        return min(steps * self.percent, self.cap) / 100


class Choice(Table):
    """The attempt of a student that counts, and why."""

    attempt: Text
    reason: Text


class Settings(Table):
    """The whole file. Paths are absolute."""

    name: Text = "Lab 3"
    deadline: Time | None = None
    timezone: ZoneInfo | None = None
    grace: Annotated[timedelta, BeforeValidator(read_duration)] = timedelta()
    rule: Rule = "latest on time"
    students: Path | None = None
    groups: StrictBool = False
    staff: tuple[Text, ...] = ()
    rubric: Path | None = None
    key: Path | None = None
    gradebook: Text | None = None
    language: Annotated[str, BeforeValidator(read_language)] = "en"
    data_dir: Path | None = None
    test_set: Path | None = None
    exact: StrictBool = False
    late: Late = Late()
    extensions: Mapping[Text, Time] = Field(default_factory=dict)
    choices: Mapping[Text, Choice] = Field(default_factory=dict)


# What to write instead, by the kind of pydantic's error.
REMEDIES = {
    "bool_type": "write true or false",
    "datetime_type": f"write a time such as {OFFSET}",
    "decimal_type": "write a number",
    "dict_type": "write a table",
    "extra_forbidden": "there is no such setting; an id that holds a dot stands in quotes",
    "int_type": "write a whole number",
    "missing": "is missing: add it",
    "model_type": "write a table",
    "path_type": 'write a path in quotes, such as "students.csv"',
    "string_too_short": "write something, or leave it out",
    "string_type": "write it in quotes",
    "tuple_type": 'write a list, such as ["ta1", "prof"]',
}
PATHS = ("students", "rubric", "key", "data_dir", "test_set")
TABLES: dict[str, type[Table]] = {"late": Late}  # those whose fields have fixed names


@dataclass(frozen=True)
class File:
    """The text of a ``course.toml``, to name lines of it."""

    path: Path
    text: str

    def error(self, keys: tuple[str, ...], text: str) -> CourseError:
        """Return an error that names the line where ``keys`` stand."""
        where = f"{self.path}:{line_of(self.text, keys)}"
        return CourseError(f"{where}: {'.'.join(keys)}: {text}")


def syntax_remedy(text: str, error: tomllib.TOMLDecodeError) -> str:
    """Say what to do about a line that is no TOML; most often a time is written otherwise."""
    at = re.search(r"\(at line (\d+)", str(error))
    line = text.splitlines()[int(at[1]) - 1] if at else ""
    is_time = re.search(r"=\s*\d{4}-\d", line)
    return "mend this line" + (
        "; a time is written like 2026-12-01T23:59:00+01:00" if is_time else ""
    )


def load(path: Path) -> tuple[Settings, File]:
    """Return the settings in a file; raise CourseError, with the line, unless all are right."""
    try:
        file = File(path, path.read_bytes().decode())
    except OSError as error:
        raise CourseError(f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CourseError(f"{path} is not UTF-8: save it as UTF-8") from None
    try:
        document = tomllib.loads(file.text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise CourseError(f"{path}: not TOML: {error}: {syntax_remedy(file.text, error)}") from None
    for keys in unknown_fields(document):
        raise file.error(keys, f"there is no such setting: {proposal(keys)}")
    for name in PATHS:
        if document.get(name) == "":
            raise file.error((name,), REMEDIES["string_too_short"])
        if isinstance(document.get(name), str):
            document[name] = path.parent / document[name]
    try:
        return Settings.model_validate(with_zone(file, document)), file
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        given = "" if first["type"] == "missing" else f", got {as_written(first['input'])}"
        at = tuple(str(part) for part in first["loc"] if part != "[key]")
        remedy = REMEDIES.get(first["type"], first["msg"].replace("Input should", "it has to"))
        raise file.error(at, f"{remedy}{given}") from None


def as_written(value: object) -> str:
    """Return a value as TOML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, Decimal | date | time) else repr(value)


def unknown_fields(document: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield the keys of settings that don't exist."""
    yield from ((name,) for name in document if name not in Settings.model_fields)
    for table, model in TABLES.items():
        if isinstance(inner := document.get(table), dict):
            yield from ((table, name) for name in inner if name not in model.model_fields)


def proposal(keys: tuple[str, ...]) -> str:
    """Say which setting may have been meant."""
    *tables, name = keys
    if tables and name in Settings.model_fields:
        return f"{name} belongs above all tables"
    for table, model in TABLES.items():
        if not tables and name in model.model_fields:
            return f"{name} belongs below [{table}]"
    fields = list((TABLES[tables[0]] if tables else Settings).model_fields)
    near = difflib.get_close_matches(name, fields, 1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(fields)}"


def with_zone(file: File, document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with the course's time zone put to local times."""
    zone: ZoneInfo | None = None
    if "timezone" in document:
        try:
            document["timezone"] = zone = read_zone(document["timezone"])
        except PydanticCustomError as error:
            raise file.error(("timezone",), f"{error}, got {document['timezone']!r}") from None

    def absolute(keys: tuple[str, ...], value: object) -> object:
        if isinstance(value, dict) and value:
            raise file.error((*keys, next(iter(value))), "an id that holds a dot stands in quotes")
        if isinstance(value, date) and not isinstance(value, datetime):
            raise file.error(keys, f"a day has no time: write {value}{OFFSET[10:]}, or another")
        if not isinstance(value, datetime) or value.tzinfo:
            return value
        if zone is None:
            remedy = f'write its offset, such as {OFFSET}, or set timezone = "Europe/Berlin"'
            raise file.error(keys, f"{value} is nobody's clock: {remedy}")
        # An offset of its own: on the clock of a zone, an hour more may be two in truth.
        offset = value.replace(tzinfo=zone).utcoffset() or timedelta()
        return value.replace(tzinfo=timezone(offset))

    if "deadline" in document:
        document["deadline"] = absolute(("deadline",), document["deadline"])
    if isinstance(extensions := document.get("extensions"), dict):
        for student, value in extensions.items():
            extensions[student] = absolute(("extensions", student), value)
    return document
