"""Submissions as archives: the two student files, the runs that count, the report."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from lab3 import STUDENT_FILES
from lab3.log.runlog import CHECKPOINT_NAME, LOG_NAME, write_atomically

EPOCH = (1980, 1, 1, 0, 0, 0)  # the same contents give the same archive


def pack(code: Path, runs: Path, names: Sequence[str], report: Path, archive: Path) -> None:
    """Write a submission; ``code`` holds ``lab3/`` and ``runs`` the named run folders."""
    files = {f"lab3/{name}": code / "lab3" / name for name in STUDENT_FILES}
    for name in names:
        for part in (LOG_NAME, CHECKPOINT_NAME):
            files[f"runs/{name}/{part}"] = runs / name / part
    files["report.md"] = report

    def write(file: BinaryIO) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, path in files.items():
                packed.writestr(zipfile.ZipInfo(name, EPOCH), path.read_bytes())

    write_atomically(archive, write)
