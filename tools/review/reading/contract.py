"""What sentences, formulas and code say of the lab's contract: zero point, scale, shift, fusion.

``Statement.model`` is the integer type where one is meant, ``metric`` the subject.
"""

import re
from collections.abc import Iterator
from decimal import Decimal

from tools.review.reading.lexicon import Lexicon
from tools.review.reading.quantities import Interval
from tools.review.reading.shifts import lexicon_text, number, read_shifts, said_at
from tools.review.reading.statements import Place, Statement
from tools.review.reading.words import Words

QUINT8, QINT8 = "quint8", "qint8"
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
    *("multiplied", "step_effect", "negative_shift"),
)
# A "not" in these belongs to what they say.
NEGATIVE = (
    *("fuse_part", "fuse_eval", "no_fake", "unrounded", "functional", "clamp_effect", "plain_add"),
    "half_formula",
    *("fuse_train", "stub_order", "no_dequant", "stem", "step_effect", "negative_shift"),
)
INTEGER = re.compile(
    r"(?<![\w.^/*-])-?\d{1,3}(?!\w|[%^]|\.\d|\s?%|,\d{3}| ?(?:to|~|-|\.\.|到|至|個|bits?)\s?-?\d)"
)
RANGE_END = re.compile(r"(?:\d\s?(?:to|~|\.\.|-|到|至)|[\[(]\s?-?\d+,)\s*$")
TERM = re.compile(r"[)\w]\s?[+-]\s?$")  # the zero point is one of a formula
REACH = 45  # characters between "zero point" and its number


def read_contract(words: Words, place: Place, before: str = "") -> Iterator[Statement]:
    """Yield what a sentence says of the contract; ``before`` is the sentence before it."""
    lexicon, text = words.lexicon, lexicon_text(words)
    for dtype, value, position in zero_points(lexicon, text, before):
        yield said_at(words, place, position, dtype, "zero point", value=number(value))
    for match in lexicon.matches("contract.integer_range", text):
        low, high = int(match["low"]), int(match["high"])
        dtype = QUINT8 if low >= 0 else QINT8
        if match.groupdict().get("type"):
            own = match["type"].lower()
            dtype = QUINT8 if own.startswith(("quint", "uns", "uint", "無")) else QINT8
            if (low == 0) == (dtype == QUINT8):
                continue
        ends = Interval(Decimal(low), Decimal(high))
        yield said_at(words, place, match.start(), dtype, "integer range", value=ends)
    for role, topic in (("contract.steps", "steps"), ("contract.levels", "levels")):
        for match in lexicon.matches(role, text):
            yield said_at(words, place, match.start(), "", topic, value=number(match["value"]))
    yield from read_shifts(words, place, text)
    is_partly = lexicon.has("contract.partly", text)
    for topic in () if is_partly else TOPICS:
        found = lexicon.search(f"contract.{topic}", text)
        if found is None and topic == "clamp_effect" and before:
            across = lexicon.search(f"contract.{topic}", f"{before} {text}")
            if across and across.end() > len(before) + 1:
                yield said_at(words, place, 0, "", "clamp effect")
        if found is None or lexicon.has(f"contract.{topic}_right", text):
            continue
        name = topic.replace("_", " ")
        yield said_at(words, place, found.start(), "", name, denies=topic not in NEGATIVE)


def zero_points(lexicon: Lexicon, text: str, before: str) -> Iterator[tuple[str, str, int]]:
    """Yield integer types with the zero points that a sentence gives them, and where."""
    zeros = list(lexicon.roles["contract.zero_word"].finditer(text))
    if not zeros or lexicon.has("contract.affine", text):
        return
    types = _types(lexicon, text)
    if lexicon.has("contract.any_type", text) and not lexicon.has("contract.signed", before):
        near = re.sub(r"[,;].*", "", text[zeros[0].end() :])
        if not _types(lexicon, text[: zeros[0].start()] + near):
            types = [(0, 0, "both")]
    for match in lexicon.matches("contract.one_each", text):
        named = [t for t in types if match.start("types") <= t[0] < match.end("types")]
        if len(named) == 2:
            yield named[0][2], match["one"], match.start("one")
            yield named[1][2], match["two"], match.start("two")
            return
    for match in INTEGER.finditer(text):
        start = match.start()
        if lexicon.has("contract.as_zero", text[match.end() :][:24]):
            kind = _type_before(lexicon, types, start, before)
            for dtype in {"both": (QUINT8, QINT8), "": ()}.get(kind, (kind,)):
                yield dtype, match[0], start
            continue
        head = [z for z in zeros if z.end() <= start]
        if not head or RANGE_END.search(text[:start]) or TERM.search(text[: head[-1].start()]):
            continue
        if lexicon.has("contract.counted", text[match.end() :][:12]):
            continue
        follows = [t for t in types if t[0] >= match.end()][:1]
        joint = text[match.end() : follows[0][0]] if follows else "-"
        is_behind = bool(follows and joint.strip() and lexicon.fits("contract.of_type", joint))
        between = text[head[-1].end() : start]
        is_typed = any(head[-1].end() <= t[0] < start for t in types)
        is_second = re.search(r"\d", between) is not None and not is_typed
        if not is_behind and (len(between) > REACH or is_second or _is_conditioned(joint)):
            continue
        kind = follows[0][2] if is_behind else _type_before(lexicon, types, start, before)
        for dtype in {"both": (QUINT8, QINT8), "": ()}.get(kind, (kind,)):
            yield dtype, match[0], start


def _is_conditioned(after: str) -> bool:
    """Tell whether a number holds in a case that its sentence names behind it."""
    return re.match(r"\s*(?:when|if|where|in case)\b", after) is not None


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
