"""Two submissions beside each other: all that they have in common."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tools.integrity.code import LEAST_OWN, likeness
from tools.integrity.findings import Finding, Level
from tools.integrity.hashing import digest
from tools.integrity.prints import Fingerprint, LogPrint, Recipe, RunPrint, TensorPrint
from tools.integrity.prose import Shared

LEAST_CLOCK = 2  # measured times
LEAST_TENSORS = 3
ALIKE_CODE = 0.6  # of the smaller one's own sequences
STRONG_WORDS, STRONG_CHARACTERS = 100, 160  # sequences in common
LISTED = 4
UNKNOWN = "nothing tells the seed of the FP32 run"
SHORT_RUN = 5  # epochs: other computers may agree so long


@dataclass(frozen=True)
class Alike:
    """What decides whether two runs may be equal honestly."""

    level: Level
    why: str


def compare(one: Fingerprint, other: Fingerprint) -> Iterator[Finding]:
    """Yield what two submissions have in common, apart from prose."""
    if not one.problem and one.content == other.content and has_own(one):
        level: Level = "strong" if one.runs or one.passages else "possible"
        yield Finding("all", level, "{a} and {b} handed in the same files", one.content)
    elif one.code and other.code:
        yield from of_code(one, other)
    yield from of_names(one, other)
    pairs = [(a, b) for a in one.runs for b in other.runs]
    yield from of_clocks(pairs)
    yield from of_curves(pairs)
    yield from of_weights(one.runs, other.runs)


def has_own(one: Fingerprint) -> bool:
    """Tell whether a submission has something that not everybody has."""
    return bool(one.runs or one.passages or (one.code and one.code.own))


def of_code(one: Fingerprint, other: Fingerprint) -> Iterator[Finding]:
    assert one.code is not None
    assert other.code is not None
    least = min(one.code.own, other.code.own)
    if one.code.sha256 == other.code.sha256 and least:
        said = f"the code of {{a}} and {{b}} is equal byte for byte; {least:,} words in it are own"
        yield Finding("code", "possible", said, one.code.sha256)
    elif least >= LEAST_OWN and (share := likeness(one.code, other.code)) >= ALIKE_CODE:
        said = f"{share:.0%} of the shorter code's own {least:,} words are in both"
        value = digest(*sorted((one.code.sha256, other.code.sha256)))
        yield Finding("code", "possible", said, value)


def of_names(one: Fingerprint, other: Fingerprint) -> Iterator[Finding]:
    """Yield where the logs of one name code or checkpoints of the other."""
    for left, right, a, b in ((one, other, "{a}", "{b}"), (other, one, "{b}", "{a}")):
        if right.code and right.code.own and left.code_sha256 != right.code_sha256:
            named = [r.name for r in left.runs if r.log and r.log.code_sha256 == right.code_sha256]
            if named:
                said = f"{a}'s log{plural(named)} of {listed(named)} name{single(named)} {b}'s code"
                yield Finding("named", "strong", said, digest(left.content, right.content))
        own = {run.checkpoint_sha256 for run in left.runs}
        theirs = {run.checkpoint_sha256 for run in right.runs} - {""}
        based = [run.name for run in left.runs if run.log and run.log.base_sha256 in theirs - own]
        if based:
            said = f"{a}'s {listed(based)} began with {b}'s checkpoint"
            yield Finding("based", "strong", said, digest("based", left.content, right.content))


def of_clocks(pairs: Sequence[tuple[RunPrint, RunPrint]]) -> Iterator[Finding]:
    """Yield how many measured times are equal, over all runs."""
    details, values, total, of = [], [], 0, 0
    for a, b in pairs:
        if a.log is None or b.log is None:
            continue
        times = {*a.log.clock.values()}
        equal = {value: what for what, value in b.log.clock.items() if value in times}
        if equal:
            total, of = total + len(equal), of + min(len(times), len(b.log.clock))
            values += sorted(equal)
            what = listed(sorted(equal.values(), key=natural))
            details.append(f"{a.name} and {b.name}: {len(equal)} of {len(times)}: {what}")
    if total >= LEAST_CLOCK:
        said = f"{total} measured times of {of} are equal to the last digit"
        yield Finding("clock", "strong", said, digest(*sorted(values)), tuple(details))


def of_curves(pairs: Sequence[tuple[RunPrint, RunPrint]]) -> Iterator[Finding]:
    found: list[tuple[Alike, str, str]] = []
    for a, b in pairs:
        if a.log and b.log and a.log.curve and a.log.curve == b.log.curve:
            alike = alike_of(a.log, b.log, a.log.epochs < SHORT_RUN)
            detail = f"{a.name} and {b.name}: {a.log.epochs} epochs; {alike.why}"
            found.append((alike, detail, a.log.curve))
    yield from by_level("curves", "run{s} with equal curves", found)


def of_weights(ones: Sequence[RunPrint], others: Sequence[RunPrint]) -> Iterator[Finding]:
    """Yield the checkpoints that are equal or nearly so, each of the first with the nearest."""
    equal: list[tuple[Alike, str, str]] = []
    near: list[tuple[Alike, str, str]] = []
    for a in ones:
        best: tuple[float, int, str, RunPrint] | None = None
        for b in others:
            match = match_of(a, b)
            if match and (best is None or match[:2] > best[:2]):
                best = (*match, b)
        if best is None:
            continue
        likeness, _, said, b = best
        value = digest(*sorted((a.checkpoint_sha256, b.checkpoint_sha256)))
        if likeness == 1:
            alike = alike_of(a.log, b.log, is_short=False)
            equal.append((alike, f"{a.name} and {b.name}: {said}; {alike.why}", value))
        else:
            alike = seeds_of(a.log, b.log)
            near.append((alike, f"{a.name} and {b.name}: {said}; {alike.why}", value))
    yield from by_level("weights", "checkpoint{s} with equal weights", equal)
    yield from by_level("nearly", "checkpoint{s} with nearly equal weights", near)


def match_of(a: RunPrint, b: RunPrint) -> tuple[float, int, str] | None:
    """Return how alike two checkpoints are (1: equal), how many tensors are, and words."""
    from tools.integrity.weights import correlation

    if a.checkpoint_sha256 and a.checkpoint_sha256 == b.checkpoint_sha256:
        return 1, max(len(a.tensors), 1), "the same file"
    least = min(len(a.tensors), len(b.tensors))
    values, ordered = common(a, b, "values"), common(a, b, "ordered")
    same = max(values, ordered)
    nearest = [] if same == least else [*nearest_of(a.tensors, b.tensors)]
    if same >= LEAST_TENSORS:
        how = "" if values == same else " in another order"
        more = sum(differing > 0 for differing in nearest)
        rest = f", {more} more nearly equal ones" if more else ""
        return 1, same, f"{same} of {least} tensors hold equal numbers{how}{rest}"
    if len(nearest) < LEAST_TENSORS:
        return None
    whole = max(1, sum(bool(tensor.signs) for tensor in a.tensors))
    value = correlation(sum(nearest) / (BITS * len(nearest)))
    said = f"{len(nearest)} of {whole} weight tensors, correlation about {value:.2f}"
    return value - 1e-9, len(nearest), said


BITS = 128
FAR = 26  # differing signs: a correlation of 0.8


def nearest_of(ones: Sequence[TensorPrint], others: Sequence[TensorPrint]) -> Iterator[int]:
    """Yield for each tensor with a near one, of the same size, in how many signs they differ."""
    from tools.integrity.weights import bands, differing

    index: dict[tuple[int, int, str], list[TensorPrint]] = {}
    for other in others:
        for band in bands(other):
            index.setdefault(band, []).append(other)
    for one in ones:
        found = [differing(one, other) for band in bands(one) for other in index.get(band, ())]
        if found and min(found) <= FAR:
            yield min(found)


def common(a: RunPrint, b: RunPrint, what: str) -> int:
    own = {getattr(tensor, what) for tensor in a.tensors} - {""}
    return len(own & {getattr(tensor, what) for tensor in b.tensors})


def alike_of(a: LogPrint | None, b: LogPrint | None, is_short: bool) -> Alike:
    """Tell whether two runs may be equal: the same seed and settings, on the same computer."""
    if a is None or b is None:
        return Alike("possible", "a log is missing, so nothing tells the seeds")
    if other := differences(a.recipe, b.recipe):
        return Alike("strong", f"although {other}")
    if seed_of(a.recipe) is None:
        return Alike("possible", UNKNOWN)
    if a.computer != b.computer and not is_short:
        where = [f"{x} and {y}" for x, y in zip(a.computer, b.computer, strict=False) if x != y]
        return Alike("possible", f"although computers differ: {'; '.join(where)}")
    return Alike("expected", f"expected: the same {seed_words(a.recipe)} and settings")


def seeds_of(a: LogPrint | None, b: LogPrint | None) -> Alike:
    """Tell whether two networks may resemble each other: by the same seed they do."""
    if a is None or b is None:
        return Alike("possible", "a log is missing, so nothing tells the seeds")
    if seed_of(a.recipe) is None or seed_of(b.recipe) is None:
        return Alike("possible", UNKNOWN)
    if seed_of(a.recipe) != seed_of(b.recipe):
        return Alike(
            "strong", f"although the seeds are {seed_of(a.recipe)} and {seed_of(b.recipe)}"
        )
    return Alike("expected", f"expected: the same {seed_words(a.recipe)}")


def seed_of(recipe: Recipe) -> int | None:
    """Return the seed that a network's weights began with."""
    return recipe.seed if recipe.kind == "train" else recipe.base.seed if recipe.base else None


