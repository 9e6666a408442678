"""How a grade came about: what it depends on, when it was made, and by whom."""

import getpass
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, PositiveInt

from autograder.grades.gathering import fingerprint
from autograder.grades.items import Facts, Item
from autograder.options import Options
from autograder.results import Grade


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Key(Record):
    """All that a grade depends on: where all of it is the same, grading again changes nothing.

    ``asked_sha256`` is of what a rubric, with the course's key, asks and looks at; ``test_set``
    tells a private one from a later version of it.
    """

    content: str  # of what was handed in
    rubric_sha256: str
    asked_sha256: str = ""
    sources_sha256: str
    torch: str
    engine: str
    is_exact: bool
    test_set: str | None

    def is_but_for_marks(self, other: "Key") -> bool:
        """Tell whether the same was asked of the same: only a rubric's marks may be others."""
        return self.model_copy(update={"rubric_sha256": other.rubric_sha256}) == other


class Made(Record):
    """How a stored grade came about.

    ``number`` counts a student's grades: grading again to the same result makes no new one.
    ``is_recomputed`` when its marks follow from what an earlier one observed.
    """

    version: Literal[1] = 1
    number: PositiveInt = 1
    key: Key
    at: AwareDatetime
    by: str
    is_recomputed: bool = False
    earned: float
    points: float

    def is_of(self, grade: Grade) -> bool:
        """Tell whether this is how a grade came about: no other has taken its place since."""
        key = self.key
        return (self.earned, self.points, key.rubric_sha256, key.is_exact) == (
            grade.earned,
            grade.points,
            grade.rubric_sha256,
            grade.is_exact,
        )


def key_of(item: Item, facts: Facts, options: Options) -> Key:
    return Key(
        content=item.content,
        rubric_sha256=facts.rubric.sha256,
        asked_sha256=facts.rubric.asked_sha256,
        sources_sha256=facts.sources_sha256,
        torch=facts.torch,
        engine=facts.engine,
        is_exact=options.is_exact,
        test_set=None if options.test_set is None else fingerprint(options.test_set.resolve()),
    )


def user() -> str:
    """Return who grades, as far as the system knows."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
