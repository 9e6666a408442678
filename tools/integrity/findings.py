"""What two submissions can have in common, in words: what each signal says, and what it can't."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tools.integrity.hashing import digest

Kind = Literal[
    "clock", "named", "based", "curves", "weights", "nearly", "all", "code", "prose", "impossible"
]
Level = Literal["strong", "possible", "expected"]
LEVELS: tuple[Level, ...] = ("strong", "possible", "expected")


@dataclass(frozen=True)
class Signal:
    """``says`` is what a signal means where it is found, ``cannot_tell`` what it doesn't prove."""

    title: str
    says: str
    cannot_tell: str


SIGNALS: dict[Kind, Signal] = {
    "clock": Signal(
        "Equal measured times",
        "Seconds of epochs and latencies are equal to the last digit. A clock measures no two runs "
        "alike, so these logs come from one run, whatever else in them was changed.",
        "who made the run, and whether it was shared with permission. Times that were made up anew "
        "are not found.",
    ),
    "named": Signal(
        "A log of the other's code",
        "The log names, by its hash, the very code that the other one handed in, and not its own.",
        "why: one may have helped on the other's computer, or both went on from one file.",
    ),
    "based": Signal(
        "Quantized from the other's network",
        "The log of a quantized run names, by its hash, an FP32 checkpoint that the other one "
        "handed in, and that is not its own.",
        "who trained it, and whether it was given to both.",
    ),
    "weights": Signal(
        "Equal weights",
        "Tensors hold the same numbers, in whatever order, under whatever names and however saved. "
        "By other seeds, settings or computers that doesn't come about.",
        "copies from honest runs where seed, settings, versions and processor are the same: these "
        "give equal weights, and are listed as expected.",
    ),
    "nearly": Signal(
        "Nearly equal weights",
        "Weights point the same way, as after noise, rounding or a little more training. Networks "
        "that began with other seeds have a correlation of about 0.",
        "copies from honest runs where the seed is the same: such networks resemble each other, "
        "at 0.9.",
    ),
    "curves": Signal(
        "Equal curves",
        "Losses and accuracies of all epochs are equal to three decimals, although seed, settings "
        "or computer are said to be others.",
        "copies from honest runs where all of these are the same: these are listed as expected.",
    ),
    "all": Signal(
        "The same files",
        "Every file that counts is the same, byte for byte, and not the skeleton's.",
        "who wrote them. Files may have been swapped when they were handed in.",
    ),
    "code": Signal(
        "Similar code",
        "The two files share sequences of words, names and comments among them, that neither "
        "skeleton nor solution have.",
        "copying from chance: six short functions leave little room, and two people who ask one "
        "assistant get one answer. Read both.",
    ),
    "prose": Signal(
        "Shared text",
        "Paragraphs of both reports are the same, or nearly, and are not in the handout or the "
        "report's template.",
        "who wrote them. Both may quote one source, or one translation of it.",
    ),
    "impossible": Signal(
        "Times that can't be",
        "A log says what no run can have measured: more seconds than passed, other numbers of "
        "images than there are, or an end after it was handed in.",
        "a log that was changed from a clock that was wrong or a computer that slept.",
    ),
}


@dataclass(frozen=True)
class Finding:
    """One thing that two submissions have in common.

    ``said`` has ``{a}`` and ``{b}`` for the two, in the order of their ids. ``value`` identifies
    what was found.
    """

    kind: Kind
    level: Level
    said: str
    value: str
    details: tuple[str, ...] = ()

    @property
    def rank(self) -> tuple[int, int, str]:
        return LEVELS.index(self.level), list(SIGNALS).index(self.kind), self.value


def evidence_of(findings: Iterable[Finding]) -> str:
    """Return what identifies some findings, whoever they are about; empty for none."""
    values = sorted(f"{one.kind} {one.level} {one.value}" for one in findings)
    return digest(*values)[:12] if values else ""


def least(level: Level, other: Level) -> Level:
    """Return the weaker of two levels."""
    return max(level, other, key=LEVELS.index)
