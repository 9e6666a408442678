"""What thresholds would do to honest runs, and which ones the reference runs speak for."""

from __future__ import annotations

import difflib
import math
import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from autograder.expected.sequential import LossTest, SequentialTest, needed
from autograder.rubric import Thresholds, Tier, line_of
from autograder.thresholds import loss_allowed, right_needed
from tools.reference.results import Summary

CONFIDENCE = 0.95
SIZES = (1_000, 2_000, 5_000, 10_000)  # test images
DEVIATIONS = 3  # that a proposed threshold lies off the mean
STEP = 0.005  # thresholds are proposed in half points


@dataclass(frozen=True)
class Verdict:
    """What one threshold does to the runs of one network, honest ones all of them.

    ``interval`` is that of Clopper & Pearson (Biometrika 26, 1934) for the share of failing runs.
    ``by_luck`` is the mean probability of failing when the test images are drawn anew, by their
    number: of a loss at most, since the logs don't tell which images both networks have right.
    """

    network: str
    at: float
    share: float
    failing: int
    runs: int
    interval: tuple[float, float]
    by_luck: dict[int, float]


@dataclass(frozen=True)
class Calibration:
    """What the runs of a profile say about the thresholds of its data set.

    ``costs`` are the images that FP32 verdicts take, by run, and ``loss_costs`` those that verdicts
    on losses take, at least and at most; ``fp32`` and ``drop`` are proposals.
    """

    dataset: str
    network: str
    images: int
    error: float
    verdicts: tuple[Verdict, ...]
    costs: dict[str, int]
    loss_costs: dict[str, tuple[int, int]]
    fp32: tuple[Tier, ...]
    drop: tuple[Tier, ...]


def calibrate(results: Summary, thresholds: Thresholds, error: float) -> Calibration | None:
    """Weigh thresholds by the runs of a profile; None without any."""
    rows = {row["title"]: row for row in results["compared"]}
    if not {"FP32", "PTQ", "QAT"} <= set(rows):
        return None
    fp32, quantized = rows["FP32"], [rows["PTQ"], rows["QAT"]]
    images: int = fp32["images"]
    right = [round(share * images) for share in fp32["accuracy"]["values"]]
    verdicts = [
        verdict("FP32", tier, [count < needs for count in right], luck_of(right, images, tier.at))
        for tier, needs in zip(thresholds.fp32, right_needed(thresholds, images), strict=True)
    ]
    tiers = sorted(thresholds.drop, key=lambda tier: tier.at)
    for row in quantized:
        runs = [*zip(right, row["lost_images"]["values"], strict=True)]
        for number, tier in enumerate(tiers):
            allowed = {size: loss_allowed(thresholds, size)[number] for size in sizes_with(images)}
            by_luck = {
                size: statistics.fmean(luck_of_losing(*run, images, size, most) for run in runs)
                for size, most in allowed.items()
            }
            failing = [lost > allowed[images] for _, lost in runs]
            verdicts.append(verdict(row["title"], tier, failing, by_luck))
    needs, most = right_needed(thresholds, images), loss_allowed(thresholds, images)
    names = zip(fp32["runs"], right, strict=True)
    losing_runs = [
        (name, count, lost)
        for row in quantized
        for name, count, lost in zip(row["runs"], right, row["lost_images"]["values"], strict=True)
    ]
    return Calibration(
        dataset=results["dataset"],
        network=f"{results['arch']} of width {results['width']}",
        images=images,
        error=error,
        verdicts=tuple(verdicts),
        costs={name: images_of_verdict(images, count, needs, error) for name, count in names},
        loss_costs={
            name: images_of_losses(images, won_by(count, lost, images), lost, most, error)
            for name, count, lost in losing_runs
        },
        fp32=proposed_fp32(fp32, thresholds),
        drop=proposed_drop(quantized, thresholds),
    )


def verdict(
    network: str, tier: Tier, failing: Sequence[bool], by_luck: dict[int, float]
) -> Verdict:
    k, n = sum(failing), len(failing)
    return Verdict(network, tier.at, tier.share, k, n, clopper_pearson(k, n), by_luck)


def sizes_with(images: int) -> list[int]:
    return sorted({images, *SIZES})


def luck_of(right: Sequence[int], images: int, at: float) -> dict[int, float]:
    """Return the mean probability of failing, by the number of images drawn."""
    accuracies = [count / images for count in right]
    return {
        size: statistics.fmean(binomial_below(needed(at, size), size, p) for p in accuracies)
        for size in sizes_with(images)
    }


def luck_of_losing(right: int, lost: int, images: int, drawn: int, most: int) -> float:
    """Return at most how probable it is that of so many drawn images more than ``most`` are lost.

    Of all images FP32 has ``right`` right and the INT8 network ``lost`` fewer. Those that only one
    of them has right decide, and how many they are is not known: as few as the loss, or as many as
    FP32 has wrong. By the normal approximation of their multinomial distribution.
    """
    return max(
        losing((lost + won) / images, won / images, drawn, most)
        for won in won_by(right, lost, images)
    )


