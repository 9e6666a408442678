"""The data set of a run, the same for everything that continues it."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from lab3.log.records import DataRecord
from lab3.log.runlog import RunLog
from tools.running.workspace import locked
from tools.shared.console import UserError, spinner

if TYPE_CHECKING:
    from lab3.data import ImageData


def read_data(dataset: str, data_dir: Path, download: bool = False) -> ImageData:
    """Load a data set, showing that something goes on."""
    from lab3.data import load_data

    # Of several processes, one fetches the files and the others then find them.
    turn = locked(data_dir, wait=True) if download else nullcontext()
    with spinner(f"reading {dataset}"), turn:
        return load_data(dataset, data_dir, download)


def data_of(log: RunLog, data_dir: Path) -> ImageData:
    """Load the data set of a run; raise UserError when its content has changed since."""
    then = log.start.data
    data = read_data(then.name, data_dir)
    if data.fingerprint != then.fingerprint:
        raise UserError(
            f"{then.name} in {data_dir} is not what run {log.start.name!r} was trained on: another "
            "split would show validation images to training; name its folder with --data-dir"
        )
    return data


def data_record(data: ImageData) -> DataRecord:
    return DataRecord(
        name=data.name,
        train=len(data.train),
        validation=len(data.validation),
        test=len(data.test),
        fingerprint=data.fingerprint,
    )
