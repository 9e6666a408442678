"""One student's submission, which may be broken or hostile, as plain data; none of it is run."""

import hashlib
import os
import re
import stat
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from autograder.submissions.archives import archive_entries
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
    LeftOutError,
    Limits,
    SubmissionError,
    folder_entries,
    identity,
    megabytes,
    too_large,
    visible,
)
from lab3 import STUDENT_FILES
from lab3.log.runlog import CHECKPOINT_NAME, LOG_NAME

LAB, RUNS, REPORT_NAME = "lab3", "runs", "report.md"
FIXED = {*(f"{LAB}/{name}" for name in STUDENT_FILES), REPORT_NAME}
RUN_NAME = re.compile(r"\w[\w .,=+@-]{0,79}")
LISTED = 100  # ignored names
SAID = 50  # problems


@dataclass(frozen=True)
class Run:
    """What was handed in of a run; the checkpoint is a private copy, not looked into."""

    log: bytes | None = None
    checkpoint: Path | None = None
    checkpoint_sha256: str | None = None


@dataclass(frozen=True)
class Submission:
    """What counts of a submission.

    ``sha256`` identifies the names and bytes of all that was read, however it was packed.
    ``ignored`` and ``problems`` are bounded and safe to print on one line.
    """

    name: str
    sha256: str
    files: Mapping[str, bytes]
    runs: Mapping[str, Run]
    report: bytes | None
    ignored: tuple[str, ...]
    problems: tuple[str, ...]


@contextmanager
def open_submission(path: Path, limits: Limits = Limits()) -> Iterator[Submission]:
    """Read a folder or archive; the checkpoints are there until the end of the block.

    Raises SubmissionError when nothing can be graded or when it isn't clear what would be.
    """
    with tempfile.TemporaryDirectory(prefix="lab3-submission-") as private:
        try:
            submission = read(path, limits, Path(private))
        except SubmissionError as error:
            raise SubmissionError(f"{visible(str(path), length=NAME_LENGTH)} {error}") from None
        yield submission


def read(path: Path, limits: Limits, private: Path) -> Submission:
    """Return a submission whose checkpoints lie in a private folder."""
    name = path.name or path.resolve().name
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            raise SubmissionError("is a symbolic link: name the folder or archive it points to")
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # opening a device may do something
            raise SubmissionError("is neither a folder nor a file: name the folder or archive")
        handle = os.open(path, flags)
    except OSError as error:
        raise SubmissionError(f"can't be read: {error.strerror}: check the path") from None
    except ValueError:  # NUL in the path
        raise SubmissionError("can't be a path: check it") from None
    if stat.S_ISDIR(os.fstat(handle).st_mode):
        try:
            return collect(name, folder_entries(handle, limits), limits, private)
        finally:
            os.close(handle)
    with os.fdopen(handle, "rb") as file, tempfile.TemporaryFile(dir=private) as unpacked:
        before = identity(handle)
        if not stat.S_ISREG(before[0]):
            raise SubmissionError("is neither a folder nor a file: name the folder or archive")
        entries = archive_entries(path, file, unpacked, limits)
        stem = re.sub(r"\.(zip|tar|tgz|tar\.gz)$", "", name, flags=re.IGNORECASE)
        submission = collect(stem, entries, limits, private)
        if identity(handle) != before:
            raise SubmissionError("changed while it was read: try again when it is complete")
    return submission


