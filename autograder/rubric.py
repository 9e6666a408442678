"""The rubric: what each check is worth, who sees it, thresholds and limits."""

import hashlib
import json
import re
import tomllib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from autograder.results import Visibility
from lab3.errors import LabError

RUBRIC = Path(__file__).with_name("rubric.toml")
Disclosure = Literal["points", "claim", "everything"]
Points = Annotated[float, Field(gt=0)]
Section = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
HEX_DIGITS, CHARACTERS = 32, 22  # 128 random bits, at 4 and, as in Base64, at 6 a character
DISTINCT = 8  # fewer different characters are in one of 26 million random keys of 32 hex digits
PART = r"(?:\"[^\"]*\"|'[^']*'|[\w-]+)"
KEY = rf"{PART}(?:\s*\.\s*{PART})*"  # of TOML
NO_RANDOM_KEY = (
    "a key holds 128 random bits, or is empty: make one with "
    "python -c 'import secrets; print(secrets.token_hex(16))'"
)
SECRET = "secret"  # what the error of such a value is called: its text doesn't repeat it


class RubricError(LabError):
    """The rubric can't be used; the text names file, line and remedy."""


def is_random(key: str) -> bool:
    """Tell whether a key can hold 128 random bits; a file of several lines is something else."""
    least = HEX_DIGITS if re.fullmatch("[0-9a-fA-F]*", key) else CHARACTERS
    return len(key) >= least and len(set(key)) >= DISTINCT and key.isprintable()


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Policy(Table):
    """What students are told of hidden checks, before and after the deadline."""

    before_deadline: Disclosure
    after_deadline: Disclosure
    deadline: AwareDatetime | None = None

    def at(self, time: datetime) -> Disclosure:
        """Return what holds at a time."""
        is_over = self.deadline is not None and time > self.deadline
        return self.after_deadline if is_over else self.before_deadline


class Tier(Table):
    """Reach this accuracy, or lose at most this much of it, for this share of the points."""

    at: Fraction
    share: Fraction


class Thresholds(Table):
    """Thresholds of one data set: ``fp32`` by test accuracy, ``drop`` by points of it lost."""

    fp32: tuple[Tier, ...] = Field(min_length=1)
    drop: tuple[Tier, ...] = Field(min_length=1)
    largest_bytes: int = Field(gt=0)

    @field_validator("fp32")
    @classmethod
    def accuracy_is_counted(cls, fp32: tuple[Tier, ...]) -> tuple[Tier, ...]:
        """Refuse what every network reaches, since then no image would be looked at."""
        if any(tier.at == 0 for tier in fp32):
            raise ValueError("an accuracy of 0 is reached by every network: leave that tier out")
        return fp32


class Report(Table):
    """What each section of the report is worth; people mark them."""

    architecture: Section
    curves: Section
    tuning: Section
    qconfig: Section
    comparison: Section
    discussion: Section


class LimitsTable(Table):
    """Times in seconds, sizes in decimal megabytes and kilobytes, of one submission."""

    probe_s: float = Field(gt=0)
    group_s: float = Field(gt=0)
    cpu_s: int = Field(gt=0)
    memory_mb: int = Field(gt=0)
    files: int = Field(ge=16)
    output_kb: int = Field(gt=0)


class Document(Table):
    """The whole file."""

    total: float
    key: str
    unverified: Fraction
    accuracy_error: float = Field(gt=0, lt=0.01)
    hidden: Policy
    limits: LimitsTable
    thresholds: dict[str, Thresholds]
    checks: dict[str, dict[str, dict[Visibility, Points]]]
    report: Report | None = None

    @field_validator("key")
    @classmethod
    def key_is_random(cls, key: str) -> str:
        """Refuse what can't hold 128 random bits: whoever guesses the key knows the draws."""
        if key and not is_random(key):
            raise PydanticCustomError(SECRET, NO_RANDOM_KEY)
        return key


