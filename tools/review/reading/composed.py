"""What sentences say of the contract by what they name: steps in an order, S against the scale.

A claim is a thing, what is said of it, and nothing that takes it back; the lexicon lists the words
of each, so that a sentence need not be foreseen as a whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from tools.review.reading.lexicon import Lexicon, Tag
from tools.review.reading.shifts import lexicon_text, said_at
from tools.review.reading.statements import Place, Statement
from tools.review.reading.words import Words

# What comes earlier has the lower number.
STEPS = {"fuse": 0, "prepare": 1, "calibrate": 2, "convert": 3}
LAYERS = {"quant": 0, "body": 1, "pool": 2, "fc": 3, "dequant": 4}
WAYS = ("before", "after", "first", "between", "before_behind", "after_behind")
NEAR = 28  # characters between S, or the scale, and the word that says how large it is
REACH = 60  # characters between a step and the word "before" or "after"


@dataclass(frozen=True)
class Claim:
    """A topic of the contract: a thing, what is wrongly said of it, and how far that may stand."""

    topic: str
    thing: str
    says: str
    without: tuple[str, ...] = ()
    reach: int = 70
    is_after: bool = True  # what is said stands behind the thing


CLAIMS = (
    Claim("ste", "ste", "zeroes", ("passes",)),
    Claim("fuse part", "batchnorm", "separate", ("separate_right",)),
    Claim("float weights", "weight_scale", "no_power", ("no_power_right",)),
    Claim("functional", "addition", "in_float", ("in_float_right",)),
    Claim("ptq trains", "ptq", "trains", ("trains_right",)),
    Claim("fuse part", "shortcut_conv", "unfused", ("fuse_right",)),
    Claim("fuse part", "last_conv", "late_relu", ("fuse_right",)),
    Claim("affine own", "own_zero", "from_minimum", ("from_minimum_right",)),
    Claim("fraction power", "shift_count", "fraction_step", (), 40, is_after=False),
    Claim("test calibration", "calibration", "on_test", ("on_test_right",)),
    Claim("late limit", "shift_count", "late_limit", ("late_limit_right",), 60),
)


def read_composed(words: Words, place: Place) -> Iterator[Statement]:
    """Yield what a sentence says by the things that it names."""
    lexicon, text = words.lexicon, lexicon_text(words)
    if lexicon.has("contract.partly", text):
        return
    for claim in CLAIMS:
        for at in _claimed(lexicon, claim, words, text):
            yield said_at(words, place, at, "", claim.topic)
            break
    for table in (STEPS, LAYERS):
        for at, first, second in _orders(lexicon, table, text):
            if table[first] > table[second]:
                said = said_at(words, place, at, f"{second} {first}", "order", denies=True)
                yield said
                break
    if (growing := _grows(lexicon, words, text)) is not None:
        yield said_at(words, place, growing, "", "scale grows")
    if (limited := _limited(lexicon, text)) is not None:
        yield said_at(words, place, limited, "", "limit effect")


def _claimed(lexicon: Lexicon, claim: Claim, words: Words, text: str) -> Iterator[int]:
    things = _found(lexicon, f"thing.{claim.thing}", text)
    said = _found(lexicon, f"does.{claim.says}", text) if things else []
    for thing in things:
        for tag in said:
            ahead, behind = sorted((thing, tag), key=lambda t: t.start)
            if (
                claim.is_after and tag.end <= thing.start
            ) or behind.start - ahead.end > claim.reach:
                continue
            span = words.segment(tag.start)
            part = text[span.start : span.end]
            if words.segment(thing.start) != span:
                continue
            if not any(lexicon.has(f"does.{role}", part) for role in claim.without):
                yield tag.start


def _found(lexicon: Lexicon, role: str, text: str) -> list[Tag]:
    pattern = lexicon.roles.get(role)
    return [Tag(role, m.start(), m.end()) for m in pattern.finditer(text)] if pattern else []


def _orders(lexicon: Lexicon, table: dict[str, int], text: str) -> Iterator[tuple[int, str, str]]:
    """Yield what is said to come first and second, and where."""
    if not any(lexicon.has(f"order.{way}", text) for way in WAYS):
        return
    things = [t for name in table for t in _found(lexicon, f"step.{name}", text)]
    things = _whole(sorted(things, key=lambda t: (t.start, -t.end)))
    if len({t.kind for t in things}) < 2 or lexicon.has("order.denied", text):
        return
    for way in ("before", "after", "before_behind", "after_behind"):
        for tag in _found(lexicon, f"order.{way}", text):
            left = [t for t in things if t.end <= tag.start and tag.start - t.end <= REACH]
            right = [t for t in things if t.start >= tag.end and t.start - tag.end <= REACH]
            pair = _sides(lexicon, way, left, right, text, tag)
            if pair and pair[0].kind != pair[1].kind:
                first, second = pair if way.startswith("before") else pair[::-1]
                yield tag.start, first.kind, second.kind
    for tag in _found(lexicon, "order.between", text):
        left = [t for t in things if t.end <= tag.start and tag.start - t.end <= REACH]
        right = [t for t in things if t.start >= tag.end][:2]
        if left and len(right) == 2 and right[1].start - tag.end <= REACH:
            yield tag.start, right[0].kind, left[-1].kind
            yield tag.start, left[-1].kind, right[1].kind
    for one, two in pairwise(things):
        if one.kind != two.kind and lexicon.has(
            "order.first", text[max(0, one.start - 14) : one.start]
        ):
            between = text[one.end : two.start]
            if lexicon.has("order.then", between) and not lexicon.has("order.first", between):
                yield one.start, one.kind, two.kind


def _sides(
    lexicon: Lexicon, way: str, left: list[Tag], right: list[Tag], text: str, tag: Tag
) -> tuple[Tag, Tag] | None:
    """Return what comes before or after, and before or after what."""
    stops = ",;.。)"
    if way.endswith("behind"):  # in Chinese the word follows what it is of: "A is called B after"
        if not left or _crosses(text[left[-1].end : tag.start], stops):
            return None
        one = left[-1]
        others = [t for t in left[:-1] if t.kind != one.kind]
        subjects = [t for t in others if not _crosses(text[t.end : one.start], ",;.。")]
        if subjects:
            is_second = lexicon.has(f"order.{way}", text[subjects[-1].end : one.start])
            is_second |= any(
                lexicon.has(f"order.{w}", text[subjects[-1].end : one.start])
                for w in ("before_behind", "after_behind")
            )
            if is_second:
                return (subjects[-2], one) if len(subjects) > 1 else None
            return subjects[-1], one
        joins = stops + "和與跟及、"
        is_next = right and not _crosses(text[tag.end : right[0].start], joins)
        return (right[0], one) if is_next and not left[:-1] else None
    if not right or _crosses(text[tag.end : right[0].start], stops):
        return None
    if left:
        ahead = text[left[-1].end : tag.start]
        is_other = any(lexicon.has(f"order.{w}", ahead) for w in ("before", "after"))
        return None if is_other or _crosses(ahead, ";)") else (left[-1], right[0])
    return (right[1], right[0]) if len(right) > 1 else None


def _crosses(text: str, stops: str) -> bool:
    return any(stop in text for stop in stops)


def _whole(things: list[Tag]) -> list[Tag]:
    kept: list[Tag] = []
    for thing in things:
        if not kept or thing.start >= kept[-1].end:
            kept.append(thing)
    return kept


def _grows(lexicon: Lexicon, words: Words, text: str) -> int | None:
    """Return where S and the scale are said to be large, or small, together."""
    counts = _found(lexicon, "thing.shift_count", text)
    scales = _found(lexicon, "thing.scale", text)
    if not counts or not scales or lexicon.has("grows_right", text):
        return None
    sizes = [
        (t, sign)
        for way, sign in (("up", 1), ("down", -1))
        for t in _found(lexicon, f"grows.{way}", text)
    ]
    near = [
        [
            (gap, tag, sign)
            for tag, sign in sizes
            for t in things
            if (gap := _gap(t, tag)) <= NEAR
            and not any(c in text[min(t.end, tag.end) : max(t.start, tag.start)] for c in ",;.。")
        ]
        for things in (counts, scales)
    ]
    pairs = [(a[0] + b[0], a, b) for a in near[0] for b in near[1] if a[1] != b[1]]
    if not pairs:
        return None
    _, (_, one, sign), (_, two, other) = min(pairs, key=lambda p: p[0])
    if words.segment(one.start) != words.segment(two.start):
        return None
    return max(one.start, two.start) if sign == other else None


def _gap(one: Tag, two: Tag) -> int:
    return max(one.start, two.start) - min(one.end, two.end)


def _limited(lexicon: Lexicon, text: str) -> int | None:
    """Return where the largest S is said to keep the scale from being large: it keeps it from 0."""
    limits = _found(lexicon, "limit.upper", text)
    for kept in _found(lexicon, "limit.keeps_small", text):
        if any(kept.start - t.end <= REACH and t.start <= kept.start for t in limits):
            return kept.start
    return None
