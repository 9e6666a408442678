"""Sources listed in place: hostile names, odd archives, and one reading."""

import bz2
import gzip
import hashlib
import io
import lzma
import zipfile
from pathlib import Path
from typing import Any

import pytest

from autograder.submissions.entries import FILE, LINK, Limits
from autograder.submissions.lms import listing
from autograder.submissions.lms.listing import Hashed, SourceError, Unsafe, open_listing
from tests.making.exports.hazards import Raw, overlapping, raw_zip
from tests.making.submissions import PLAIN, as_folder, as_zip, tar_of

FILES = {"a/x.txt": b"x" * 1000, "a/y.txt": b"y", "b.txt": b"z"}


def listed(path: Path) -> dict[str, tuple[int, bytes]]:
    with open_listing(path) as found:
        files = [entry for entry in found.entries if entry.kind == FILE]
        return {"/".join(e.parts): (e.size, b"".join(e.chunks())) for e in files}


COMPRESSED = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


@pytest.mark.parametrize("kind", ["folder", "zip", "tar", *COMPRESSED])
def test_every_kind_of_source_is_listed_and_read_in_place(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"source.{kind}"
    if kind == "folder":
        as_folder(FILES, path)
    elif kind == "zip":
        as_zip(FILES, path)
    else:
        tar = tar_of("w", 1)(FILES, tmp_path / "tar").read_bytes()
        path.write_bytes(COMPRESSED[kind](tar) if kind in COMPRESSED else tar)
    before = sorted(tmp_path.rglob("*"))
    assert listed(path) == {name: (len(content), content) for name, content in FILES.items()}
    assert sorted(tmp_path.rglob("*")) == before
    with open_listing(path) as found:
        sha256 = found.sha256()
    assert sha256 == (None if kind == "folder" else hashlib.sha256(path.read_bytes()).hexdigest())


def test_marks_change_with_the_bytes(tmp_path: Path) -> None:
    def mark(path: Path) -> str:
        with open_listing(path) as found:
            return next(entry.mark for entry in found.entries if entry.kind == FILE)

    one = mark(as_zip({"a": b"1"}, tmp_path / "1.zip"))
    assert one == mark(as_zip({"a": b"1"}, tmp_path / "2.zip"))  # of another export
    assert one != mark(as_zip({"a": b"2"}, tmp_path / "3.zip"))


def test_names_that_lead_elsewhere_say_so_and_cost_no_others(tmp_path: Path) -> None:
    names = [b"a/../../x", b"/etc/x", b"C:\\x", b"..\\x", b"ok/x", b"\xff\xfe.txt", b"y\0z"]
    (tmp_path / "s.zip").write_bytes(raw_zip([Raw(name) for name in names]))
    with open_listing(tmp_path / "s.zip") as found:
        parts = [entry.parts for entry in found.entries]
    unsafe = [isinstance(part, Unsafe) for part in parts]
    assert unsafe == [True, True, True, True, False, False, True]
    assert all(".." not in part and "" not in part for part in parts)
    assert all(name.encode() for part in parts for name in part)  # can be written


def test_links_and_protected_entries_are_no_files(tmp_path: Path) -> None:
    entries = [Raw(b"link", b"/etc/passwd", mode=0o120777), Raw(b"secret", b"x", flags=1)]
    (tmp_path / "s.zip").write_bytes(raw_zip(entries))
    with open_listing(tmp_path / "s.zip") as found:
        kinds = [entry.kind for entry in found.entries]
    assert kinds == [LINK, "is protected by a password"]


def test_clutter_of_folders_is_weighed_and_not_listed(tmp_path: Path) -> None:
    as_folder({"ada/.git/a": b"12", "ada/.git/b/c": b"345", "ada/x": b""}, tmp_path / "s")
    with open_listing(tmp_path / "s") as found:
        (git,) = [entry for entry in found.entries if ".git" in entry.parts]
    assert (git.parts, git.files, git.size) == (("ada", ".git"), 2, 5)


def test_no_link_is_followed_to_weigh_clutter(tmp_path: Path) -> None:
    as_folder({"b/.git/x": b"12345"}, tmp_path / "elsewhere")
    as_folder({"a\\b/.git/x": b"1"}, tmp_path / "s")
    (tmp_path / "s" / "a").symlink_to(tmp_path / "elsewhere")
    with open_listing(tmp_path / "s") as found:
        (git,) = [entry for entry in found.entries if ".git" in entry.parts]
    assert (git.parts, git.files, git.size) == (("a", "b", ".git"), 0, 0)


@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_of_too_many_entries_the_owner_is_named(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "LIMITS", Limits(entries=20))
    names = [*(f"export/ada/{n}" for n in range(5)), *(f"export/e\x1bve/{n}" for n in range(30))]
    pack = {"folder": as_folder, "zip": as_zip, "tar": tar_of("w", 1)}[kind]
    source = pack(dict.fromkeys(names, b""), tmp_path / "s")
    with pytest.raises(SourceError, match=r"more than 20 entries, \d+ of them in export/e\?ve: "):
        listed(source)


def test_entries_that_overlap_are_refused_when_they_are_read(tmp_path: Path) -> None:
    (tmp_path / "s.zip").write_bytes(overlapping(PLAIN))
    with open_listing(tmp_path / "s.zip") as found:
        first, *others = found.entries
        with pytest.raises(Exception, match="overlap"):
            list(first.chunks())
        assert all(list(entry.chunks()) for entry in others)


def test_too_long_lists_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = as_zip({"x" * 200 + str(n): b"" for n in range(600)}, tmp_path / "s.zip")
    monkeypatch.setattr(listing, "LIST_BYTES", 1 << 17)
    with pytest.raises(SourceError, match="too long a list of contents: fetch it in parts"):
        listed(path)


def test_a_source_is_hashed_while_it_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [Raw(f"{n}".encode(), bytes([n]) * 10_000, extra=bytes(40)) for n in range(9)]
    (tmp_path / "s.zip").write_bytes(content := raw_zip(entries))

    count = 0
    before = io.BufferedReader.read

    class Counted(Hashed):
        def __init__(self, file: Any) -> None:
            super().__init__(CountedFile(file))

    class CountedFile:
        def __init__(self, file: Any) -> None:
            self.file, self.seek, self.tell, self.close = file, file.seek, file.tell, file.close

        def read(self, *arguments: int) -> bytes:
            nonlocal count
            piece: bytes = before(self.file, *arguments)
            count += len(piece)
            return piece

    monkeypatch.setattr(listing, "Hashed", Counted)
    with open_listing(tmp_path / "s.zip") as found:
        listing_bytes = count
        for entry in found.entries:
            if entry.parts != ("4",):  # which is there already
                found.read_up_to(entry.position)
                assert len(b"".join(entry.chunks())) == 10_000
        assert found.sha256() == hashlib.sha256(content).hexdigest()
    assert count - listing_bytes <= len(content)


def test_a_zip_of_more_than_four_gigabytes_is_listed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        with archive.open("first", "w", force_zip64=True) as inner:
            inner.write(b"1")
        archive.writestr("a", b"2")
    assert listed(tmp_path / "s.zip") == {"first": (1, b"1"), "a": (1, b"2")}
