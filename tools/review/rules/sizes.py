"""What the size of a checkpoint reveals: its unit, its parameters, and how it was made.

Bytes of the ``state_dict`` file of the CIFAR ResNet-50, measured with PyTorch 2.14; other versions
and longer names of the file move them by about 10 kB.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from tools.review.findings import Sure
from tools.review.reading.facts import Facts
from tools.review.reading.quantities import Interval, exactly
from tools.review.reading.report import Report
from tools.review.reading.statements import (
    FP32,
    INT8,
    NAMES,
    PLAIN,
    PTQ,
    QAT,
    Statement,
    megabytes,
)
from tools.review.rules.registry import Fault, rule
from tools.review.rules.values import MEBI, RESULTS, is_mib

TOLERANCE = Decimal(15_000)  # bytes
MOST = Decimal("4.15")  # times that 8 bits can be smaller than 32, with room for rounding
MIB = re.compile("[KMG]iB|mebibyte", re.I)
SENTENCE = re.compile(r"(?<=[.。!?;])\s*(?![0-9])")


@dataclass(frozen=True)
class Configuration:
    """How a file of this many bytes was made."""

    size_bytes: int
    text: str
    is_fused: bool = True
    is_per_channel: bool = False

    def fits(self, size: Interval) -> bool:
        return size.widened(TOLERANCE).touches(exactly(self.size_bytes))


FLOAT = Configuration(94_400_000, "FP32")
PREPARED = Configuration(94_090_000, "prepared, but not converted to INT8")
CONVERTED = (
    Configuration(23_660_000, "fused, one scale per tensor"),
    Configuration(24_075_000, "not fused, one scale per tensor", is_fused=False),
    Configuration(24_115_000, "the default qconfig (one scale per channel), fused", True, True),
    Configuration(
        24_530_000, "the default qconfig (one scale per channel), not fused", False, True
    ),
)


def decimal_size(statement: Statement) -> tuple[Interval | None, bool]:
    """Return a size in bytes, and whether it was printed in MiB under another name."""
    size = statement.value
    if size is None:
        return None, False
    says_mib = MIB.search(f"{statement.header} {statement.place.text}")
    own = (FLOAT, PREPARED) if statement.model == FP32 else (*CONVERTED, PREPARED)
    if says_mib or any(c.fits(size) for c in own):
        return size, False
    scaled = size.times(MEBI)
    found = any(c.fits(scaled) for c in own)
    return (scaled if found else size), found


def is_cell_size(statement: Statement) -> bool:
    return (
        statement.metric == "size"
        and statement.relation == "is"
        and statement.place.where in ("cell", "log")
    )


@rule(
    "size-mib",
    "Sizes are decimal megabytes.",
    wrong=[
        "| Model | Size (MB) | Accuracy (%) |\n|---|---|---|\n| FP32 | 90.03 | 93.80 |\n",
        RESULTS + "\nThe file of PTQ has 22.56 MB.\n",
    ],
    right=["| Model | Size (MiB) | Accuracy (%) |\n|---|---|---|\n| FP32 | 90.03 | 93.80 |\n"],
)
def size_mib(statement: Statement, facts: Facts) -> Fault | None:
    if statement.metric != "size" or statement.relation != "is" or not statement.is_claim:
        return None
    if statement.model.partition(":")[0] not in PLAIN:
        return None
    if statement.place.where == "prose":
        size = statement.value
        if size is None or MIB.search(statement.place.text):
            return None
        known = [
            s.value for s in facts.values(statement.model, "size") if s.place != statement.place
        ]
        if known:
            if not is_mib(statement, facts) or any(k and k.touches(size) for k in known):
                return None
            should = megabytes(size.times(MEBI))
        else:
            scaled, found = decimal_size(statement)
            if not found or scaled is None:
                return None
            should = megabytes(scaled)
    else:
        scaled, found = decimal_size(statement)
        if not found or scaled is None or _by_parameters(statement, facts):
            return None
        should = megabytes(scaled)
    quantity = statement.quantity
    is_rough = quantity is None or quantity.is_integer
    sure: Sure = "possible" if is_rough else "certain" if is_cell_size(statement) else "likely"
    return Fault(
        statement.place,
        should,
        "this is the size in MiB (divided by 2**20); MB are 10**6 bytes",
        sure,
        key=f"{statement.model} {should}",
    )


def _by_parameters(statement: Statement, facts: Facts) -> bool:
    """Tell whether the report's own number of parameters explains a size."""
    counts = [s.value for s in facts.statements if s.metric == "parameters" and s.value]
    return any(statement.value and statement.value.touches(c.times(4)) for c in counts)


