"""Grading a class: what is asked for is graded, stored as it comes, and shown."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tools.shared.console import UserError, say, spinner
from tools.staff.board import Board, print_class, print_line

if TYPE_CHECKING:
    from autograder.batch.items import Item, Task
    from autograder.batch.local import LocalPool
    from autograder.batch.planning import Plan, Selection
    from autograder.batch.storing import Store

NEEDS_STAFF, INTERRUPTED = 3, 130


@dataclass(frozen=True)
class Order:
    """What a class command was asked for."""

    items: list[Item]
    top: Path
    task: Task
    selection: Selection
    jobs: int
    as_json: bool


def grade_class(order: Order) -> None:
    """Grade what is asked for; exit with 3 when staff has to look at something."""
    from autograder.batch.local import LocalPool
    from autograder.batch.planning import chosen, plan
    from autograder.batch.storing import Store

    store = Store(order.top)
    asked = chosen(order.items, order.selection)
    with spinner("starting the workers behind their walls"):
        pool = LocalPool(order.task, max(1, min(order.jobs, len(asked))))
    with pool:
        todo = plan(order.items, order.selection, store, pool.facts, order.task.options)
        try:
            run(todo, pool, store, order)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)
    finish(todo, store, order.as_json)


def run(todo: Plan, pool: LocalPool, store: Store, order: Order) -> None:
    """Grade, and store each grade as it comes."""
    from autograder.batch.items import Graded, Progress, Vouched
    from autograder.batch.storing import key_of

    items = {item.folder: item for item in todo.todo}
    if order.as_json:
        for item in todo.kept:
            if grade := store.grade(item.folder):
                print_line(item.folder, item, grade, is_new=False)
    with Board(items, len(todo.kept), order.as_json) as board:
        try:
            for message in pool.grade(todo.todo):
                if isinstance(message, Graded):
                    key = key_of(items[message.folder], pool.facts, order.task.options)
                    store.write(message, key)
                    board.graded(message.folder, message.grade)
                elif isinstance(message, Vouched):
                    store.vouch(message)
                elif isinstance(message, Progress):
                    board.step(message)
        except KeyboardInterrupt:
            say(f"{board.left} of {len(items)} are left: the same command goes on")
            raise


def finish(todo: Plan, store: Store, as_json: bool) -> None:
    """Show what everybody has, and tell by the exit code whether staff has to look."""
    stale = {item.folder for item in todo.stale}
    grades = {
        item.folder: (item, grade)
        for item in todo.items
        if (grade := store.grade(item.folder)) is not None
    }
    if not as_json:
        print_class(grades, stale)
    if stale:
        count = f"{len(stale)} of {len(grades)} were graded"
        say(f"{count} by another rubric or kit: --rerun changed grades them again")
    if any(grade.needs_staff for _, grade in grades.values()):
        sys.exit(NEEDS_STAFF)


def shard_of(text: str) -> tuple[int, int]:
    """Return the two numbers of ``--shard i/n``."""
    index, slash, count = text.partition("/")
    if slash and index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count):
        return int(index), int(count)
    raise UserError(f"--shard {text!r}: write i/n with 1 <= i <= n, such as 3/8")
