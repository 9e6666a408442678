"""What sentences, formulas and code say of the lab's contract: zero point, scale, shift, fusion.

``Statement.model`` is the integer type where one is meant, ``metric`` the subject.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from tools.review.reading.lexicon import Lexicon
from tools.review.reading.quantities import Interval, exactly
from tools.review.reading.statements import Place, Statement
from tools.review.reading.words import Words

QUINT8, QINT8 = "quint8", "qint8"
LARGEST = 64  # a longer range is of the values, not of the shift
TOPICS = (  # what is told wrongly whenever these words are used, unless they are denied
    *(
        "floor",
        "left",
        "plain_add",
        "functional",
        "fuse_train",
        "fuse_part",
        "fuse_eval",
        "no_fake",
    ),
    *("ptq_trains", "stub_order", "tiny_zero", "fraction_power", "unrounded", "positive_power"),
    *("clamp_effect", "no_dequant", "affine_own", "stem", "half_formula"),
)
# A "not" in these belongs to what they say.
NEGATIVE = (
    *("fuse_part", "fuse_eval", "no_fake", "unrounded", "functional", "clamp_effect", "plain_add"),
    "half_formula",
    *("fuse_train", "stub_order", "no_dequant", "stem"),
)
INTEGER = re.compile(
    r"(?<![\w.^/*-])-?\d{1,3}(?!\w|[%^]|\.\d|\s?%|,\d{3}| ?(?:to|~|-|\.\.|到|至|個|bits?)\s?-?\d)"
)
RANGE_END = re.compile(r"(?:\d\s?(?:to|~|\.\.|-|到|至)|[\[(]\s?-?\d+,)\s*$")
REACH = 45  # characters between "zero point" and its number
SMALL = re.compile(r"(?<![\w.^-])0\.\d{2,7}(?![\d%]|\s?%|\s?points?|\s?pp|\s?個?百分)")
NEAR = 0.02  # of a power of two, relatively, that a rounded number may be away


def read_contract(words: Words, place: Place, before: str = "") -> Iterator[Statement]:
    """Yield what a sentence says of the contract; ``before`` is the sentence before it."""
    lexicon, text = words.lexicon, lexicon_text(words)
    for dtype, value, position in zero_points(lexicon, text, before):
        yield _at(words, place, position, dtype, "zero point", value=number(value))
    for match in lexicon.matches("contract.integer_range", text):
        low, high = int(match["low"]), int(match["high"])
        dtype = QUINT8 if low >= 0 else QINT8
        ends = Interval(Decimal(low), Decimal(high))
        yield _at(words, place, match.start(), dtype, "integer range", value=ends)
    for role, topic in (("contract.steps", "steps"), ("contract.levels", "levels")):
        for match in lexicon.matches(role, text):
            yield _at(words, place, match.start(), "", topic, value=number(match["value"]))
    yield from shifts(words, place, text)
    for topic in TOPICS:
        found = lexicon.search(f"contract.{topic}", text)
        if found is None and topic == "clamp_effect" and before:
            across = lexicon.search(f"contract.{topic}", f"{before} {text}")
            if across and across.end() > len(before) + 1:
                yield _at(words, place, 0, "", "clamp effect")
        if found is None or lexicon.has(f"contract.{topic}_right", text):
            continue
        name = topic.replace("_", " ")
        yield _at(words, place, found.start(), "", name, denies=topic not in NEGATIVE)


def shifts(words: Words, place: Place, text: str) -> Iterator[Statement]:
    """Yield ranges of the shift, examples of it, and scales that are called powers of two."""
    lexicon = words.lexicon
    if lexicon.has("contract.of_shift", text) and lexicon.has("contract.limited", text):
        for match in lexicon.matches("contract.shift_range", text):
            high = match["high"]
            limit = Decimal(high) if high.lstrip("-").isdecimal() else Decimal(8)
            low = Decimal(match["low"])
            if abs(low) <= LARGEST and abs(limit) <= LARGEST and low != limit:
                ends = Interval(low, limit)
                yield _at(words, place, match.start("low"), "", "shift range", value=ends)
    for match in lexicon.matches("contract.example", text):
        exact, given = float(match["log"]), match["shift"]
        if match.groupdict().get("scale"):
            given = str(math.log2(float(match["scale"])))
        right = min(8, max(0, round(exact)))
        if abs(exact % 1 - 0.5) > 0.005 and given and abs(float(given) - right) > 0.1:
            yield replace(_at(words, place, match.start(), "", "example"), relation=str(right))
    for match in lexicon.matches("contract.fraction_shift", text):
        if not match["value"].rstrip("0").endswith("."):
            yield _at(words, place, match.start(), "", "fraction power")
    for position, number_ in said_powers(lexicon, text):
        nearest = 2.0 ** round(math.log2(number_))
        if abs(number_ / nearest - 1) > NEAR:
            yield replace(_at(words, place, position, "", "no power"), relation=f"{nearest:g}")


def said_powers(lexicon: Lexicon, text: str) -> Iterator[tuple[int, float]]:
    """Yield the numbers that a sentence calls powers of two, or approximated scales."""
    spans = [(m.end(), m.end() + 14) for m in lexicon.roles["contract.approximated"].finditer(text)]
    spans += [
        (m.start() - 60, m.start()) for m in lexicon.roles["contract.said_power"].finditer(text)
    ]
    for low, high in spans:
        for match in SMALL.finditer(text):
            is_before = lexicon.has("contract.becomes", text[match.end() : match.end() + 24])
            if low <= match.start() < high and not is_before and float(match[0]) > 0:
                yield match.start(), float(match[0])


def zero_points(lexicon: Lexicon, text: str, before: str) -> Iterator[tuple[str, str, int]]:
    """Yield integer types with the zero points that a sentence gives them, and where."""
    zeros = list(lexicon.roles["contract.zero_word"].finditer(text))
    if not zeros or lexicon.has("contract.affine", text):
        return
    types = _types(lexicon, text)
    for match in INTEGER.finditer(text):
        start = match.start()
        head = [z for z in zeros if z.end() <= start]
        if not head or RANGE_END.search(text[:start]):
            continue
        follows = [t for t in types if t[0] >= match.end()][:1]
        joint = text[match.end() : follows[0][0]] if follows else "-"
        is_behind = bool(follows and joint.strip() and lexicon.fits("contract.of_type", joint))
        between = text[head[-1].end() : start]
        is_typed = any(head[-1].end() <= t[0] < start for t in types)
        is_second = re.search(r"\d", between) is not None and not is_typed
        if not is_behind and (len(between) > REACH or is_second):
            continue
        kind = follows[0][2] if is_behind else _type_before(lexicon, types, start, before)
        for dtype in {"both": (QUINT8, QINT8), "": ()}.get(kind, (kind,)):
            yield dtype, match[0], start


def _type_before(
    lexicon: Lexicon, types: list[tuple[int, int, str]], start: int, before: str
) -> str:
    ahead = [kind for _, end, kind in types if end <= start]
    if ahead or types:
        return ahead[-1] if ahead else ""
    earlier = _types(lexicon, before)
    return earlier[-1][2] if earlier else ""


def _types(lexicon: Lexicon, text: str) -> list[tuple[int, int, str]]:
    """Return where a text names integer types, in order."""
    found = []
    for role, kind in (("unsigned", QUINT8), ("signed", QINT8), ("both_types", "both")):
        for match in lexicon.roles[f"contract.{role}"].finditer(text):
            found.append((match.start(), match.end(), kind))
    return sorted(found)


def lexicon_text(words: Words) -> str:
    return words.lexicon.normal(words.text)


def number(text: str) -> Interval:
    return exactly(Decimal(text))


def _is_before_example(words: Words, position: int) -> bool:
    """Tell whether all that makes a sentence a supposition is an example behind what it says."""
    tags = words.within(words.segment(position), "supposed")
    tags = [t for t in tags if t.kind in ("if", "example")]
    return all(t.kind == "example" and t.start > position for t in tags)


def _at(
    words: Words,
    place: Place,
    position: int,
    model: str,
    topic: str,
    value: Interval | None = None,
    denies: bool = False,
) -> Statement:
    clause = words.clause(position)
    modality = words.modality(words.segment(position), is_strict=False)
    if modality == "supposed" and _is_before_example(words, position):
        modality = "claimed"
    if denies and modality == "claimed":
        shown = words.text[clause.start : clause.end]
        if words.within(clause, "negates") or words.lexicon.has("contract.contrast", shown):
            modality = "denied"
    line = place.line + sum(words.text.count(end, 0, position) for end in "\n\r")
    return Statement(model, topic, "is", replace(place, line=line), value, modality=modality)
