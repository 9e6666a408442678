"""What an attack can do that it must not: gain points, do harm, or learn a secret."""

import hashlib
from pathlib import Path
from typing import Any, get_args

import psutil

from autograder import catalog
from autograder.results import Grade, Outcome
from tests.conftest import ROOT, SOLVED
from tests.hostile.attacks.making import BASES, Attack
from tests.making.graders import Grader, Patience

OUTCOMES = set(get_args(Outcome)) - {"grader_error"}
HURRIED = Patience(probe_s=1.5, group_s=3)
BRIEF = Patience(probe_s=0.5, group_s=0.6)
MARKS = ("REACHED", "FOUND", "CONNECTED")  # what attacks print when they get through
State = tuple[Any, ...]
Earned = dict[tuple[str, str], float]  # by check and visibility
EARNED: dict[tuple[str, tuple[str, ...], tuple[str, ...]], Earned] = {}  # by base, groups, walls


def harms_of(
    attack: Attack, grader: Grader, canary: Path, secret: str, without: tuple[str, ...] = ()
) -> tuple[list[str], Grade | None]:
    """Grade an attack, then an honest submission; return what it did, and its grade if any.

    ``without`` are walls to take down for this, on a grader that can; it is graded by the checks
    of the attack's group then.
    """
    groups = (attack.group,) if without else catalog.CODE_GROUPS
    grader.walls()  # it is warm now
    honest = earned_by(attack.base, grader, groups, without)
    before = state_of(grader, canary)
    try:
        patience = (BRIEF if without else HURRIED) if attack.is_endless else None
        grade, told, following = grade_both(attack.files, grader, groups, without, patience)
    except RuntimeError as error:
        return [str(error)], None
    seen = [
        *harms_in(grade, told, honest, secret),
        *(f"changed {name}" for name in changes(before, state_of(grader, canary))),
        *(f"then {r.check}: {r.said}" for r in following.results if r.outcome != "passed"),
    ]
    if attack.is_flood and any(r.outcome == "timed_out" for r in grade.results):
        seen.append("only time ended the flood")
    return seen, grade


def grade_both(
    files: dict[str, bytes],
    grader: Grader,
    groups: tuple[str, ...],
    without: tuple[str, ...],
    patience: Patience | None = None,
) -> tuple[Grade, str, Grade]:
    """Return a grade by the checks of groups, its texts, and an honest one by the same worker."""
    if without:
        return grader.grade_without(without, files, SOLVED, groups, patience)  # type: ignore[no-any-return]
    return grader.grade_both(files, SOLVED, groups, patience)  # type: ignore[no-any-return]


def earned_by(
    base: str, grader: Grader, groups: tuple[str, ...], without: tuple[str, ...]
) -> Earned:
    """Return what the files of an attack earn without it; they do no harm, whichever walls stand.

    Where the same walls stand, they earn the same everywhere.
    """
    if (base, groups, without) not in EARNED:
        grade, _, following = grade_both(BASES[base], grader, groups, without)
        if without and not {r.outcome for r in grade.results} <= OUTCOMES:
            grader.renew()  # without walls, an attack before this one has harmed the worker
            grade, _, following = grade_both(BASES[base], grader, groups, without)
        outcomes = {r.outcome for r in grade.results}
        assert outcomes <= OUTCOMES, [r.said for r in grade.results]
        assert {r.outcome for r in following.results} == {"passed"}
        EARNED[base, groups, without] = {
            (result.check, result.visibility): result.earned for result in grade.results
        }
    return EARNED[base, groups, without]


def harms_in(grade: Grade, told: str, honest: Earned, secret: str) -> list[str]:
    """Return what a grade and its texts show of harm."""
    said = "".join(result.output for result in grade.results)
    seen = [f"{r.check}: {r.outcome}: {r.said}" for r in grade.results if r.outcome not in OUTCOMES]
    seen += [
        f"earned {result.earned:g} points for {result.check}"
        for result in grade.results
        if result.earned > honest[result.check, result.visibility]
    ]
    seen += [f"printed {mark}" for mark in MARKS if mark in said]
    if secret in grade.model_dump_json():
        seen.append("told a secret")
    if any(not (character.isprintable() or character == "\n") for character in told):
        seen.append("steers a terminal")
    return seen


def state_of(grader: Grader, canary: Path) -> dict[str, State]:
    """Return what a submission must leave as it is."""
    return {
        "processes": (processes(grader),),
        "the canary": (contents_of(canary),),
        "our own files": (rights_of(ROOT / "autograder"),),
        "devices": tuple(devices()),
    }


def changes(before: dict[str, State], after: dict[str, State]) -> list[str]:
    return [name for name, state in before.items() if after[name] != state]


def contents_of(folder: Path) -> dict[str, tuple[int, int, int, str]]:
    """Return what a folder holds, in a form that shows every change."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            path.lstat().st_uid,
            path.lstat().st_size,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in sorted(folder.rglob("*"))
        if "__pycache__" not in path.parts
    }


def rights_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Return who may do what with our own files, which others may edit meanwhile."""
    return {name: state[:2] for name, state in contents_of(folder).items()}


def devices() -> list[tuple[int, int, int]]:
    """Return the rights of the devices that are visible inside."""
    states = (Path(f"/dev/{name}").stat() for name in ("null", "zero", "urandom"))
    return [(state.st_mode, state.st_uid, state.st_gid) for state in states]


def processes(grader: Grader) -> set[int]:
    """Return the ids of all processes below a grader, zombies among them."""
    return {process.pid for process in psutil.Process(grader.process.pid).children(recursive=True)}
