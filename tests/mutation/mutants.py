"""Mutants of the solution by number: which function, in which spelling, with which edits."""

import ast
import copy
import difflib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.mutation.edits import Edit, changed, edits, found, renamed
from tests.mutation.spellings import SPELLINGS, Function, spelling

SOLUTION = Path(__file__).resolve().parents[2] / "solution" / "lab3"
FILES = {"CusQuantObserver": "observer.py"}  # every other class is in the other file
OTHER_FILE = "resnet.py"
GIVEN = ("CusQuantObserver", "calculate_qparams")  # students have no reason to touch it
# Shares of all mutants: with another spelling, with locals renamed, with nothing else, with a
# second edit, and of these with one of another function.
RESPELT, RENAMED, UNEDITED, TWICE, ELSEWHERE = 0.4, 0.1, 0.02, 0.35, 0.3
WEIGHTS = {"rewritten": 3, "as": 2, "constant": 2}  # of kinds of edits; all others have 1


@dataclass(frozen=True)
class Mutant:
    """A submission of two files, and how it came from the solution."""

    name: str
    steps: tuple[str, ...]
    files: dict[str, bytes]

    @property
    def diff(self) -> str:
        """What it changes, beside the solution as ``ast`` writes it."""
        lines: list[str] = []
        for file, source in self.files.items():
            before, after = source_of(tree_of(file)).splitlines(), source.decode().splitlines()
            lines += list(difflib.unified_diff(before, after, file, file, "", "", 1, ""))[2:]
        return "\n".join(line for line in lines if not line.startswith("@@")).rstrip()


@cache
def tree_of(file: str) -> ast.Module:
    return ast.parse((SOLUTION / file).read_text())


def source_of(tree: ast.Module) -> str:
    return ast.unparse(tree) + "\n"


def file_of(function: Function) -> str:
    return FILES.get(function[0], OTHER_FILE)


def spelt(function: Function, index: int) -> str:
    """Return the name of the step to another spelling."""
    return f"spelling {index} of {'.'.join(function)}"


def respelt(tree: ast.Module, function: Function, index: int) -> ast.Module:
    """Return a copy with another right body for one function."""
    new = copy.deepcopy(tree)
    node = found(new, *function)
    node.body = [node.body[0], *ast.parse(spelling(function, index)).body]
    return ast.fix_missing_locations(ast.parse(ast.unparse(new)))


def edited(source: str, function: Function, edit: Edit) -> str:
    """Return a source with an edit made, or nothing where Python refuses the result."""
    try:
        tree = changed(ast.parse(source), *function, edit)
        return source_of(ast.parse(ast.unparse(tree)))
    except (SyntaxError, ValueError):
        return ""


def mutant(seed: int) -> Mutant:
    """Return the mutant of a number."""
    dice = random.Random(f"mutant {seed}")
    functions = [function for function in SPELLINGS if function != GIVEN or dice.random() < 0.2]
    function = dice.choice(functions)
    sources = {file: source_of(tree_of(file)) for file in (OTHER_FILE, *FILES.values())}
    steps, file = [], file_of(function)
    if dice.random() < RESPELT:
        index = dice.randrange(len(SPELLINGS[function]))
        sources[file] = source_of(respelt(tree_of(file), function, index))
        steps.append(spelt(function, index))
    if dice.random() < RENAMED:
        sources[file] = source_of(renamed(ast.parse(sources[file]), *function))
        steps.append(f"locals of {'.'.join(function)} renamed")
    if not steps or dice.random() > UNEDITED:
        for is_second in (False, True)[: 1 + (dice.random() < TWICE)]:
            if is_second and dice.random() < ELSEWHERE:
                function = dice.choice(functions)
            name, sources[file_of(function)] = draw(dice, sources[file_of(function)], function)
            steps.append(name)
    return Mutant(f"seed {seed}", tuple(steps), encoded(sources))


def draw(dice: random.Random, source: str, function: Function) -> tuple[str, str]:
    """Draw an edit that changes the source: first its kind, so that no kind is rare."""
    kinds: dict[str, list[Edit]] = {}
    for edit in edits(ast.parse(source), *function):
        kinds.setdefault(edit.kind, []).append(edit)
    names = sorted(kinds)
    weights = [WEIGHTS.get(name, 1) for name in names]
    while True:
        edit = dice.choice(kinds[dice.choices(names, weights)[0]])
        new = edited(source, function, edit)
        if new not in ("", source):
            return edit.name, new


def encoded(sources: dict[str, str]) -> dict[str, bytes]:
    return {file: source.encode() for file, source in sources.items()}


def halves(mutant: Mutant) -> Sequence[Mutant]:
    """Return mutants with one step of a mutant each, as far as the step exists alone."""
    if len(mutant.steps) < 2:
        return []
    alone = []
    for step in mutant.steps:
        sources = {file: source_of(tree_of(file)) for file in mutant.files}
        for function in SPELLINGS:
            file = file_of(function)
            if new := next(steps_of(sources[file], function, step), ""):
                files = encoded(sources | {file: new})
                alone.append(Mutant(f"{mutant.name}, one step", (step,), files))
                break
    return alone


def steps_of(source: str, function: Function, step: str) -> Iterator[str]:
    """Yield what a source becomes by a step of this name, if there is one."""
    for index in range(len(SPELLINGS[function])):
        if step == spelt(function, index):
            yield source_of(respelt(ast.parse(source), function, index))
    for edit in edits(ast.parse(source), *function):
        if edit.name == step:
            yield edited(source, function, edit)
