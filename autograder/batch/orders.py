"""What grading processes are told to do, and what is heard of them: plain data."""

from dataclasses import dataclass, field
from pathlib import Path

from autograder.grades.items import Facts, Graded, Item
from autograder.options import Options


@dataclass(frozen=True)
class Task:
    """How a class is graded. Where ``rubric`` is None it is the kit's; ``key`` replaces its key."""

    rubric: Path | None = None
    key: str | None = None
    options: Options = field(default_factory=Options)


@dataclass(frozen=True)
class Vouch:
    """An order to grade the reference, which tells whether the worker is still well."""


Order = Item | Vouch  # what a process carries out, one after the other


@dataclass(frozen=True)
class Ready:
    """A process has its walls and can grade."""

    facts: Facts


@dataclass(frozen=True)
class Refused:
    """A process can't grade anything: a wrong rubric, or no walls."""

    text: str


@dataclass(frozen=True)
class Failed:
    """A process ends by a fault of ours."""

    text: str


@dataclass(frozen=True)
class Done:
    """A process has carried out its order, and waits for the next."""


@dataclass(frozen=True)
class Progress:
    """``done`` of ``total`` checks of an item are judged; ``text`` is what goes on."""

    folder: str
    done: int
    total: int
    text: str


@dataclass(frozen=True)
class Judged:
    """An item is through; its grade comes when its worker was found to be well."""

    folder: str


@dataclass(frozen=True)
class Postponed:
    """An item is graded once more, alone, when all others are through; ``why`` tells staff."""

    folder: str
    why: str


@dataclass(frozen=True)
class Reduced:
    """A process could not be had; the others go on."""

    text: str


Answer = Ready | Refused | Failed | Done | Progress | Graded  # of a process
Message = Progress | Judged | Graded | Postponed | Reduced  # of a pool
