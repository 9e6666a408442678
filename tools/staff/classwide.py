"""Grading a class: what is asked for is graded, stored as it comes, and shown."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tools.shared.console import UserError, say, spinner
from tools.staff.board import Board, ClassTable, print_line
from tools.staff.overview import write_overview

if TYPE_CHECKING:
    from autograder.batch.orders import Task
    from autograder.batch.pool import Pool
    from autograder.course.counting import Counted
    from autograder.course.folder import Course
    from autograder.grades.items import Facts, Item
    from autograder.grades.planning import Plan, Selection
    from autograder.grades.storing import Store

NEEDS_STAFF, INTERRUPTED = 3, 130


@dataclass(frozen=True)
class Order:
    """What a class command was asked for; ``items`` are the submissions that count."""

    items: list[Item]
    top: Path
    task: Task
    selection: Selection
    jobs: int
    scheduler: str
    as_json: bool
    course: Course | None = None

    @property
    def is_best(self) -> bool:
        """Whether all attempts are graded, and the best of each student counts."""
        return self.course is not None and self.course.settings.rule == "best"

    @property
    def students(self) -> list[Item]:
        """Those of ``items`` that are asked for, in all parts."""
        from autograder.grades.planning import chosen

        return chosen(self.items, replace(self.selection, shard=(1, 1)))


@dataclass(frozen=True)
class Outcome:
    """Whose grades are there, where, and which of them are new or out of date, by folder."""

    items: Sequence[Item]
    store: Store
    new: set[str]
    stale: set[str]
    counted: Mapping[str, Counted]


def settle(task: Task, top: Path, folder: Path | None) -> None:
    """Raise PlaceError where a submission, or one in a folder, decides what or where is graded."""
    from autograder.submissions.places import require_own_ground, settled

    require_own_ground(top, "--out")
    paths = {
        "--data-dir": task.options.data_dir,
        "--test-set": task.options.test_set,
        "--rubric": task.rubric,
        "--out": top,
    }
    for option, path in paths.items():
        if path is not None and folder is not None:
            settled(path, folder, option, "the submissions in")


def grade_class(order: Order) -> None:
    """Grade what is asked for; exit with 3 when staff has to look at something."""
    from autograder.grades.choosing import attempts_store
    from autograder.grades.storing import Store

    asked, store = to_grade(order), Store(order.top)
    if order.is_best:
        store = attempts_store(store)
    left = {item.folder for item in asked if not is_stored(store, item)}
    try:
        with spinner("starting the workers behind their walls"):
            pool = open_pool(order, asked, jobs_for(order, asked, left))
        with pool:
            outcome = grade_all(asked, store, pool, order, left)
        facts = pool.facts
        final = best_of(outcome, facts, order) if order.is_best else outcome
        by = facts.rubric.sha256, facts.sources_sha256
        finish(final, order, write_overview(order.items, order.top, order.course, by))
    except KeyboardInterrupt:
        say(f"interrupted: {len(left)} of {len(asked)} are left; the same command goes on")
        sys.exit(INTERRUPTED)


def jobs_for(order: Order, asked: list[Item], left: set[str]) -> int:
    """Return how many processes grade; none where all that is asked for has a grade."""
    if order.selection.rerun or order.is_best:  # which are graded shows later
        return max(1, min(order.jobs, len(asked)))
    return min(order.jobs, len(left))


def open_pool(order: Order, asked: list[Item], jobs: int) -> Pool:
    """Return what grades: processes of this computer, or a cluster."""
    if order.scheduler:
        from autograder.batch.cluster import ClusterPool

        return ClusterPool(order.task, order.scheduler, asked)
    from autograder.batch.local import LocalPool

    return LocalPool(order.task, jobs)


def is_stored(store: Store, item: Item) -> bool:
    """Tell whether there is a grade of what was handed in."""
    made = store.made(item.folder)
    return made is not None and made.key.content == item.content


def grade_all(asked: list[Item], store: Store, pool: Pool, order: Order, left: set[str]) -> Outcome:
    """Grade what has no grade by these conditions; ``left`` are the folders of those to come."""
    from autograder.grades.planning import plan
    from autograder.grades.recomputing import recompute

    options = order.task.options
    recomputed = recompute(asked, order.selection, store, pool.facts, options)
    if recomputed:
        say(f"{len(recomputed)} have this rubric's marks from what was observed before")
    todo = plan(asked, order.selection, store, pool.facts, options)
    left.clear()
    left |= {item.folder for item in todo.todo}
    outcome = Outcome(
        items=todo.items,
        store=store,
        new=recomputed | left,
        stale={item.folder for item in todo.stale},
        counted={} if order.is_best else counted(order),
    )
    run(todo, outcome, pool, order, left)
    return outcome


def counted(order: Order) -> Mapping[str, Counted]:
    """Return what counts of each student of a course, by the folder of the grade."""
    return {one.folder: one for one in order.course.counted()} if order.course else {}


def to_grade(order: Order) -> list[Item]:
    """Return what is asked for: what counts, or all attempts of some students."""
    from autograder.grades.gathering import attempts_of
    from autograder.grades.planning import Selection, chosen, require_known

    require_known(order.items, order.selection)
    if not order.is_best:
        return chosen(order.items, order.selection)
    assert order.course is not None
    students = {item.folder for item in order.students}
    attempts = [item for item in attempts_of(order.course) if students & {*item.names}]
    return chosen(attempts, Selection(shard=order.selection.shard))


def run(todo: Plan, outcome: Outcome, pool: Pool, order: Order, left: set[str]) -> None:
    """Grade, and store each grade as it comes."""
    from autograder.grades.items import Graded
    from autograder.grades.made import key_of

    items, store = {item.folder: item for item in todo.todo}, outcome.store
    has_lines = order.as_json and not order.is_best
    if has_lines:
        print_lines(todo.kept, outcome)
    with Board(items, len(todo.kept), has_lines) as board:
        for message in pool.grade(todo.todo):
            if isinstance(message, Graded):
                item = items[message.folder]
                key = key_of(item, pool.facts, order.task.options)
                store.write(message, key, pool.facts.document.hidden)
                left.discard(message.folder)
                if has_lines:
                    print_lines([item], outcome)
            board.show(message)


def best_of(attempts: Outcome, facts: Facts, order: Order) -> Outcome:
    """Make the best attempt of each student the grade; of a part of all attempts, none is."""
    from autograder.grades.choosing import choose
    from autograder.grades.storing import Store

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
            is_as_made = outcome.store.is_as_made(item.folder, grade)
            print_line(item, grade, counted, item.folder in outcome.new, is_as_made)


def finish(outcome: Outcome, order: Order, page: Path) -> None:
    """Show what everybody has, and tell by the exit code whether staff has to look."""
    table, graded, stale, needs_staff = ClassTable(bool(outcome.counted)), 0, 0, False
    for item in sorted(outcome.items, key=lambda item: item.folder):
        if (grade := outcome.store.grade(item.folder)) is None:
            continue
        is_stale = item.folder in outcome.stale
        is_as_made = outcome.store.is_as_made(item.folder, grade)
        table.add(item, grade, outcome.counted.get(item.folder), is_stale, is_as_made)
        graded, stale = graded + 1, stale + is_stale
        needs_staff = needs_staff or grade.needs_staff or not is_as_made
    if not order.as_json:
        table.print()
    elif order.is_best:
        print_lines(outcome.items, outcome)
    if stale:
        count = f"{stale} of {graded} were graded"
        say(f"{count} by another rubric or kit: --rerun changed grades them again")
    say(f"wrote {page}")
    if needs_staff:
        sys.exit(NEEDS_STAFF)


def selection_of(only: list[str], exclude: list[str], rerun: list[str], shard: str) -> Selection:
    """Return what the options say of which submissions are asked for."""
    from autograder.grades.planning import Selection

    return Selection(tuple(only), tuple(exclude), tuple(rerun), shard_of(shard))


def shard_of(text: str) -> tuple[int, int]:
    """Return the two numbers of ``--shard i/n``."""
    index, slash, count = text.partition("/")
    if slash and index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count):
        return int(index), int(count)
    raise UserError(f"--shard {text!r}: write i/n with 1 <= i <= n, such as 3/8")
