"""Part 4: accuracies, counted from checkpoints on test images that students' code never sees."""

from autograder import thresholds
from autograder.checks.runs import ALL_RUNS, DROP_FOLLOWS, PTQ_RUN, QAT_RUN, TRAINING
from autograder.claims import ClaimFailedError, Evidence, about
from autograder.expected.accuracy import count_lost, count_right
from autograder.host.answers import NoAnswerError
from autograder.measuring import Measurements
from autograder.results import CheckpointSize
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
    table, error = measurements.thresholds, measurements.error
    require_checkpoint(measurements, ("train",))
    needs = thresholds.right_needed(table, len(measurements.images().order))
    name = measurements.runs.names["train"]
    counts = count_right(name, measurements.answers("train"), needs)
    evidence.counts.append(counts)
    judge_by(evidence, thresholds.judge_accuracy(counts, table, error))


def judge_by(evidence: Evidence, judgement: thresholds.Judgement | None) -> None:
    """Judge a claim by what the rubric's thresholds say of what was counted."""
    assert judgement is not None, "counting goes on until it decides"
    evidence.observations = list(judgement.observations)
    evidence.judge(judgement.said, share=judgement.share)


def check_drop(measurements: Measurements, evidence: Evidence, kind: RunKind) -> None:
    """Judge the accuracy that one way of quantizing loses, in percentage points."""
    table, error = measurements.thresholds, measurements.error
    measurements.runs.log(kind)
    require_checkpoint(measurements, ("train", kind))
    images = len(measurements.images().order)
    require_origin(measurements, kind)
    most = thresholds.loss_allowed(table, images)
    name = measurements.runs.names[kind]
    counts = count_lost(name, measurements.answers("train"), measurements.answers(kind), most)
    evidence.counts.append(counts)
    judge_by(evidence, thresholds.judge_loss(counts, table, error))


@about("runs", needs=PTQ_RUN, follows=DROP_FOLLOWS["accuracy.ptq_drop"])
def test_ptq_drop(measurements: Measurements, evidence: Evidence) -> None:
    """PTQ loses no more accuracy than the rubric allows."""
    check_drop(measurements, evidence, "ptq")


@about("runs", needs=QAT_RUN, follows=DROP_FOLLOWS["accuracy.qat_drop"])
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
        bytes_ = path.stat().st_size if path else None
        size = CheckpointSize(
            run=name,
            bytes=bytes_,
            is_a_quarter=bytes_ is not None and is_a_quarter(runs, bytes_),
            fault=fault_of(measurements, kind) if path else "",
        )
        evidence.sizes.append(size)
        evidence.observations += thresholds.judge_size(size, most)
    evidence.judge("")


def is_a_quarter(runs: Runs, size: int) -> bool:
    """Tell whether a file is about a quarter of the FP32 file, as 8 instead of 32 bits give.

    Where that was not handed in, its log says how large it was.
    """
    end, path = runs.log("train").end, runs.handed_in[runs.names["train"]].checkpoint
    whole = path.stat().st_size if path else end.checkpoint_bytes if end else 0
    return 5 * size < 2 * whole


def fault_of(measurements: Measurements, kind: RunKind) -> str:
    """Return why a checkpoint holds no network; empty when it does."""
    try:
        measurements.network(kind)
    except NoAnswerError as error:
        return error.said
    return ""


@about("runs", needs=ALL_RUNS)
def test_claims(measurements: Measurements, evidence: Evidence) -> None:
    """The accuracies that the logs claim are those of the checkpoints."""
    table, error = measurements.thresholds, measurements.error
    for kind in TITLES:
        log, name = measurements.runs.log(kind), measurements.runs.names[kind]
        require_checkpoint(measurements, (kind,))
        claimed = None if log.result is None else log.result.accuracy
        needs = thresholds.right_needed(table, len(measurements.images("published").order))
        counts = count_right(name, measurements.answers(kind, "published"), needs, claimed)
        evidence.counts.append(counts)
        judgement = thresholds.judge_claims(evidence.counts, table, error)
        assert judgement is not None, "counting goes on until it decides"
        evidence.observations = list(judgement.observations)
    evidence.judge(thresholds.EDITED)
