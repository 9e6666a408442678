"""What is graded, what a grade rests on, and the grade: plain data that goes between processes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from autograder.host.sandbox import Tier
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
class Graded:
    """The grade of an item, complete: the reference was graded on the same worker."""

    folder: str
    grade: Grade
