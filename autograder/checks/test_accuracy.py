"""Part 4: accuracies, counted from checkpoints on test images that students' code never sees."""

from autograder.checks.runs import ALL_RUNS, PTQ_RUN, QAT_RUN, TRAINING
from autograder.claims import ClaimFailedError, Evidence, Tier, about
from autograder.expected.accuracy import SLACK, drop_tier, tiers_reached
from autograder.expected.sequential import needed
from autograder.host.answers import NoAnswerError
from autograder.measuring import Measurements
from autograder.submissions.runs import Runs
from lab3.log.records import TITLES, RunKind
from lab3.units import percent

OBSERVER = ("observer.whole_power_of_two", "observer.nearest_exponent", "observer.lower_clamp")


def require_checkpoint(measurements: Measurements, kinds: tuple[RunKind, ...]) -> None:
    """Raise ClaimFailedError for a result that only a log claims; the rubric says what it earns."""
    runs = measurements.runs
    for kind in kinds:
        log, name = runs.log(kind), runs.names[kind]
        if runs.handed_in[name].checkpoint is None and log.result:
            raise ClaimFailedError(
                f"runs/{name}/run.jsonl claims {percent(log.result.accuracy)}; without "
                f"runs/{name}/model.pt that is claimed, not verified",
                share=measurements.unverified,
                is_claim_only=True,
            )


def require_origin(measurements: Measurements, kind: RunKind) -> None:
    """Raise ClaimFailedError for a network that was not quantized from the FP32 run that counts."""
    if not all(fact.holds for fact in measurements.origin(kind)):
        names = measurements.runs.names
        raise ClaimFailedError(
            f"runs/{names[kind]}/model.pt was not made from runs/{names['train']}/model.pt: what "
            "one loses beside the other says nothing"
        )


@about("runs", needs=TRAINING)
def test_fp32(measurements: Measurements, evidence: Evidence) -> None:
    """The FP32 network reaches the accuracy that the rubric asks for."""
    tiers = measurements.thresholds.fp32
    require_checkpoint(measurements, ("train",))
    images = len(measurements.images().order)
    counts = [needed(tier.at, images) for tier in tiers]
    test = tiers_reached(measurements.answers("train"), counts)
    counted = seen_text(test.correct, test.seen, images)
    verdicts = [
        Tier(
            f"accuracy of at least {percent(tier.at)}, for {tier.share:.0%} of the points",
            "reached",
            f"{'reached' if test.reached(count) else 'missed'}: {counted}",
            tier.share,
            bool(test.reached(count)),
        )
        for tier, count in zip(tiers, counts, strict=True)
    ]
    evidence.judge("", share=evidence.add_tiers(verdicts))


def seen_text(correct: int, seen: int, images: int) -> str:
    extent = "all" if seen == images else f"{seen:,} of {images:,}"
    return f"{correct:,} right of {seen:,} looked at ({percent(correct / seen)}; {extent} images)"


def check_drop(measurements: Measurements, evidence: Evidence, kind: RunKind) -> None:
    """Judge the accuracy that one way of quantizing loses, in percentage points."""
    tiers = sorted(measurements.thresholds.drop, key=lambda tier: tier.at)
    measurements.runs.log(kind)
    require_checkpoint(measurements, ("train", kind))
    images = len(measurements.images().order)
    require_origin(measurements, kind)
    counts = [int(images * tier.at + 1e-9) for tier in tiers]
    drop = drop_tier(measurements.answers("train"), measurements.answers(kind), counts)
    lost = 100 * (drop.fp32 - drop.int8) / drop.seen
    counted = f"{lost:+.2f} points on {drop.seen:,} images"
    share = 0.0 if drop.tier is None else tiers[drop.tier].share
    for index, tier in enumerate(tiers):
        holds = drop.tier is not None and drop.tier <= index
        what = (
            f"accuracy lost: at most {100 * tier.at:g} points, for {tier.share:.0%} of the points"
        )
        got = f"{'within' if holds else 'exceeded'}: {counted}"
        evidence.add(what, "within", got, holds)
    evidence.judge("", share=share)