def seed_words(recipe: Recipe) -> str:
    seed = seed_of(recipe)
    return "seed" if seed is None else f"seed {seed}"


def differences(a: Recipe, b: Recipe) -> str:
    """Say in what two runs differ that should give them other numbers; empty for nothing."""
    if seed_of(a) != seed_of(b):
        return f"the seeds are {words(seed_of(a))} and {words(seed_of(b))}"
    names = [
        name
        for name in ("kind", "arch", "width", "data", "seed", "settings")
        if getattr(a, name) != getattr(b, name)
    ]
    if names:
        return f"{listed(names)} differ{'s' if len(names) == 1 and names[0] != 'settings' else ''}"
    return differences(a.base, b.base) if a.base and b.base else ""


def words(seed: int | None) -> str:
    return "unknown" if seed is None else str(seed)


def by_level(kind: str, title: str, found: list[tuple[Alike, str, str]]) -> Iterator[Finding]:
    """Yield a finding for each level, of several runs."""
    for level in ("strong", "possible", "expected"):
        these = [(detail, value) for alike, detail, value in found if alike.level == level]
        if these:
            details, values = zip(*these, strict=True)
            said = f"{len(these)} {title.format(s='' if len(these) == 1 else 's')}"
            value = digest(*sorted(values))
            yield Finding(kind, level, said, value, details)  # type: ignore[arg-type]


