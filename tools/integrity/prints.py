"""What is kept of a submission to compare it: hashes and numbers, no weights and no code."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from lab3.log.records import RunKind

FORMAT = 1


class Print(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TensorPrint(Print):
    """A tensor without its name.

    ``values`` is a hash of type, shape, scales and numbers, ``ordered`` one of the sorted numbers
    (empty for large tensors), and ``signs`` are bits of sums of parts of it, in hexadecimal digits:
    those of tensors that point the same way are the same (empty where there is no direction).
    """

    size: NonNegativeInt
    values: str
    ordered: str = ""
    signs: str = ""


class Recipe(Print):
    """All that decides the numbers of a run, apart from the computer. ``base`` is that of FP32."""

    kind: RunKind
    arch: str
    width: int
    data: str
    seed: int | None
    settings: str
    base: "Recipe | None" = None


class LogPrint(Print):
    """A run log. ``clock`` are hashes of measured times by what was measured.

    ``curve`` is a hash of losses and accuracies to three decimals; empty for a run without epochs.
    ``impossible`` are sentences about what can't have been measured.
    """

    recipe: Recipe
    computer: tuple[str, ...]
    code_sha256: str
    start: datetime
    end: datetime | None
    checkpoint_sha256: str = ""
    base_sha256: str = ""
    epochs: NonNegativeInt = 0
    curve: str = ""
    clock: dict[str, str] = {}
    impossible: tuple[str, ...] = ()


class RunPrint(Print):
    """A run: its log and its checkpoint, or why they can't be compared."""

    name: str
    log: LogPrint | None = None
    log_problem: str = ""
    checkpoint_sha256: str = ""
    tensors: tuple[TensorPrint, ...] = ()
    checkpoint_problem: str = ""


class CodePrint(Print):
    """The source files. ``own`` counts words that neither skeleton nor solution have there.

    ``grams`` are hashes of sequences of words with one of those, and ``lines`` the first few.
    """

    sha256: str
    own: NonNegativeInt = 0
    grams: tuple[int, ...] = ()


class Passage(Print):
    """A paragraph of the student's own: where it begins, how, and hashes of its word sequences."""

    line: NonNegativeInt
    words: NonNegativeInt
    script: Literal["words", "characters"]
    begins: str
    shingles: tuple[int, ...]


class Fingerprint(Print):
    """One submission. ``problem`` says why nothing of it can be compared."""

    version: str
    content: str
    problem: str = ""
    code: CodePrint | None = None
    code_problem: str = ""
    code_sha256: str = ""  # as run logs name the code
    runs: tuple[RunPrint, ...] = ()
    passages: tuple[Passage, ...] = ()
    report_problem: str = ""