@rule(
    "size-parameters",
    "An FP32 file holds four bytes for each parameter.",
    wrong=[
        "The FP32 network has 2,236,682 parameters.\n\n| Model | Size (MB) | Accuracy (%) |\n"
        "|---|---|---|\n| FP32 | 8.53 | 94.90 |\n"
    ],
    right=[
        "The FP32 network has 2,236,682 parameters.\n\n| Model | Size (MB) | Accuracy (%) |\n"
        "|---|---|---|\n| FP32 | 9.08 | 94.90 |\n"
    ],
)
def size_parameters(statement: Statement, facts: Facts) -> Fault | None:
    if statement.metric != "size" or statement.relation != "is" or statement.model != FP32:
        return None
    if statement.place.where == "prose" and facts.values(FP32, "size")[:1] != [statement]:
        return None
    counts = [
        s
        for s in facts.statements
        if s.metric == "parameters"
        and s.relation == "is"
        and s.value
        and s.is_claim
        and s.model in (FP32, "", "fp32+")
    ]
    size = statement.value
    if not counts or size is None or any(c.fits(size) for c in (FLOAT, PREPARED)):
        return None
    found = [(s, s.value.times(4)) for s in counts if s.value]
    # Batch statistics and the file's own structure take up to some percent.
    if any(
        w.low * Decimal("0.985") <= size.high and size.low <= w.high * Decimal("1.06")
        for _, w in found
    ):
        return None
    count, weights = found[0]
    mib = weights.times(1 / MEBI).touches(size)
    why = (
        f"{count.value.middle:,.0f} parameters x 4 bytes = {megabytes(weights)}"
        if count.value
        else ""
    )
    if mib:
        why += "; this is the size in MiB (divided by 2**20)"
    return Fault(
        statement.place,
        f"about {megabytes(weights)}",
        why,
        "likely",
        also=(count.place.line,),
        key="parameters",
    )


@rule(
    "size-bits",
    "8 bits are at most four times smaller than 32.",
    wrong=[
        "| Model | Size (MB) | Compression |\n|---|---|---|\n| FP32 | 188.8 | 1x |\n| PTQ | 23.66 | 7.98x |\n"
    ],
    right=[
        "| Model | Size (MB) | Compression |\n|---|---|---|\n| FP32 | 94.4 | 1x |\n| PTQ | 23.66 | 3.99x |\n"
    ],
)
def size_bits(statement: Statement, facts: Facts) -> Fault | None:
    if not is_cell_size(statement) or statement.model not in (PTQ, QAT, INT8):
        return None
    size = statement.value
    for pair in facts.pairs(statement.model, FP32, "size"):
        if pair.own != size or not pair.own.is_positive:
            continue
        ratio = pair.base / pair.own
        if ratio.low <= MOST or decimal_size(statement)[1]:
            return None
        why = f"{megabytes(pair.base)} / {megabytes(pair.own)} = {ratio.middle:.2f}"
        if CONVERTED[0].fits(pair.own):
            why += "; that FP32 file holds more than the weights (94.40 MB), such as an optimizer's state"
        return Fault(
            statement.place,
            "at most 4x, from a file that holds the FP32 weights alone",
            why,
            "likely",
            also=(pair.base_line,),
            key="bits",
        )
    return None


