"""Run folders: ``runs/<name>/`` holds the log ``run.jsonl``, the checkpoints, nothing else."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, BinaryIO, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from lab3.errors import LabError
from lab3.log.certificate import Certificate
from lab3.log.records import Analysis, End, Epoch, Quantized, Record, Result, Resume, Start

LOG_NAME = "run.jsonl"
CHECKPOINT_NAME = "model.pt"  # the finished network
STATE_NAME = "training.pt"  # everything needed to go on; gone when the run is complete
AnyRecord = Annotated[
    Start | Resume | Epoch | Quantized | Analysis | End | Result | Certificate,
    Field(discriminator="event"),
]
RECORD: TypeAdapter[AnyRecord] = TypeAdapter(AnyRecord, config=ConfigDict(defer_build=True))
T = TypeVar("T", bound=Record)


class RunLogError(LabError):
    """A log can't be read; the text names file, line and field."""


@dataclass(frozen=True)
class RunLog:
    """A validated log. ``is_torn``: the last line was cut off and is left out.

    ``lines`` are the numbers of the records' lines in the file.
    """

    path: Path
    records: tuple[AnyRecord, ...]
    is_torn: bool
    lines: tuple[int, ...] = field(default=(), compare=False)

    @property
    def name(self) -> str:
        return self.path.parent.name

    @property
    def start(self) -> Start:
        return next(self._all(Start))

    @property
    def epochs(self) -> list[Epoch]:
        return list(self._all(Epoch))

    @property
    def quantized(self) -> Quantized | None:
        return next(reversed([*self._all(Quantized)]), None)

    @property
    def analysis(self) -> Analysis | None:
        return next(reversed([*self._all(Analysis)]), None)

    @property
    def end(self) -> End | None:
        return next(self._all(End), None)

    @property
    def result(self) -> Result | None:
        return next(reversed([*self._all(Result)]), None)

    @property
    def certificate(self) -> Certificate | None:
        """The last certificate, if it is about the run's checkpoint."""
        last = next(reversed([*self._all(Certificate)]), None)
        is_current = last and self.end and last.checkpoint_sha256 == self.end.checkpoint_sha256
        return last if is_current else None

    @property
    def numbered(self) -> list[tuple[int, AnyRecord]]:
        """The records behind their lines' numbers; they follow each other in a log made here."""
        numbers = self.lines or range(1, len(self.records) + 1)
        return list(zip(numbers, self.records, strict=False))

    def continues(self, baseline: "RunLog") -> bool:
        """Tell whether this run was quantized from a given FP32 run's checkpoint."""
        origin, end = self.start.baseline, baseline.end
        return bool(origin and end and origin.checkpoint_sha256 == end.checkpoint_sha256)

    def _all(self, kind: type[T]) -> Iterator[T]:
        return (record for record in self.records if isinstance(record, kind))


def read_log(run: Path) -> RunLog:
    """Return the log of a run folder.

    Raises RunLogError for a missing file, a line that isn't a record, a log that doesn't begin
    with ``start``, or epochs out of order. Only a last line without line end may be damaged.
    """
    path = run / LOG_NAME
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RunLogError(f"{path} can't be read: {error.strerror}") from None
    *lines, tail = content.split(b"\n")
    if is_torn := not _is_record(tail) and tail != b"":
        tail = b""
    records: list[AnyRecord] = []
    numbers = []
    for number, line in enumerate([*lines, tail], 1):
        if line.strip():
            records.append(_parse(path, number, line))
            numbers.append(number)
            _check_epoch(path, number, records)
    if not records or not isinstance(records[0], Start):
        raise RunLogError(f"{path}:1: event: a log begins with a start record")
    return RunLog(path, tuple(records), is_torn, tuple(numbers))


def _check_epoch(path: Path, number: int, records: list[AnyRecord]) -> None:
    """Raise RunLogError unless epochs are numbered 1, 2, 3, ..."""
    count = sum(isinstance(record, Epoch) for record in records)
    last = records[-1]
    if isinstance(last, Epoch) and last.epoch != count:
        raise RunLogError(f"{path}:{number}: epoch: expected {count}, got {last.epoch}")


def _is_record(line: bytes) -> bool:
    try:
        RECORD.validate_json(line)
    except ValidationError:
        return False
    return True


def _parse(path: Path, number: int, line: bytes) -> AnyRecord:
    try:
        return RECORD.validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"][1:]) or "line"
        shown = repr(first["input"])
        given = f", got {shown[:60]}" if first["type"] != "missing" else ""
        raise RunLogError(f"{path}:{number}: {field}: {first['msg']}{given}") from None


def begin(run: Path, start: Start) -> None:
    """Write a new log that holds its first record."""
    line = start.model_dump_json().encode() + b"\n"
    write_atomically(run / LOG_NAME, lambda file: file.write(line))


def append(run: Path, record: Record) -> None:
    """Add one record to the log of a run folder; a torn last line is removed first."""
    path = run / LOG_NAME
    run.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        file.seek(0)
        content = file.read()
        tail = content[content.rfind(b"\n") + 1 :]
        if _is_record(tail):
            file.write(b"\n")
        else:
            file.truncate(len(content) - len(tail))
        file.write(record.model_dump_json().encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file beside its place and rename it: readers see the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    try:
        with beside.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def json_schema() -> str:
    """Return the JSON Schema of one line of a log."""
    return json.dumps(RECORD.json_schema(), indent=2)
