"""Grading a class: what is asked for is graded, stored as it comes, and shown."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tools.shared.console import UserError, say, spinner
from tools.staff.board import Board, ClassTable, print_line

if TYPE_CHECKING:
    from autograder.batch.items import Facts, Item, Task
    from autograder.batch.local import LocalPool
    from autograder.batch.planning import Plan, Selection
    from autograder.batch.storing import Store
    from autograder.course.counting import Counted
    from autograder.course.folder import Course

NEEDS_STAFF, INTERRUPTED = 3, 130


@dataclass(frozen=True)
class Order:
    """What a class command was asked for; ``items`` are the submissions that count."""

    items: list[Item]
    top: Path
    task: Task
    selection: Selection
    jobs: int
    as_json: bool
    course: Course | None = None

    @property
    def is_best(self) -> bool:
        """Whether all attempts are graded, and the best of each student counts."""
        return self.course is not None and self.course.settings.rule == "best"

    @property
    def students(self) -> list[Item]:
        """Those of ``items`` that are asked for, in all parts."""
        from autograder.batch.planning import chosen

        return chosen(self.items, replace(self.selection, shard=(1, 1)))


@dataclass(frozen=True)
class Outcome:
    """Whose grades are there, where, and which of them are new or out of date, by folder."""

    items: Sequence[Item]
    store: Store
    new: set[str]
    stale: set[str]
    counted: Mapping[str, Counted]


def grade_class(order: Order) -> None:
    """Grade what is asked for; exit with 3 when staff has to look at something."""
    from autograder.batch.choosing import attempts_store
    from autograder.batch.local import LocalPool
    from autograder.batch.planning import plan
    from autograder.batch.recomputing import recompute
    from autograder.batch.storing import Store

    asked, options, store = to_grade(order), order.task.options, Store(order.top)
    if order.is_best:
        store = attempts_store(store)
    with spinner("starting the workers behind their walls"):
        pool = LocalPool(order.task, max(1, min(order.jobs, len(asked))))
    with pool:
        recomputed = recompute(asked, order.selection, store, pool.facts, options)
        if recomputed:
            say(f"{len(recomputed)} have this rubric's marks from what was observed before")
        todo = plan(asked, order.selection, store, pool.facts, options)
        new = recomputed | {item.folder for item in todo.todo}
        stale = {item.folder for item in todo.stale}
        outcome = Outcome(todo.items, store, new, stale, {} if order.is_best else counted(order))
        try:
            run(todo, outcome, pool, order)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)
    finish(best_of(outcome, pool.facts, order) if order.is_best else outcome, order)


def counted(order: Order) -> Mapping[str, Counted]:
    """Return what counts of each student of a course, by the folder of the grade."""
    return {one.folder: one for one in order.course.counted()} if order.course else {}


def to_grade(order: Order) -> list[Item]:
    """Return what is asked for: what counts, or all attempts of some students."""
    from autograder.batch.gathering import attempts_of
    from autograder.batch.planning import Selection, chosen, require_known

    require_known(order.items, order.selection)
    if not order.is_best:
        return chosen(order.items, order.selection)
    assert order.course is not None
    students = {item.folder for item in order.students}
    attempts = [item for item in attempts_of(order.course) if students & {*item.names}]
    return chosen(attempts, Selection(shard=order.selection.shard))


def run(todo: Plan, outcome: Outcome, pool: LocalPool, order: Order) -> None:
    """Grade, and store each grade as it comes."""
    from autograder.batch.items import Graded, Progress, Vouched
    from autograder.batch.made import key_of

    items, store = {item.folder: item for item in todo.todo}, outcome.store
    if order.as_json and not order.is_best:
        print_lines(todo.kept, outcome)
    with Board(items, len(todo.kept)) as board:
        try:
            for message in pool.grade(todo.todo):
                if isinstance(message, Graded):
                    item = items[message.folder]
                    key = key_of(item, pool.facts, order.task.options)
                    store.write(message, key, pool.facts.document.hidden)
                    board.graded(message.folder, message.grade, is_told=order.as_json)
                    if order.as_json and not order.is_best:
                        print_lines([item], outcome)
                elif isinstance(message, Vouched):
                    store.vouch(message)
                elif isinstance(message, Progress):
                    board.step(message)
        except KeyboardInterrupt:
            say(f"{board.left} of {len(items)} are left: the same command goes on")
            raise


def best_of(attempts: Outcome, facts: Facts, order: Order) -> Outcome:
    """Make the best attempt of each student the grade; of a part of all attempts, none is."""
    from autograder.batch.choosing import choose
    from autograder.batch.storing import Store

    if order.selection.shard != (1, 1):
        say("lab3 grade without --shard makes the best attempt of each student the grade")
        return attempts
    assert order.course is not None
    store = Store(order.top)
    chosen = choose(order.course, store, facts, order.task.options)
    names = {item.folder: set(item.names) for item in attempts.items}
    return Outcome(
        items=order.students,
        store=store,
        new={name for folder in attempts.new for name in names[folder]},
        stale={name for folder in attempts.stale for name in names[folder]},
        counted={one.folder: one for one in chosen},
    )


def print_lines(items: Sequence[Item], outcome: Outcome) -> None:
    """Print grades as lines of JSON."""
    for item in items:
        if grade := outcome.store.grade(item.folder):
            counted = outcome.counted.get(item.folder)
            print_line(item, grade, counted, is_new=item.folder in outcome.new)


def finish(outcome: Outcome, order: Order) -> None:
    """Show what everybody has, and tell by the exit code whether staff has to look."""
    table, graded, stale, needs_staff = ClassTable(bool(outcome.counted)), 0, 0, False
    for item in sorted(outcome.items, key=lambda item: item.folder):
        if (grade := outcome.store.grade(item.folder)) is None:
            continue
        is_stale = item.folder in outcome.stale
        table.add(item, grade, is_stale, outcome.counted.get(item.folder))
        graded, stale = graded + 1, stale + is_stale
        needs_staff = needs_staff or grade.needs_staff
    if not order.as_json:
        table.print()
    elif order.is_best:
        print_lines(outcome.items, outcome)
    if stale:
        count = f"{stale} of {graded} were graded"
        say(f"{count} by another rubric or kit: --rerun changed grades them again")
    if needs_staff:
        sys.exit(NEEDS_STAFF)


def selection_of(only: list[str], exclude: list[str], rerun: list[str], shard: str) -> Selection:
    """Return what the options say of which submissions are asked for."""
    from autograder.batch.planning import Selection

    return Selection(tuple(only), tuple(exclude), tuple(rerun), shard_of(shard))


def shard_of(text: str) -> tuple[int, int]:
    """Return the two numbers of ``--shard i/n``."""
    index, slash, count = text.partition("/")
    if slash and index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count):
        return int(index), int(count)
    raise UserError(f"--shard {text!r}: write i/n with 1 <= i <= n, such as 3/8")
