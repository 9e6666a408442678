"""Part 4: the run logs, judged by themselves and beside their checkpoints."""

import math
from collections.abc import Iterator

from autograder.checks.observing import exponent
from autograder.checks.runs import ALL_RUNS, PTQ_RUN, QAT_RUN, TRAINING
from autograder.claims import Evidence, about
from autograder.expected.contract import is_shift
from autograder.host.answers import NoAnswerError
from autograder.measuring import Measurements
from autograder.submissions.runs import MissingRunError, Runs
from lab3.log.records import TITLES, RunKind
from lab3.log.runlog import RunLog
from lab3.schedule import learning_rate

Fact = tuple[str, object, object]  # what, expected, got


@about("runs", needs=ALL_RUNS)
def test_logs(runs: Runs, evidence: Evidence) -> None:
    """There is a complete run log of FP32, PTQ and QAT, each with a result on the test images."""
    for kind, title in TITLES.items():
        name = runs.names.get(kind)
        if name is None:
            evidence.add(f"{title} run", "a complete log", runs.why_none(kind), holds=False)
            continue
        log = runs.log(kind)
        got = f"runs/{name}, complete" if log.result else f"runs/{name} without a result"
        evidence.add(f"{title} run", "a complete log with a result", got, log.result is not None)
    for name, known in runs.logs.items():
        if isinstance(known, str):
            evidence.add(f"runs/{name}", "a log that can be read", known, holds=False)
    evidence.judge("lab3 train, lab3 ptq, lab3 qat and lab3 evaluate write them.")


@about("runs", needs=TRAINING)
def test_consistency(runs: Runs, evidence: Evidence) -> None:
    """The logs agree with themselves and with each other."""
    if not runs.names:
        raise MissingRunError(runs.why_none("train"))
    for kind in runs.names:
        log, name = runs.log(kind), runs.names[kind]
        try:
            for what, expected, got in facts(log):
                holds = agree(expected, got)
                evidence.add(f"runs/{name}: {what}", shown(expected), shown(got), holds)
        except (ArithmeticError, TypeError, ValueError) as error:  # numbers that no run has
            evidence.add(f"runs/{name}: numbers", "comparable", str(error), holds=False)
        if kind != "train":
            origin = runs.log("train")
            holds = log.continues(origin) and log.start.data == origin.start.data
            expected = f"those of runs/{runs.names['train']}"
            got = "the same" if holds else "others"
            evidence.add(f"runs/{name}: baseline and data", expected, got, holds)
    evidence.judge("A log is written by the lab's commands alone; nothing in it is edited.")


def facts(log: RunLog) -> Iterator[Fact]:
    """Yield what one part of a log says of another."""
    start, end, result = log.start, log.end, log.result
    assert end is not None
    hyper = start.hyperparameters
    if start.kind != "ptq":
        yield "hyperparameters", True, hyper is not None
    if start.kind != "train":
        yield "conversion to INT8", True, log.quantized is not None
    if hyper is not None:
        yield "epochs", hyper.epochs, len(log.epochs)
        yield (
            "learning rates",
            [learning_rate(hyper, e) for e in range(len(log.epochs))],
            [epoch.learning_rate for epoch in log.epochs],
        )
        best = max((epoch.validation_accuracy for epoch in log.epochs), default=math.nan)
        at_best = [e.validation_accuracy for e in log.epochs if e.epoch == end.best_epoch]
        yield "validation accuracy of the best epoch", [best], at_best
        if start.kind == "train":
            yield "validation accuracy at the end", best, end.validation_accuracy
    if log.quantized is not None:
        accuracy = log.quantized.validation_accuracy
        yield "validation accuracy after conversion", accuracy, end.validation_accuracy
    yield "the end comes after the start", True, end.time >= start.time
    if result is not None:
        yield "images tested", start.data.test, result.images
        counts = result.confusion
        yield "images in the confusion matrix", result.images, sum(map(sum, counts))
        right = sum(row[i] for i, row in enumerate(counts) if i < len(row))
        yield "accuracy by the confusion matrix", right / max(1, result.images), result.accuracy
        yield "checkpoint of the result", end.checkpoint_sha256, result.checkpoint_sha256
        yield "bytes of the checkpoint", end.checkpoint_bytes, result.checkpoint_bytes
        scheme = "fp32" if start.kind == "train" else "int8-per-tensor"
        yield "scheme", scheme, result.scheme


