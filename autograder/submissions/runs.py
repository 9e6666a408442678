"""The runs of a submission: their logs, and which of them count."""

import tempfile
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path

from autograder.submissions.reading import Run
from lab3.errors import LabError
from lab3.log.records import TITLES, RunKind
from lab3.log.runlog import LOG_NAME, RunLog, read_log
from lab3.selection import select

LISTED = 8  # runs


class MissingRunError(LabError):
    """A run that counts, or its checkpoint, was not handed in."""


class Runs:
    """The runs that were handed in, read when a check asks for them.

    ``data_sets`` are those of the course; a run on another one doesn't count.
    """

    def __init__(self, runs: Mapping[str, Run], data_sets: Collection[str]) -> None:
        self.handed_in, self.data_sets = runs, list(data_sets)

    @cached_property
    def logs(self) -> dict[str, RunLog | str]:
        """Every run's log, or why it can't be read."""
        logs: dict[str, RunLog | str] = {}
        for name, run in sorted(self.handed_in.items()):
            if run.log is None:
                continue
            with tempfile.TemporaryDirectory() as folder:
                (Path(folder) / LOG_NAME).write_bytes(run.log)
                try:
                    logs[name] = read_log(Path(folder))
                except LabError as error:
                    logs[name] = str(error).replace(f"{folder}/", f"runs/{name}/")
        return logs

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


def describe(log: RunLog) -> str:
    state = "complete" if log.end else "not complete"
    return f"{log.start.kind} on {log.start.data.name}, {state}"
