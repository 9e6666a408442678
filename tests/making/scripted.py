"""Grading processes that do as they are told: everything is real but the grading itself.

``Task.rubric`` is a folder in which they note what they do, and in which ``starts`` has a word for
each start of a process. ``Item.title`` says what happens to the process that grades it.
"""

import os
import signal
import struct
import time
import tomllib
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from autograder.batch.orders import Answer, Done, Failed, Order, Progress, Ready, Refused, Task
from autograder.grades.items import Facts, Graded, Item
from autograder.host.child import KILLED
from autograder.results import CheckResult, Grade
from autograder.rubric import RUBRIC, Rubric, load
from autograder.submissions.budgets import IDLE

if TYPE_CHECKING:
    import pytest

CHANGED = "c" * 64  # the hash of the rubric that a process finds which was started as "changed"
BOOTSTRAP = (
    "import sys; sys.path[:] = sys.argv[2:]; from tests.making import scripted; "
    "sys.modules['autograder.batch.process'] = scripted; "
    "from autograder.batch import server; server.started = lambda *_: []; "
    "server.main(sys.argv[1])"
)


def use(patch: "pytest.MonkeyPatch") -> None:
    """Let the pools of a test have scripted processes."""
    patch.setattr("autograder.batch.server.BOOTSTRAP", BOOTSTRAP)


def task(folder: Path, *starts: str) -> Task:
    """How to grade: what happens at each start of a process, "well" where nothing is said."""
    (folder / "starts").write_text(" ".join(starts))
    return Task(folder)


def item(folder: str, fate: str = "well") -> Item:
    return Item(folder, fate, f"content of {folder}", Path("/nowhere"))


def noted(folder: Path, what: str = "") -> list[str]:
    """Return what the processes noted, in order, that begins with a word."""
    try:
        lines = (folder / "notes").read_text().splitlines()
    except FileNotFoundError:
        return []
    return [line for line in lines if line.startswith(what)]


@cache
def rubric() -> Rubric:
    checks = tomllib.loads(RUBRIC.read_text())["checks"]
    return load(RUBRIC, [f"{group}.{name}" for group, names in checks.items() for name in names])


class Script:
    """A grading process."""

    def __init__(self, connection: Connection, task: Task) -> None:
        assert task.rubric is not None
        self.notes, self.connection = task.rubric / "notes", connection
        self.starts = (task.rubric / "starts").read_text().split()
        self.pending: list[Item] = []

    def note(self, text: str) -> int:
        """Write a line, and return how many were there before that began with the same word."""
        word = text.split()[0]
        before = len([line for line in noted(self.notes.parent) if line.split()[0] == word])
        with self.notes.open("a") as file:
            file.write(f"{text}\n")
        return before

    def send(self, answer: Answer) -> None:
        self.connection.send(answer)

    def start(self) -> bool:
        """Start as the script has it for this start; tell whether it can grade."""
        number = self.note(f"start {os.getpid()}")
        word = self.starts[number] if number < len(self.starts) else "well"
        if word == "refuse":
            self.send(Refused("no walls stand here"))
        elif word == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        elif word == "server":
            kill_server(self)
        elif word == "hang":
            time.sleep(1000)
        elif word.startswith("slow"):
            time.sleep(0.5)
        found = facts("landlock" if word == "weaker" else "namespaces")
        if word == "changed":
            found = replace(found, rubric=replace(found.rubric, sha256=CHANGED))
        if word != "refuse":
            self.send(Ready(found))
        return word != "refuse"

    def carry_out(self, order: Order) -> None:
        if isinstance(order, Item):
            number = self.note(f"grade-{order.folder} {os.getpid()}")
            self.grade(order, is_first=number == 0)
            self.note(f"graded-{order.folder} {os.getpid()}")
        else:
            self.vouch()

    def grade(self, item: Item, is_first: bool) -> None:
        self.send(Progress(item.folder, 0, 2, "observer"))
        fate = item.title.rstrip(" 0123456789").removesuffix(" once")
        if (is_first or "once" not in item.title) and fate in FATES:
            FATES[fate](self)
        if fate == "broken":
            self.send(Graded(item.folder, result(item, unread="nothing can be graded")))
        else:
            self.pending.append(item)

    def vouch(self) -> None:
        """Send what is pending; the fates of items may tell of their worker."""
        count = self.note(f"vouch {os.getpid()}")
        fates = {item.title: item for item in self.pending}
        if "kills at the canary" in fates:
            os.kill(os.getpid(), signal.SIGKILL)
        for item in self.pending:
            is_first = not noted(self.notes.parent, f"sent-{item.folder}")
            fate = item.title.removesuffix(" once")
            accident = ACCIDENTS.get(fate) if is_first or fate == item.title else None
            is_well = "harms" not in fates and not ("harms once" in fates and count == 0)
            self.note(f"sent-{item.folder}")
            self.send(Graded(item.folder, result(item, accident, is_canary_well=is_well)))
        self.pending.clear()


