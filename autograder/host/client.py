"""The questions that checks put to a submission's code, and the answers, checked.

Nothing that a worker sends is believed to have any shape or size before it was looked at.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import torch
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from safetensors.torch import load
from torch import Tensor

from autograder.host.child import (
    Child,
    Limits,
    SandboxError,
    WorkerError,
    WorkerTimedOutError,
)
from autograder.host.sandbox import Sandbox
from autograder.results import Outcome, Place, Resources

Text = Annotated[str, Field(max_length=4000)]
Whole = Annotated[int, Field(ge=-(2**31), lt=2**31)]


def from_hex(text: Any) -> float:
    """Return the float that hexadecimal text stands for; raise ValueError for anything else."""
    if not isinstance(text, str) or len(text) > 40:
        raise ValueError("it is no hexadecimal number")
    try:
        return float.fromhex(text)
    except OverflowError:
        raise ValueError("it is larger than any float") from None


Hex = Annotated[float, BeforeValidator(from_hex)]
DTYPES = (torch.float32, torch.float64, torch.int64, torch.int32, torch.int8, torch.uint8)
Line = Annotated[int, Field(ge=0, le=1_000_000)]
Name = Annotated[str, Field(max_length=200)]
LARGEST_ANSWER, LARGEST_CHECKPOINT = 16 << 20, 256 << 20  # bytes of tensors


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RaisedError(Answer):
    """What student code raised: where, at which stage of an experiment, through which functions."""

    type: Text
    message: Text
    stage: Name
    file: Name
    line: Line
    function: Name
    is_stub: bool
    through: Annotated[list[Name], Field(max_length=16)]

    @property
    def place(self) -> Place | None:
        if not self.file:
            return None
        return Place(file=self.file, line=self.line, function=self.function)

    def __str__(self) -> str:
        """Return type and first sentence: PyTorch's errors go on with lists of its backends."""
        said = self.message.strip().splitlines()
        return f"{self.type}: {said[0].split('. ')[0][:300]}" if said else self.type


class Reply(Answer):
    id: int
    answer: dict[Name, Any] | None = None
    error: RaisedError | None = None


class Places(Answer):
    places: dict[Name, tuple[Name, Line]]


class ScaleResult(Answer):
    value: Hex | None = None
    error: RaisedError | None = None


class Scales(Answer):
    results: Annotated[list[ScaleResult], Field(max_length=1000)]


class Ranges(Answer):
    scales: Annotated[list[tuple[Hex, Hex]], Field(max_length=100)]


class Block(Answer):
    functionals: Annotated[list[tuple[Name, Name]], Field(max_length=100)]


class Addition(Block):
    forward_error: RaisedError | None = None


class Network(Answer):
    pass


class Fused(Answer):
    trainable: Annotated[list[Name], Field(max_length=1000)]


class Qparams(Answer):
    """Scale and zero point of a module's output, and of its weight when it has one."""

    scale: Hex
    zero_point: Whole
    per_tensor: bool | None = None
    weight_scale: Hex | None = None
    weight_zero_point: Whole | None = None


class Converted(Answer):
    qparams: Annotated[dict[Name, Qparams], Field(max_length=2000)]
    returns_integers: bool | None = None
    stubs: tuple[Name, Name] | None = None  # where quant and dequant stand in forward
    forward_error: RaisedError | None = None


class QatAnswer(Converted):
    fake: Annotated[dict[Name, Hex], Field(max_length=1000)]
    losses: Annotated[list[Hex], Field(max_length=100)]


class Entry(Answer):
    scale: Hex | None = None
    zero_point: Whole | None = None
    axis: Whole | None = None


class Checkpoint(Answer):
    entries: Annotated[dict[Name, Entry], Field(max_length=20_000)]


T = TypeVar("T", bound=Answer)
R = TypeVar("R")


class NoAnswerError(Exception):
    """A question has no answer, by the student's fault: the outcome says how."""

    def __init__(
        self,
        outcome: Outcome,
        said: str,
        place: Place | None = None,
        error: RaisedError | None = None,
    ) -> None:
        super().__init__(said)
        self.outcome, self.said, self.place, self.error = outcome, said, place, error
        self.diagnosis = ""


@dataclass(frozen=True)
class Told:
    """An answer: its data, its tensors, and what the student's code printed meanwhile."""

    data: Any
    tensors: Mapping[str, Tensor]


