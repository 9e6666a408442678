"""``lab3 integrity``: what submissions of different people have in common."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from autograder.plain_text import one_line
from tools.shared.console import Bar, UserError, err, out, say
from tools.shared.options import Json

if TYPE_CHECKING:
    from autograder.course.folder import Course
    from autograder.host.sandbox import Sandbox
    from tools.integrity.decisions import Verdict
    from tools.integrity.people import People, Person
    from tools.integrity.prints import Fingerprint
    from tools.integrity.result import Case, Result

FOLDER, PAGE_NAME = "integrity", "index.html"
NEEDS_STAFF, INTERRUPTED = 3, 130
LISTED, FEW = 12, 4  # people of a group, or with one reason


def integrity(
    students: Annotated[
        list[str] | None,
        Argument(
            metavar="[STUDENT...]", help="Only cases of these, by id, login, address or name."
        ),
    ] = None,
    mark: Annotated[
        str | None,
        Option(
            "--mark",
            metavar="seen|cleared|confirmed|suspected",
            help="Note what staff decided about one student or two.",
        ),
    ] = None,
    why: Annotated[str, Option("--why", metavar="TEXT", help="The reason for --mark.")] = "",
    as_json: Json = False,
) -> None:
    """List what submissions of different people have in common, as evidence for a human.

    Compared are weights (equal, saved anew, with noise, in another order), run logs, code and the
    student's own words in reports, over all attempts of the course in which you stand. What is of
    the skeleton, the solution, the handout or staff is left out, and so are members of one group.
    No points depend on it, and each signal says what it can't prove.

    What was read once is kept as hashes in ``integrity/``, which only you may read; so the command
    goes on where it was interrupted. ``integrity/index.html`` shows the same. Decisions stay in
    ``integrity/decisions.toml``; what was decided is shown again when its evidence changes. The
    exit code is 3 when somebody has to look.

    Examples:

        lab3 integrity

        lab3 integrity ada bob --mark cleared --why "they work in one group"

        lab3 integrity --json
    """
    from autograder.course.folder import Course
    from tools.integrity.decisions import DECISIONS_NAME, read_decisions
    from tools.integrity.people import people_of
    from tools.integrity.reading import private

    course = Course.find()
    people, folder = people_of(course), course.folder / FOLDER
    chosen = [student(people, name) for name in students or ()]
    if mark is None and why:
        raise UserError("--why is the reason for --mark: add --mark seen, cleared or confirmed")
    decisions = read_decisions(folder / DECISIONS_NAME)
    private(folder)
    try:
        prints = read_all(course, people, folder)
    except KeyboardInterrupt:
        say("interrupted: what was read is kept; the same command goes on")
        sys.exit(INTERRUPTED)
    from tools.integrity.result import only, result_of

    attempts = contents(people)
    result = result_of(people, prints, attempts, decisions)
    if mark is not None:
        note(result, chosen, verdict_of(mark), why, folder)
        decisions = read_decisions(folder / DECISIONS_NAME)
        result = result_of(people, prints, attempts, decisions)
    write_page(course, result, folder / PAGE_NAME)
    shown = only(result, frozenset(person.id for person in chosen)) if chosen else result
    if as_json:
        out.print_json(json.dumps(as_data(shown)))
    else:
        print_result(shown)
    say(f"wrote {folder / PAGE_NAME}")
    if shown.open:
        sys.exit(NEEDS_STAFF)


def student(people: People, name: str) -> Person:
    """Return the student who is meant; raise UserError unless it is one."""
    wanted = name.casefold()
    everybody = people.students
    ways: tuple[Callable[[Person], bool], ...] = (
        lambda one: wanted in {one.id.casefold(), *one.called},
        lambda one: wanted in one.name.casefold(),
    )
    for way in ways:
        found = [person for person in everybody if way(person)]
        if len(found) == 1:
            return found[0]
        if found:
            who = ", ".join(f"{person.name} ({person.id})" for person in found[:LISTED])
            raise UserError(f"{name!r} may be {who}: name one by id")
    raise UserError(f"{name!r} is nobody who handed in: name an id, as lab3 collect lists them")


def verdict_of(word: str) -> Verdict:
    from tools.integrity.decisions import VERDICTS

    for verdict in VERDICTS:
        if word == verdict:
            return verdict
    raise UserError(f"--mark {word!r}: choose one of {', '.join(VERDICTS)}")


def note(result: Result, chosen: list[Person], verdict: Verdict, why: str, folder: Path) -> None:
    """Add a decision about the students named."""
    from autograder.grades.made import user
    from tools.integrity.decisions import DECISIONS_NAME, Decision, add_decision

    ids = tuple(sorted({person.id for person in chosen}))
    if not 1 <= len(ids) <= 2:
        raise UserError("--mark is about one student or two: lab3 integrity ada bob --mark seen")
    if not why:
        raise UserError("--mark needs a reason, for those who read it later: --why TEXT")
    case = next((c for c in (*result.pairs, *result.singles) if c.key == {*ids}), None)
    if case is None and verdict != "suspected":
        who = " and ".join(ids)
        raise UserError(f"there is no case of {who}: --mark suspected makes one of your own")
    decision = Decision(
        students=ids,
        decision=verdict,
        by=user(),
        at=datetime.now(UTC),
        why=one_line(why),
        evidence=case.evidence if case else "",
    )
    add_decision(folder / DECISIONS_NAME, decision)


def contents(people: People) -> dict[str, str]:
    """Return what names the content of each attempt that has one."""
    from tools.integrity.reading import content_of

    return {
        attempt.id: content_of(attempt)
        for person in (*people.students, *people.staff)
        for attempt in person.attempts
        if attempt.file is not None
    }


def read_all(course: Course, people: People, folder: Path) -> Mapping[str, Fingerprint | None]:
    """Return the fingerprint of each content, and show how far reading is."""
    from tools.integrity.people import files_of
    from tools.integrity.reading import Cache, fingerprints

    files = [*files_of(course, [*people.students, *people.staff])]
    prints: dict[str, Fingerprint | None] = {}
    cache = Cache(folder / "fingerprints")
    with Bar("reading", len(files)) as bar, noting_interrupts() as noted:
        for number, (content, found) in enumerate(fingerprints(files, cache, open_sandbox), 1):
            prints[content] = found
            bar.move_to(number, f"{number} of {len(files)}")
            if not err.is_terminal and number % 50 == 0:
                say(f"read {number} of {len(files)}")
            if noted:
                raise KeyboardInterrupt
    return prints


@contextmanager
def noting_interrupts() -> Iterator[list[int]]:
    """Let the first Ctrl-C wait for what is being read: Python drops one that meets a fork."""
    noted: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        if noted:
            raise KeyboardInterrupt
        noted.append(number)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)


def open_sandbox() -> Sandbox:
    """Start the worker that reads checkpoints, behind the strongest walls that hold."""
    from autograder.grading import fit_process
    from autograder.host.sandbox import Sandbox

    fit_process()
    return Sandbox()


def write_page(course: Course, result: Result, path: Path) -> None:
    from autograder.exports.files import write_text
    from tools.integrity.page import page

    write_text(path, page(result, course.settings.name, datetime.now(UTC)))
    path.chmod(0o600)


def print_result(result: Result) -> None:
    """Print cases, what the same seed explains, and what is not compared."""
    for title, cases in (("Pairs", result.pairs), ("Single submissions", result.singles)):
        out.print(f"{title}: {len(cases) or 'none'}", markup=False)
        for case in cases:
            print_case(case)
        out.print()
    for title, groups in (
        ("Equal by the same seed, which accuses nobody", result.same_seed),
        ("Shared by many: ask where it comes from", result.common),
    ):
        if groups:
            out.print(title, markup=False)
        for group in groups:
            names = [person.name for person in group.people]
            more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
            out.print(f"  {group.what}: {', '.join(names[:LISTED])}{more}", markup=False)
        if groups:
            out.print()
    if result.uncompared:
        out.print("Not compared", markup=False)
    for reason, names in reasons_of(result).items():
        more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
        line = f"  {len(names):>4}  {reason}: {', '.join(names[:FEW])}{more}"
        out.print(one_line(line), markup=False)


def reasons_of(result: Result) -> dict[str, list[str]]:
    """Return why something is not compared, with the names, the most frequent reason first."""
    names: dict[str, dict[str, None]] = {}
    for one in result.uncompared:
        for reason in one.reasons:
            names.setdefault(reason, {})[one.person.name] = None
    ordered = sorted(names.items(), key=lambda item: (-len(item[1]), item[0]))
    return {reason: list(several) for reason, several in ordered}


def print_case(case: Case) -> None:
    from tools.integrity.findings import SIGNALS
    from tools.integrity.page import state

    who = " and ".join(f"{person.name} ({person.id})" for person in case.people)
    out.print(f"\n  {who}: {one_line(state(case))}", markup=False)
    for finding in case.findings:
        signal = SIGNALS[finding.kind]
        out.print(f"    {finding.level:<9} {signal.title}: {case.said(finding)}", markup=False)
        for detail in finding.details:
            out.print(f"              {one_line(detail)}", markup=False)
    if case.findings:
        strongest = SIGNALS[case.findings[0].kind]
        out.print(f"    can't tell: {strongest.cannot_tell}", markup=False)


def as_data(result: Result) -> dict[str, Any]:
    """Return all of it for programs."""
    return {
        "students": result.students,
        "compared": result.compared,
        "open": len(result.open),
        "pairs": [case_data(case) for case in result.pairs],
        "singles": [case_data(case) for case in result.singles],
        "same_seed": [
            {"what": g.what, "students": [p.id for p in g.people]} for g in result.same_seed
        ],
        "common": [{"what": g.what, "students": [p.id for p in g.people]} for g in result.common],
        "not_compared": [
            {"student": one.person.id, "attempt": one.attempt, "reasons": one.reasons}
            for one in result.uncompared
        ],
    }


def case_data(case: Case) -> dict[str, Any]:
    decision = case.decision and case.decision.model_dump(mode="json")
    return {
        "students": [person.id for person in case.people],
        "names": [person.name for person in case.people],
        "level": case.level,
        "evidence": case.evidence,
        "is_open": case.is_open,
        "is_changed": case.is_changed,
        "decision": decision,
        "findings": [asdict(replace(f, said=case.said(f))) for f in case.findings],
    }