ACCIDENTS: dict[str, dict[str, Any]] = {
    "waits": {"outcome": "timed_out", "by_clock": True},
    "loses its code's process": {
        "outcome": "crashed",
        "said": f"the process of your code {KILLED}",
    },
    "loses a reader": {"outcome": "failed", "said": f"a log was not read: {IDLE}"},
}


def result(item: Item, accident: dict[str, Any] | None = None, **fields: Any) -> Grade:
    """Return a grade of one check; made here, since each process would import hypothesis else."""
    verdict = accident or {"outcome": "passed"}
    check = CheckResult(
        check="observer.lower_clamp",
        visibility="public",
        claim="It is so.",
        points=4,
        share=float(verdict["outcome"] == "passed"),
        seconds=0.25,
        **verdict,
    )
    return Grade(
        submission=item.folder,
        submission_sha256="5" * 64,
        rubric_sha256=rubric().sha256,
        kit="0.1.0",
        torch="2.14.1",
        tier="namespaces",
        seed="5eed",
        data_set=None,
        accuracy_error=1e-6,
        problems=(),
        seconds=1.5,
        **{"canary": "the reference failed it: do not trust this", "results": (check,), **fields},
    )


def facts(tier: str) -> Facts:
    own = rubric()
    claims = {entry.check: "It is so." for entry in own.entries}
    return Facts(own, claims, "5" * 64, "0.1.0", "2.14.1", "x86", tier, (tier,))  # type: ignore[arg-type]


def hang(_: Script) -> None:
    time.sleep(1000)


def stop(_: Script) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def stop_in_the_middle(script: Script) -> None:
    os.write(script.connection.fileno(), struct.pack("!i", 1000) + b"half of it")
    os.kill(os.getpid(), signal.SIGSTOP)


def kill(_: Script) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_server(_: Script) -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(1000)


def kill_caller(_: Script) -> None:
    server = psutil.Process().parent()
    assert server is not None
    os.kill(server.ppid(), signal.SIGKILL)
    time.sleep(1000)


def fail(_: Script) -> None:
    raise ZeroDivisionError("1 by 0")


def take_time(_: Script) -> None:
    time.sleep(0.2)


def await_refusals(script: Script) -> None:
    """Wait until all that were to refuse to start did so, and are gone."""
    wanted = script.starts.count("refuse")
    while True:
        others = {int(line.split()[1]) for line in noted(script.notes.parent, "start")}
        others.remove(os.getpid())
        if len(others) >= wanted and not any(map(runs, others)):
            return
        time.sleep(0.02)


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


FATES: dict[str, Callable[[Script], None]] = {
    "awaits refusals": await_refusals,
    "hangs": hang,
    "is stopped": stop,
    "is stopped in the middle": stop_in_the_middle,
    "kills": kill,
    "kills the server": kill_server,
    "kills the caller": kill_caller,
    "fails": fail,
    "takes time": take_time,
}


def get_ready() -> None:
    """There is nothing to be done before."""


def serve(connection: Connection, _sandbox: None) -> None:
    """Carry out orders, as the real one does."""
    task, folder, grades = connection.recv()
    if not grades:
        connection.send(Ready(facts("namespaces")))
        return
    (Path(folder) / "rubbish").write_text("left behind")
    script = Script(connection, task)
    try:
        if script.start():
            while (order := connection.recv()) is not None:
                script.carry_out(order)
                script.send(Done())
    except EOFError:
        pass
    except ZeroDivisionError as error:
        script.send(Failed(str(error)))
