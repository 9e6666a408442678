"""A course's grades on disk: one folder a student, each file written whole, nothing lost."""

import getpass
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from autograder.batch.items import Facts, Graded, Item
from autograder.exports.files import GRADE_NAME, for_staff, write_text
from autograder.options import Options
from autograder.results import Grade

MADE_NAME, HISTORY_NAME = "made.json", "history.jsonl"


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Key(Record):
    """All that a grade depends on: where all of it is the same, grading again changes nothing."""

    content: str  # of what was handed in
    rubric_sha256: str
    sources_sha256: str
    torch: str
    engine: str
    is_exact: bool
    test_set: str | None


class Made(Record):
    """How a stored grade came about. ``is_final`` is false while its worker's canary is open."""

    version: Literal[1] = 1
    key: Key
    at: AwareDatetime
    by: str
    earned: float
    points: float
    is_final: bool


def key_of(item: Item, facts: Facts, options: Options) -> Key:
    return Key(
        content=item.content,
        rubric_sha256=facts.rubric.sha256,
        sources_sha256=facts.sources_sha256,
        torch=facts.torch,
        engine=facts.engine,
        is_exact=options.is_exact,
        test_set=None if options.test_set is None else str(options.test_set),
    )


def user() -> str:
    """Return who grades, as far as the system knows."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


@dataclass
class Store:
    """Reads and writes the grades of a class below one folder."""

    top: Path
    by: str = field(default_factory=user)

    def made(self, folder: str) -> Made | None:
        """Return how a grade came about, None where there is none or it can't be told."""
        try:
            return Made.model_validate_json((self.top / folder / MADE_NAME).read_bytes())
        except (OSError, ValidationError):
            return None

    def grade(self, folder: str) -> Grade | None:
        """Return a grade, None where there is none that can be read."""
        try:
            return Grade.model_validate_json((self.top / folder / GRADE_NAME).read_bytes())
        except (OSError, ValidationError):
            return None

    def write(self, graded: Graded, key: Key) -> None:
        """Store a grade. What says that it is complete is written last, and taken away first."""
        folder = self.top / graded.folder
        (folder / MADE_NAME).unlink(missing_ok=True)
        for name, text in {**graded.pages, GRADE_NAME: for_staff(graded.grade)}.items():
            write_text(folder / name, text)
        self._write_made(graded.folder, graded.grade, key, True)

    def _write_made(self, folder: str, grade: Grade, key: Key, is_final: bool) -> None:
        made = Made(
            key=key,
            at=datetime.now(UTC),
            by=self.by,
            earned=grade.earned,
            points=grade.points,
            is_final=is_final,
        )
        path = self.top / folder
        if is_final:
            with (path / HISTORY_NAME).open("a", encoding="utf-8") as history:
                history.write(made.model_dump_json() + "\n")
        write_text(path / MADE_NAME, made.model_dump_json(indent=1) + "\n")

    def folders(self) -> Iterator[str]:
        """Yield the names of all folders that hold a grade, in order."""
        if self.top.is_dir():
            for path in sorted(self.top.iterdir()):
                if (path / GRADE_NAME).is_file():
                    yield path.name
