"""What was counted and weighed, judged by a rubric's thresholds: just now, or from what was stored.

Each function returns None where the looks that were taken don't decide.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from autograder.expected.sequential import FIRST_LOOK, LossTest, SequentialTest, needed
from autograder.results import CheckpointSize, CheckResult, ImageCounts, Observation
from autograder.rubric import Thresholds, Tier
from lab3.units import percent

SLACK = Fraction(1, 500)  # of all images: other processors round FP32 differently
NETWORKS, INT8_NETWORKS = 3, 2  # FP32, PTQ and QAT; the last two
EDITED = "lab3 evaluate writes what it has measured; nothing in a log is edited."


@dataclass(frozen=True)
class Judgement:
    """What thresholds say: the claim holds when all observations do, else it earns a share."""

    observations: tuple[Observation, ...]
    share: float = 0.0
    said: str = ""

    @property
    def holds(self) -> bool:
        return all(seen.holds for seen in self.observations)


def judge(result: CheckResult, thresholds: Thresholds, error: float) -> Judgement | None:
    """Judge the stored numbers of a check that thresholds are asked of."""
    if result.sizes:
        return judge_sizes(result.sizes, thresholds)
    if result.counts[0].lost:
        return judge_loss(result.counts[0], thresholds, error)
    if result.check == "accuracy.claims":
        return judge_claims(result.counts, thresholds, error)
    return judge_accuracy(result.counts[0], thresholds, error)


def is_complete(result: CheckResult) -> bool:
    """Tell whether thresholds alone gave the verdict: nothing came between the numbers."""
    if result.sizes:
        return len(result.sizes) == INT8_NETWORKS
    return len(result.counts) == (NETWORKS if result.check == "accuracy.claims" else 1)


def right_needed(thresholds: Thresholds, images: int) -> list[int]:
    """Return how many right images each tier of FP32 asks for."""
    return [needed(tier.at, images) for tier in thresholds.fp32]


def loss_tiers(thresholds: Thresholds) -> list[Tier]:
    """Return the tiers of a drop, the strictest first."""
    return sorted(thresholds.drop, key=lambda tier: tier.at)


def loss_allowed(thresholds: Thresholds, images: int) -> list[int]:
    """Return how many images each of these tiers lets a network lose."""
    return [int(images * tier.at + 1e-9) for tier in loss_tiers(thresholds)]


def first_look(counts: ImageCounts) -> int:
    return counts.seen[0] if counts.seen else FIRST_LOOK


def replayed(counts: ImageCounts, needs: Sequence[int], error: float) -> SequentialTest | None:
    """Return the test on the counts as far as it needs them."""
    test = SequentialTest(counts.images, needs, error, first_look(counts))
    for seen, right in zip(counts.seen, counts.right, strict=True):
        if test.next_look == seen:
            test.update(seen, right)
    return test if test.decided else None


def judge_accuracy(counts: ImageCounts, thresholds: Thresholds, error: float) -> Judgement | None:
    """Judge FP32's accuracy; a tier that was missed beside the full share costs nothing."""
    needs = right_needed(thresholds, counts.images)
    test = replayed(counts, needs, error)
    if test is None:
        return None
    tiers = [(tier, bool(test.reached(n))) for tier, n in zip(thresholds.fp32, needs, strict=True)]
    share = max((tier.share for tier, is_reached in tiers if is_reached), default=0.0)
    is_full = share == max(tier.share for tier, _ in tiers)
    found = extent(test)
    observations = (
        Observation(
            question=f"accuracy of at least {percent(tier.at)}, for {tier.share:.0%} of the points",
            expected="reached",
            got=f"{'reached' if is_reached else 'missed'}: {found}",
            holds=is_reached or is_full,
        )
        for tier, is_reached in tiers
    )
    return Judgement(tuple(observations), share)


def extent(test: SequentialTest) -> str:
    """Say how many images are right of how many."""
    if not test.seen:
        return "no image had to be looked at"
    extent = "all" if test.seen == test.images else f"{test.seen:,} of {test.images:,}"
    found = f"{test.correct:,} right of {test.seen:,} looked at"
    return f"{found} ({percent(test.correct / test.seen)}; {extent} images)"


def judge_loss(counts: ImageCounts, thresholds: Thresholds, error: float) -> Judgement | None:
    """Judge the accuracy that one way of quantizing loses, in percentage points."""
    most = loss_allowed(thresholds, counts.images)
    test, lost, won = LossTest(counts.images, most, error, first_look(counts)), 0, 0
    for row in zip(counts.seen, counts.lost, counts.won, strict=True):
        if test.next_look == row[0]:
            test.update(*row)
            _, lost, won = row
    if test.next_look is not None:
        return None
    observations = []
    found = f"{100 * (lost - won) / test.seen:+.2f} points on {test.seen:,} images"
    tiers = list(zip(loss_tiers(thresholds), test.verdicts, strict=True))
    for tier, holds in tiers:
        what = f"accuracy lost: at most {100 * tier.at:g} points"
        observations.append(
            Observation(
                question=f"{what}, for {tier.share:.0%} of the points",
                expected="within",
                got=f"{'within' if holds else 'exceeded'}: {found}",
                holds=bool(holds),
            )
        )
    share = max((tier.share for tier, holds in tiers if holds), default=0.0)
    return Judgement(tuple(observations), share)


def judge_claims(
    counts: Sequence[ImageCounts], thresholds: Thresholds, error: float
) -> Judgement | None:
    """Judge the accuracies that logs claim."""
    observations = [judge_claim(one, thresholds, error) for one in counts]
    known = tuple(seen for seen in observations if seen is not None)
    return Judgement(known, said=EDITED) if len(known) == len(counts) else None


def judge_claim(counts: ImageCounts, thresholds: Thresholds, error: float) -> Observation | None:
    """Compare what one log claims with what was counted."""
    run = f"runs/{counts.run}"
    test = replayed(counts, right_needed(thresholds, counts.images), error)
    if test is None:
        return None
    if counts.claimed is None:
        return Observation(question=run, expected="a result", got="none", holds=False)
    claim = round(counts.claimed * counts.images)
    return Observation(
        question=f"{run}: accuracy",
        expected=percent(counts.claimed),
        got=extent(test),
        holds=test.allows(claim, int(counts.images * SLACK)),
    )


def judge_sizes(sizes: Sequence[CheckpointSize], thresholds: Thresholds) -> Judgement:
    """Judge whether INT8 checkpoints are as small as INT8 networks are."""
    most = thresholds.largest_bytes
    return Judgement(tuple(seen for size in sizes for seen in judge_size(size, most)))


def judge_size(size: CheckpointSize, most: int) -> list[Observation]:
    """Judge one checkpoint: a file of anything else may have any size."""
    what = f"runs/{size.run}/model.pt"
    is_small = size.bytes is not None and size.bytes <= most and size.is_a_quarter
    observations = [
        Observation(
            question=what,
            expected=f"at most {most / 1e6:.2f} MB, a quarter of FP32",
            got="not handed in" if size.bytes is None else f"{size.bytes / 1e6:.2f} MB",
            holds=is_small,
        )
    ]
    if size.fault:
        contents = "the network's numbers"
        observations.append(
            Observation(
                question=f"{what}: contents", expected=contents, got=size.fault, holds=False
            )
        )
    return observations
