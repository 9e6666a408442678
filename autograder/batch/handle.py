"""A grading process as its caller sees it."""

import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

from autograder.batch.orders import Answer, Judged, Message, Order, Task
from autograder.batch.server import Server, ServerError
from autograder.grades.items import Item

STUCK_S = 1800.0  # without a word: more than the longest question may take on a loaded computer


class Handle:
    """A grading process: ``order`` is what it does at the moment.

    ``pending`` are the items that it was given and whose grades have not come. ``folder`` is its
    own for temporary files. One that ``grades`` nothing only tells what a grade rests on.
    """

    def __init__(self, server: Server, task: Task, folder: Path, grades: bool = True) -> None:
        self._server, self._folder = server, folder
        folder.mkdir()
        self._pid, self.connection = server.fork()
        self.order: Order | None = None
        self.is_ready = False
        self.pending: dict[str, Item] = {}
        self._pending_since = self._heard_at = time.monotonic()
        self.last_words = ""
        self._send((task, str(folder), grades))

    @property
    def is_free(self) -> bool:
        return self.is_ready and self.order is None

    @property
    def is_stuck(self) -> bool:
        """Whether it should have said something for long."""
        return not self.is_free and time.monotonic() - self._heard_at > STUCK_S

    @property
    def pending_s(self) -> float:
        """For how long the first grade has been pending."""
        return time.monotonic() - self._pending_since

    def give(self, order: Order) -> None:
        """Give it something to do."""
        self.order, self._heard_at = order, time.monotonic()
        if isinstance(order, Item):
            self._pending_since = self._pending_since if self.pending else time.monotonic()
            self.pending[order.folder] = order
        self._send(order)

    def dismiss(self) -> None:
        """Let it go when it is free."""
        self._send(None)

    def _send(self, thing: object) -> None:
        with suppress(OSError):  # it is gone, which is heard next
            self.connection.send(thing)

    def receive(self) -> Answer | None:
        """Return what it says; None when it is gone."""
        try:
            answer: Answer = self.connection.recv()
        except BlockingIOError:
            self.last_words = "it stopped in the middle of what it said"
            return None
        except (EOFError, OSError):
            return None
        self._heard_at = time.monotonic()
        return answer

    def note_done(self) -> list[Message]:
        """Note that it has carried out its order."""
        order, self.order = self.order, None
        is_open = isinstance(order, Item) and order.folder in self.pending
        return [Judged(order.folder)] if isinstance(order, Item) and is_open else []

    def end(self) -> str:
        """End it and what it has started, remove what it leaves, and say how it died."""
        self.connection.close()
        try:
            code = self._server.end(self._pid)
        except ServerError as error:
            death = f"died: its server {error}"
        else:
            death = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended: {code}"
        if self.last_words:
            death = f"failed: {self.last_words}"
        elif self.is_stuck:
            death = f"said nothing for {STUCK_S:.0f} s"
        shutil.rmtree(self._folder, ignore_errors=True)
        return death
