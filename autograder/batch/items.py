"""What is graded, and what is heard of it: plain data that goes to other processes and back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from autograder.host.sandbox import Tier
from autograder.options import Options
from autograder.results import Grade
from autograder.rubric import Document, Rubric


@dataclass(frozen=True)
class Item:
    """One submission of a class; ``folder`` names the folder of its grade, and nobody else's.

    ``content`` identifies what was handed in without reading it. Without a ``path`` there is
    nothing to grade, and ``problem`` says why, to the student. ``names`` are others that it may be
    called by: those whose attempt it is.
    """

    folder: str
    title: str
    content: str
    path: Path | None
    problem: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """How a class is graded. Where ``rubric`` is None it is the kit's; ``key`` replaces its key."""

    rubric: Path | None = None
    key: str | None = None
    options: Options = field(default_factory=Options)


@dataclass(frozen=True)
class Facts:
    """What a grade rests on beside the submission: the rubric, our code, PyTorch, this computer."""

    rubric: Rubric
    claims: Mapping[str, str]  # by check
    sources_sha256: str
    kit: str
    torch: str
    engine: str
    tier: Tier
    walls: tuple[str, ...]

    @property
    def document(self) -> Document:
        return self.rubric.document


@dataclass(frozen=True)
class Ready:
    """A process has its walls and can grade."""

    facts: Facts


@dataclass(frozen=True)
class Refused:
    """A process can't grade anything: a wrong rubric, or no walls."""

    text: str


@dataclass(frozen=True)
class Progress:
    """``done`` of ``total`` checks of an item are judged; ``text`` is what goes on."""

    folder: str
    done: int
    total: int
    text: str


@dataclass(frozen=True)
class Graded:
    """The grade of an item; ``is_final`` is false until the worker's canary has been graded."""

    folder: str
    grade: Grade
    is_final: bool = False


@dataclass(frozen=True)
class Vouched:
    """What the reference got on the worker that graded these items."""

    folders: tuple[str, ...]
    said: str
    is_well: bool


@dataclass(frozen=True)
class Done:
    """An item is through, and its process waits for the next."""

    folder: str


Message = Ready | Refused | Progress | Graded | Vouched | Done
