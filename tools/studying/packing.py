"""The archive that a student hands in: the same bytes for the same content."""

from __future__ import annotations

import hashlib
import re
import stat
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from autograder.submissions.choosing import FIGURE_SUFFIXES, FIGURES, PAGE_NAME, REPORT_NAME
from autograder.submissions.entries import Limits, megabytes
from lab3 import STUDENT_FILES
from lab3.log.runlog import CHECKPOINT_NAME, LOG_NAME, RunLog, write_atomically
from lab3.selection import Selection

LIMITS = Limits()
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold
IMAGE = re.compile(r"!\[[^\]]*\]\(\s*<?([^)>\s]+)")


@dataclass
class Contents:
    """What goes into an archive: files by their names there, and what was left out, and why."""

    files: dict[str, Path] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def add(self, name: str, path: Path, limit: int) -> None:
        """Take a file, unless it isn't there or a grader wouldn't read it."""
        if not path.is_file():
            self.missing.append(name)
        elif path.stat().st_size > limit:
            self.left_out.append(f"{name}: larger than {megabytes(limit)}")
        else:
            self.files[name] = path

    @property
    def bytes(self) -> int:
        return sum(path.stat().st_size for path in self.files.values())


def contents_of(
    folder: Path, report: Path, selection: Selection, others: Sequence[RunLog]
) -> Contents:
    """Return what a grader reads of a student's folder: code, the runs that count, the report."""
    contents = Contents()
    for name in STUDENT_FILES:
        contents.add(f"lab3/{name}", folder / "lab3" / name, LIMITS.source)
    for log in (selection.fp32, selection.ptq, selection.qat):
        if log is not None:
            run = log.path.parent
            contents.add(f"runs/{run.name}/{LOG_NAME}", log.path, LIMITS.log)
            checkpoint = run / CHECKPOINT_NAME
            contents.add(f"runs/{run.name}/{CHECKPOINT_NAME}", checkpoint, LIMITS.checkpoint)
    contents.left_out += [f"runs/{log.name}: another run counts" for log in others]
    contents.add(REPORT_NAME, report, LIMITS.report)
    page = report.with_suffix(".html")
    if page.is_file():
        contents.add(PAGE_NAME, page, LIMITS.page)
    for name in figures_of(report):
        if sum(file.startswith(f"{FIGURES}/") for file in contents.files) >= LIMITS.figures:
            contents.left_out.append(f"{name}: more than {LIMITS.figures} figures")
        else:
            contents.add(name, report.parent / name, LIMITS.figure)
    return contents


def figures_of(report: Path) -> list[str]:
    """Return the figures that a report shows, by names such as ``figures/curves.png``."""
    try:
        text = report.read_text("utf-8", errors="replace")
    except OSError:
        return []
    names = [unquote(name).removeprefix("./") for name in IMAGE.findall(text)]
    return [
        name
        for name in dict.fromkeys(names)
        if re.fullmatch(rf"{FIGURES}/[^/\\]+", name) and name.lower().endswith(FIGURE_SUFFIXES)
    ]


def write_archive(contents: Contents, target: Path) -> str:
    """Write a zip and return its sha256: equal for equal contents, whoever packs and when.

    Nothing is compressed: weights hardly can be, and compressors differ.
    """

    def write(file: object) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]
            for name, path in sorted(contents.files.items()):
                entry = zipfile.ZipInfo(name, LONG_AGO)
                entry.create_system = 3  # Unix, wherever this is
                entry.external_attr = (stat.S_IFREG | 0o644) << 16
                archive.writestr(entry, path.read_bytes())

    write_atomically(target, write)
    with target.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
