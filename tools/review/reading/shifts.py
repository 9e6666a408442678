"""What sentences say of the shift: its range, its limits, and examples, which are computed again."""

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from tools.review.reading.lexicon import Lexicon
from tools.review.reading.quantities import Interval, exactly
from tools.review.reading.statements import Place, Statement
from tools.review.reading.words import Words

LARGEST = 64  # a longer range is of the values, not of the shift
SMALL = re.compile(r"(?<![\w.^-])0\.\d{2,7}(?![\d%]|\s?%|\s?points?|\s?pp|\s?個?百分)")
NEAR = 0.02  # of a power of two, relatively, that a rounded number may be away
TIE = 0.005  # of a logarithm between two integers
REACH = 70  # characters between a scale and what becomes of it
DIGIT = re.compile(r"(?<![A-Za-z_])[0-9]")
POWER = re.compile(r"2\s?(?:\^|\*\*)\s?[({]*\s?(-?\d+)")


def read_shifts(words: Words, place: Place, text: str) -> Iterator[Statement]:
    """Yield ranges of the shift, examples of it, and scales that are called powers of two."""
    lexicon = words.lexicon
    is_seen = lexicon.has("contract.in_network", text)
    is_range = lexicon.has("contract.ranges", text) and not is_seen
    is_limited = lexicon.has("contract.limited", text) or is_range
    if lexicon.has("contract.of_shift", text) and is_limited:
        for match in lexicon.matches("contract.shift_range", text):
            # "In our network S lies between 4 and 8" is what was seen, whatever the clamp.
            ahead = text[max(0, match.start("low") - 40) : match.start("low")]
            if is_seen and not lexicon.has("contract.limited", re.sub(r".*[.,;:]", "", ahead)):
                continue
            high = match["high"]
            limit = Decimal(high) if high.lstrip("-").isdecimal() else Decimal(8)
            low = Decimal(match["low"])
            if abs(low) <= LARGEST and abs(limit) <= LARGEST and low != limit:
                ends = Interval(low, limit)
                yield said_at(words, place, match.start("low"), "", "shift range", value=ends)
    yield from examples(words, place, text)
    yield from limits(words, place, text)
    for match in lexicon.matches("contract.fraction_shift", text):
        if not match["value"].rstrip("0").endswith("."):
            yield said_at(words, place, match.start(), "", "fraction power")
    for position, number_ in said_powers(lexicon, text):
        nearest = 2.0 ** round(math.log2(number_))
        if abs(number_ / nearest - 1) > NEAR:
            yield replace(said_at(words, place, position, "", "no power"), relation=f"{nearest:g}")


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


def examples(words: Words, place: Place, text: str) -> Iterator[Statement]:
    """Yield the shifts that are not those of the scales, or logarithms, that they are said to be of."""
    lexicon = words.lexicon
    found = []
    for match in lexicon.matches("contract.log_is", text):
        found.append((match.start(), match.end(), float(match["value"])))
    logs = [start for start, _, _ in found]
    for match in lexicon.matches("contract.scale_is", text):
        scale = value_of(match["value"])
        if scale and not any(match.start() <= start <= match.end() + 30 for start in logs):
            found.append((match.start(), match.end(), -math.log2(scale)))
    for match in lexicon.matches("contract.scale_beyond", text):
        limit = value_of(match["value"])
        above = match.groupdict().get("above")
        if limit is not None and (limit >= 1 if above else limit <= 1 / 128):
            found.append((match.start(), match.end(), -3.0 if above else 20.0))
    starts = sorted(start for start, _, _ in found)
    for start, end, exact in found:
        until = next((s for s in starts if s > start), len(text))
        given = _given(lexicon, text, end, min(until, end + REACH), start in logs)
        right = min(8, max(0, round(exact)))
        is_tie = abs(exact % 1 - 0.5) < TIE and 0 < exact < 8
        rights = {right, round(exact)} if start in logs else {right}  # rounded, then clamped
        if given is not None and not is_tie and round(given[0], 1) not in rights:
            if lexicon.has("contract.not_clamped", text[:start] + text[end:]):
                continue
            yield replace(said_at(words, place, given[1], "", "example"), relation=str(right))


def _given(
    lexicon: Lexicon, text: str, start: int, end: int, is_log: bool
) -> tuple[float, int] | None:
    """Return the shift that a part of a text gives, by itself or as a scale, and where."""
    for match in lexicon.matches("contract.becomes_shift", text):
        if start <= match.start() < end and not DIGIT.search(text[start : match.start()]):
            return float(match["value"]), match.start()
    for match in lexicon.matches("contract.becomes_scale", text):
        is_next = start <= match.start() < end and not DIGIT.search(text[start : match.start()])
        is_next &= not is_log or re.search(r"[/^*]", match["value"]) is not None
        if is_next and (scale := value_of(match["value"])):
            exact = -math.log2(scale)
            # Another number than a power of two is what it was, or the logarithm.
            return (round(exact), match.start()) if abs(exact - round(exact)) < NEAR else None
    return None


def value_of(text: str) -> float | None:
    """Return a scale that is printed as 0.3, 1e-6, 1/256 or 2^-8."""
    shown = "".join(text.split())
    if power := POWER.match(shown):
        exponent = int(power[1])
        return 2.0**exponent if abs(exponent) < LARGEST else None
    over, _, under = shown.partition("/")
    try:
        value = float(over) / (float(under) if under else 1.0)
    except (ValueError, ZeroDivisionError):
        return None
    return value if 0 < value < 1e6 else None


def limits(words: Words, place: Place, text: str) -> Iterator[Statement]:
    """Yield the largest and smallest shifts and scales that a sentence allows."""
    lexicon = words.lexicon
    if lexicon.has("contract.in_network", text):
        return
    for role, right, of in (
        ("shift_most", 8.0, "S"),
        ("scale_least", 2.0**-8, "scale"),
        ("scale_most", 1.0, "scale"),
    ):
        for match in lexicon.matches(f"contract.{role}", text):
            value = value_of(match["value"]) if of == "scale" else float(match["value"])
            if value is not None and abs(value / right - 1) > NEAR and value < LARGEST:
                shown = f"{right:g}" if right >= 1 else "2^-8"
                said = said_at(words, place, match.start(), "", "limit", denies=True)
                yield replace(said, relation=f"{role.replace('_', ' ')} {shown}")


def lexicon_text(words: Words) -> str:
    return words.lexicon.normal(words.text)


def number(text: str) -> Interval:
    return exactly(Decimal(text))


def _is_example(words: Words, position: int) -> bool:
    """Tell whether all that makes a sentence a supposition is that it is an example."""
    tags = words.within(words.segment(position), "supposed")
    return all(t.kind == "example" for t in tags if t.kind in ("if", "example"))


def said_at(
    words: Words,
    place: Place,
    position: int,
    model: str,
    topic: str,
    value: Interval | None = None,
    denies: bool = False,
) -> Statement:
    """Return a statement on the contract at a position of a sentence."""
    clause = words.clause(position)
    modality = words.modality(words.segment(position), is_strict=False)
    if modality == "supposed" and _is_example(words, position):
        modality = "claimed"
    if denies and modality == "claimed":
        shown = words.text[clause.start : clause.end]
        if words.within(clause, "negates") or words.lexicon.has("contract.contrast", shown):
            modality = "denied"
    line = place.line + sum(words.text.count(end, 0, position) for end in "\n\r")
    return Statement(model, topic, "is", replace(place, line=line), value, modality=modality)
