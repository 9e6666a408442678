"""``lab3 ptq`` and ``lab3 qat``: two ways from a trained FP32 run to an INT8 network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from typer import Option

from tools.running import workspace
from tools.running.datasets import data_of
from tools.running.quantizing import QAT_RECIPE, ptq_run, qat_run
from tools.shared.options import (
    HYPERPARAMETERS,
    Code,
    DataDir,
    Device,
    Restart,
    Runs,
    Workers,
    takes,
)

BaselineName = Annotated[
    str, Option("--baseline", metavar="RUN", help="The FP32 run to start from, by name or folder.")
]


def ptq(
    baseline: BaselineName = "fp32",
    name: Annotated[str, Option("--name", help="Name of the run's folder.")] = "ptq",
    calibration_images: Annotated[
        int, Option("--calibration-images", min=1, help="Training images shown to the observers.")
    ] = 512,
    qconfig: Annotated[
        Literal["ptq", "default"],
        Option("--qconfig", help="The lab's configuration, or PyTorch's per-channel one."),
    ] = "ptq",
    restart: Restart = False,
    code: Code = None,
    runs: Runs = Path("runs"),
    data_dir: DataDir = Path("data"),
) -> None:
    """Quantize a trained network: fuse, prepare, calibrate, convert.

    Uses the baseline's data set and split. Biases are put on the int32 grid, as hardware stores
    them, and the accuracy that this costs is printed.

    Examples, after ``lab3 train``:

        lab3 ptq

        lab3 ptq --qconfig default --name ptq-per-channel

    In a checkout of the kit, with the reference solution:

        lab3 ptq --code solution --runs build/try
    """
    student_code = workspace.use_code(code)
    folder, log = workspace.complete_run(runs, baseline)
    data = data_of(log, data_dir)
    target = runs / workspace.check_name(name)
    ptq_run(target, folder, data, student_code, calibration_images, qconfig, restart)


@takes(HYPERPARAMETERS)
def qat(
    baseline: BaselineName = "fp32",
    name: Annotated[str, Option("--name", help="Name of the run's folder.")] = "qat",
    *,
    chosen: dict[str, Any],
    device: Device = "auto",
    workers: Workers = None,
    restart: Restart = False,
    code: Code = None,
    runs: Runs = Path("runs"),
    data_dir: DataDir = Path("data"),
) -> None:
    """Fine-tune a trained network with fake quantization, then convert it.

    Uses the baseline's data set, split and hyperparameters, but 5 epochs and a learning rate of
    0.005. BatchNorm statistics and ranges are frozen late. Stop it whenever you like: the same
    command goes on.

    Examples, after ``lab3 train``:

        lab3 qat

        lab3 qat --epochs 8 --learning-rate 0.01 --name qat-longer

    In a checkout of the kit, with the reference solution:

        lab3 qat --epochs 1 --code solution --runs build/try
    """
    student_code = workspace.use_code(code)
    folder, log = workspace.complete_run(runs, baseline)
    data = data_of(log, data_dir)
    qat_run(
        runs / workspace.check_name(name),
        folder,
        data,
        student_code,
        QAT_RECIPE | chosen,
        device=device,
        workers=workers,
        restart=restart,
    )
