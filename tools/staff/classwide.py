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
    from autograder.batch.planning import Plan, Selection
    from autograder.batch.pool import Pool
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
    scheduler: str
    as_json: bool


def grade_class(order: Order) -> None:
    """Grade what is asked for; exit with 3 when staff has to look at something."""
    from autograder.batch.planning import chosen, plan
    from autograder.batch.storing import Store

    store = Store(order.top)
    asked = chosen(order.items, order.selection)
    left = {item.folder for item in asked if not is_stored(store, item)}
    try:
        with spinner("starting the workers behind their walls"):
            pool = open_pool(order, asked)
        with pool:
            todo = plan(order.items, order.selection, store, pool.facts, order.task.options)
            left = {item.folder for item in todo.todo}
            run(todo, pool, store, order, left)
        finish(todo, store, order.as_json)
    except KeyboardInterrupt:
        say(f"interrupted: {len(left)} of {len(asked)} are left; the same command goes on")
        sys.exit(INTERRUPTED)


def open_pool(order: Order, asked: list[Item]) -> Pool:
    """Return what grades: processes of this computer, or a cluster."""
    if order.scheduler:
        from autograder.batch.cluster import ClusterPool

        return ClusterPool(order.task, order.scheduler, asked)
    from autograder.batch.local import LocalPool

    return LocalPool(order.task, max(1, min(order.jobs, len(asked))))


def is_stored(store: Store, item: Item) -> bool:
    """Tell whether there is a complete grade of what was handed in."""
    made = store.made(item.folder)
    return made is not None and made.is_final and made.key.content == item.content


def run(todo: Plan, pool: Pool, store: Store, order: Order, left: set[str]) -> None:
    """Grade, and store each grade as it comes; ``left`` are the folders of those to come."""
    from autograder.batch.items import Graded
    from autograder.batch.storing import key_of

    items = {item.folder: item for item in todo.todo}
    if order.as_json:
        for item in todo.kept:
            if grade := store.grade(item.folder):
                print_line(item.folder, item, grade, is_new=False)
    with Board(items, len(todo.kept), order.as_json) as board:
        for message in pool.grade(todo.todo):
            if isinstance(message, Graded):
                store.write(message, key_of(items[message.folder], pool.facts, order.task.options))
                left.discard(message.folder)
            board.show(message)


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
