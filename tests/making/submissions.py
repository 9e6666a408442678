"""Submissions of every packing, and what reading them gives."""

import io
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from autograder.submissions import reading
from autograder.submissions.entries import Limits, SubmissionError
from autograder.submissions.reading import Submission

Files = dict[str, bytes]
Pack = Callable[[Files, Path], Path]

PLAIN: Files = {
    "lab3/resnet.py": b"network = 1\n",
    "lab3/observer.py": b"observer = 2\n",
    "runs/a/run.jsonl": b'{"event": "start"}\n',
    "runs/a/model.pt": b"weights",
    "report.md": b"# Report\n",
}
BOTH = {"resnet.py": PLAIN["lab3/resnet.py"], "observer.py": PLAIN["lab3/observer.py"]}
SMALL = Limits(source=64, log=64, report=64, checkpoint=64, total=10**6, entries=100)


def as_folder(files: Files, path: Path) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    path.mkdir(exist_ok=True)
    return path


def as_zip(files: Files, path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def stored_zip(files: Files, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tar_of(mode: str, kind: int) -> Pack:
    def pack(files: Files, path: Path) -> Path:
        with tarfile.open(path, mode, format=kind) as archive:
            for name, content in files.items():
                add(archive, name, content)
        return path

    return pack


def add(archive: tarfile.TarFile, name: str, content: bytes = b"", **fields: object) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for field, value in fields.items():
        setattr(member, field, value)
    archive.addfile(member, io.BytesIO(content))


PACKS: dict[str, Pack] = {
    "folder": as_folder,
    "zip": as_zip,
    "stored": stored_zip,
    "tar": tar_of("w", tarfile.USTAR_FORMAT),
    "gnu": tar_of("w", tarfile.GNU_FORMAT),
    "tar.gz": tar_of("w:gz", tarfile.PAX_FORMAT),
}
ARCHIVES = [name for name in PACKS if name != "folder"]
every_pack = pytest.mark.parametrize("pack", PACKS.values(), ids=PACKS)
every_archive = pytest.mark.parametrize("pack", [PACKS[n] for n in ARCHIVES], ids=ARCHIVES)


def read(path: Path, limits: Limits = Limits()) -> Submission:
    """Read a submission in this process, where a test can see and change what happens."""
    with tempfile.TemporaryDirectory() as private:
        return reading.read(path, limits, Path(private))


def refusal(path: Path, limits: Limits = Limits()) -> str:
    """The text of the error: one line, that goes on after the path."""
    with pytest.raises(SubmissionError) as caught:
        read(path, limits)
    text = str(caught.value)
    assert text.isprintable()
    return text


def checked(header: bytearray) -> bytes:
    """A tar header with its checksum put right."""
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)
