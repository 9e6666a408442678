"""A grading process: takes orders from its pipe, grades behind walls, and sends the grades."""

import os
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path

from autograder.batch.orders import Answer, Done, Failed, Order, Progress, Ready, Refused, Task
from autograder.catalog import all_checks, claim_of
from autograder.grades.items import Facts, Graded, Item
from autograder.grades.unjudged import unread
from autograder.grading import Grader, collect_checks, fit_process, load_rubric, reference
from autograder.host import contents
from autograder.host.sandbox import Sandbox
from autograder.options import Event
from autograder.results import Grade
from autograder.submissions.entries import NAME_LENGTH, SubmissionError, visible
from autograder.submissions.reading import NotReadError
from lab3.engines import exact_engines
from lab3.errors import LabError

KIT = Path(__file__).resolve().parents[2]


class Bench:
    """Grades items one after the other; a context manager. ``send`` hears what happens.

    A grade is sent when the reference has been graded on the same worker: at the order to do so,
    or when the worker goes before. A ``sandbox`` that was started before is used up.
    """

    def __init__(
        self, task: Task, send: Callable[[Answer], None], sandbox: Sandbox | None = None
    ) -> None:
        self._task, self._send = task, send
        self._sandbox = sandbox or Sandbox(task.options.tiers)  # it imports PyTorch meanwhile
        fit_process()
        facts = facts_of(task)
        self._sandbox.wait_until_ready()
        self.facts = replace(facts, tier=self._sandbox.tier, walls=self._sandbox.walls)
        self._grader = Grader(facts.rubric, task.options, canary=reference(), sandbox=self._sandbox)
        self._waiting: dict[str, Grade] = {}  # for their worker's canary, by folder
        self._heard = 0  # verdicts on workers

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *exception: object) -> None:
        self._sandbox.close()

    def carry_out(self, order: Order) -> None:
        """Grade an item, or the reference."""
        if isinstance(order, Item):
            self._grade(order)
        else:
            self._grader.retire()
            self._hear()
            for folder in list(self._waiting):  # there is no reference here
                self._finish(folder, {})

    def _grade(self, item: Item) -> None:
        self._grader.on_event = lambda event: self._send(progress(item, event))
        try:
            grade = self._judge(item)
        except SubmissionError as error:  # it begins with our own path
            text = str(error).removeprefix(visible(str(item.path), length=NAME_LENGTH)).strip()
            grade = self._unread(item, text, is_ours=isinstance(error, NotReadError))
        else:
            self._hear()  # of a worker that had to go before
            self._waiting[item.folder] = grade
            return
        self._hear()
        self._send_grade(item.folder, grade)

    def _judge(self, item: Item) -> Grade:
        if item.path is None:
            raise SubmissionError(item.problem)
        if not os.access(item.path, os.R_OK):
            raise NotReadError("can't be found here any more: collect it again")
        return self._grader.grade(item.path, item.folder)

    def _unread(self, item: Item, text: str, is_ours: bool) -> Grade:
        return unread(item, self.facts, self._task.options, text, is_ours)

    def _hear(self) -> None:
        """Send the grades of workers that a canary was graded on."""
        for verdict in self._grader.verdicts[self._heard :]:
            canary = {"canary": str(verdict), "is_canary_well": verdict.is_well}
            for folder in verdict.submissions:
                if folder in self._waiting:
                    self._finish(folder, canary)
        self._heard = len(self._grader.verdicts)

    def _finish(self, folder: str, canary: dict[str, object]) -> None:
        self._send_grade(folder, self._waiting.pop(folder).model_copy(update=canary))

    def _send_grade(self, folder: str, grade: Grade) -> None:
        self._send(Graded(folder, grade))


def facts_of(task: Task) -> Facts:
    """Return what a grade rests on in this process, but for the walls, which are not yet known."""
    return Facts(
        rubric=load_rubric(task.rubric, task.key),
        claims={name: claim_of(check) for name, check in all_checks().items()},
        sources_sha256=contents.sources_sha256(),
        kit=version("lab3-kit"),
        torch=version("torch"),
        engine=exact_engines()[0],
        tier=task.options.tiers[0],
        walls=(),
    )


def progress(item: Item, event: Event) -> Progress:
    return Progress(item.folder, event.done, event.total, event.text or event.kind)


def get_ready() -> None:
    """Do what all grading processes need, before they are forked."""
    collect_checks()


def serve(connection: Connection, sandbox: Sandbox | None = None) -> None:
    """Carry out orders until there is none, or nobody listens any more."""

    def send(answer: Answer) -> None:
        try:
            connection.send(answer)
        except OSError:  # nobody listens; what was started here dies with this process
            os._exit(1)

    try:
        task, folder, grades = connection.recv()
        tempfile.tempdir = folder  # whatever happens, whoever started this can remove all of it
        if not grades:
            send(Ready(facts_of(task)))
            return
        with Bench(task, send, sandbox) as bench:
            send(Ready(bench.facts))
            while (order := connection.recv()) is not None:
                bench.carry_out(order)
                send(Done())
    except EOFError:
        pass
    except LabError as error:
        send(Refused(str(error)))
    except Exception as error:
        send(Failed(fault(error)))


def fault(error: Exception) -> str:
    """Describe a fault of ours by what was raised and where."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    file = Path(place.filename)
    where = file.relative_to(KIT) if KIT in file.parents else file.name
    return f"{type(error).__name__}: {error} ({where}:{place.lineno})"
