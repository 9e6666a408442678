"""``lab3 train``: the FP32 baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from typer import Option

from lab3.selection import DataName
from tools.running import loop, workspace
from tools.running.datasets import read_data
from tools.running.training import network_defaults, recipe, train_run
from tools.shared.options import (
    HYPERPARAMETERS,
    Arch,
    Code,
    DataDir,
    Device,
    Download,
    Restart,
    Runs,
    Width,
    Workers,
    takes,
)


@takes(HYPERPARAMETERS)
def train(
    dataset: Annotated[DataName, Option("--dataset", help="What to train on.")] = "cifar10",
    arch: Annotated[Arch | None, Option("--arch", help="Network; resnet14 for digits.")] = None,
    width: Width = None,
    name: Annotated[str, Option("--name", help="Name of the run's folder.")] = "fp32",
    *,
    chosen: dict[str, Any],
    device: Device = "auto",
    workers: Workers = None,
    save_every: Annotated[
        float, Option("--save-every", metavar="SECONDS", help="Save long epochs on the way.")
    ] = loop.SAVE_EVERY_S,
    restart: Restart = False,
    code: Code = None,
    runs: Runs = Path("runs"),
    data_dir: DataDir = Path("data"),
    download: Download = False,
) -> None:
    """Train the FP32 network, or go on with a run that was stopped.

    Stop it whenever you like (Ctrl-C): the same command goes on and ends with the same result.
    The recipe depends on the data set; every part of it has an option.

    Examples:

        lab3 train --dataset digits

        lab3 train --dataset cifar10 --download --epochs 60

        torchrun --nproc-per-node 2 --no-python lab3 train --dataset cifar10

    In a checkout of the kit, with the reference solution:

        lab3 train --dataset digits --epochs 2 --code solution --runs build/try
    """
    student_code = workspace.use_code(code)
    hyper = recipe(dataset, chosen)
    default_arch, default_width = network_defaults(dataset)
    data = read_data(dataset, data_dir, download)
    train_run(
        runs / workspace.check_name(name),
        data,
        hyper,
        student_code,
        arch=arch or default_arch,
        width=width or default_width,
        device=device,
        workers=workers,
        restart=restart,
        save_every_s=save_every,
    )