class Client:
    """Asks a submission's code, each question once; a context manager.

    A child that died or hung is replaced by a fresh one for the next question.
    """

    def __init__(self, files: dict[str, bytes], sandbox: Sandbox, limits: Limits) -> None:
        self.files, self.sandbox, self.limits = files, sandbox, limits
        self._child: Child | None = None
        self._known: dict[str, Told | NoAnswerError] = {}
        self._derived: dict[str, Any] = {}
        self._seconds = 0.0
        self._output = bytearray()
        self.used = Resources()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *exception: object) -> None:
        self._end_child()

    def take_output(self) -> str:
        """Return what the student's code has printed since the last call."""
        if self._child:
            self._output += self._child.take_output()
        text = self._output.decode(errors="replace")
        self._output.clear()
        return text

    def ask(self, probe: str, model: type[T], **arguments: Any) -> tuple[T, Mapping[str, Tensor]]:
        """Return the checked answer to a probe; raise NoAnswerError when there is none."""
        key = json.dumps([probe, arguments], sort_keys=True)
        if key not in self._known:
            try:
                self._known[key] = self._ask(probe, model, arguments)
            except NoAnswerError as error:
                self._known[key] = error
        known = self._known[key]
        if isinstance(known, NoAnswerError):
            raise known
        return known.data, known.tensors

    def derive(self, name: str, compute: Callable[[], R]) -> R:
        """Return what was computed from answers under a name before, or compute it now."""
        if name not in self._derived:
            self._derived[name] = compute()
        found: R = self._derived[name]
        return found

    def checkpoint(self, path: Path) -> tuple[Checkpoint, Mapping[str, Tensor]]:
        """Return a checkpoint as data; the student's code takes no part."""
        try:
            content = path.read_bytes()
        except OSError as error:
            raise NoAnswerError("failed", f"{path.name} can't be read: {error.strerror}") from None
        if not content:
            raise NoAnswerError("failed", f"{path.name} is empty")
        self._end_child()  # a fresh child without the student's files reads it
        try:
            told = self._ask("checkpoint", Checkpoint, {}, content)
        finally:
            self._end_child()
        return told.data, told.tensors

    def _ask(
        self,
        probe: str,
        model: type[T],
        arguments: dict[str, Any],
        content: bytes = b"",
    ) -> Told:
        left = self.limits.submission_s - self._seconds
        if left <= 0:
            raise NoAnswerError(
                "timed_out",
                f"your code had used up its {self.limits.submission_s:g} s for all questions",
            )
        began = time.monotonic()
        try:
            if self._child is None:
                files = {} if content else self.files
                self._child = self.sandbox.fork(files, self.limits)
            most = LARGEST_CHECKPOINT if content else LARGEST_ANSWER
            header, body, number = self._child.ask(probe, arguments, content, most, left)
            reply = Reply.model_validate_json(header)
            if reply.id != number or (reply.answer is None) == (reply.error is None):
                raise ValueError("it is no answer to the question")
            if reply.error:
                raise_for(reply.error)
            return Told(model.model_validate(reply.answer), tensors(body))
        except WorkerTimedOutError:
            self._lose_child()
            limit = min(self.limits.probe_s, left)
            raise NoAnswerError("timed_out", f"no answer within {limit:.3g} s") from None
        except WorkerError as error:
            self._lose_child()
            how = error.death or str(error)
            raise NoAnswerError("crashed", f"the process of your code {how}") from None
        except SandboxError:
            self.sandbox.anomalies += 1
            self._child = None  # gone with its worker
            raise
        except NoAnswerError:
            raise
        except Exception as error:  # whatever parsing it raised: the bytes are the worker's
            self._lose_child()
            raise NoAnswerError("crashed", f"your code's process sent {brief(error)}") from None
        finally:
            self._seconds += time.monotonic() - began

    def _lose_child(self) -> None:
        """End a child that did what no honest one does: its worker is not trusted much longer."""
        self.sandbox.anomalies += 1
        self._end_child()

    def _end_child(self) -> None:
        if self._child:
            child, self._child = self._child, None
            try:
                child.close()
            except SandboxError:  # it is gone with its worker, which the next question will tell
                self.sandbox.anomalies += 1
            self._output += child.take_output()
            if child.ending:
                self.used = self.used.and_by(
                    child.ending.cpu_s, child.ending.peak_memory_bytes, child.printed_bytes
                )


def raise_for(error: RaisedError) -> None:
    """Raise NoAnswerError for what student code raised."""
    if error.is_stub:
        name = error.function or "a function"
        raise NoAnswerError("not_implemented", f"{name} is not implemented yet", error.place, error)
    raise NoAnswerError("crashed", str(error), error.place, error)


def brief(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:100]
        return f"a malformed answer ({where}: {first['msg']})"
    return f"a malformed answer ({str(error)[:200]})"


def tensors(body: bytes) -> dict[str, Tensor]:
    """Return the tensors of an answer; raise ValueError when one is of an odd shape or type."""
    if not body:
        return {}
    found = load(body)
    for name, tensor in found.items():
        if tensor.dim() > 4 or tensor.dtype not in DTYPES:
            what = f"the shape {tuple(tensor.shape)[:6]} and the type {tensor.dtype}"
            raise ValueError(f"tensor {name[:60]!r} has {what}")
    return found


def same(got: Tensor | None, expected: Tensor, tolerance: float = 0.0) -> bool:
    """Tell whether a tensor agrees with what is expected, relative to its largest value."""
    if got is None or got.shape != expected.shape or got.dtype != expected.dtype:
        return False
    if not expected.numel():
        return True
    if tolerance == 0:
        return torch.equal(got, expected)
    allowed = tolerance * float(expected.abs().max())
    return bool((got - expected).abs().max() <= allowed)  # false for nan
