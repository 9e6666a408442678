"""Asks a submission's code questions, each once, and replaces its process when that is lost."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from autograder.host import answers
from autograder.host.answers import NoAnswerError
from autograder.host.child import (
    Child,
    Limits,
    SandboxError,
    WorkerError,
    WorkerTimedOutError,
)
from autograder.host.sandbox import Sandbox
from autograder.inside.questions import Checkpoint, CheckpointFile, Places, pack
from autograder.inside.values import Answer, Question
from autograder.results import Place, Resources

A = TypeVar("A", bound=Answer)
Q = TypeVar("Q", bound=Question[Any])
R = TypeVar("R")


class Client:
    """Asks a submission's code, each question once; a context manager.

    A child that died or hung is replaced by a fresh one for the next question.
    """

    def __init__(self, files: dict[str, bytes], sandbox: Sandbox, limits: Limits) -> None:
        self.files, self.sandbox, self.limits = files, sandbox, limits
        self._child: Child | None = None
        self._asked = 0
        self._answers: dict[Question[Any], Answer | NoAnswerError] = {}
        self._derived: dict[tuple[Callable[..., Any], Question[Any]], Any] = {}
        self.group = ""  # of checks, whose time the next question takes
        self._spent_s: dict[str, float] = {}
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

    def ask(self, question: Question[A]) -> A:
        """Return the checked answer to a question; raise NoAnswerError when there is none."""
        if question not in self._answers:
            try:
                self._answers[question] = self._ask(question, self.files)
            except NoAnswerError as error:
                self._answers[question] = error
        answer = self._answers[question]
        if isinstance(answer, NoAnswerError):
            raise answer
        return cast(A, answer)

    def derive(self, compute: "Callable[[Client, Q], R]", question: Q) -> R:
        """Return what a function computes from the answer to a question; compute it once."""
        key = compute, question
        if key not in self._derived:
            self._derived[key] = compute(self, question)
        return cast(R, self._derived[key])

    def beginning(self, function: str) -> Place | None:
        """Return where a function of the student begins, as far as their files can be imported."""
        try:
            file, line = self.ask(Places()).places[function]
        except (NoAnswerError, SandboxError, KeyError):
            return None
        return Place(file=file, line=line, function=function)

    def checkpoint(self, path: Path) -> Checkpoint:
        """Return a checkpoint as data; the student's code takes no part."""
        try:
            content = path.read_bytes()
        except OSError as error:
            raise NoAnswerError("failed", f"{path.name} can't be read: {error.strerror}") from None
        if not content:
            raise NoAnswerError("failed", f"{path.name} is empty")
        self._end_child()  # a fresh child without the student's files reads it
        try:
            return self._ask(CheckpointFile(content), {})
        finally:
            self._end_child()

    def _ask(self, question: Question[A], files: dict[str, bytes]) -> A:
        spent_s = self._spent_s.get(self.group, 0.0)
        left_s = self.limits.group_s - spent_s
        if left_s <= 0:
            raise NoAnswerError(
                "timed_out",
                f"your code had used up the {self.limits.group_s:g} s of all questions of this "
                "group",
            )
        child = self._child
        try:
            if child is None:
                child = self._child = self.sandbox.fork(files, self.limits)
                self._asked = 0
            self._asked += 1
            before_s = child.spent_s
            packed, body = pack(question)
            header = {"id": self._asked, "question": packed}
            try:
                arrived = child.converse(header, body, question.answer_bytes, left_s)
            finally:
                self._spent_s[self.group] = spent_s + child.spent_s - before_s
            return answers.read(question, self._asked, *arrived)
        except WorkerTimedOutError as error:
            self._lose_child()
            said = f"no answer within {min(self.limits.probe_s, left_s):.3g} s"
            raise NoAnswerError("timed_out", said, by_clock=error.by_clock) from None
        except WorkerError as error:
            self._lose_child()
            how = error.death or str(error)
            raise NoAnswerError("crashed", f"the process of your code {how}") from None
        except SandboxError:
            self._lose_child()  # it is gone with its worker
            raise
        except NoAnswerError:
            raise
        except Exception as error:  # whatever parsing it raised: the bytes are the worker's
            self._lose_child()
            text = answers.brief(error)
            raise NoAnswerError("crashed", f"your code's process sent {text}") from None

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
