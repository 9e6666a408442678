"""Answers as they arrive from a worker, checked: nothing of them is believed before."""

from typing import Any, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors.torch import load
from torch import Tensor

from autograder.inside.values import Answer, Name, Question, RaisedError
from autograder.results import Outcome, Place

A = TypeVar("A", bound=Answer)
DTYPES = (torch.float32, torch.float64, torch.int64, torch.int32, torch.int8, torch.uint8)


class NoAnswerError(Exception):
    """A question has no answer, by the student's fault: the outcome says how."""

    def __init__(
        self,
        outcome: Outcome,
        said: str,
        place: Place | None = None,
        error: RaisedError | None = None,
        by_clock: bool = False,
    ) -> None:
        super().__init__(said)
        self.outcome, self.said, self.place, self.error = outcome, said, place, error
        self.by_clock = by_clock


class Reply(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: int
    answer: dict[Name, Any] | None = None
    error: RaisedError | None = None


def read(question: Question[A], number: int, header: bytes, body: bytes) -> A:
    """Return the answer to a question that had this number.

    Raises NoAnswerError for what student code raised, and any other Exception for bytes that are
    no answer.
    """
    reply = Reply.model_validate_json(header)
    if reply.id != number or (reply.answer is None) == (reply.error is None):
        raise ValueError("it is no answer to the question")
    if reply.error:
        raise_for(reply.error)
    return question.model().model_validate(reply.answer, context=tensors(body))


def tensors(body: bytes) -> list[Tensor]:
    """Return the tensors of an answer; raise ValueError when one is of an odd shape or type."""
    if not body:
        return []
    named = load(body)
    for name, tensor in named.items():
        if tensor.dim() > 4 or tensor.dtype not in DTYPES:
            what = f"the shape {tuple(tensor.shape)[:6]} and the type {tensor.dtype}"
            raise ValueError(f"tensor {name[:60]!r} has {what}")
    return [named[str(position)] for position in range(len(named))]


def raise_for(error: RaisedError) -> None:
    """Raise NoAnswerError for what student code raised."""
    place = place_of(error)
    if error.is_stub:
        name = error.function or "a function"
        raise NoAnswerError("not_implemented", f"{name} is not implemented yet", place, error)
    raise NoAnswerError("crashed", str(error), place, error)


def place_of(error: RaisedError) -> Place | None:
    """Return where in the student's files something was raised."""
    if not error.file:
        return None
    return Place(file=error.file, line=error.line, function=error.function)


def caller_of(error: RaisedError, function: str) -> Place | None:
    """Return the line that called what raised, in the outermost function of a name."""
    for file, line, name in error.own:
        if name.rpartition(".")[2] == function:
            return Place(file=file, line=line, function=name)
    return place_of(error)


def brief(error: Exception) -> str:
    """Return what is wrong with an answer, without quoting it at length."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:100]
        return f"a malformed answer ({where}: {first['msg']})"
    return f"a malformed answer ({str(error)[:200]})"
