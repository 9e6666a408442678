"""A grading process: takes items from its pipe, grades each behind walls, and sends the grades."""

import signal
from collections.abc import Callable
from importlib.metadata import version
from multiprocessing.connection import Connection

from autograder.batch.items import (
    Done,
    Facts,
    Graded,
    Item,
    Message,
    Progress,
    Ready,
    Refused,
    Task,
    Vouched,
)
from autograder.batch.unjudged import unread
from autograder.catalog import all_checks, claim_of
from autograder.grading import Grader, fit_process, load_rubric, reference
from autograder.host import contents
from autograder.host.sandbox import Sandbox
from autograder.options import Event
from autograder.submissions.entries import NAME_LENGTH, SubmissionError, visible
from lab3.engines import exact_engines
from lab3.errors import LabError


class Bench:
    """Grades items one after the other; a context manager. ``send`` hears what happens."""

    def __init__(self, task: Task, send: Callable[[Message], None]) -> None:
        self._task, self._send = task, send
        self._sandbox = Sandbox(task.options.tiers)  # it imports PyTorch meanwhile
        fit_process()
        self._rubric = load_rubric(task.rubric, task.key)
        self._sandbox.wait_until_ready()
        self._grader = Grader(self._rubric, task.options, canary=reference(), sandbox=self._sandbox)
        self._told = 0
        self.facts = Facts(
            rubric=self._rubric,
            claims={name: claim_of(check) for name, check in all_checks().items()},
            sources_sha256=contents.sources_sha256(),
            kit=version("lab3-kit"),
            torch=version("torch"),
            engine=exact_engines()[0],
            tier=self._sandbox.tier,
            walls=self._sandbox.walls,
        )

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *exception: object) -> None:
        self._grader.__exit__(*exception)

    def grade(self, item: Item) -> None:
        """Grade an item, and send its grade."""
        self._grader.on_event = lambda event: self._send(progress(item, event))
        problem, grade = item.problem, None
        if item.path is not None:
            try:
                grade = self._grader.grade(item.path, item.folder)
            except SubmissionError as error:  # it begins with our own path
                problem = (
                    str(error).removeprefix(visible(str(item.path), length=NAME_LENGTH)).strip()
                )
        self._tell()  # a worker may have gone before this item
        is_final = grade is None  # no canary is going to say anything of it
        if grade is None:
            grade = unread(item, self.facts, self._task.options, problem)
        self._send(Graded(item.folder, grade, is_final))

    def retire(self) -> None:
        """Grade the reference on the present worker, and tell."""
        self._grader.retire()
        self._tell()

    def _tell(self) -> None:
        """Tell of workers that have gone."""
        for verdict in self._grader.verdicts[self._told :]:
            self._send(Vouched(verdict.submissions, str(verdict), verdict.is_well))
        self._told = len(self._grader.verdicts)


def progress(item: Item, event: Event) -> Progress:
    return Progress(item.folder, event.done, event.total, event.text or event.kind)


def serve(connection: Connection, task: Task) -> None:
    """Take items until there is none, or nobody listens any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it is told, and ends it
    try:
        try:
            bench = Bench(task, connection.send)
        except LabError as error:
            connection.send(Refused(str(error)))
            return
        with bench:
            connection.send(Ready(bench.facts))
            while isinstance(item := connection.recv(), Item):
                bench.grade(item)
                connection.send(Done(item.folder))
            bench.retire()
    except (EOFError, OSError):
        pass  # nobody listens