@about("runs", needs=PTQ_RUN, follows=("runs.ptq_weights",))
def test_ptq_drop(measurements: Measurements, evidence: Evidence) -> None:
    """PTQ loses no more accuracy than the rubric allows."""
    check_drop(measurements, evidence, "ptq")


@about("runs", needs=QAT_RUN, follows=("runs.qat_weights",))
def test_qat_drop(measurements: Measurements, evidence: Evidence) -> None:
    """QAT loses no more accuracy than the rubric allows."""
    check_drop(measurements, evidence, "qat")


@about("runs", needs=PTQ_RUN, follows=(*OBSERVER, "runs.checkpoints"))
def test_ptq_scales(measurements: Measurements, evidence: Evidence) -> None:
    """The scales of PTQ are those of the FP32 weights and of the calibration images."""
    images, facts = measurements.calibrated()
    wrong = [fact for fact in facts if not fact.holds]
    what = f"scales of the FP32 weights and of {images:,} calibration images"
    evidence.add(what, "all", f"{len(facts) - len(wrong)} of {len(facts)}", not wrong)
    for fact in wrong:
        evidence.add(fact.question, fact.expected, fact.got, fact.holds)
    evidence.judge("lab3 ptq shows the observers the first training images of the split.")


@about("runs", needs=ALL_RUNS)
def test_quantized_size(measurements: Measurements, evidence: Evidence) -> None:
    """The INT8 checkpoints are as small as INT8 networks are."""
    most, runs = measurements.thresholds.largest_bytes, measurements.runs
    kinds: tuple[RunKind, ...] = ("ptq", "qat")
    for kind in kinds:
        runs.log(kind)
        name = runs.names[kind]
        path = runs.handed_in[name].checkpoint
        size = path.stat().st_size if path else None
        got = "not handed in" if size is None else f"{size / 1e6:.2f} MB"
        holds = size is not None and size <= most and is_a_quarter(runs, size)
        expected = f"at most {most / 1e6:.2f} MB, a quarter of FP32"
        evidence.add(f"runs/{name}/model.pt", expected, got, holds)
        if path:
            observe_contents(measurements, evidence, kind)
    evidence.judge("")


def is_a_quarter(runs: Runs, size: int) -> bool:
    """Tell whether a file is about a quarter of the FP32 file, as 8 instead of 32 bits give.

    Where that was not handed in, its log says how large it was.
    """
    end, path = runs.log("train").end, runs.handed_in[runs.names["train"]].checkpoint
    whole = path.stat().st_size if path else end.checkpoint_bytes if end else 0
    return 5 * size < 2 * whole


def observe_contents(measurements: Measurements, evidence: Evidence, kind: RunKind) -> None:
    """Observe that a checkpoint holds a network: a file of anything else may have any size."""
    contents = "the network's numbers"
    try:
        measurements.network(kind)
    except NoAnswerError as error:
        name = measurements.runs.names[kind]
        evidence.add(f"runs/{name}/model.pt: contents", contents, error.said, holds=False)


@about("runs", needs=ALL_RUNS)
def test_claims(measurements: Measurements, evidence: Evidence) -> None:
    """The accuracies that the logs claim are those of the checkpoints."""
    tiers = measurements.thresholds.fp32
    for kind in TITLES:
        log, name = measurements.runs.log(kind), measurements.runs.names[kind]
        require_checkpoint(measurements, (kind,))
        images = len(measurements.images("published").order)
        counts = [needed(tier.at, images) for tier in tiers]
        test = tiers_reached(measurements.answers(kind, "published"), counts)
        if log.result is None:
            evidence.add(f"runs/{name}", "a result", "none", holds=False)
            continue
        claim = round(log.result.accuracy * images)
        holds = test.allows(claim, int(images * SLACK))
        counted = seen_text(test.correct, test.seen, images)
        evidence.add(f"runs/{name}: accuracy", percent(log.result.accuracy), counted, holds)
    evidence.judge("lab3 evaluate writes what it has measured; nothing in a log is edited.")
