"""Damaged and hostile zip archives, and what every kind of archive refuses."""

import gzip
import os
import struct
import zipfile
import zlib
from pathlib import Path

import pytest

from tests.making.submissions import (
    PACKS,
    PLAIN,
    SMALL,
    Pack,
    as_folder,
    as_zip,
    every_archive,
    read,
    refusal,
    stored_zip,
)


def central(data: bytes, name: str) -> int:
    """Where an entry of the list of contents begins in a zip archive."""
    start = data.index(b"PK\1\2")
    while data[start + 46 :][: len(name)] != name.encode():
        start = data.index(b"PK\1\2", start + 1)
    return start


def patched(path: Path, name: str, field: int, form: str, value: int) -> Path:
    data = bytearray(path.read_bytes())
    struct.pack_into(form, data, central(data, name) + field, value)
    path.write_bytes(data)
    return path


FLAGS, METHOD, CRC, PACKED, UNPACKED, START = 8, 10, 16, 20, 24, 42


@pytest.mark.parametrize(
    ("field", "form", "value", "text"),
    [
        (FLAGS, "<H", 1, "is encrypted: pack it without a password"),
        (FLAGS, "<H", 1 << 13, "is encrypted"),
        (METHOD, "<H", 9, "contradicts itself about 'lab3/resnet.py'"),
        (CRC, "<L", 1, "is damaged"),
        (PACKED, "<L", 1, "is cut short"),
        (PACKED, "<L", 40, "overlap"),
        (PACKED, "<L", 0xFFFFFFFE, "overlap"),
        (UNPACKED, "<L", 1, "is damaged"),
        (UNPACKED, "<L", 0xFFFFFFFE, "is damaged"),
        (START, "<L", 0xFFFFFFF0, "more than one archive"),
        (START, "<L", 1, "more than one archive"),
    ],
)
def test_a_zip_is_not_believed(
    field: int, form: str, value: int, text: str, tmp_path: Path
) -> None:
    path = patched(as_zip(PLAIN, tmp_path / "b.zip"), "lab3/resnet.py", field, form, value)
    assert text in refusal(path)


def test_a_zip_that_shows_only_the_beginning_of_a_file_is_refused(tmp_path: Path) -> None:
    path = as_zip(PLAIN, tmp_path / "b.zip")
    patched(path, "lab3/resnet.py", UNPACKED, "<L", 3)
    patched(path, "lab3/resnet.py", CRC, "<L", zlib.crc32(PLAIN["lab3/resnet.py"][:3]))
    assert "is damaged" in refusal(path)


def test_a_zip_whose_entries_share_bytes_is_refused(tmp_path: Path) -> None:
    path = stored_zip(PLAIN, tmp_path / "b.zip")
    data = path.read_bytes()
    start = 30 + len("lab3/resnet.py")
    end = data.index(b"PK\1\2") - 20
    patched(path, "lab3/resnet.py", CRC, "<L", zlib.crc32(data[start:end]))
    for field in (PACKED, UNPACKED):
        patched(path, "lab3/resnet.py", field, "<L", end - start)
    assert "overlap" in refusal(path)


def test_a_zip_that_names_one_place_twice_is_refused(tmp_path: Path) -> None:
    path = stored_zip({**PLAIN, "lab3/resnet_.py": b"other"}, tmp_path / "b.zip")
    at = central(path.read_bytes(), "lab3/resnet_.py") + START
    (start,) = struct.unpack_from("<L", path.read_bytes(), at)
    assert "contradicts itself" in refusal(patched(path, "lab3/observer.py", START, "<L", start))


@pytest.mark.filterwarnings("ignore:Duplicate name")  # Python 3.13 reads the other name, too
def test_a_zip_with_two_names_for_one_file_goes_by_the_name_programs_show(tmp_path: Path) -> None:
    shown, stored = b"lab3/resnet.py", b"lab3/notes.txt"
    member = zipfile.ZipInfo(stored.decode())
    body = struct.pack("<BL", 1, zlib.crc32(stored)) + shown
    member.extra = struct.pack("<HH", 0x7075, len(body)) + body
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr(member, b"other")
    assert read(tmp_path / "b.zip").files == {"resnet.py": b"other"}
    with zipfile.ZipFile(tmp_path / "b.zip", "a") as archive:
        archive.writestr("lab3/resnet.py", b"one")
    assert "'lab3/resnet.py' twice" in refusal(tmp_path / "b.zip")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_compression_is_refused(method: int, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "c.zip", "w", method) as archive:
        archive.writestr("lab3/resnet.py", bytes(1000))
    assert "is compressed in an unusual way" in refusal(tmp_path / "c.zip")


def test_a_long_list_of_contents_is_not_read(tmp_path: Path) -> None:
    path = stored_zip({f"{n}" * 60_000: b"" for n in range(3)}, tmp_path / "c.zip")
    assert "longer list of contents" in refusal(path, SMALL)


def test_archives_in_archives_stay_closed(tmp_path: Path) -> None:
    inner = as_zip(PLAIN, tmp_path / "inner.zip").read_bytes()
    submission = read(as_zip({"lab3.zip": inner, "report.md": b"x"}, tmp_path / "d.zip"))
    assert submission.files == {}
    assert submission.ignored == ("lab3.zip",)


@pytest.mark.parametrize("name", ["zip", "tar", "tar.gz"])
def test_archives_joined_are_refused(name: str, tmp_path: Path) -> None:
    one = PACKS[name](PLAIN, tmp_path / "one").read_bytes()
    other = PACKS[name]({"lab3/resnet.py": b"other"}, tmp_path / "other").read_bytes()
    (tmp_path / "e").write_bytes(one + other)
    assert refusal(tmp_path / "e")
    (tmp_path / "f").write_bytes(b"#!/bin/sh\n" + one)
    assert "neither .zip nor .tar" in refusal(tmp_path / "f")


@every_archive
def test_every_cut_is_noticed(pack: Pack, tmp_path: Path) -> None:
    data = pack(PLAIN, tmp_path / "g").read_bytes()
    for end in range(0, len(data.rstrip(b"\0")), max(1, len(data) // 60)):
        (tmp_path / "h").write_bytes(data[:end])
        assert refusal(tmp_path / "h")


def test_what_follows_gzip_is_refused(tmp_path: Path) -> None:
    path = PACKS["tar.gz"](PLAIN, tmp_path / "i")
    path.write_bytes(path.read_bytes() + b"garbage")
    assert "goes on behind its end" in refusal(path)


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("resnet.py", b"import os\n", "is a single file: name the folder that holds lab3/"),
        ("empty.zip", b"", "is empty"),
        ("submission.zip", b"Rar!\x1a\x07\x00 and so on", "is neither .zip nor .tar nor .tar.gz"),
        (
            "resnet.py.gz",
            gzip.compress(b"import os\n", mtime=0),
            "is neither .zip nor .tar nor .tar.gz",
        ),
        ("zeros.tar", bytes(10240), "is neither .zip nor .tar nor .tar.gz"),
    ],
)
def test_what_is_no_archive_is_refused(
    name: str, content: bytes, text: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    assert text in refusal(tmp_path / name)


def test_what_is_neither_folder_nor_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(as_folder(PLAIN, tmp_path / "other"))
    assert "No such file or directory" in refusal(tmp_path / "nothing")
    assert "can't be a path" in refusal(tmp_path / "a\0b")
    assert "is neither a folder nor a file" in refusal(tmp_path / "pipe")
    assert "is neither a folder nor a file" in refusal(Path("/dev/zero"))
    assert "is a symbolic link" in refusal(tmp_path / "link")
