"""Stored grades by another rubric: new marks from what was observed, wherever that decides them."""

from collections.abc import Sequence

from autograder.grades.items import Facts, Graded, Item
from autograder.grades.made import key_of
from autograder.grades.planning import Selection, matches
from autograder.grades.storing import Store
from autograder.options import Options
from autograder.remarking import remark


def recompute(
    items: Sequence[Item], selection: Selection, store: Store, facts: Facts, options: Options
) -> set[str]:
    """Give stored grades the marks of the present rubric; return the folders of those."""
    changed = set()
    for item in items:
        made, key = store.made(item.folder), key_of(item, facts, options)
        if made is None or made.key == key:
            continue
        if not made.key.is_but_for_marks(key) or matches(item, selection.rerun):
            continue
        grade = store.grade(item.folder)
        marked = None if grade is None else remark(grade, facts.rubric)
        if marked is not None:
            graded = Graded(item.folder, marked)
            store.write(graded, key, facts.document.hidden, is_recomputed=True)
            changed.add(item.folder)
    return changed