@rule(
    "size-scheme",
    "A file's size is that of the configuration that the report describes.",
    wrong=[
        RESULTS.replace("QAT | 23.66", "QAT | 24.12"),
        RESULTS.replace("PTQ | 23.66", "PTQ | 94.09"),
    ],
    right=[
        RESULTS.replace("QAT | 23.66", "QAT | 24.12") + "\nQAT was converted with the default "
        "qconfig, which has a scale for each channel.\n"
    ],
)
def size_scheme(report: Report, facts: Facts) -> Fault | None:
    rows = [s for s in facts.statements if is_cell_size(s) and s.model.partition(":")[0] in PLAIN]
    sizes = [(s, decimal_size(s)[0]) for s in rows]
    floats = [size for s, size in sizes if s.model == FP32 and size]
    if floats and not any(FLOAT.fits(size) or PREPARED.fits(size) for size in floats):
        return None  # another network than the ResNet-50
    if not floats and not sizes:
        return None
    found = []
    for statement, size in sizes:
        if statement.model == FP32 or size is None:
            continue
        fitting = [c for c in (*CONVERTED, PREPARED, FLOAT) if c.fits(size)]
        if fitting and not _is_described(report, statement, fitting):
            found.append((statement, size, fitting))
    if not found:
        return None
    statement, size, fitting = found[0]
    usual = [s for s, z in sizes if s.model != FP32 and z and CONVERTED[0].fits(z)]
    return _reveals(statement, size, fitting, usual, [s for s, _, _ in found])


def _reveals(
    statement: Statement,
    size: Interval,
    fitting: list[Configuration],
    usual: list[Statement],
    found: list[Statement],
) -> Fault:
    what = " or ".join(configuration.text for configuration in fitting)
    sure: Sure = "likely" if len(fitting) == 1 else "possible"
    names = ", ".join(dict.fromkeys(s.name for s in found))
    why = f"{names}: {size.middle / 10**6:.2f} MB is the size of: {what}"
    if PREPARED in fitting or FLOAT in fitting:
        why, sure = f"{names}: that is the size of a network that holds FP32 weights", "certain"
    elif usual:
        printed = usual[0].quantity.printed if usual[0].quantity else ""
        why += f"; {printed} of {usual[0].name} is that of: {CONVERTED[0].text}"
        sure = "certain" if len(fitting) == 1 else "likely"
    return Fault(
        statement.place,
        "the lab's configuration (23.66 MB), or the one that was used, described",
        why,
        sure,
        also=tuple(s.place.line for s in found[1:]),
    )


def _is_described(report: Report, statement: Statement, fitting: list[Configuration]) -> bool:
    """Tell whether the report says that this network was made as one of these sizes reveals.

    What the row's label says counts more than what the text says.
    """
    lexicon = report.lexicon
    per_channel = lexicon.has("described.per_channel", statement.label)
    not_fused = lexicon.has("described.not_fused", statement.label)
    if ":" in statement.model and not {PREPARED, FLOAT} & set(fitting):
        # A row of its own configuration: files of one scale per channel have 24.1 or 24.5 MB.
        return not (per_channel or not_fused) or not any(c is CONVERTED[0] for c in fitting)
    if not (per_channel or not_fused):
        if CONVERTED[0] in fitting:
            return True
        name = NAMES.get(statement.model.partition(":")[0], "")
        per_channel, not_fused = _described(report, name)
    return (
        any(
            c.is_per_channel == per_channel and c.is_fused != not_fused
            for c in fitting
            if c in CONVERTED
        )
        or (per_channel and any(c.is_per_channel for c in fitting))
        or (not_fused and any(not c.is_fused for c in fitting))
    )


@lru_cache(maxsize=8)  # asked for every file of a report
def _described(report: Report, name: str) -> tuple[bool, bool]:
    """Tell whether sentences on a network, or on all, say per channel, and not fused."""
    lexicon = report.lexicon
    sentences = [
        words.text
        for words, _ in report.sentences
        if name in words.text
        or lexicon.has("described.used", words.text)
        or re.search(r"24\.\d", words.text)
    ]
    return (
        any(
            lexicon.has("described.per_channel", s) and not lexicon.has("described.denied", s)
            for s in sentences
        ),
        any(lexicon.has("described.not_fused", s) for s in sentences),
    )
