"""Records of run logs, valid ones to be changed."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab3.log.records import (
    Analysis,
    DataRecord,
    End,
    Environment,
    Epoch,
    Hyperparameters,
    Latency,
    Quantized,
    QuantizedTensor,
    Record,
    Result,
    Resume,
    Start,
)
from lab3.log.runlog import (
    LOG_NAME,
)

SHA = "0123456789abcdef" * 4


TIME = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def start(**changes: Any) -> Start:
    """The first record of a training run on digits."""
    fields = {
        "kind": "train",
        "name": "fp32",
        "time": TIME,
        "arch": "resnet14",
        "width": 16,
        "num_classes": 10,
        "parameters": 869_242,
        "data": DataRecord(name="digits", train=1200, validation=200, test=397, fingerprint=SHA),
        "hyperparameters": Hyperparameters(epochs=3),
        "code_sha256": SHA,
        "given_sha256": SHA,
        "environment": Environment(
            python="3.12.1",
            torch="2.14.1",
            torchvision="0.29.1",
            platform="Linux x86_64",
            processor="Prozeßor ®",
            device="cpu",
            threads=2,
        ),
    }
    return Start.model_validate(fields | changes)


def epoch(number: int, **changes: Any) -> Epoch:
    fields = {
        "epoch": number,
        "train_loss": 1.25,
        "train_accuracy": 0.5,
        "validation_loss": 1.5,
        "validation_accuracy": 0.4375,
        "learning_rate": 0.1,
        "duration_s": 2.5,
        "images_per_s": 480.0,
    }
    return Epoch.model_validate(fields | changes)


def resume(**changes: Any) -> Resume:
    return Resume.model_validate({"time": TIME, "device": "cpu", "epoch": 1, "step": 3} | changes)


def quantized(**changes: Any) -> Quantized:
    fields = {
        "engine": "onednn",
        "scheme": "int8-per-tensor",
        "accuracy_with_float_biases": 0.93,
        "validation_accuracy": 0.92,
    }
    return Quantized.model_validate(fields | changes)


def tensor(**changes: Any) -> QuantizedTensor:
    fields = {
        "layer": "layer1.0.conv1",
        "role": "weight",
        "minimum": -0.31,
        "maximum": 0.28,
        "scale_before": 0.62 / 255,
        "scale": 2.0**-8,
        "zero_point": 0,
        "shift": 8,
        "clamped": "below",
        "outside": 0.0,
        "sqnr_db": 38.04,
        "counts": (0, 3, 5, 0),
    }
    return QuantizedTensor.model_validate(fields | changes)


def analysis(**changes: Any) -> Analysis:
    return Analysis.model_validate({"images": 32, "tensors": (tensor(),)} | changes)


def end(**changes: Any) -> End:
    fields = {
        "time": TIME,
        "best_epoch": 1,
        "validation_accuracy": 0.4375,
        "checkpoint_bytes": 3_500_000,
        "checkpoint_sha256": SHA,
    }
    return End.model_validate(fields | changes)


def latency(**changes: Any) -> Latency:
    fields = {
        "batch_size": 1,
        "threads": 2,
        "engine": "fp32",
        "processor": "a CPU",
        "warmup_runs": 10,
        "runs": 100,
        "median_s": 0.004,
        "lower_quartile_s": 0.003,
        "upper_quartile_s": 0.005,
    }
    return Latency.model_validate(fields | changes)


def result(**changes: Any) -> Result:
    fields = {
        "time": TIME,
        "checkpoint_sha256": SHA,
        "checkpoint_bytes": 3_500_000,
        "scheme": "fp32",
        "images": 3,
        "accuracy": 2 / 3,
        "loss": 0.75,
        "class_accuracy": {"Käfer": 1.0, "船": 0.0},
        "confusion": [[2, 0], [1, 0]],
        "latency": latency(),
    }
    return Result.model_validate(fields | changes)


def line(record: Record) -> bytes:
    return record.model_dump_json().encode() + b"\n"


def written(run: Path, *lines: Record | bytes) -> Path:
    """Make a run folder whose log holds these records and bytes, and return the log's path."""
    run.mkdir(parents=True, exist_ok=True)
    path = run / LOG_NAME
    path.write_bytes(b"".join(x if isinstance(x, bytes) else line(x) for x in lines))
    return path


def changed(record: Record, **changes: Any) -> bytes:
    """Return a record's line with fields set, also to what no record may hold."""
    return json.dumps(record.model_dump(mode="json") | changes).encode() + b"\n"
