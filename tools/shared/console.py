"""What the commands print: results on stdout, progress and complaints on stderr."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from json import dumps, loads
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.highlighter import JSONHighlighter
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table as RichTable
from rich.text import Text

from autograder.plain_text import harmless
from lab3.errors import LabError
from tools.shared.table import Table


class HarmlessConsole(Console):
    """Prints texts of others, such as names and what logs say, without obeying them."""

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*(harmless(o) if isinstance(o, str) else o for o in objects), **options)

    def print_json(self, json: str | None = None, **_options: Any) -> None:
        """Print JSON for people and programs; what can't be seen in it is escaped."""
        text = dumps(loads(json or "null"), indent=2, ensure_ascii=False)
        hidden = {c for c in set(text) if not c.isprintable() and c != "\n"}
        text = text.translate({ord(c): dumps(c)[1:-1] for c in hidden})
        super().print(JSONHighlighter()(text) if self.is_terminal else Text(text), soft_wrap=True)


def is_in_notebook() -> bool:
    """Tell whether a cell of a notebook started this: it claims a terminal, and keeps all of it."""
    forced = ("CLICOLOR_FORCE", "FORCE_COLOR")  # as ipykernel sets them, beside the pager
    asks_for_colour = all(os.environ.get(name) == "1" for name in forced)
    return "JPY_PARENT_PID" in os.environ or (
        asks_for_colour and os.environ.get("PAGER") == "cat" == os.environ.get("GIT_PAGER")
    )


# Bars and colours are for real terminals; elsewhere there is a line an epoch.
_is_terminal = False if is_in_notebook() else None
_options: dict[str, Any] = {"highlight": False, "emoji": False, "soft_wrap": True}
out = HarmlessConsole(force_terminal=_is_terminal, **_options)
err = HarmlessConsole(stderr=True, force_terminal=_is_terminal, **_options)

IS_FIRST_PROCESS = os.environ.get("RANK", "0") == "0"  # torchrun starts several; one speaks


class UserError(LabError):
    """A mistake on the command line, or in what it names."""

    exit_code = 1


class NothingToDoError(UserError):
    """What a command works on isn't there at all."""

    exit_code = 2


def say(text: str) -> None:
    """Print a line for people, on stderr, so that ``--json`` leaves stdout to the machine."""
    if IS_FIRST_PROCESS:
        err.print(text, markup=False)


@contextmanager
def spinner(text: str) -> Iterator[None]:
    """Show that something goes on whose length is not known."""
    if not err.is_terminal:
        yield
        return
    with err.status(text):
        yield


class Bar:
    """A progress bar with free text behind it; silent when stderr is not a terminal."""

    def __init__(self, title: str, total: int) -> None:
        self.progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=12),
            TextColumn("{task.percentage:>3.0f}%", markup=False),
            TimeRemainingColumn(),
            TextColumn("left  {task.fields[text]}", markup=False),
            console=err,
            transient=True,
            disable=not (err.is_terminal and IS_FIRST_PROCESS),
        )
        self.task = self.progress.add_task(harmless(title), total=total, text="")

    def __enter__(self) -> "Bar":
        self.progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if not self.progress.disable:  # before Rich 14 it would print an empty line all the same
            self.progress.stop()

    def move_to(self, done: float, text: str = "", title: str | None = None) -> None:
        shown = None if title is None else harmless(title)
        self.progress.update(self.task, completed=done, text=harmless(text), description=shown)

    def advance(self, done: float) -> None:
        self.progress.advance(self.task, done)


def print_table(title: str, table: Table) -> None:
    """Print a table on stdout, its numbers aligned to the right."""
    rich_table = RichTable(title=Text(harmless(title)), title_justify="left", box=SIMPLE_HEAD)
    rich_table.pad_edge, rich_table.collapse_padding = False, True
    for index, header in enumerate(table.headers):
        is_number = index >= table.left
        rich_table.add_column(header, justify="right" if is_number else "left", overflow="fold")
    for row in table.rows:
        rich_table.add_row(*(Text(harmless(cell)) for cell in row))
    out.print(rich_table)
