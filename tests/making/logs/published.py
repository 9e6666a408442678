"""Logs of evaluated runs with the accuracies and file sizes that students published."""

from pathlib import Path

from lab3.log.records import Baseline, Record, Start
from lab3.log.runlog import RunLog
from tests.making.logs.records import SHA, end, epoch, latency, result, start

PTQ_SHA, QAT_SHA, OTHER_SHA = ("a" * 64, "b" * 64, "c" * 64)


def log(*records: Record) -> RunLog:
    first = next(record for record in records if isinstance(record, Start))
    return RunLog(Path(first.name) / "run.jsonl", records, is_torn=False)


def fp32(sha: str = SHA, name: str = "fp32") -> RunLog:
    """An evaluated baseline with the lab's published accuracy and file size."""
    measured = result(
        accuracy=0.9396,
        checkpoint_sha256=sha,
        checkpoint_bytes=94_398_847,
        latency=latency(median_s=0.03, lower_quartile_s=0.029, upper_quartile_s=0.0315),
    )
    return log(start(name=name), epoch(1), end(checkpoint_sha256=sha), measured)


def int8(
    kind: str, accuracy: float, sha: str, baseline: str = "fp32", baseline_sha: str = SHA
) -> RunLog:
    """An evaluated run that was quantized from a baseline."""
    measured = result(
        scheme="int8-per-tensor",
        accuracy=accuracy,
        checkpoint_sha256=sha,
        checkpoint_bytes=23_657_000,
        latency=latency(
            engine="onednn", median_s=0.012, lower_quartile_s=0.011, upper_quartile_s=0.0135
        ),
    )
    origin = Baseline(name=baseline, checkpoint_sha256=baseline_sha)
    return log(start(kind=kind, name=kind, baseline=origin), end(checkpoint_sha256=sha), measured)


PTQ, QAT = int8("ptq", 0.9299, PTQ_SHA), int8("qat", 0.9397, QAT_SHA)
