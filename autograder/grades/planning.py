"""What of a class is graded now, what is there already, and what is there but out of date."""

import fnmatch
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from autograder.grades.items import Facts, Item
from autograder.grades.made import key_of
from autograder.grades.storing import Store
from autograder.options import Options
from lab3.errors import LabError


class SelectionError(LabError):
    """What somebody asked to grade is not there."""


@dataclass(frozen=True)
class Selection:
    """Which submissions are asked for. Patterns are those of a shell, on folders and titles.

    ``rerun`` has patterns of what is graded again in any case, or "failed": what staff has to
    settle, or "changed": what another rubric or kit graded. ``shard`` is (i, n), counted from 1.
    """

    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    rerun: tuple[str, ...] = ()
    shard: tuple[int, int] = (1, 1)


@dataclass(frozen=True)
class Plan:
    """``todo`` is to be graded; ``kept`` has a grade, that of ``stale`` from other conditions."""

    todo: tuple[Item, ...]
    kept: tuple[Item, ...]
    stale: tuple[Item, ...]

    @property
    def items(self) -> tuple[Item, ...]:
        return (*self.todo, *self.kept)


def matches(item: Item, patterns: Collection[str]) -> bool:
    """Tell whether a submission is meant by one of some patterns."""
    names = (item.folder, item.title, *item.names)
    return any(
        fnmatch.fnmatchcase(name.casefold(), pattern.casefold())
        for name in names
        for pattern in patterns
    )


def require_known(items: Sequence[Item], selection: Selection) -> None:
    """Raise SelectionError for a pattern that means nobody."""
    for pattern in (*selection.only, *selection.exclude, *selection.rerun):
        is_word = pattern in ("failed", "changed") and pattern in selection.rerun
        if not is_word and not any(matches(item, [pattern]) for item in items):
            raise SelectionError(
                f"{pattern!r} is no submission of this class: see the table of lab3 grade"
            )


def chosen(items: Sequence[Item], selection: Selection) -> list[Item]:
    """Return the submissions that are asked for."""
    index, count = selection.shard
    return [
        item
        for number, item in enumerate(sorted(items, key=lambda i: i.folder))
        if number % count == index - 1
        and (not selection.only or matches(item, selection.only))
        and not matches(item, selection.exclude)
    ]


def plan(
    items: Sequence[Item], selection: Selection, store: Store, facts: Facts, options: Options
) -> Plan:
    """Return what is to be graded of the submissions that are asked for.

    What has no complete grade, or handed in something else since, is; what only the rubric, the kit
    or PyTorch would change is when that is asked for.
    """
    todo, kept, stale = [], [], []
    for item in items:
        made = store.made(item.folder)
        new = key_of(item, facts, options)
        grade = store.grade(item.folder)
        if made is None or grade is None or made.key.content != new.content:
            todo.append(item)
            continue
        is_stale, is_open = made.key != new, grade.needs_staff or not made.is_of(grade)
        if is_rerun(item, selection, is_stale, is_open):
            todo.append(item)
        else:
            kept.append(item)
            stale += [item] if is_stale else []
    return Plan(tuple(todo), tuple(kept), tuple(stale))


def is_rerun(item: Item, selection: Selection, is_stale: bool, is_open: bool) -> bool:
    """Tell whether a submission is graded again because of what its grade is like."""
    words = selection.rerun
    is_meant = ("changed" in words and is_stale) or ("failed" in words and is_open)
    return is_meant or matches(item, words)
