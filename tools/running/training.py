"""Doing an FP32 run, from where it stands to its end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from lab3.log.records import Hyperparameters, Start
from lab3.log.runlog import CHECKPOINT_NAME, STATE_NAME, RunLog, read_log
from lab3.selection import DataName
from lab3.units import megabytes, percent
from tools.running import devices, loop, memory, workspace
from tools.running.datasets import data_record
from tools.running.soundness import tell_complete
from tools.shared.console import UserError, say

if TYPE_CHECKING:
    from lab3.data import ImageData


def network_defaults(dataset: str) -> tuple[str, int]:
    """Return the architecture and the width that suit a data set."""
    return ("resnet14", 16) if dataset == "digits" else ("resnet50", 64)


def recipe(dataset: DataName, chosen: dict[str, Any]) -> Hyperparameters:
    """Return a data set's recipe with what the user chose; raise UserError for a bad value."""
    from lab3.training import RECIPES

    return with_changes(RECIPES[dataset], chosen)


def with_changes(hyper: Hyperparameters, changes: dict[str, Any]) -> Hyperparameters:
    """Return changed hyperparameters; raise UserError for an unknown field or a bad value."""
    try:
        return Hyperparameters.model_validate(hyper.model_dump() | changes)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        option = str(first["loc"][0]).replace("_", "-")
        raise UserError(f"--{option} {first['input']}: {first['msg']}") from None


def train_run(
    folder: Path,
    data: ImageData,
    hyper: Hyperparameters,
    code: workspace.Code,
    arch: str,
    width: int,
    device: str = "auto",
    workers: int | None = None,
    restart: bool = False,
    save_every_s: float = loop.SAVE_EVERY_S,
) -> RunLog:
    """Do one training run from where it stands to its end, and return its log."""
    import torch

    from lab3.resnet import build_network
    from lab3.training import Trainer

    with devices.joined(device) as (where, processes):
        if hyper.batch_size % processes:
            raise UserError(
                f"--batch-size {hyper.batch_size} can't be shared evenly by {processes} processes"
            )
        torch.manual_seed(hyper.seed)
        network = build_network(arch, len(data.classes), width)
        start = Start(
            kind="train",
            name=folder.name,
            time=workspace.now(),
            arch=arch,
            width=width,
            num_classes=len(data.classes),
            parameters=sum(p.numel() for p in network.parameters()),
            data=data_record(data),
            hyperparameters=hyper,
            code_sha256=code.student_sha256,
            given_sha256=code.given_sha256,
            functions=code.functions,
            environment=workspace.environment(devices.name(where), processes),
        )
        with workspace.locked(folder), workspace.left_empty_unless_begun(folder):
            status = devices.from_first(lambda: workspace.open_run(folder, start, restart, code))
            if status == "complete":
                return tell_complete(folder)
            on_gpu = where.type == "cuda"
            place = devices.name(where)
            say(f"{arch} of width {width}: {start.parameters:,} parameters, on {place}")
            share = data.train.images[: hyper.batch_size // processes]
            memory.advise(network, hyper, share, where, on_gpu, processes)
            if workers is None:
                workers = devices.loader_workers(where)
            precision = devices.mixed_precision(where)
            trainer = Trainer(network, data, hyper, where, folder / STATE_NAME, workers, precision)
            loop.drive(trainer, folder, save_every_s=save_every_s)
            if trainer.rank == 0:
                network.cpu().to(memory_format=torch.contiguous_format)
                best = trainer.epochs[trainer.best_epoch - 1]
                end = loop.finish(folder, network, best.epoch, best.validation_accuracy)
                say(
                    f"best epoch {best.epoch}: validation accuracy "
                    f"{percent(best.validation_accuracy)}; {folder / CHECKPOINT_NAME}: "
                    f"{megabytes(end.checkpoint_bytes)}"
                )
            return devices.from_first(lambda: read_log(folder))
