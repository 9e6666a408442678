"""Part 4: accuracies, counted from checkpoints on test images that students' code never sees."""

from typing import Any

from autograder.claims import ClaimFailedError, Evidence, about
from autograder.expected.sequential import needed
from autograder.host.client import Client
from autograder.material import SLACK, Material
from autograder.rubric import Thresholds
from lab3.log.records import TITLES, RunKind
from lab3.units import percent


def thresholds_of(material: Material) -> Thresholds:
    return material.thresholds[material.log("train").start.data.name]


def require_checkpoint(material: Material, kinds: tuple[RunKind, ...]) -> None:
    """Raise ClaimFailedError for a result that only a log claims; the rubric says what it earns."""
    for kind in kinds:
        log = material.log(kind)
        name = material.chosen[kind]
        if material.runs[name].checkpoint is None and log.result:
            raise ClaimFailedError(
                f"runs/{name}/run.jsonl claims {percent(log.result.accuracy)}; without "
                f"runs/{name}/model.pt that is claimed, not verified",
                share=material.unverified,
                is_claim_only=True,
            )


@about("runs")
def test_fp32(client: Client, material: Material, evidence: Evidence) -> None:
    """The FP32 network reaches the accuracy that the rubric asks for."""
    tiers = thresholds_of(material).fp32
    require_checkpoint(material, ("train",))
    images = len(material.images.test)
    counts = {tier: needed(tier.at, images) for tier in tiers}
    test = material.tiers_reached("train", client, list(counts.values()))
    share = 0.0
    for tier, count in counts.items():
        is_reached = bool(test.reached(count))
        share = max(share, tier.share if is_reached else 0.0)
        got = (
            f"{'reached' if is_reached else 'missed'}: {seen_text(test.correct, test.seen, images)}"
        )
        evidence.add(f"accuracy of at least {percent(tier.at)}, for {tier.share:.0%} of the points",
                     "reached", got, is_reached)  # fmt: skip
    best = max(tier.share for tier in tiers)
    if share == best:  # a higher tier than the one for all points need not be reached
        keep(evidence, share)
    evidence.judge("", share=share)


def keep(evidence: Evidence, _share: float) -> None:
    """Let the observations stand although some say missed: the points are full."""
    evidence.observations = [o.model_copy(update={"holds": True}) for o in evidence.observations]


def seen_text(correct: int, seen: int, images: int) -> str:
    extent = "all" if seen == images else f"{seen:,} of {images:,}"
    return f"{correct:,} right of {seen:,} looked at ({percent(correct / seen)}; {extent} images)"


def check_drop(client: Client, material: Material, evidence: Evidence, kind: RunKind) -> None:
    tiers = sorted(thresholds_of(material).drop, key=lambda tier: tier.at)
    material.log(kind)
    require_checkpoint(material, ("train", kind))
    images = len(material.images.test)
    counts = [int(images * tier.at + 1e-9) for tier in tiers]
    drop = material.drop_tier(kind, client, counts)
    share = 0.0 if drop.tier is None else tiers[drop.tier].share
    lost = 100 * (drop.fp32 - drop.int8) / drop.seen
    for index, tier in enumerate(tiers):
        holds = drop.tier is not None and drop.tier <= index
        evidence.add(
            f"accuracy lost: at most {100 * tier.at:g} points, for {tier.share:.0%} of the points",
            "within",
            f"{'within' if holds else 'exceeded'}: {lost:+.2f} points on {drop.seen:,} images",
            holds,
        )
    evidence.judge("", share=share)


@about("runs")
def test_ptq_drop(client: Client, material: Material, evidence: Evidence) -> None:
    """PTQ loses no more accuracy than the rubric allows."""
    check_drop(client, material, evidence, "ptq")


@about("runs")
def test_qat_drop(client: Client, material: Material, evidence: Evidence) -> None:
    """QAT loses no more accuracy than the rubric allows."""
    check_drop(client, material, evidence, "qat")


@about("runs")
def test_quantized_size(material: Material, evidence: Evidence) -> None:
    """The INT8 checkpoints are as small as INT8 networks are."""
    most = thresholds_of(material).largest_bytes
    kinds: tuple[RunKind, ...] = ("ptq", "qat")
    for kind in kinds:
        log, name = material.log(kind), material.chosen[kind]
        path = material.runs[name].checkpoint
        assert log.end is not None
        size = path.stat().st_size if path else None
        got = "not handed in" if size is None else f"{size / 1e6:.2f} MB"
        holds = size is not None and size <= most and is_a_quarter(material, size)
        expected = f"at most {most / 1e6:.2f} MB, a quarter of FP32"
        evidence.add(f"runs/{name}/model.pt", expected, got, holds)
    evidence.judge("")


def is_a_quarter(material: Material, size: int) -> bool:
    """Tell whether a file is about a quarter of the FP32 file, as 8 instead of 32 bits give."""
    end = material.log("train").end
    return end is not None and size < 0.4 * end.checkpoint_bytes


@about("runs")
def test_claims(client: Client, material: Material, evidence: Evidence) -> None:
    """The accuracies that the logs claim are those of the checkpoints."""
    data: Any = thresholds_of(material)
    for kind in TITLES:
        log, name = material.log(kind), material.chosen[kind]
        require_checkpoint(material, (kind,))
        images = len(material.images.test)
        counts = [needed(tier.at, images) for tier in data.fp32]
        test = material.tiers_reached(kind, client, counts)
        if log.result is None:
            evidence.add(f"runs/{name}", "a result", "none", holds=False)
            continue
        claim = round(log.result.accuracy * images)
        holds = test.allows(claim, int(images * SLACK))
        evidence.add(f"runs/{name}: accuracy", percent(log.result.accuracy),
                     seen_text(test.correct, test.seen, images), holds)  # fmt: skip
    evidence.judge("lab3 evaluate writes what it has measured; nothing in a log is edited.")
