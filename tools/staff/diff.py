"""``lab3 grade --diff``: whose marks changed, by how much, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.plain_text import one_line
from tools.shared.console import out, print_table, say
from tools.shared.table import Table

if TYPE_CHECKING:
    from autograder.changes import Change
    from autograder.grades.comparing import Comparison
    from autograder.grades.items import Item
    from autograder.grades.planning import Selection

PREVIOUS = "previous"
HEADERS = ("Why", "Before", "After")
UNKNOWN = "nothing that grades name"
NOTHING_BEFORE = (
    "nothing to compare: nobody has an earlier grade; the same result again makes no new one"
)


@dataclass(frozen=True)
class Compared:
    """Comparisons of a class, and the names of its students by folder."""

    all: Sequence[Comparison]
    titles: Mapping[str, str]

    @property
    def changed(self) -> list[Comparison]:
        return [one for one in self.all if one.is_changed]

    @property
    def rest_on_others(self) -> int:
        """How many marks are the same, and rest on other conditions."""
        return sum(bool(one.differences) for one in self.all if not one.is_changed)


def show_diff(
    old: str, top: Path, items: Sequence[Item], selection: Selection, as_json: bool
) -> None:
    """Compare the grades below a folder with earlier ones, and show what changed."""
    from autograder.grades.comparing import require_grades, with_folder, with_previous
    from autograder.grades.storing import Store

    store, titles = Store(top), {item.folder: item.title for item in items}
    require_grades(store, "lab3 grade makes them, and --out says where they are")
    if old == PREVIOUS:
        asked = folders_asked(items, selection, {*store.folders()})
        compared = Compared([*with_previous(store, asked)], titles)
    else:
        before = Store(Path(old))
        require_grades(before, "name a copy of the folder of grades, or previous")
        asked = folders_asked(items, selection, {*store.folders(), *before.folders()})
        compared = Compared([*with_folder(store, before, asked)], titles)
    if as_json:
        out.print_json(json.dumps(as_data(compared)))
    else:
        print_diff(compared)


def folders_asked(items: Sequence[Item], selection: Selection, there: set[str]) -> list[str]:
    """Return the folders that are asked for, also of those who are in no class any more."""
    from autograder.grades.items import Item
    from autograder.grades.planning import chosen, require_known

    known = {item.folder for item in items}
    others = [Item(folder, one_line(folder), "", None) for folder in there - known]
    require_known([*items, *others], selection)
    return sorted(item.folder for item in chosen([*items, *others], selection))


def print_diff(compared: Compared) -> None:
    """Print the students whose marks changed, check by check, and count the others."""
    rows: list[tuple[str, ...]] = []
    for one in compared.changed:
        title = compared.titles.get(one.folder, one_line(one.folder))
        rows.append((title, "total", *cells(one)))
        rows += [("", one_line(change.title), *cells(change)) for change in one.changes]
    if rows:
        title = f"{len(compared.changed)} of {len(compared.all)} changed"
        print_table(title, Table(("Student", "Check", *HEADERS), rows, left=3))
    elif compared.all:
        out.print(f"nothing changed: {len(compared.all)} grades have the same marks", markup=False)
    else:
        out.print(NOTHING_BEFORE, markup=False)
    if count := compared.rest_on_others:
        say(f"{count} have the same marks, and rest on other conditions")


def cells(change: Change | Comparison) -> tuple[str, str, str]:
    """Say why a mark changed, and what it was and is."""
    why = ", ".join(change.why) or UNKNOWN
    return why, str(change.before or "none"), str(change.after or "none")


def as_data(compared: Compared) -> dict[str, Any]:
    """Return all of it for programs."""
    return {
        "compared": len(compared.all),
        "rest_on_other_conditions": compared.rest_on_others,
        "changed": [
            {
                "folder": one.folder,
                "student": compared.titles.get(one.folder, one.folder),
                "before": one.before and asdict(one.before),
                "after": one.after and asdict(one.after),
                "why": one.why,
                "differences": one.differences,
                "checks": [asdict(change) for change in one.changes],
            }
            for one in compared.changed
        ],
    }
