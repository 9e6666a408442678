"""Clones of students' repositories, as GitHub Classroom and Classroom 50 fetch them.

A commit's time is that of the student's own clock, and is not taken for when it was handed in. Only
Classroom's table of grades tells what GitHub's clock said.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from autograder.submissions.entries import FILE, Entry, visible
from autograder.submissions.lms import tables
from autograder.submissions.lms.handed_in import (
    Context,
    Fact,
    HandIn,
    Parsed,
    content_of,
    of_top,
    person,
)
from autograder.submissions.lms.listing import Listing, SourceError
from autograder.submissions.lms.tables import NoTableError, decoded
from autograder.submissions.lms.times import parse_iso

KIND, KIND_50, KIND_TABLE = "classroom", "classroom50", "classroom-grades"
LOOKED_FOR = "clones in ASSIGNMENT-submissions/"
LOOKED_FOR_50 = "clones with .classroom50.yaml beside scores.csv"
LOOKED_FOR_TABLE = "a .csv with the columns github_username and student_repository_name"
SUFFIX, MARKER = "-submissions", ".classroom50.yaml"
SCORES, RESULTS = "scores.csv", "results.json"
USERS = {"username", "owner", "github_username", "login"}
NOTE = "the time of a commit is the student's own clock: nothing tells when it was handed in"


def is_clone(entries: list[Entry]) -> bool:
    return any(entry.parts[1:2] == (".git",) for entry in entries)


def folder_of(listing: Listing) -> str:
    """Return what the folder of the clones is called."""
    return listing.prefix[-1] if listing.prefix else listing.name


def tables_in(listing: Listing) -> Iterator[list[dict[str, str]]]:
    """Yield the tables that lie beside the clones."""
    for top, entries in listing.tops.items():
        if top.lower().endswith(".csv") and entries[0].kind == FILE and len(entries) == 1:
            yield rows_of(entries[0])


def rows_of(entry: Entry) -> list[dict[str, str]]:
    """Return the rows of a table by its headers."""
    try:
        titles, *rows = [cells for _, cells in tables.rows_of(decoded(content_of(entry)))] or [[]]
    except NoTableError as error:
        name = visible(entry.parts[-1])
        raise SourceError(f"{name}, line {error.line}: {error}") from None
    return [dict(zip(titles, row, strict=False)) for row in rows]


def facts_of(rows: list[dict[str, str]]) -> tuple[Fact, ...]:
    """Return what a table of grades says of each repository."""
    return tuple(
        Fact(
            "repository",
            row["student_repository_name"],
            {"github": row["github_username"], "id": row.get("roster_identifier", "")},
            group=row.get("group_name", ""),
            received=parse_iso(row.get("submission_timestamp", "")),
        )
        for row in rows
        if row.get("student_repository_name") and row.get("github_username")
    )


def share_of_table(listing: Listing) -> float:
    """Tell whether a source is a table of grades."""
    return float(listing.is_table and bool(facts_of(rows_of(listing.entries[0]))))


def parse_table(listing: Listing, _context: Context) -> Parsed:
    return Parsed(facts=facts_of(rows_of(listing.entries[0])))


def share(listing: Listing) -> float:
    """Return how much of a folder is clones of Classroom's."""
    has_name = folder_of(listing).endswith(SUFFIX)
    if not has_name and not any(facts_of(rows) for rows in tables_in(listing)):
        return 0
    return share_of_clones(listing)


def share_50(listing: Listing) -> float:
    """Return how much of a folder is clones of Classroom 50's."""
    marked = {entry.parts[0] for entry in listing.entries if entry.parts[1:] == (MARKER,)}
    folders = [top for top in listing.tops if not is_table(top)]
    is_marked = 2 * len(marked) > len(folders)  # a few may be students' own
    return share_of_clones(listing) if is_marked or {SCORES, RESULTS} <= {*listing.tops} else 0


def share_of_clones(listing: Listing) -> float:
    folders = [entries for top, entries in listing.tops.items() if not is_table(top)]
    return sum(map(is_clone, folders)) / len(folders) if folders else 0


def is_table(top: str) -> bool:
    return top.lower().endswith(".csv") or top in (SCORES, RESULTS)


def parse(listing: Listing, context: Context) -> Parsed:
    """Return one attempt a repository; a group's is that of all whom the table names."""
    facts = (*context.facts, *(fact for rows in tables_in(listing) for fact in facts_of(rows)))
    by_repository: dict[str, list[Fact]] = {}
    for fact in facts:
        by_repository.setdefault(fact.value, []).append(fact)
    start = folder_of(listing).removesuffix(SUFFIX) + "-"
    hand_ins = []
    for top, entries in listing.tops.items():
        if is_table(top):
            continue
        own = by_repository.get(top, [])
        people = tuple(
            person("github", fact.ids["github"], id=fact.ids["id"], group=fact.group)
            for fact in own
        ) or (person("github", top.removeprefix(start)),)
        hand_ins.append(HandIn(people, of_top(entries), own[0].received if own else None))
    notes = (NOTE,) if any(h.received is None for h in hand_ins) else ()
    return Parsed(tuple(hand_ins), notes=notes)


def parse_50(listing: Listing, _context: Context) -> Parsed:
    """Return one attempt a repository, which is called CLASSROOM-ASSIGNMENT-USERNAME."""
    users = {
        row[column] for rows in tables_in(listing) for row in rows for column in USERS & row.keys()
    }
    if RESULTS in listing.tops:
        users |= set(owners_in(listing.tops[RESULTS][0]))
    clones = {top: entries for top, entries in listing.tops.items() if not is_table(top)}
    hand_ins = tuple(
        HandIn((person("github", owner),), of_top(clones[repository]))
        for repository, owner in owners_50(clones, users).items()
    )
    return Parsed(hand_ins, notes=(NOTE,))


def owners_50(repositories: Iterable[str], users: set[str]) -> dict[str, str]:
    """Return whose each repository is, or its own name.

    As names of users may hold "-", several may fit: what stands before the right one is the same
    in nearly all repositories.
    """
    fitting = {r: [u for u in users if u and r.endswith(f"-{u}")] for r in repositories}
    starts = Counter(r.removesuffix(user) for r, several in fitting.items() for user in several)

    def owner(repository: str) -> str:
        def is_likely(user: str) -> tuple[int, int]:
            return starts[repository.removesuffix(user)], len(user)

        return max(fitting[repository], key=is_likely, default=repository)

    return {repository: owner(repository) for repository in fitting}


def owners_in(entry: Entry) -> Iterator[str]:
    """Yield the owners that a file of results names, however it is arranged."""
    try:
        waiting: list[Any] = [json.loads(content_of(entry))]
    except (ValueError, RecursionError):
        raise SourceError(f"{RESULTS} is damaged: fetch it again") from None
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if isinstance(owner := value.get("owner"), str):
                yield owner
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
