"""One student's submission, which may be broken or hostile, as plain data; none of it is run."""

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from autograder.submissions import plainly
from autograder.submissions.archives import archive_entries
from autograder.submissions.budgets import Budget, StalledError, UnreadableError, read_within
from autograder.submissions.choosing import (
    FIGURES,
    PAGE_NAME,
    REPORT_NAME,
    choose,
    choose_for_readers,
)
from autograder.submissions.entries import (
    FILE,
    NAME_LENGTH,
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
from autograder.submissions.places import own_name, without_suffix
from lab3 import STUDENT_FILES
from lab3.log.records import Sha256
from lab3.log.runlog import CHECKPOINT_NAME, LOG_NAME

LISTED = 100  # ignored names
SAID = 50  # problems
# Of a whole submission: inflating and hashing as much as its limits allow takes 20 s.
BUDGET = Budget(cpu_s=120, memory_bytes=2 * 10**9, answer_bytes=10**9, deadline_s=1200)


class NotReadError(SubmissionError):
    """A submission was not read for reasons of this computer's, never the student's fault."""


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
    ``page`` and ``figures`` are for people to read: they are bounded, not looked into, and nothing
    that is graded. ``ignored`` and ``problems`` are bounded and safe to print on one line.
    """

    name: str
    sha256: str
    files: Mapping[str, bytes]
    runs: Mapping[str, Run]
    report: bytes | None
    ignored: tuple[str, ...]
    problems: tuple[str, ...]
    page: bytes | None = None
    figures: Mapping[str, bytes] = field(default_factory=dict)


class PackedRun(BaseModel):
    """A run as it comes from the reader; the copy of its checkpoint has this number."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    log_bytes: NonNegativeInt | None
    checkpoint: NonNegativeInt | None
    checkpoint_sha256: Sha256 | None


class Packed(BaseModel):
    """A submission as it comes from the reader: sizes instead of contents, which follow it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    sha256: Sha256
    file_bytes: dict[str, NonNegativeInt]
    runs: dict[str, PackedRun]
    report_bytes: NonNegativeInt | None
    page_bytes: NonNegativeInt | None
    figure_bytes: dict[str, NonNegativeInt]
    ignored: tuple[str, ...]
    problems: tuple[str, ...]


@contextmanager
def open_submission(
    path: Path, limits: Limits = Limits(), budget: Budget = BUDGET
) -> Iterator[Submission]:
    """Read a folder or archive; the checkpoints are there until the end of the block.

    Raises SubmissionError when nothing can be graded or when it isn't clear what would be,
    NotReadError when this computer had no time for it.
    """
    with tempfile.TemporaryDirectory(prefix="lab3-submission-") as private:
        copies = Path(private)
        try:
            answer = read_within(budget, lambda: packed(read(path, limits, copies)))
        except (UnreadableError, StalledError) as error:
            kind = NotReadError if isinstance(error, StalledError) else SubmissionError
            raise kind(f"{visible(str(path), length=NAME_LENGTH)} {error}") from None
        yield unpacked(answer, copies)


def packed(submission: Submission) -> bytes:
    """Return a submission as one line of JSON with the contents behind it."""
    runs = submission.runs
    figures = submission.figures
    contents = [*submission.files.values(), *(run.log for run in runs.values()), submission.report]
    contents += [submission.page, *figures.values()]
    head = Packed(
        name=submission.name,
        sha256=submission.sha256,
        file_bytes={name: len(content) for name, content in submission.files.items()},
        runs={
            name: PackedRun(
                log_bytes=None if run.log is None else len(run.log),
                checkpoint=None if run.checkpoint is None else int(run.checkpoint.stem),
                checkpoint_sha256=run.checkpoint_sha256,
            )
            for name, run in runs.items()
        },
        report_bytes=None if submission.report is None else len(submission.report),
        page_bytes=None if submission.page is None else len(submission.page),
        figure_bytes={name: len(content) for name, content in figures.items()},
        ignored=submission.ignored,
        problems=submission.problems,
    )
    return b"".join([head.model_dump_json().encode(), b"\n", *(c for c in contents if c)])


def unpacked(answer: bytes, copies: Path) -> Submission:
    """Return the submission that a reader packed, whose checkpoints lie in a private folder."""
    position = answer.index(b"\n") + 1
    head = Packed.model_validate_json(answer[:position])

    def take(size: int | None) -> bytes | None:
        nonlocal position
        if size is None:
            return None
        position += size
        return answer[position - size : position]

    files = {name: take(size) or b"" for name, size in head.file_bytes.items()}
    runs = {
        name: Run(
            take(run.log_bytes),
            None if run.checkpoint is None else checkpoint_copy(copies, run.checkpoint),
            run.checkpoint_sha256,
        )
        for name, run in head.runs.items()
    }
    return Submission(
        name=head.name,
        sha256=head.sha256,
        files=MappingProxyType(files),
        runs=MappingProxyType(runs),
        report=take(head.report_bytes),
        page=take(head.page_bytes),
        figures={name: take(size) or b"" for name, size in head.figure_bytes.items()},
        ignored=head.ignored,
        problems=head.problems,
    )


def checkpoint_copy(copies: Path, number: int) -> Path:
    """Return where a checkpoint is kept: under a name of ours, not the student's."""
    return copies / f"{number}.pt"


def read(path: Path, limits: Limits, private: Path) -> Submission:
    """Return a submission whose checkpoints lie in a private folder."""
    name = own_name(path)
    if not plainly.HAS_HANDLES:
        return read_plainly(name, path, limits, private)
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
        submission = collect(without_suffix(name), entries, limits, private)
        if identity(handle) != before:
            raise SubmissionError("changed while it was read: try again when it is complete")
    return submission


def read_plainly(name: str, path: Path, limits: Limits, private: Path) -> Submission:
    """Do the same where folders can't be opened: on Windows, with a student's own files."""
    if path.is_dir():
        return collect(name, plainly.folder_entries(path, limits), limits, private)
    try:
        with path.open("rb") as file, tempfile.TemporaryFile(dir=private) as unpacked:
            entries = archive_entries(path, file, unpacked, limits)
            return collect(without_suffix(name), entries, limits, private)
    except OSError as error:
        raise SubmissionError(f"can't be read: {error.strerror}: check the path") from None


def collect(name: str, listed: Iterable[Entry], limits: Limits, private: Path) -> Submission:
    """Find what counts among the entries and read it."""
    problems: list[str] = []
    listed = list(listed)
    slots, ignored = choose(listed, limits, problems)
    shown = choose_for_readers(listed, limits)
    ignored -= {visible("/".join(entry.parts)) for entry in shown.values()}
    slots |= shown
    left, logs_left = limits.total, limits.logs

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
    sizes |= {PAGE_NAME: limits.page}
    for slot, entry in sorted(slots.items()):
        last = slot.split("/")[-1]
        usual = limits.figure if slot.startswith(f"{FIGURES}/") else limits.source
        source = pieces(entry, sizes.get(last, usual))
        try:
            if last == CHECKPOINT_NAME:
                copy = checkpoint_copy(private, len(copies))
                digests[slot] = save(source, copy)
                copies[slot] = copy
                is_empty = copy.stat().st_size == 0
            else:
                content = b"".join(source)
                if last == LOG_NAME:
                    logs_left = less(logs_left, content, limits)
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
        page=contents.get(PAGE_NAME),
        figures={s: content for s, content in contents.items() if s.startswith(f"{FIGURES}/")},
        ignored=bounded(sorted(ignored), LISTED),
        problems=bounded(problems, SAID),
    )


def less(logs_left: int, log: bytes, limits: Limits) -> int:
    """Return what a log leaves of the bytes of all; raise LeftOutError when it is more."""
    if len(log) > logs_left:
        raise LeftOutError(
            f"was not read: all logs together hold more than {megabytes(limits.logs)}"
        )
    return logs_left - len(log)


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