@dataclass(frozen=True)
class Entry:
    """One line of the rubric: a check, asked with public or with hidden inputs."""

    check: str
    visibility: Visibility
    points: float


@dataclass(frozen=True)
class Rubric:
    """A rubric whose every entry is a check and whose points add up."""

    path: Path
    document: Document
    sha256: str

    @property
    def entries(self) -> list[Entry]:
        return [
            Entry(f"{group}.{name}", visibility, points)
            for group, checks in self.document.checks.items()
            for name, by_visibility in checks.items()
            for visibility, points in by_visibility.items()
        ]

    @property
    def asked_sha256(self) -> str:
        """What identifies all that decides what is asked and looked at; the rest only judges it.

        That is the key, too: the draws come from it. Data sets are those whose runs count.
        """
        of = self.document
        asked = (of.key, of.accuracy_error, of.limits.model_dump(), list(of.thresholds))
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def load(path: Path, checks: list[str]) -> Rubric:
    """Return the rubric in a file; ``checks`` are the names of all, ``group.name``.

    Raises RubricError, with the line, when a check has no points or doesn't exist, when the points
    don't add up to ``total``, or when a value is missing, unknown or out of range.
    """
    try:
        content = path.read_bytes()
        text = content.decode()
    except OSError as error:
        raise RubricError(f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RubricError(f"{path} is not UTF-8") from None
    try:
        document = Document.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise RubricError(f"{path}: not TOML: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        keys = tuple(str(part) for part in first["loc"] if part != "[key]")
        given = "" if first["type"] in ("missing", SECRET) else f", got {first['input']!r}"
        place = f"{path}:{line_of(text, keys)}"
        raise RubricError(f"{place}: {'.'.join(keys)}: {first['msg']}{given}") from None
    rubric = Rubric(path, document, hashlib.sha256(content).hexdigest())
    check_names(rubric, text, checks)
    total = sum(entry.points for entry in rubric.entries)
    if abs(total - document.total) > 1e-9:
        raise RubricError(
            f"{path}:{line_of(text, ('total',))}: total is {document.total:g}, but the points of "
            f"all checks add up to {total:g}: change one of the two"
        )
    return rubric


def names_in(path: Path) -> list[str]:
    """Return the names of the checks in a rubric that is right."""
    checks = tomllib.loads(path.read_text(encoding="utf-8"))["checks"]
    return [f"{group}.{name}" for group, names in checks.items() for name in names]


def check_names(rubric: Rubric, text: str, checks: list[str]) -> None:
    """Raise RubricError unless the rubric has each of these checks, and no other."""
    listed = {entry.check for entry in rubric.entries}
    for name in sorted(listed - set(checks)):
        line = line_of(text, ("checks", *name.split(".", 1)))
        raise RubricError(
            f"{rubric.path}:{line}: there is no check {name!r}: remove the line, or mend the name"
        )
    for name in checks:
        if name not in listed:
            group, rest = name.split(".", 1)
            line = line_of(text, ("checks", group))
            raise RubricError(
                f"{rubric.path}:{line}: the check {name!r} has no points: add a line such as "
                f"{rest} = {{ public = 1 }}"
            )


def line_of(text: str, keys: tuple[str, ...]) -> int:
    """Return the line where a table or a value stands, or the closest one around it; 1 if none."""
    best, depth = 1, 0
    table: tuple[str, ...] = ()
    path: tuple[str, ...]
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(rf"\s*\[\[?\s*({KEY})\s*\]", line):
            path = table = parts_of(header[1])
        elif value := re.match(rf"\s*({KEY})\s*=", line):
            path = (*table, *parts_of(value[1]))
        else:
            continue
        common = 0
        while common < min(len(path), len(keys)) and path[common] == keys[common]:
            common += 1
        if common == len(path) and common > depth:
            best, depth = number, common
    return best


def parts_of(key: str) -> tuple[str, ...]:
    """Return the parts of a dotted key, without their quotes."""
    return tuple(part.strip("\"'") for part in re.findall(PART, key))
