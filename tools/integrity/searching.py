"""Which submissions are to be compared: those that share an entry of an index of hashes."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from autograder.plain_text import one_line
from lab3.log.records import TITLES
from tools.integrity.code import LEAST_OWN
from tools.integrity.comparing import has_own, seed_of, seed_words
from tools.integrity.prints import Fingerprint, LogPrint, RunPrint
from tools.integrity.prose import Place, Shared, shared

MANY = 12  # people: what more have in common comes from a place that all know
SAMPLE = 64  # of the sequences of code, the smallest hashes: similar code shares some of them


@dataclass(frozen=True)
class Work:
    """Something that somebody handed in; ``owner`` is the id of a student."""

    owner: str
    attempt: str
    prints: Fingerprint


@dataclass(frozen=True)
class Candidates:
    """Numbers of works that may be alike, and people with the same: honestly, or too many."""

    pairs: frozenset[tuple[int, int]]
    passages: dict[tuple[int, int], list[Shared]]
    same_seed: tuple[tuple[str, frozenset[str]], ...]
    common: tuple[tuple[str, frozenset[str]], ...]


def search(works: Sequence[Work]) -> Candidates:
    """Return which works share something; nobody is compared with themselves."""
    pairs, common = set[tuple[int, int]](), dict[frozenset[str], str]()
    for (what, _), numbers in index(works).items():
        owners = frozenset(works[number].owner for number in numbers)
        if len(owners) > MANY:
            common.setdefault(owners, what)
        else:
            pairs |= pairs_of(works, numbers)
    groups = Groups()
    for numbers_of in parted(works).values():
        for recipe, numbers in numbers_of.items():
            groups.join(recipe, {works[number].owner for number in numbers})
        several = list(numbers_of.values())
        for one, other in combinations(several, 2):
            pairs |= pairs_of(works, one | other) - pairs_of(works, one) - pairs_of(works, other)
    passages = passages_of(works, common)
    return Candidates(
        pairs=frozenset(pairs | {*passages}),
        passages=passages,
        same_seed=tuple(groups.found()),
        common=tuple((what, owners) for owners, what in common.items()),
    )


def pairs_of(works: Sequence[Work], numbers: Iterable[int]) -> set[tuple[int, int]]:
    return {(a, b) for a, b in combinations(sorted(numbers), 2) if works[a].owner != works[b].owner}


def index(works: Sequence[Work]) -> dict[tuple[str, Hashable], set[int]]:
    """Return the works by what only one of them should have."""
    found: dict[tuple[str, Hashable], set[int]] = {}
    code = {w.prints.code_sha256 for w in works if w.prints.code and w.prints.code.own}
    files = {run.checkpoint_sha256 for work in works for run in work.prints.runs}
    for number, work in enumerate(works):
        for entry in entries(work.prints, code, files):
            found.setdefault(entry, set()).add(number)
    return found


def entries(one: Fingerprint, code: set[str], files: set[str]) -> Iterator[tuple[str, Hashable]]:
    """Yield what a submission is found by; ``code`` and ``files`` are those of all."""
    if has_own(one) and one.content:
        yield "files", one.content
    if one.code and one.code.own:
        yield "code", one.code.sha256
        yield "code that logs name", one.code_sha256
    if one.code and one.code.own >= LEAST_OWN:
        for gram in one.code.grams[:SAMPLE]:
            yield "words of code", gram
    for run in one.runs:
        yield "checkpoints that runs began with", run.checkpoint_sha256
        if run.log:
            for value in run.log.clock.values():
                yield "measured times", value
            if run.log.code_sha256 in code:
                yield "code that logs name", run.log.code_sha256
            if run.log.base_sha256 in files:
                yield "checkpoints that runs began with", run.log.base_sha256


def parted(works: Sequence[Work]) -> dict[Hashable, dict[str, set[int]]]:
    """Return the works by what honest ones share by the same seed, then by what explains it."""
    from tools.integrity.weights import bands

    found: dict[Hashable, dict[str, set[int]]] = {}
    for number, work in enumerate(works):
        for run in work.prints.runs:
            recipe, seed = explanations(run, number)
            keys: list[tuple[tuple[Hashable, ...], str]]
            keys = [(("file", run.checkpoint_sha256), recipe)]
            if run.log and run.log.curve:
                keys.append((("curve", run.log.curve), recipe))
            for tensor in run.tensors:
                keys.append((("values", tensor.values), recipe))
                keys.append((("ordered", tensor.ordered), recipe))
                keys += [(("band", *band), seed) for band in bands(tensor)]
            for key, why in keys:
                if key[-1]:
                    found.setdefault(key, {}).setdefault(why, set()).add(number)
    return {key: parts for key, parts in found.items() if sum(map(len, parts.values())) > 1}


def explanations(run: RunPrint, number: int) -> tuple[str, str]:
    """Return what explains that runs are equal, and that their networks are near."""
    if run.log is None or seed_of(run.log.recipe) is None:
        return f"?{number}", f"?{number}"
    return recipe_words(run.log), f"~{seed_of(run.log.recipe)}"


def recipe_words(log: LogPrint) -> str:
    """Return what people read of a recipe, then all of it behind a line feed."""
    of = log.recipe
    title = f"{TITLES[of.kind]} of {of.arch}, width {of.width}, {seed_words(of)}"
    return f"{one_line(title)}\n{of.model_dump_json()} {log.computer}"


class Groups:
    """People who share something by the same seed, joined where they share it with others."""

    def __init__(self) -> None:
        self._sets: dict[str, list[set[str]]] = {}

    def join(self, recipe: str, owners: set[str]) -> None:
        if len(owners) < 2 or recipe[0] in "?~":
            return
        own = self._sets.setdefault(recipe, [])
        touched = [group for group in own if group & owners]
        own[:] = [group for group in own if not group & owners]
        own.append(owners.union(*touched))

    def found(self) -> Iterator[tuple[str, frozenset[str]]]:
        for recipe, groups in sorted(self._sets.items()):
            for group in sorted(groups, key=sorted):
                yield recipe.partition("\n")[0], frozenset(group)


def passages_of(
    works: Sequence[Work], common: dict[frozenset[str], str]
) -> dict[tuple[int, int], list[Shared]]:
    """Return the passages that two works share; those of more people go to ``common``."""
    numbers = {owner: n for n, owner in enumerate(sorted({work.owner for work in works}))}
    places = [
        (work_number, Place(numbers[work.owner], passage))
        for work_number, work in enumerate(works)
        for passage in work.prints.passages
    ]
    work_of = {id(place): number for number, place in places}
    found = list(shared(place for _, place in places)) if places else []
    owners: dict[int, set[str]] = {}
    for one in found:
        both = {works[work_of[id(one.one)]].owner, works[work_of[id(one.other)]].owner}
        for place in (one.one, one.other):
            owners.setdefault(id(place), set()).update(both)
    result: dict[tuple[int, int], list[Shared]] = {}
    for one in found:
        several = owners[id(one.one)] | owners[id(one.other)]
        if len(several) > MANY:
            common.setdefault(frozenset(several), f"text: {one.one.passage.begins}")
            continue
        pair = (work_of[id(one.one)], work_of[id(one.other)])
        result.setdefault((min(pair), max(pair)), []).append(one)
    return result
