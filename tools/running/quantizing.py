"""Doing PTQ and QAT runs: two ways from a trained FP32 run to an INT8 network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lab3.log.records import Analysis, Baseline, Hyperparameters, Quantized, Start, Variant
from lab3.log.runlog import CHECKPOINT_NAME, STATE_NAME, RunLog, append, read_log
from lab3.units import megabytes, percent
from tools.running import devices, loop, networks, workspace
from tools.running.datasets import data_record
from tools.running.soundness import tell_complete
from tools.running.training import with_changes
from tools.running.variants import prepare_default_qat, prepare_variant
from tools.shared.console import Bar, UserError, say

if TYPE_CHECKING:
    from torch import nn

    from lab3.data import ImageData
    from lab3.resnet import QuantizableResNet


MUCH = 0.05  # of accuracy lost by quantization: something is wrong then
QAT_RECIPE = {"epochs": 5, "learning_rate": 0.005}  # the rest is the baseline's


def quantized_start(
    kind: Literal["ptq", "qat"],
    folder: Path,
    baseline: RunLog,
    data: ImageData,
    code: workspace.Code,
    **fields: Any,
) -> Start:
    """Return the first record of a run that continues an FP32 run."""
    origin, end = baseline.start, baseline.end
    if origin.kind != "train" or end is None:
        raise UserError(f"run {origin.name!r} is a {origin.kind} run: --baseline needs an FP32 run")
    return Start(
        kind=kind,
        name=folder.name,
        time=workspace.now(),
        arch=origin.arch,
        width=origin.width,
        num_classes=origin.num_classes,
        parameters=origin.parameters,
        data=data_record(data),
        baseline=Baseline(name=origin.name, checkpoint_sha256=end.checkpoint_sha256),
        code_sha256=code.student_sha256,
        given_sha256=code.given_sha256,
        functions=code.functions,
        **fields,
    )


def ptq_run(
    folder: Path,
    baseline: Path,
    data: ImageData,
    code: workspace.Code,
    calibration_images: int = 512,
    qconfig: str = "ptq",
    restart: bool = False,
    variant: Variant | None = None,
) -> RunLog:
    """Do one PTQ run and return its log."""
    from lab3.qconfig import CustomQConfig
    from lab3.quantize import calibrate, prepare_ptq

    origin = read_log(baseline)
    count = min(calibration_images, len(data.train))
    if count < calibration_images:
        say(f"all {count:,} training images are shown: there are no {calibration_images:,}")
    start = quantized_start(
        "ptq",
        folder,
        origin,
        data,
        code,
        hyperparameters=None,
        calibration_images=count,
        qconfig=qconfig,
        variant=variant,
        environment=workspace.environment("cpu"),
    )
    with workspace.locked(folder), workspace.left_empty_unless_begun(folder):
        if workspace.open_run(folder, start, restart, code) == "complete":
            return tell_complete(folder)
        network = networks.load(baseline, origin.start)
        if variant:
            prepare_variant(network, variant)
        else:
            prepare_ptq(network, CustomQConfig[qconfig.upper()])
        with Bar("calibrating", count) as bar:
            calibrate(network, data, count, bar.advance)
        is_of_the_lab = qconfig == "ptq" and variant is None
        return convert_and_finish(folder, origin, network, data, None, is_of_the_lab)


def qat_run(
    folder: Path,
    baseline: Path,
    data: ImageData,
    code: workspace.Code,
    changes: dict[str, Any],
    device: str = "auto",
    workers: int | None = None,
    restart: bool = False,
    qconfig: Literal["qat", "default"] = "qat",
) -> RunLog:
    """Do one QAT run from where it stands to its end, and return its log."""
    from lab3.quantize import begin_qat_epoch, prepare_qat
    from lab3.training import Trainer

    origin = read_log(baseline)
    if origin.start.hyperparameters is None:
        raise UserError(f"run {origin.start.name!r} is not an FP32 run: --baseline needs one")
    hyper: Hyperparameters = with_changes(origin.start.hyperparameters, changes)
    with devices.joined(devices.for_quantization(device)) as (where, processes):
        if processes > 1:
            raise UserError("lab3 qat runs in one process: start it without torchrun")
        start = quantized_start(
            "qat",
            folder,
            origin,
            data,
            code,
            hyperparameters=hyper,
            qconfig=qconfig,
            environment=workspace.environment(devices.name(where)),
        )
        with workspace.locked(folder), workspace.left_empty_unless_begun(folder):
            if workspace.open_run(folder, start, restart, code) == "complete":
                return tell_complete(folder)
            is_of_the_lab = qconfig == "qat"
            prepare = prepare_qat if is_of_the_lab else prepare_default_qat
            network = prepare(networks.load(baseline, origin.start))
            if workers is None:
                workers = devices.loader_workers(where)
            trainer = Trainer(network, data, hyper, where, folder / STATE_NAME, workers)
            loop.drive(
                trainer, folder, lambda net, epoch: begin_qat_epoch(net, epoch, hyper.epochs)
            )
            best = trainer.best_epoch
            return convert_and_finish(folder, origin, network, data, best, is_of_the_lab)


def convert_and_finish(
    folder: Path,
    origin: RunLog,
    network: QuantizableResNet,
    data: ImageData,
    best_epoch: int | None,
    is_of_the_lab: bool = True,
) -> RunLog:
    """Convert a network, put its biases on the grid, log what that does, and end the run.

    The tensors are analysed where the run is one that the lab asks for.
    """
    import torch

    from lab3.analysis import float_copy
    from lab3.engines import engine, exact_engines
    from lab3.quantize import convert, put_biases_on_grid, scheme_of

    exact = exact_engines()[0]
    original = float_copy(network) if is_of_the_lab else None
    with engine(exact):
        convert(network.to(memory_format=torch.contiguous_format))
        before = networks.validation_accuracy(network, data, "float biases")
        put_biases_on_grid(network, data.normalise(data.validation.images[:1]))
        after = networks.validation_accuracy(network, data, "integer biases")
        append(
            folder,
            Quantized(
                engine=exact,
                scheme=scheme_of(network),
                accuracy_with_float_biases=before,
                validation_accuracy=after,
            ),
        )
        if original:
            append(folder, analysis(original, network, data))
    end = loop.finish(folder, network, best_epoch, after)
    say(
        f"{cost(origin, before, after)}\n"
        f"{folder / CHECKPOINT_NAME}: {megabytes(end.checkpoint_bytes)}, {scheme_of(network)}"
    )
    return read_log(folder)


def cost(origin: RunLog, float_biases: float, integer_biases: float) -> str:
    """Say what INT8 and integer biases cost, on validation images; warn when that is much."""
    assert origin.end is not None  # complete_run() has seen to it
    fp32 = origin.end.validation_accuracy
    lines = [
        f"validation accuracy: FP32 {percent(fp32)}, INT8 {percent(float_biases)} with float "
        f"biases, {percent(integer_biases)} with biases on the int32 grid "
        f"({100 * (integer_biases - fp32):+.2f} points)"
    ]
    if fp32 - integer_biases > MUCH:
        lines.append(
            f"warning: {100 * (fp32 - integer_biases):.1f} points are lost, where one is usual: "
            "lab3 check tells whether fusion and scales are right; then look at the noise of each "
            "layer (lab3 report) and try more --calibration-images"
        )
    return "\n".join(lines)


def analysis(original: nn.Module, network: nn.Module, data: ImageData) -> Analysis:
    """Return what quantization did to each tensor, with a progress bar."""
    from lab3.analysis import ANALYSED_IMAGES, analyse

    with Bar("noise of each layer", min(ANALYSED_IMAGES, len(data.validation))) as bar:
        return analyse(original, network, data, on_batch=bar.advance)
