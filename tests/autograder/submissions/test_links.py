"""Links, special files and files that change: nothing is followed, opened or half read."""

import hashlib
import os
import shutil
import socket
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.making.submissions import PLAIN, add, as_folder, as_zip, read, refusal

LINKS = {"symbolic link": tarfile.SYMTYPE, "hard link": tarfile.LNKTYPE}
SPECIAL = {"fifo": tarfile.FIFOTYPE, "tty": tarfile.CHRTYPE, "disk": tarfile.BLKTYPE, "odd": b"Z"}


@pytest.mark.parametrize("kind", LINKS)
@pytest.mark.parametrize("name", PLAIN)
def test_links_in_tar_are_not_followed(kind: str, name: str, tmp_path: Path) -> None:
    secret = as_folder({"secret": b"secret"}, tmp_path / "other") / "secret"
    for target in (str(secret), "lab3/data.py", "../other/secret"):
        with tarfile.open(tmp_path / "u.tar", "w") as archive:
            add(archive, "lab3/data.py", b"given")
            for each in PLAIN:
                if each == name:
                    add(archive, name, type=LINKS[kind], linkname=target)
                else:
                    add(archive, each, PLAIN[each])
        (problem,) = read(tmp_path / "u.tar").problems
        assert problem.startswith(f"{name} is a {kind} and was not followed")


@pytest.mark.parametrize("kind", SPECIAL)
def test_special_files_in_tar_are_not_read(kind: str, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "u.tar", "w") as archive:
        add(archive, "lab3/resnet.py", type=SPECIAL[kind])
        add(archive, "lab3/observer.py", b"x")
    submission = read(tmp_path / "u.tar")
    assert submission.problems == ("lab3/resnet.py is not a regular file and was not read",)
    assert set(submission.files) == {"observer.py"}


@pytest.mark.parametrize(
    ("mode", "problem"),
    [
        (stat.S_IFLNK, "is a symbolic link and was not followed"),
        (stat.S_IFIFO, "is not a regular file and was not read"),
        (stat.S_IFCHR, "is not a regular file and was not read"),
        (stat.S_IFDIR, "is a folder"),
    ],
)
def test_links_and_special_files_in_zip_are_not_read(
    mode: int, problem: str, tmp_path: Path
) -> None:
    member = zipfile.ZipInfo("lab3/resnet.py")
    member.external_attr = (mode | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "u.zip", "w") as archive:
        archive.writestr(member, "/etc/passwd")
        archive.writestr("lab3/observer.py", "x")
    submission = read(tmp_path / "u.zip")
    assert submission.problems == (f"lab3/resnet.py {problem}",)
    assert set(submission.files) == {"observer.py"}


@pytest.mark.parametrize("where", ["lab3", "runs", "runs/a", *PLAIN])
def test_links_in_folders_are_not_followed(where: str, tmp_path: Path) -> None:
    other = as_folder(PLAIN, tmp_path / "other")
    folder = as_folder(PLAIN, tmp_path / "v")
    if (folder / where).is_dir():
        shutil.rmtree(folder / where)
    else:
        (folder / where).unlink()
    (folder / where).symlink_to(other / where)
    submission = read(folder)
    assert f"{where} is a symbolic link and was not followed" in submission.problems
    lost = {name for name in PLAIN if name == where or name.startswith(f"{where}/")}
    left = {f"lab3/{name}" for name in submission.files} | {
        f"runs/{name}/{file}"
        for name, run in submission.runs.items()
        for file, content in (("run.jsonl", run.log), ("model.pt", run.checkpoint))
        if content is not None
    }
    assert left | ({"report.md"} if submission.report else set()) == set(PLAIN) - lost


def test_a_link_under_a_folder_of_the_same_name_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "v.tar", "w") as archive:
        add(archive, "lab3", type=tarfile.SYMTYPE, linkname="/etc")
        add(archive, "lab3/resnet.py", b"x")
    assert "'lab3' twice" in refusal(tmp_path / "v.tar")


