"""What sentences, formulas and code say of the lab's contract: zero point, scale, shift, fusion.

``Statement.model`` is the integer type where one is meant, ``metric`` the subject.
"""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from tools.review.reading.quantities import Interval, exactly
from tools.review.reading.statements import Place, Statement
from tools.review.reading.words import Words

QUINT8, QINT8 = "quint8", "qint8"
LARGEST = 64  # a longer range is of the values, not of the shift
TOPICS = (  # what is told wrongly whenever these words are used, unless they are denied
    *("floor", "left", "plain_add", "functional", "fuse_train", "fuse_part", "no_fake"),
    *("ptq_trains", "stub_order", "tiny_zero", "fraction_power", "unrounded", "positive_power"),
    *("clamp_effect", "no_dequant", "affine_own"),
)


def read_contract(words: Words, place: Place) -> Iterator[Statement]:
    """Yield what a sentence says of the contract."""
    lexicon, text = words.lexicon, lexicon_text(words)
    for match in lexicon.matches("contract.zero_point", text):
        for dtype in types_of(words, match["dtype"]):
            yield _at(words, place, match.start(), dtype, "zero point", value=number(match["value"]))
    for match in lexicon.matches("contract.integer_range", text):
        low, high = int(match["low"]), int(match["high"])
        yield _at(words, place, match.start(), "", "integer range", value=Interval(Decimal(low), Decimal(high)))
    for match in lexicon.matches("contract.steps", text):
        yield _at(words, place, match.start(), "", "steps", value=number(match["value"]))
    if lexicon.has("contract.of_shift", text) and lexicon.has("contract.limited", text):
        for match in lexicon.matches("contract.shift_range", text):
            high = match["high"]
            limit = Decimal(high) if high.lstrip("-").isdecimal() else Decimal(8)
            low = Decimal(match["low"])
            if abs(low) <= LARGEST and abs(limit) <= LARGEST and low != limit:
                yield _at(words, place, match.start("low"), "", "shift range", value=Interval(low, limit))
    for topic in TOPICS:
        match = lexicon.search(f"contract.{topic}", text)
        if match is None or lexicon.has(f"contract.{topic}_right", text):
            continue
        yield _at(words, place, match.start(), "", topic.replace("_", " "), denies=True)


def lexicon_text(words: Words) -> str:
    return words.lexicon.normal(words.text)


def number(text: str) -> Interval:
    return exactly(Decimal(text))


def types_of(words: Words, name: str) -> tuple[str, ...]:
    """Return the integer types that a name stands for."""
    lexicon = words.lexicon
    both = lexicon.has("contract.both_types", name)
    unsigned = lexicon.has("contract.unsigned", name)
    return (QUINT8, QINT8) if both else (QUINT8,) if unsigned else (QINT8,)


def _at(
    words: Words,
    place: Place,
    position: int,
    model: str,
    topic: str,
    value: Interval | None = None,
    denies: bool = False,
) -> Statement:
    segment = words.segment(position)
    modality = words.modality(segment)
    if denies and modality == "claimed":
        if words.lexicon.has(
            "contract.contrast", words.text[segment.start : segment.end]
        ):
            modality = "denied"
    line = place.line + sum(words.text.count(end, 0, position) for end in "\n\r")
    return Statement(model, topic, "is", replace(place, line=line), value, modality=modality)