def collect(name: str, listed: Iterable[Entry], limits: Limits, private: Path) -> Submission:
    """Find what counts among the entries and read it."""
    problems: list[str] = []
    slots, ignored = choose(listed, limits, problems)
    left = limits.total

    def pieces(entry: Entry, limit: int) -> Iterator[bytes]:
        nonlocal left
        size = 0
        if entry.kind != FILE:
            raise LeftOutError(entry.kind)
        for piece in entry.chunks():
            size += len(piece)
            left -= len(piece)
            if left < 0:
                raise too_large(limits)
            if size > limit:
                raise LeftOutError(f"is larger than {megabytes(limit)} and was not read")
            yield piece

    contents: dict[str, bytes] = {}
    copies: dict[str, Path] = {}
    digests: dict[str, str] = {}
    sizes = {LOG_NAME: limits.log, CHECKPOINT_NAME: limits.checkpoint, REPORT_NAME: limits.report}
    for slot, entry in sorted(slots.items()):
        last = slot.split("/")[-1]
        source = pieces(entry, sizes.get(last, limits.source))
        try:
            if last == CHECKPOINT_NAME:
                copy = private / f"{len(copies)}.pt"  # a name of ours, not the student's
                digests[slot] = save(source, copy)
                copies[slot] = copy
                is_empty = copy.stat().st_size == 0
            else:
                content = b"".join(source)
                digests[slot] = hashlib.sha256(content).hexdigest()
                contents[slot] = content
                is_empty = not content
        except LeftOutError as reason:
            problems.append(f"{slot} {reason}")
        else:
            problems += [f"{slot} is empty"] if is_empty else []
    problems += [f"lab3/{file} is missing" for file in STUDENT_FILES if f"lab3/{file}" not in slots]
    runs = {}
    for run in sorted({slot.split("/")[1] for slot in slots if slot.startswith("runs/")}):
        log, checkpoint = f"runs/{run}/{LOG_NAME}", f"runs/{run}/{CHECKPOINT_NAME}"
        runs[run] = Run(contents.get(log), copies.get(checkpoint), digests.get(checkpoint))
    files = {file: contents[f"lab3/{file}"] for file in STUDENT_FILES if f"lab3/{file}" in contents}
    identity = "".join(f"{slot}\0{digest}\n" for slot, digest in sorted(digests.items()))
    return Submission(
        name=visible(name, instead="", length=80) or "submission",
        sha256=hashlib.sha256(identity.encode()).hexdigest(),
        files=MappingProxyType(files),
        runs=MappingProxyType(runs),
        report=contents.get(REPORT_NAME),
        ignored=bounded(sorted(ignored), LISTED),
        problems=bounded(problems, SAID),
    )


def save(pieces: Iterator[bytes], path: Path) -> str:
    """Write a new file and return its sha256; leave nothing behind that is incomplete."""
    digest = hashlib.sha256()
    try:
        with path.open("xb") as file:
            for piece in pieces:
                file.write(piece)
                digest.update(piece)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return digest.hexdigest()


def bounded(texts: list[str], most: int) -> tuple[str, ...]:
    rest = len(texts) - most
    return tuple(texts) if rest <= 0 else (*texts[:most], f"and {rest:,} more")


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
        if slot in FIXED or (is_run and RUN_NAME.fullmatch(slot.split("/")[1])):
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
        late = tuple(f"{RUNS}/{run}/" for run in runs[limits.runs :])
        slots = {slot: entry for slot, entry in slots.items() if not slot.startswith(late)}
    return slots, ignored


def find_root(entries: list[Entry]) -> tuple[str, ...]:
    """Return the shallowest folder that holds ``lab3/``, or else something else that counts.

    Raises SubmissionError when there are several.
    """
    labs, solved, others = set(), set(), set()
    for entry in entries:
        parts = entry.parts
        for number, part in enumerate(parts):
            is_run = parts[:number][-1:] == (RUNS,)  # which may be called lab3
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


def check_unambiguous(entries: list[Entry], chosen: list[Entry]) -> None:
    """Raise SubmissionError when a file that counts is there twice for someone.

    That is so for equal names, for names that only some systems tell apart, for names that look
    the same, and for a link or file where a folder is.
    """
    seen: dict[tuple[str, ...], tuple[tuple[str, ...], bool]] = {}
    twice: set[tuple[str, ...]] = set()
    for entry in entries:
        looks = tuple(map(look, entry.parts))
        for number in range(1, len(looks) + 1):
            is_folder = number < len(looks) or entry.kind in (FOLDER, CLOSED)
            this = (entry.parts[:number], is_folder)
            if seen.setdefault(looks[:number], this) is not this and (
                not is_folder or seen[looks[:number]] != this
            ):
                twice.add(looks[:number])
    for entry in chosen:
        for number in range(1, len(entry.parts) + 1):
            if tuple(map(look, entry.parts[:number])) in twice:
                raise SubmissionError(
                    f"holds {visible('/'.join(entry.parts[:number]))!r} twice, or beside a name "
                    "that looks the same: keep one"
                )


@lru_cache(maxsize=1 << 16)
def look(part: str) -> str:
    """Return the same for names that look alike or are the same on some system."""
    seen = visible(part, instead="", length=NAME_LENGTH)
    return unicodedata.normalize("NFKC", seen).casefold().rstrip(". ")
