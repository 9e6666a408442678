"""What the text says about scale, zero point and shift, against the lab's contract."""

import re
from collections.abc import Iterator

from tools.review.findings import Finding
from tools.review.reading.cues import QUANTIZED
from tools.review.reading.document import ReportText
from tools.review.reading.quantities import narrow
from tools.review.reading.sentences import Sentence, line_ends, sentences
from tools.review.reading.terms import (
    AFFINE,
    ALL_ZERO,
    ASYMMETRIC,
    CONTRAST,
    DOUBLED,
    FLOOR,
    HALF_SCALE,
    INVERSE,
    LEFT_SHIFT,
    LIMITED,
    LOG_SCALE,
    NO_ZERO,
    OUR_OBSERVER,
    POSITIVE_POWER,
    RANGES,
    RIGHT_SHIFT,
    SHIFT,
    SUPPOSED,
    TINY_SCALE,
    ZERO_POINTS,
)

LARGEST = 64  # a longer range is of the values, not of the shift
RECIPROCAL = re.compile(r"(?:/|1/\(?|除以|divid\w* by|frac\{[^{}]*\}\{|>>|1\.0/)\s*\(?$", re.I)
DTYPES = {"quint8": 128, "activation": 128, "qint8": 0, "weight": 0}
CHINESE = {"激活": "activation", "啟動值": "activation", "權重": "weight", "权重": "weight"}


def review_contract(document: ReportText) -> Iterator[Finding]:
    text = "\n".join(block.text for block in document.blocks)
    has_negative_log = re.search(r"-\s*(?:\\?log_?\{?2|math\.log2|torch\.log2|np\.log2)", text)
    for sentence in sentences(document):
        yield from tiny_scale(document, sentence)
        if SUPPOSED.search(sentence.text) or sentence.text.endswith("?"):
            continue
        yield from zero_points(document, sentence)
        yield from asymmetric(document, sentence)
        yield from half_scale(document, sentence.text, sentence.line)
        if has_negative_log or "S" in sentence.text:
            yield from positive_power(document, sentence, has_negative_log is not None)
        yield from shift_range(document, sentence)
        if not CONTRAST.search(sentence.text):
            yield from rounding(document, sentence)
            yield from direction(document, sentence)
    yield from code(document)


def zero_points(document: ReportText, sentence: Sentence) -> Iterator[Finding]:
    """Yield a zero point that isn't the type's: assigned in words, or in an equation."""
    if AFFINE.search(sentence.text):
        return
    for pattern in ZERO_POINTS:
        for match in pattern.finditer(sentence.text):
            name = match["dtype"].lower()
            dtype = next(d for d in DTYPES if CHINESE.get(name, name).startswith(d))
            right = DTYPES[dtype]
            if int(match["value"]) != right:
                yield document.finding(
                    "zero-point",
                    sentence.line_at(match.start("value")),
                    sentence.text,
                    f"{right} for {match['dtype']}",
                    "the lab's quantization is symmetric: 128 for quint8, 0 for qint8",
                    "likely",
                )


def asymmetric(document: ReportText, sentence: Sentence) -> Iterator[Finding]:
    """Yield (max - min)/255 said of the lab's observer; in general it is one way to quantize."""
    match = ASYMMETRIC.search(sentence.text)
    if match and OUR_OBSERVER.search(sentence.text):
        yield document.finding(
            "scale-formula",
            sentence.line_at(match.start()),
            sentence.text,
            "2*max(|min|, |max|)/255",
            "the lab's observer is symmetric",
            "likely",
        )


def half_scale(document: ReportText, text: str, line: int) -> Iterator[Finding]:
    """Yield max(|min|, |max|)/255, which has half the range of an 8-bit integer."""
    for match in HALF_SCALE.finditer(text):
        if not DOUBLED.search(text[max(0, match.start() - 20) : match.start()]):
            yield document.finding(
                "scale-formula",
                line + line_ends(text[: match.start()]),
                text,
                "2*max(|min|, |max|)/255",
                "255 steps reach from -max to max",
                "likely",
            )


def tiny_scale(document: ReportText, sentence: Sentence) -> Iterator[Finding]:
    """Yield that a tiny scale makes all values 0; divided by it, they are huge and saturate.

    A right shift by too many bits does give 0, and so does a scale that is too large.
    """
    text = sentence.text
    match = ALL_ZERO.search(text)
    if match and QUANTIZED.search(text) and TINY_SCALE.search(text) and not NO_ZERO.search(text):
        yield document.finding(
            "scale-tiny",
            sentence.line_at(match.start()),
            text,
            "the values saturate: x / scale is huge, and is clamped to the largest integer",
            "only a scale that is too large rounds values to 0",
            "possible",
        )


