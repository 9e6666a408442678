"""Run folders: ``runs/<name>/`` holds the log ``run.jsonl``, the checkpoints, nothing else."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, BinaryIO, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from lab3.errors import LabError
from lab3.log.certificate import Certificate
from lab3.log.records import Analysis, End, Epoch, Quantized, Record, Result, Resume, Start
from lab3.units import megabytes

LOG_NAME = "run.jsonl"
CHECKPOINT_NAME = "model.pt"  # the finished network
STATE_NAME = "training.pt"  # everything needed to go on; gone when the run is complete
LINE_BYTES = 4_000_000  # twice what the longest analysis takes
SHOWN, MESSAGE = 60, 240  # characters of a field or value that is wrong, and of what is said
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

    @cached_property
    def start(self) -> Start:
        return next(self._all(Start))

    @cached_property
    def epochs(self) -> list[Epoch]:
        return list(self._all(Epoch))

    @cached_property
    def quantized(self) -> Quantized | None:
        return next(reversed([*self._all(Quantized)]), None)

    @cached_property
    def analysis(self) -> Analysis | None:
        return next(reversed([*self._all(Analysis)]), None)

    @cached_property
    def end(self) -> End | None:
        return next(self._all(End), None)

    @cached_property
    def result(self) -> Result | None:
        return next(reversed([*self._all(Result)]), None)

    @cached_property
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
    if path.exists() and not path.is_file():  # reading a pipe or a device would never end
        raise RunLogError(f"{path} can't be read: it is no file")
    try:
        return parse_log(path, path.read_bytes())
    except OSError as error:
        raise RunLogError(f"{path} can't be read: {error.strerror}") from None


def parse_log(path: Path, content: bytes) -> RunLog:
    """Return the log that a file holds; ``path`` is what errors call it. See ``read_log``."""
    *lines, tail = content.split(b"\n")
    if is_torn := not _is_record(tail) and tail != b"":
        tail = b""
    records: list[AnyRecord] = []
    numbers = []
    epochs = 0
    for number, line in enumerate([*lines, tail], 1):
        if not line.strip():
            continue
        record = _parse(path, number, line)
        if isinstance(record, Epoch):
            epochs += 1
            if record.epoch != epochs:
                raise RunLogError(f"{path}:{number}: epoch: expected {epochs}, got {record.epoch}")
        records.append(record)
        numbers.append(number)
    if not records or not isinstance(records[0], Start):
        raise RunLogError(f"{path}:1: event: a log begins with a start record")
    return RunLog(path, tuple(records), is_torn, tuple(numbers))


def _is_record(line: bytes) -> bool:
    if len(line) > LINE_BYTES:
        return False
    try:
        RECORD.validate_json(line)
    except ValidationError:
        return False
    return True


def _parse(path: Path, number: int, line: bytes) -> AnyRecord:
    if len(line) > LINE_BYTES:
        raise RunLogError(
            f"{path}:{number}: line: a record has at most {megabytes(LINE_BYTES)}, "
            f"got {megabytes(len(line))}"
        )
    try:
        return RECORD.validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part)[:SHOWN] for part in first["loc"][1:]) or "line"
        given = f", got {repr(first['input'])[:SHOWN]}" if first["type"] != "missing" else ""
        message = first["msg"][:MESSAGE]
        raise RunLogError(f"{path}:{number}: {field}: {message}{given}") from None


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
    beside.unlink(missing_ok=True)  # a writer was killed, or somebody laid a link there
    try:
        with beside.open("xb") as file:
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