def agree(expected: object, got: object) -> bool:
    """Compare numbers up to the rounding of float64."""
    if isinstance(expected, list) and isinstance(got, list):
        return len(expected) == len(got) and all(map(agree, expected, got))
    if isinstance(expected, float) and isinstance(got, float):
        return math.isclose(expected, got, rel_tol=1e-9, abs_tol=1e-12)
    return expected == got


def shown(value: object) -> str:
    if isinstance(value, list):
        first = ", ".join(shown(part) for part in value[:3])
        return f"{first}, ... ({len(value)})" if len(value) > 3 else first or "none"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    return f"{text[:12]}..." if len(text) == 64 else text


@about("runs", needs=ALL_RUNS)
def test_checkpoints(measurements: Measurements, evidence: Evidence) -> None:
    """Each checkpoint is the file that its log describes, and fits the lab's network."""
    runs = measurements.runs
    for kind, title in TITLES.items():
        if kind not in runs.names:
            evidence.add(f"{title} checkpoint", "handed in", runs.why_none(kind), holds=False)
            continue
        observe_checkpoint(measurements, evidence, kind)
    evidence.judge("A result counts when its checkpoint proves it.")


def observe_checkpoint(measurements: Measurements, evidence: Evidence, kind: RunKind) -> None:
    """Observe that a run's checkpoint is there, is the one of the log, and can be loaded."""
    runs = measurements.runs
    name, end = runs.names[kind], runs.log(kind).end
    what = f"runs/{name}/model.pt"
    try:
        path = runs.checkpoint(kind)
    except MissingRunError as error:
        evidence.add(what, "handed in", str(error), holds=False)
        return
    assert end is not None
    expected, sha256 = end.checkpoint_sha256, runs.handed_in[name].checkpoint_sha256
    evidence.add(f"{what}: sha256", shown(expected), shown(sha256), sha256 == expected)
    count, size = end.checkpoint_bytes, path.stat().st_size
    evidence.add(f"{what}: bytes", f"{count:,}", f"{size:,}", size == count)
    contents = "the network's numbers"
    try:
        scales = measurements.network(kind).scales
    except NoAnswerError as error:
        evidence.add(f"{what}: contents", contents, error.said, holds=False)
        return
    evidence.add(f"{what}: contents", contents, contents, holds=True)
    odd = {name: scale for name, scale in scales.items() if not is_shift(scale)}
    if kind != "train":
        got = ", ".join(f"{name} {exponent(scale)}" for name, scale in list(odd.items())[:3])
        got = got or f"all {len(scales)} are"
        evidence.add(f"{what}: scales", "2**-S with 0 <= S <= 8", got, not odd)


@about("runs", needs=PTQ_RUN, follows=("runs.checkpoints",))
def test_ptq_weights(measurements: Measurements, evidence: Evidence) -> None:
    """The weights and biases of PTQ are those of the FP32 checkpoint, rounded to INT8."""
    observe_origin(measurements, evidence, "ptq")
    evidence.judge("PTQ trains nothing: fusing and rounding the FP32 weights gives its integers.")


@about("runs", needs=QAT_RUN, follows=("runs.checkpoints",))
def test_qat_weights(measurements: Measurements, evidence: Evidence) -> None:
    """QAT trained the weights of the FP32 checkpoint on: neither PTQ's nor another network's."""
    observe_origin(measurements, evidence, "qat")
    evidence.judge("lab3 qat begins with the FP32 weights and trains them for the INT8 grid.")


def observe_origin(measurements: Measurements, evidence: Evidence, kind: RunKind) -> None:
    """Observe what a run's checkpoint has of the FP32 run's."""
    for fact in measurements.origin(kind):
        evidence.add(fact.question, fact.expected, fact.got, fact.holds)