def of_prose(found: Sequence[Shared]) -> Iterator[Finding]:
    """Yield what two reports share; ``found`` are passages of these two."""
    if not found:
        return
    amounts = {"words": 0, "characters": 0}
    for one in found:
        amounts[one.one.passage.script] += one.common
    is_long = amounts["words"] >= STRONG_WORDS or amounts["characters"] >= STRONG_CHARACTERS
    details = tuple(
        f"lines {one.one.passage.line} and {one.other.passage.line}, {one.share:.0%}: "
        f"{one.one.passage.begins}"
        for one in found
    )
    count = len(found)
    said = f"{count} paragraph{'' if count == 1 else 's'} in common"
    value = digest(
        *sorted(f"{sorted({*s.one.passage.shingles} & {*s.other.passage.shingles})}" for s in found)
    )
    yield Finding("prose", "strong" if is_long else "possible", said, value, details)


def listed(names: Sequence[str]) -> str:
    rest = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {rest} more" if rest > 0 else "")


def plural(names: Sequence[str]) -> str:
    return "" if len(names) == 1 else "s"


def single(names: Sequence[str]) -> str:
    return "s" if len(names) == 1 else ""


def natural(what: str) -> tuple[str, int]:
    """Sort "epoch 10" behind "epoch 9"."""
    word, _, number = what.rpartition(" ")
    return (word, int(number)) if number.isdecimal() else (what, 0)
