"""Which entries of a submission count, and for what."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from autograder.submissions.entries import (
    CLOSED,
    CLUTTER,
    FILE,
    FOLDER,
    HARD_LINK,
    LINK,
    NAME_LENGTH,
    SPECIAL,
    Entry,
    Limits,
    SubmissionError,
    visible,
)
from lab3 import STUDENT_FILES
from lab3.log.runlog import CHECKPOINT_NAME, LOG_NAME

LAB, RUNS, REPORT_NAME = "lab3", "runs", "report.md"
PAGE_NAME, FIGURES = "report.html", "figures"
FIGURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".webp")
FIXED = {*(f"{LAB}/{name}" for name in STUDENT_FILES), REPORT_NAME}
RUN_NAME = re.compile(r"\w[\w .,=+@-]{0,79}")


def choose(
    listed: Iterable[Entry], limits: Limits, problems: list[str]
) -> tuple[dict[str, Entry], set[str]]:
    """Return the entries that count, by what they are for, and the names of the others."""
    entries, ignored = [], set()
    for entry in sorted(listed, key=lambda entry: entry.parts):
        clutter = next((n for n, part in enumerate(entry.parts, 1) if part in CLUTTER), 0)
        if clutter:
            ignored.add(visible("/".join(entry.parts[:clutter])) + "/")
        elif entry.parts:
            entries.append(entry)
    root = find_root(entries)
    depth = len(root)
    is_flat = not any(e.parts[: depth + 1] == (*root, LAB) for e in entries)
    slots: dict[str, Entry] = {}
    chosen: list[Entry] = []
    odd_names: set[str] = set()
    for entry in entries:
        rest = entry.parts[depth:] if entry.parts[:depth] == root else ()
        slot = "/".join(rest)
        if is_flat and slot in STUDENT_FILES:
            slot = f"{LAB}/{slot}"
        is_run = len(rest) == 3 and rest[0] == RUNS and rest[2] in (LOG_NAME, CHECKPOINT_NAME)
        if is_run:
            slot = unicodedata.normalize("NFC", slot)  # macOS takes accents apart
        if slot in FIXED or (is_run and is_plain(slot.split("/")[1])):
            slots[slot] = entry
            chosen.append(entry)
            continue
        if is_run:
            odd_names.add(visible(rest[1]))
        elif entry.kind in (LINK, HARD_LINK, SPECIAL, CLOSED) and (
            rest in ((LAB,), (RUNS,)) or (len(rest) == 2 and rest[0] == RUNS)
        ):
            problems.append(f"{visible(slot)} {entry.kind}")
        if entry.kind != FOLDER:
            ignored.add(visible("/".join(entry.parts)))
    check_unambiguous(entries, chosen)
    if odd_names:
        problems.append(
            f"runs/ holds names that are not plain, such as {min(odd_names)!r}: these runs were "
            "ignored (use letters, digits, '-' and '_')"
        )
    runs = sorted({slot.split("/")[1] for slot in slots if slot.startswith(f"{RUNS}/")})
    if len(runs) > limits.runs:
        problems.append(f"runs/ holds {len(runs):,} runs: only the first {limits.runs} were read")
        late = set(runs[limits.runs :])
        slots = {
            slot: entry
            for slot, entry in slots.items()
            if not (slot.startswith(f"{RUNS}/") and slot.split("/")[1] in late)
        }
    return slots, ignored


def choose_for_readers(listed: Iterable[Entry], limits: Limits) -> dict[str, Entry]:
    """Return the report's figures and its page, which people read and nobody grades.

    They lie beside ``lab3/``; of too many figures, the first by name.
    """
    entries = sorted((e for e in listed if e.parts), key=lambda entry: entry.parts)
    root = find_root([e for e in entries if not CLUTTER & set(e.parts)])
    chosen: dict[str, Entry] = {}
    for entry in entries:
        rest = entry.parts[len(root) :] if entry.parts[: len(root)] == root else ()
        is_figure = (
            len(rest) == 2
            and rest[0] == FIGURES
            and rest[1].lower().endswith(FIGURE_SUFFIXES)
            and is_plain(rest[1])
        )
        if entry.kind == FILE and (rest == (PAGE_NAME,) or is_figure):
            chosen.setdefault("/".join(rest), entry)
    figures = [slot for slot in chosen if slot != PAGE_NAME][limits.figures :]
    return {slot: entry for slot, entry in chosen.items() if slot not in figures}


def is_plain(run: str) -> bool:
    """Tell whether the name of a run can be shown as it is, and told from any other."""
    return RUN_NAME.fullmatch(run) is not None and visible(run) == run


def find_root(entries: list[Entry]) -> tuple[str, ...]:
    """Return the shallowest folder that holds ``lab3/``, or else something else that counts.

    Raises SubmissionError when there are several.
    """
    labs, solved, others = set(), set(), set()
    for entry in entries:
        parts = entry.parts
        for number, part in enumerate(parts):
            is_run = number > 0 and parts[number - 1] == RUNS  # which may be called lab3
            if part == LAB and not is_run and (number < len(parts) - 1 or entry.kind != FILE):
                labs.add(parts[:number])
        if parts[-1] in STUDENT_FILES and parts[-2:-1] == (LAB,):
            solved.add(parts[:-2])
        if parts[-1] in (*STUDENT_FILES, REPORT_NAME):
            others.add(parts[:-1])
        elif parts[-1] in (LOG_NAME, CHECKPOINT_NAME) and parts[-3:-2] == (RUNS,):
            others.add(parts[:-3])
    roots = labs or others or {()}
    top = min(map(len, roots))
    root, *more = sorted(root for root in roots if len(root) == top)
    if more:
        both = " and ".join(repr(visible("/".join(r))) for r in (root, more[0]))
        raise SubmissionError(f"holds several submissions, in {both}: keep one")
    inner = root
    while inner in labs and inner not in solved:  # the wrapping folder may be called lab3, too
        inner = (*inner, LAB)
    return inner if inner in solved else root


@dataclass
class Place:
    """A name in a folder, as it was first spelled, and what is below it by looks."""

    part: str
    is_folder: bool
    is_twice: bool = False
    inner: "dict[str, Place]" = field(default_factory=dict)


def check_unambiguous(entries: list[Entry], chosen: list[Entry]) -> None:
    """Raise SubmissionError when a file that counts is there twice for someone.

    That is so for equal names, for names that only some systems tell apart, for names that look
    the same, and for a link or file where a folder is.
    """
    top = Place("", is_folder=True)
    for entry in entries:
        place = top
        for number, part in enumerate(entry.parts, 1):
            is_folder = number < len(entry.parts) or entry.kind in (FOLDER, CLOSED)
            seen = place.inner.get(look(part))
            if seen is None:
                seen = place.inner[look(part)] = Place(part, is_folder)
            elif not (is_folder and seen.is_folder and seen.part == part):
                seen.is_twice = True
            place = seen
    for entry in chosen:
        place = top
        for number, part in enumerate(entry.parts, 1):
            place = place.inner[look(part)]
            if place.is_twice:
                raise SubmissionError(
                    f"holds {visible('/'.join(entry.parts[:number]))!r} twice, or beside a name "
                    "that looks the same: keep one"
                )


@lru_cache(maxsize=1 << 16)
def look(part: str) -> str:
    """Return the same for names that look alike or are the same on some system."""
    seen = visible(part, instead="", length=NAME_LENGTH)
    return unicodedata.normalize("NFKC", seen).casefold().rstrip(". ")
