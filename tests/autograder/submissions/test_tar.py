"""Damaged and hostile tar archives."""

import tarfile
from pathlib import Path

import pytest

from tests.making.submissions import SMALL, checked, read, refusal


def tar_with(code: bytes, size: bytes, body: bytes = b"", name: str = "x") -> bytes:
    header = bytearray(tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT))
    header[124:136], header[156:157] = size, code
    return checked(header) + body + bytes(-len(body) % 512)


def octal(body: bytes) -> bytes:
    return b"%011o\0" % len(body)


def pax(key: str, value: str) -> bytes:
    length = next(n for n in range(1000) if len(f"{n} {key}={value}\n") == n)
    return f"{length} {key}={value}\n".encode()


END = bytes(1024)
FILE = tar_with(b"0", octal(b"x"), b"x")


@pytest.mark.parametrize(
    ("start", "text"),
    [
        (tar_with(b"0", b"\xff" * 12), "is damaged"),  # -1 bytes
        (tar_with(b"x", b"\xff" * 12), "is damaged"),
        (tar_with(b"0", b"\x80" + b"\xff" * 11), "is cut short"),
        (tar_with(b"0", b"7" * 11 + b"\0"), "is cut short"),
        (tar_with(b"0", b"99999999999\0"), "is damaged"),
        (tar_with(b"2", octal(b"x"), b"x") + FILE, "is damaged"),
        (tar_with(b"5", octal(FILE), FILE), "is damaged"),
        (tar_with(b"0", octal(FILE), FILE, "x/"), "is damaged"),
        (tar_with(b"\0", octal(FILE), FILE, "x/"), "is damaged"),  # for some a folder, then FILE
        (tar_with(b"x", b"7" * 11 + b"\0"), "holds a header of more than"),
        (tar_with(b"L", b"7" * 11 + b"\0"), "holds a header of more than"),
        (tar_with(b"S", octal(b"")), "is sparse"),
        (tar_with(b"M", octal(b"")), "is sparse, incremental or in volumes"),
        (b"".join(tar_with(b"g", octal(b"")) for _ in range(101)), "more than 100 entries"),
        (tar_with(b"x", octal(b"")) * 2 + FILE, "names an entry twice"),
        (tar_with(b"x", octal(b"")), "goes on behind its end"),
    ],
)
def test_a_tar_is_not_believed(start: bytes, text: str, tmp_path: Path) -> None:
    (tmp_path / "j.tar").write_bytes(start + END)
    assert text in refusal(tmp_path / "j.tar", SMALL)


@pytest.mark.parametrize(
    ("code", "body", "text"),
    [
        (b"x", pax("GNU.sparse.major", "1"), "holds a sparse file"),
        (b"x", pax("size", "-512"), "is damaged"),
        (b"x", pax("size", "1" * 18), "is cut short"),
        (b"x", pax("path", "../evil"), "unsafe name"),
        (b"x", b"9" * 6000, "is damaged"),
        (b"x", b"0 path=x\n", "is damaged"),
        (b"x", b"99 path=x\n", "is damaged"),
        (b"g", pax("path", "lab3/resnet.py"), "names an entry twice"),
        (b"L", b"lab3/resnet.py\0/x\0", "unsafe name"),
    ],
)
def test_extended_headers_are_not_believed(
    code: bytes, body: bytes, text: str, tmp_path: Path
) -> None:
    (tmp_path / "k.tar").write_bytes(tar_with(code, octal(body), body) + FILE + END)
    assert text in refusal(tmp_path / "k.tar")


def test_extended_headers_are_used(tmp_path: Path) -> None:
    name = pax("path", "lab3/resnet.py") + pax("size", "2") + pax("mtime", "1.5")
    comment = pax("comment", "made by git archive")
    (tmp_path / "l.tar").write_bytes(
        tar_with(b"g", octal(comment), comment)
        + tar_with(b"x", octal(name), name)
        + tar_with(b"0", octal(b""), b"ab")
        + tar_with(b"L", octal(b"lab3/observer.py\0"), b"lab3/observer.py\0")
        + FILE
        + END
    )
    assert read(tmp_path / "l.tar").files == {"resnet.py": b"ab", "observer.py": b"x"}


def test_two_names_for_one_file_in_tar_are_refused(tmp_path: Path) -> None:
    body = pax("path", "lab3/resnet.py")
    (tmp_path / "l.tar").write_bytes(
        tar_with(b"L", octal(b"lab3/x\0"), b"lab3/x\0")
        + tar_with(b"x", octal(body), body)
        + FILE
        + END
    )
    assert "names an entry twice" in refusal(tmp_path / "l.tar")
