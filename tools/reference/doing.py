"""Doing one run of a plan, wherever that is: every step that is done already is left alone."""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab3.log.runlog import LOG_NAME, read_log
from tools.reference.items import Item
from tools.reference.plan import Plan
from tools.running import loop, workspace
from tools.running.datasets import read_data
from tools.running.evaluating import evaluate_alone
from tools.running.proving import certificate_of, keep, proof_of
from tools.running.quantizing import ptq_run, qat_run
from tools.running.training import train_run

if TYPE_CHECKING:
    from lab3.data import ImageData


# The threads of a cluster's worker share PyTorch's random numbers.
ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Place:
    """Where a plan is done: its folder, the code, the data sets, the device."""

    folder: Path
    code: Path
    data_dir: Path
    device: str = "cpu"
    save_every_s: float = loop.SAVE_EVERY_S


@functools.cache
def the_code(code: Path) -> workspace.Code:
    """Use a folder's code, once a process."""
    return workspace.use_code(code)


@functools.cache
def the_data(dataset: str, data_dir: Path) -> ImageData:
    """Read a data set, once a process."""
    return read_data(dataset, data_dir)


def do_item(plan: Plan, item: Item, place: Place) -> str:
    """Do a run from where it stands to its end, measured and proven, and return its name.

    On a CPU it takes one thread, so that its result doesn't depend on how many there are.
    """
    with ONE_AT_A_TIME:
        _do_item(plan, item, place)
    return item.name


def _do_item(plan: Plan, item: Item, place: Place) -> None:
    import torch

    if place.device == "cpu":
        torch.set_num_threads(1)
    code, data = the_code(place.code), the_data(plan.dataset, place.data_dir)
    folder = place.folder / item.name
    do_run(plan, item, place, code, data)
    if item.is_measured:
        evaluate_alone(folder, data)
    log = read_log(folder)
    if item.is_proven and log.certificate is None:
        keep(folder, certificate_of(log, proof_of(folder, log, data)))


def do_run(plan: Plan, item: Item, place: Place, code: workspace.Code, data: ImageData) -> None:
    """Train or quantize."""
    folder = place.folder / item.name
    if item.needs is None:
        assert item.hyper is not None  # what needs no other run is trained
        train_run(
            folder,
            data,
            item.hyper,
            code,
            plan.arch,
            plan.width,
            device=place.device,
            save_every_s=place.save_every_s,
        )
        return
    baseline = place.folder / item.needs
    if item.kind == "ptq":
        ptq_run(
            folder,
            baseline,
            data,
            code,
            item.calibration_images,
            item.qconfig,
            variant=item.variant,
        )
    else:
        assert item.hyper is not None
        assert item.qconfig != "ptq"
        changes = item.hyper.model_dump()
        qat_run(folder, baseline, data, code, changes, place.device, qconfig=item.qconfig)


def is_done(item: Item, folder: Path) -> bool:
    """Tell whether a run has ended, and been measured and proven where it has to be."""
    if not (folder / item.name / LOG_NAME).exists():
        return False
    log = read_log(folder / item.name)
    return (
        log.end is not None
        and (log.result is not None or not item.is_measured)
        and (log.certificate is not None or not item.is_proven)
    )
