"""What the size of a checkpoint reveals: its unit, and the configuration that it was made with.

Bytes of the ``state_dict`` file of the CIFAR ResNet-50, measured with PyTorch 2.14; other versions
and longer names of the file move them by about 10 kB.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from tools.review.findings import Finding, Sure
from tools.review.reading.document import ReportText
from tools.review.reading.quantities import Interval, exactly
from tools.review.reading.results import NAMES, Results, Row
from tools.review.reading.words import (
    DENIED,
    NOT_FUSED,
    PER_CHANNEL,
    USED,
)

TOLERANCE = Decimal(15_000)  # bytes
MEBI = Decimal(2**20) / Decimal(10**6)


@dataclass(frozen=True)
class Configuration:
    """How a file of this many bytes was made."""

    size_bytes: int
    text: str
    is_fused: bool = True
    is_per_channel: bool = False

    def fits(self, size: Interval) -> bool:
        return size.widened(TOLERANCE).touches(exactly(self.size_bytes))


FP32 = Configuration(94_400_000, "FP32")
PREPARED = Configuration(94_090_000, "prepared, but not converted to INT8")
INT8 = (
    Configuration(23_660_000, "fused, one scale per tensor"),
    Configuration(24_075_000, "not fused, one scale per tensor", is_fused=False),
    Configuration(24_115_000, "the default qconfig (one scale per channel), fused", True, True),
    Configuration(
        24_530_000, "the default qconfig (one scale per channel), not fused", False, True
    ),
)


def review_sizes(document: ReportText, results: Results, logged: list[int]) -> Iterator[Finding]:
    """``logged`` are sizes in bytes from run logs, known besides those of the ResNet-50."""
    for table in results.tables:
        for row in table:
            yield from mebibytes(document, row, logged)
        yield from schemes(document, table)


def decimal_size(row: Row, logged: list[int]) -> tuple[Interval | None, bool]:
    """Return a size in bytes, and whether it was printed in MiB under another name."""
    size, cell = row.size, row.cells.get("size")
    if size is None or cell is None:
        return None, False
    says_mib = re.search(r"[KMG]iB", f"{cell.header} {cell.text}", re.I)
    others = (*INT8, PREPARED) if row.model != "fp32" else (FP32, PREPARED)
    configurations = [*others, *(Configuration(count, "the run's file") for count in logged)]
    if says_mib or any(configuration.fits(size) for configuration in configurations):
        return size, False
    scaled = size.times(MEBI)
    is_mib = any(configuration.fits(scaled) for configuration in configurations)
    return (scaled if is_mib else size), is_mib


def mebibytes(document: ReportText, row: Row, logged: list[int]) -> Iterator[Finding]:
    """Yield a size that is divided by 2**20 but called MB."""
    size, is_mib = decimal_size(row, logged)
    cell = row.cells.get("size")
    if size and cell and is_mib:
        quantity = cell.quantity
        is_rough = quantity is None or quantity.is_integer
        yield document.finding(
            "size-mib",
            cell.line,
            f"{row.label}: {cell.text}",
            f"{size.middle / 10**6:.2f} MB",
            "this is the size in MiB (divided by 2**20); MB are 10**6 bytes",
            "possible" if is_rough else "certain",
        )


def schemes(document: ReportText, table: list[Row]) -> Iterator[Finding]:
    """Yield sizes of INT8 networks that the lab's configuration doesn't give."""
    sizes = [(row, decimal_size(row, [])[0]) for row in table]
    fp32 = [size for row, size in sizes if row.model == "fp32" and size]
    if fp32 and not any(FP32.fits(size) or PREPARED.fits(size) for size in fp32):
        return  # another network than the ResNet-50
    usual = [row for row, size in sizes if row.model != "fp32" and size and INT8[0].fits(size)]
    for row, size in sizes:
        cell = row.cells.get("size")
        if row.model == "fp32" or size is None or cell is None:
            continue
        fitting = [c for c in (*INT8, PREPARED, FP32) if c.fits(size)]
        if not fitting or is_described(document, row, fitting):
            continue
        yield _reveals(document, row, size, fitting, usual)


def _reveals(
    document: ReportText, row: Row, size: Interval, fitting: list[Configuration], usual: list[Row]
) -> Finding:
    cell = row.cells["size"]
    what = " or ".join(configuration.text for configuration in fitting)
    sure: Sure = "likely" if len(fitting) == 1 else "possible"
    why = f"{size.middle / 10**6:.2f} MB is the size of: {what}"
    if PREPARED in fitting or FP32 in fitting:
        why, sure = f"{cell.text} is the size of a network that holds FP32 weights", "certain"
    elif usual:
        other = usual[0].cells["size"].text
        why += f"; {other} of {usual[0].label} is that of: {INT8[0].text}"
        sure = "certain" if len(fitting) == 1 else "likely"
    return document.finding(
        "size-scheme",
        cell.line,
        f"{row.label}: {cell.text}",
        "the lab's configuration (23.66 MB), or the one that was used, described",
        why,
        sure,
    )


def is_described(document: ReportText, row: Row, fitting: list[Configuration]) -> bool:
    """Tell whether the report says that this network was made as one of these sizes reveals.

    What the row's label says counts more than what the text says.
    """
    per_channel = PER_CHANNEL.search(row.label) is not None
    not_fused = NOT_FUSED.search(row.label) is not None
    if not (per_channel or not_fused):
        if INT8[0] in fitting:
            return True
        per_channel, not_fused = _described(document, NAMES[row.model])
    return any(
        c.is_per_channel == per_channel and c.is_fused != not_fused for c in fitting if c in INT8
    )


@lru_cache(maxsize=4)  # one for each network
def _described(document: ReportText, name: str) -> tuple[bool, bool]:
    """Tell whether sentences on a network, or on all, say per channel, and not fused."""
    sentences = [
        sentence
        for block in document.texts()
        for sentence in re.split(r"(?<=[.。!?;])\s*(?![0-9])", block.text)
        if name in sentence or USED.search(sentence)
    ]
    return (
        any(PER_CHANNEL.search(s) and not DENIED.search(s) for s in sentences),
        any(NOT_FUSED.search(s) for s in sentences),
    )
