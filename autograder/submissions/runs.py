"""The runs of a submission: their logs, and which of them count."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, TypeAdapter

from autograder.submissions.budgets import Budget, StalledError, UnreadableError, read_within
from autograder.submissions.entries import visible
from autograder.submissions.reading import Run
from lab3 import STUDENT_FILES
from lab3.errors import LabError
from lab3.log.records import TITLES, RunKind
from lab3.log.runlog import LOG_NAME, RunLog, RunLogError, parse_log
from lab3.selection import select

LISTED = 8  # runs
# Of one log: the largest that are handed in take a second, and a megabyte holds 3,000 epochs.
BUDGET = Budget(cpu_s=10, memory_bytes=10**9, answer_bytes=10**6, deadline_s=120)


class MissingRunError(LabError):
    """A run that counts, or its checkpoint, was not handed in."""


class Runs:
    """The runs that were handed in, read when a check asks for them.

    ``data_sets`` are those of the course; a run on another one doesn't count. ``files`` is the
    code that was handed in with them.
    """

    def __init__(
        self,
        runs: Mapping[str, Run],
        data_sets: Collection[str],
        files: Mapping[str, bytes] = MappingProxyType({}),
    ) -> None:
        self.handed_in, self.data_sets = runs, list(data_sets)
        self._files = files

    @property
    def code_sha256(self) -> str:
        """What the logs of runs of the code that was handed in say of it."""
        digest = hashlib.sha256()
        for name in STUDENT_FILES:
            digest.update(name.encode() + b"\0" + self._files.get(name, b"") + b"\0")
        return digest.hexdigest()

    @cached_property
    def logs(self) -> dict[str, RunLog | str]:
        """Every run's log, or why it can't be read."""
        runs = sorted(self.handed_in.items())
        return read_logs({name: run.log for name, run in runs if run.log is not None})

    @cached_property
    def names(self) -> dict[RunKind, str]:
        """The names of the runs that count, as far as there are any: see ``lab3.selection``."""
        complete = {
            name: log
            for name, log in self.logs.items()
            if isinstance(log, RunLog) and log.end and log.start.data.name in self.data_sets
        }
        selection = select(list(complete.values()), self.data_sets)
        counting: dict[RunKind, RunLog | None] = {
            "train": selection.fp32,
            "ptq": selection.ptq,
            "qat": selection.qat,
        }
        return {
            kind: name
            for kind, log in counting.items()
            for name, other in complete.items()
            if log is other
        }

    @property
    def data_set(self) -> str | None:
        """The data set of the runs that count."""
        return self.log("train").start.data.name if "train" in self.names else None

    def log(self, kind: RunKind) -> RunLog:
        """Return the log of a run that counts; raise MissingRunError when there is none."""
        if kind not in self.names:
            raise MissingRunError(self.why_none(kind))
        log = self.logs[self.names[kind]]
        assert isinstance(log, RunLog)
        return log

    def why_none(self, kind: RunKind) -> str:
        """Say why there is no run of a kind that counts."""
        wanted = f"no complete {TITLES[kind]} run on {' or '.join(self.data_sets)}"
        if kind != "train" and "train" in self.names:
            wanted += f" that continues runs/{self.names['train']}"
        if not self.logs:
            return f"{wanted}: runs/ holds no run log"
        there = [
            f"{name} ({log if isinstance(log, str) else describe(log)})"
            for name, log in list(self.logs.items())[:LISTED]
        ]
        return f"{wanted}; there are: {', '.join(there)}"

    def checkpoint(self, kind: RunKind) -> Path:
        """Return the checkpoint's private copy; raise MissingRunError when none was handed in."""
        self.log(kind)
        name = self.names[kind]
        path = self.handed_in[name].checkpoint
        if path is None:
            raise MissingRunError(
                f"runs/{name}/model.pt was not handed in: nothing proves {LOG_NAME}"
            )
        return path


class PackedLog(BaseModel):
    """A log as it comes from its reader: what counts of it, or why it can't be read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    records: str = ""
    is_torn: bool = False
    why_not: str = ""


PACKED_LOGS = TypeAdapter(list[PackedLog])


def read_logs(contents: Mapping[str, bytes], budget: Budget = BUDGET) -> dict[str, RunLog | str]:
    """Return every run's log, or why it can't be read: none takes the budget of another.

    Raises StalledError where this computer had no time for one.
    """
    try:
        return read_together(contents, budget)
    except UnreadableError as error:
        if len(contents) == 1:
            return {name: f"{log_path(name)} {error}" for name in contents}
    except StalledError as error:
        if len(contents) == 1:
            raise StalledError(f"{log_path(*contents)} {error}") from None
    logs: dict[str, RunLog | str] = {}
    for name, content in contents.items():
        logs |= read_logs({name: content}, budget)
    return logs


def read_together(contents: Mapping[str, bytes], budget: Budget) -> dict[str, RunLog | str]:
    """Return logs that are read in one process, within one budget."""
    if not contents:
        return {}

    def read() -> bytes:
        return PACKED_LOGS.dump_json([packed(name, log) for name, log in contents.items()])

    logs = PACKED_LOGS.validate_json(read_within(budget, read))
    return {name: unpacked(name, log) for name, log in zip(contents, logs, strict=True)}


def packed(name: str, content: bytes) -> PackedLog:
    """Read a log; keep the records that grading looks at."""
    try:
        log = parse_log(log_path(name), content)
    except RunLogError as error:
        return PackedLog(why_not=str(error))
    records = [log.start, *log.epochs, log.quantized, log.end, log.result]
    lines = [record.model_dump_json() for record in records if record]
    return PackedLog(records="\n".join(lines), is_torn=log.is_torn)


def unpacked(name: str, log: PackedLog) -> RunLog | str:
    """Return the log that a reader packed, with its records validated here once more."""
    if log.why_not:
        return log.why_not
    records = f"{log.records}\n".encode()
    return replace(parse_log(log_path(name), records), is_torn=log.is_torn, lines=())


def log_path(name: str) -> Path:
    """Return what students call the log of a run."""
    return Path("runs") / name / LOG_NAME


def describe(log: RunLog) -> str:
    state = "complete" if log.end else "not complete"
    return f"{log.start.kind} on {visible(log.start.data.name)}, {state}"