def test_hard_links_in_folders_are_not_read(tmp_path: Path) -> None:
    other = as_folder(PLAIN, tmp_path / "other")
    folder = as_folder(PLAIN, tmp_path / "w")
    (folder / "lab3/resnet.py").unlink()
    (folder / "lab3/resnet.py").hardlink_to(other / "lab3/resnet.py")
    (problem,) = read(folder).problems
    assert problem.startswith("lab3/resnet.py is a hard link and was not followed")


def test_special_files_in_folders_are_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = as_folder(PLAIN, tmp_path / "x")
    monkeypatch.chdir(folder)  # the path of a socket must be short
    for name in ("lab3/resnet.py", "lab3/observer.py"):
        Path(name).unlink()
    os.mkfifo("lab3/resnet.py")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("lab3/observer.py")
        os.mkfifo("other")
        os.mkfifo("runs/pipe")
        submission = read(folder)
    assert submission.files == {}
    assert set(submission.problems) == {
        "lab3/resnet.py is not a regular file and was not read",
        "lab3/observer.py is not a regular file and was not read",
        "runs/pipe is not a regular file and was not read",
    }
    assert submission.ignored == ("other", "runs/pipe")


def test_loops_of_links_end(tmp_path: Path) -> None:
    folder = as_folder(PLAIN, tmp_path / "y")
    (folder / "loop").symlink_to(folder)
    (folder / "lab3/self").symlink_to("self")
    assert read(folder).ignored == ("lab3/self", "loop")


def test_folders_nested_without_end_are_refused(tmp_path: Path) -> None:
    folder = as_folder({**PLAIN, "d/" * 70 + "x": b""}, tmp_path / "z")
    assert "more than 64 folders deep" in refusal(folder)


@pytest.mark.parametrize(
    ("action", "problem"),
    [
        (lambda path: path.symlink_to("/etc/hostname"), "can't be read: Too many levels of symb"),
        (os.mkfifo, "is not a regular file and was not read"),
        (Path.mkdir, "is not a regular file and was not read"),
        (lambda path: None, "can't be read: No such file or directory"),  # noqa: ARG005
    ],
    ids=["link", "fifo", "folder", "nothing"],
)
def test_files_exchanged_after_the_listing_are_not_read(
    action: Callable[[Path], object],
    problem: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = as_folder(PLAIN, tmp_path / "z")
    path = folder / "lab3/resnet.py"
    original = os.open
    left = [action]

    def opening(name: str, *arguments: int, **more: int) -> int:
        if Path(name).name == path.name and left:
            path.unlink()
            left.pop()(path)
        return original(name, *arguments, **more)

    monkeypatch.setattr(os, "open", opening)
    submission = read(folder)
    assert left == []
    (said,) = submission.problems
    assert said.startswith(f"lab3/resnet.py {problem}")
    assert set(submission.files) == {"observer.py"}


def test_a_file_that_grows_while_it_is_read_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = as_folder({**PLAIN, "lab3/resnet.py": b"unlike the others"}, tmp_path / "a")
    original = os.read

    def reading(handle: int, size: int) -> bytes:
        if (content := original(handle, size)) == b"unlike the others":
            with (folder / "lab3/resnet.py").open("ab") as file:
                file.write(b" more")
        return content

    monkeypatch.setattr(os, "read", reading)
    submission = read(folder)
    assert submission.problems == ("lab3/resnet.py changed while it was read and was left out",)
    assert set(submission.files) == {"observer.py"}


def test_an_archive_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = as_zip(PLAIN, tmp_path / "a.zip")
    original = hashlib.sha256

    def hashing(*arguments: bytes) -> object:
        os.utime(path, (1, 1))
        return original(*arguments)

    monkeypatch.setattr(hashlib, "sha256", hashing)
    assert "changed while it was read" in refusal(path)