def won_by(right: int, lost: int, images: int) -> tuple[int, int]:
    """Return how many images only the INT8 network can have right, at least and at most."""
    fewest = max(0, -lost)
    return fewest, max(fewest, min(images - right, right - lost))


def losing(only_fp32: float, only_other: float, drawn: int, most: int) -> float:
    """Return P(B - C > most), of images that only FP32 (B) or only the other (C) has right."""
    loss = only_fp32 - only_other
    variance = drawn * (only_fp32 + only_other - loss**2)
    above = drawn * loss - (most + 0.5)
    if variance <= 0:
        return float(above > 0)
    return math.erfc(-above / math.sqrt(2 * variance)) / 2


def clopper_pearson(k: int, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the exact interval of a share of which ``k`` in ``n`` were seen."""
    tail = (1 - confidence) / 2
    low = 0.0 if k == 0 else bisect(lambda p: 1 - binomial_below(k, n, p) > tail)
    high = 1.0 if k == n else bisect(lambda p: binomial_below(k + 1, n, p) < tail)
    return low, high


def bisect(is_above: Callable[[float], bool]) -> float:
    """Return where a condition on a share, from 0 to 1, begins to hold."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if is_above(middle) else (middle, high)
    return high


def binomial_below(k: int, n: int, p: float) -> float:
    """Return P(X < k) of X ~ Binomial(n, p)."""
    if p <= 0 or p >= 1:
        return float(k > (n if p >= 1 else 0))
    log_p, log_q = math.log(p), math.log1p(-p)
    whole = math.lgamma(n + 1)
    return min(
        1.0,
        math.fsum(
            math.exp(
                whole - math.lgamma(x + 1) - math.lgamma(n - x + 1) + x * log_p + (n - x) * log_q
            )
            for x in range(min(k, n + 1))
        ),
    )


def images_of_verdict(images: int, right: int, needs: Sequence[int], error: float) -> int:
    """Return after how many images the verdicts on all tiers stand, when they come evenly mixed."""
    test = SequentialTest(images, needs, error)
    while (seen := test.next_look) is not None:
        test.update(seen, round(seen * right / images))
    return test.seen


def images_of_losses(
    images: int, won: tuple[int, int], lost: int, most: Sequence[int], error: float
) -> tuple[int, int]:
    """Return after how many images the verdicts on a loss stand, for each end of what was won."""
    seen = []
    for gained in won:
        test = LossTest(images, most, error)
        while (look := test.next_look) is not None:
            share = look / images
            test.update(look, round((lost + gained) * share), round(gained * share))
        seen.append(test.seen)
    return min(seen), max(seen)


def proposed_fp32(row: Summary, thresholds: Thresholds) -> tuple[Tier, ...]:
    """Return tiers whose full share lies below what honest runs reach; the rest keep distance.

    The spread is that of the seeds and that of drawing as many test images anew.
    """
    mean, images = row["accuracy"]["mean"], row["images"]
    deviation = math.hypot(row["accuracy"]["deviation"] or 0, math.sqrt(mean * (1 - mean) / images))
    full = max(tier.at for tier in thresholds.fp32)
    at = math.floor((mean - DEVIATIONS * deviation) / STEP) * STEP
    return tuple(
        Tier(at=round(max(0.0, at - (full - tier.at)), 4), share=tier.share)
        for tier in thresholds.fp32
    )


def proposed_drop(rows: Sequence[Summary], thresholds: Thresholds) -> tuple[Tier, ...]:
    """Return tiers whose full share lies above what honest PTQ and QAT runs lose."""
    worst = max(
        (row["lost_images"]["mean"] + DEVIATIONS * (row["lost_images"]["deviation"] or 0))
        / row["images"]
        for row in rows
    )
    full = min(tier.at for tier in thresholds.drop)
    at = max(1, math.ceil(worst / STEP)) * STEP
    return tuple(
        Tier(at=round(min(1.0, at + (tier.at - full)), 4), share=tier.share)
        for tier in thresholds.drop
    )


def patch(rubric: Path, calibrations: Sequence[Calibration]) -> str:
    """Return what the proposals change in a rubric, as a unified diff; empty when nothing."""
    text = rubric.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    for calibration in calibrations:
        for field, tiers in (("fp32", calibration.fp32), ("drop", calibration.drop)):
            number = line_of(text, ("thresholds", calibration.dataset, field)) - 1
            lines[number] = re.sub(r"\[.*\]", as_toml(tiers), lines[number], count=1)
    return "".join(
        difflib.unified_diff(
            text.splitlines(keepends=True), lines, f"a/{rubric.name}", f"b/{rubric.name}"
        )
    )


def as_toml(tiers: Sequence[Tier]) -> str:
    """Return tiers as the rubric writes them: whole points as 0.90, half ones as 0.905."""
    shares = ((f"{tier.at:.3f}".removesuffix("0"), tier.share) for tier in tiers)
    return f"[{', '.join(f'{{ at = {at}, share = {share:.1f} }}' for at, share in shares)}]"


def as_document(calibration: Calibration) -> dict[str, Any]:
    """Return a calibration as JSON has it."""
    document = asdict(calibration)
    for field in ("fp32", "drop"):
        document[field] = [tier.model_dump() for tier in getattr(calibration, field)]
    return document