def positive_power(
    document: ReportText, sentence: Sentence, has_negative_log: bool
) -> Iterator[Finding]:
    """Yield a scale of 2**S, where S counts the bits of a right shift."""
    for match in POSITIVE_POWER.finditer(sentence.text):
        before = sentence.text[max(0, match.start() - 24) : match.start("power")]
        is_inverse = INVERSE.search(sentence.text[: match.end()])
        if (
            is_inverse
            or RECIPROCAL.search(before)
            or not (has_negative_log or SHIFT.search(sentence.text))
        ):
            continue
        yield document.finding(
            "scale-formula",
            sentence.line_at(match.start("power")),
            sentence.text,
            "2**-S",
            "S is the number of bits of a right shift, so the scale is 2**-S",
            "likely",
        )


def shift_range(document: ReportText, sentence: Sentence) -> Iterator[Finding]:
    """Yield a range of S other than 0 to 8, or 0 to max_shift_amount."""
    if not SHIFT.search(sentence.text) or not LIMITED.search(sentence.text):
        return
    for pattern in RANGES:
        for match in pattern.finditer(sentence.text):
            low, high = int(match["low"]), match["high"]
            if not high.lstrip("-").isdecimal():
                is_wrong = low != 0 and "max" in high
            else:
                is_small = abs(low) <= LARGEST and abs(int(high)) <= LARGEST
                is_wrong = is_small and (low, int(high)) not in ((0, 8), (-8, 0))
            if is_wrong:
                yield document.finding(
                    "shift-range",
                    sentence.line_at(match.start("low")),
                    sentence.text,
                    "0 to max_shift_amount (8)",
                    "the contract of scale_approximate",
                    "likely",
                )


def rounding(document: ReportText, sentence: Sentence) -> Iterator[Finding]:
    """Yield S rounded down or up; ``floor(x + 0.5)`` and the sign of rounding are right."""
    text = sentence.text
    is_of_shift = LOG_SCALE.search(text) or re.search(r"\bS\b|位移量|shift amount", text)
    match = FLOOR.search(text)
    if (
        match
        and is_of_shift
        and not re.search(
            r"\+\s*0?\.5|shift (?:round|floor|truncat)|\bround(?!\w*\s+(?:it |S )?(?:down|up))",
            text,
        )
    ):
        yield document.finding(
            "shift-rounding",
            sentence.line_at(match.start()),
            text,
            "S is the integer nearest to -log2(scale)",
            "the contract of scale_approximate",
            "likely",
        )


def direction(document: ReportText, sentence: Sentence) -> Iterator[Finding]:
    """Yield a left shift where the scale is applied."""
    text = sentence.text
    match = LEFT_SHIFT.search(text)
    if match and not RIGHT_SHIFT.search(text):
        yield document.finding(
            "shift-direction",
            sentence.line_at(match.start()),
            text,
            "a right shift (x >> S)",
            "multiplying by 2**-S shifts to the right",
            "likely",
        )


CODE = (
    (
        "shift-rounding",
        re.compile(
            r"(?:floor|ceil|trunc|\bint)\s*\(\s*-\s*(?:math|torch|np|numpy)\.log2\([^()\n]*\)\s*\)"
        ),
        "round(-math.log2(scale))",
    ),
    (
        "shift-range",
        re.compile(
            r"(?:max\(\s*[1-9]\d*\s*,\s*min\(|clamp\([^,()\n]*,\s*[1-9]\d*\s*,\s*max_shift)"
        ),
        "0 to max_shift_amount (8)",
    ),
)


def code(document: ReportText) -> Iterator[Finding]:
    """Yield what quoted code does against the contract of ``scale_approximate``."""
    for block in document.blocks:
        if block.kind != "code":
            continue
        for offset, line in enumerate(narrow(block.raw).split("\n")):
            statement = line.split("#")[0]
            yield from half_scale(document, statement, block.line + offset)
            for rule, pattern, should in CODE:
                if pattern.search(statement):
                    yield document.finding(
                        rule,
                        block.line + offset,
                        line,
                        should,
                        "the contract of scale_approximate",
                        "likely",
                    )
