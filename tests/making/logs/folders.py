"""Run folders with logs, for reports."""

from functools import partial
from pathlib import Path

from lab3.log.records import Baseline, Hyperparameters, QuantizedTensor, Result
from tests.making.logs.records import (
    SHA,
    analysis,
    end,
    epoch,
    latency,
    quantized,
    result,
    start,
    tensor,
    written,
)

PTQ_SHA = "a" * 64


QAT_SHA = "b" * 64


CLASSES = {"cat": 0.98, "dog": 0.9}


def measured(accuracy: float, sha: str, size: int, median_s: float) -> Result:
    """A result on 100 images, of which 50 are cats and 50 dogs."""
    wrong = round(100 * (1 - accuracy))
    return result(
        images=100,
        accuracy=accuracy,
        checkpoint_sha256=sha,
        checkpoint_bytes=size,
        confusion=[[50, 0], [wrong, 50 - wrong]],
        class_accuracy=CLASSES,
        latency=latency(median_s=median_s, lower_quartile_s=median_s, upper_quartile_s=median_s),
    )


def tensors(sqnr_db: float) -> tuple[QuantizedTensor, ...]:
    weight = partial(tensor, counts=(0, 1, 60, 3))
    output = partial(weight, role="activation", clamped=None)
    images = {"zero_point": 128, "scale_before": 0.0647, "outside": 0.0123}
    added = {"zero_point": 128, "scale_before": 3.1, "clamped": "above"}
    return (
        weight(layer="conv1", sqnr_db=sqnr_db),
        output(layer="conv1", shift=4, scale=2.0**-4, **images),
        weight(layer="layer1.add", role="addition", shift=0, scale=1.0, **added),
        weight(layer="fc", shift=7, scale=2.0**-7, clamped=None, scale_before=0.01),
        output(layer="fc", shift=3, scale=0.125),
    )


def write_runs(folder: Path) -> Path:
    """Four epochs of FP32, a PTQ and a QAT run of it, and a sweep of two settings."""
    rows = [
        (2.0, 0.5, 1.8, 0.55),
        (1.0, 0.75, 1.0, 0.72),
        (0.5, 0.9, 0.9, 0.8),
        (0.2, 0.99, 1.2, 0.79),
    ]
    epochs = [
        epoch(i, train_loss=tl, train_accuracy=ta, validation_loss=vl, validation_accuracy=va)
        for i, (tl, ta, vl, va) in enumerate(rows, 1)
    ]
    hyper = Hyperparameters(epochs=4)
    written(
        folder / "fp32",
        start(hyperparameters=hyper),
        *epochs,
        end(best_epoch=3, validation_accuracy=0.8),
        measured(0.94, SHA, 94_398_847, 0.030),
    )
    origin = Baseline(name="fp32", checkpoint_sha256=SHA)
    written(
        folder / "ptq",
        start(kind="ptq", name="ptq", hyperparameters=None, baseline=origin),
        quantized(),
        analysis(tensors=tensors(38.0)),
        end(checkpoint_sha256=PTQ_SHA),
        measured(0.93, PTQ_SHA, 23_660_000, 0.012),
    )
    written(
        folder / "qat",
        start(kind="qat", name="qat", baseline=origin),
        *epochs[:1],
        quantized(),
        analysis(tensors=tensors(39.5)),
        end(checkpoint_sha256=QAT_SHA),
        measured(0.95, QAT_SHA, 23_660_000, 0.012),
    )
    for name, smoothing, accuracy in (("base", 0.1, 0.7), ("label-smoothing=0", 0.0, 0.65)):
        setting = hyper.model_copy(update={"label_smoothing": smoothing})
        written(
            folder / "sweep" / name,
            start(name=name, hyperparameters=setting),
            epochs[0],
            end(best_epoch=1, validation_accuracy=accuracy, checkpoint_sha256="c" * 64),
        )
    return folder
