"""Names in submissions: none leads elsewhere, steers a terminal or stands for two files."""

import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from autograder.submissions.reading import open_submission
from tests.making.submissions import (
    BOTH,
    PACKS,
    PLAIN,
    Pack,
    add,
    as_folder,
    every_archive,
    every_pack,
    read,
    refusal,
    stored_zip,
)

UNSAFE = [
    "../evil",
    "../../../../../../tmp/lab3-evil",
    "lab3/../../evil",
    "lab3/../lab3/resnet.py",
    "/tmp/lab3-evil",
    "..\\evil",
    "\\\\server\\share\\evil",
    "C:\\evil",
    "c:evil",
]


def tree(top: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path): (path.lstat().st_size, path.lstat().st_mtime_ns) for path in top.rglob("*")
    } | {str(path): (0, 0) for path in Path("/tmp").glob("lab3-evil*")}


@every_archive
@pytest.mark.parametrize("name", UNSAFE)
def test_names_that_lead_elsewhere_are_refused(
    pack: Pack, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pack({**PLAIN, name: b"evil"}, tmp_path / "n")
    (tmp_path / "deep" / "here").mkdir(parents=True)
    (tmp_path / "evil").write_text("mine")
    monkeypatch.chdir(tmp_path / "deep" / "here")
    before = tree(tmp_path)
    assert "unsafe name" in refusal(path)
    assert tree(tmp_path) == before


@every_archive
def test_reading_writes_nothing_outside(pack: Pack, tmp_path: Path) -> None:
    path = pack(PLAIN, tmp_path / "n")
    before = tree(tmp_path)
    with open_submission(path):
        assert tree(tmp_path) == before
    assert tree(tmp_path) == before


def test_a_name_cut_off_by_nul_is_refused(tmp_path: Path) -> None:
    path = stored_zip({**PLAIN, "lab3/resnet.py\x01txt": b"evil"}, tmp_path / "n.zip")
    path.write_bytes(path.read_bytes().replace(b"resnet.py\x01txt", b"resnet.py\x00txt"))
    assert "unsafe name" in refusal(path)


@every_pack
def test_names_are_fit_to_be_shown(pack: Pack, tmp_path: Path) -> None:
    evil = "\x1b]0;\x07\u202egnp.exe\n\u2028\x9b2J"
    files = {
        f"{evil}/x": b"",
        f"runs/{evil}/run.jsonl": b"",
        "runs/.hidden/run.jsonl": b"",
        "runs/fp32\u1160/run.jsonl": b"",
        f"{'long' * 20}/{'name' * 20}": b"",
    }
    submission = read(pack({**PLAIN, **files}, tmp_path / "o"))
    assert set(submission.runs) == {"a"}
    assert all(text.isprintable() for text in (*submission.ignored, *submission.problems))
    assert max(map(len, submission.ignored)) <= 120
    assert submission.problems == (
        "runs/ holds names that are not plain, such as '.hidden': these runs were ignored "
        "(use letters, digits, '-' and '_')",
    )


@every_archive
@pytest.mark.parametrize("name", ["x/" * 65, "x" * 4097, "a\x1bb/" * 70])
def test_names_that_nothing_could_unpack_are_refused(pack: Pack, name: str, tmp_path: Path) -> None:
    if pack is PACKS["tar"]:
        pack = PACKS["gnu"]  # ustar can't hold long names
    text = refusal(pack({**PLAIN, name + "y": b""}, tmp_path / "p"))
    assert "more than" in text
    assert len(text) < 500 + len(str(tmp_path))


def test_names_that_are_not_text_are_harmless(tmp_path: Path) -> None:
    folder = as_folder(PLAIN, tmp_path / "q")
    Path(os.fsdecode(os.fsencode(folder / "x") + b"\xff\xfe")).write_bytes(b"")
    assert read(folder).ignored == ("x??",)
    with tarfile.open(tmp_path / "q.tar", "w") as archive:
        archive.add(folder, "q")
    assert read(tmp_path / "q.tar").ignored == ("q/x??",)


TWINS = [
    ("lab3/resnet.py", "./lab3/resnet.py"),
    ("lab3/resnet.py", "lab3//resnet.py"),
    ("lab3/resnet.py", "lab3\\resnet.py"),
    ("lab3/resnet.py", "lab3/ResNet.py"),
    ("lab3/resnet.py", "LAB3/resnet.py"),
    ("lab3/resnet.py", "Lab3/x"),
    ("lab3/resnet.py", "lab3/resnet.py."),
    ("lab3/resnet.py", "lab3/res\u200bnet.py"),
    ("lab3/resnet.py", "lab3/res\u1160net.py"),
    ("lab3/resnet.py", "lab3/res\u034fnet.py"),
    ("lab3/resnet.py", "lab3\ufe0f/resnet.py"),
    ("lab3/resnet.py", "lab3/\uff52esnet.py"),
    ("lab3/resnet.py", "lab3/resnet.py/x"),
    ("hw/lab3/resnet.py", "HW/lab3/observer.py"),
    ("runs/a/run.jsonl", "runs/A/model.pt"),
    ("runs/\u00e9/run.jsonl", "runs/e\u0301/run.jsonl"),
    ("report.md", "REPORT.md"),
]


@every_archive
@pytest.mark.parametrize("twins", TWINS)
@pytest.mark.parametrize("swap", [False, True])
def test_two_files_in_one_place_are_refused(
    pack: Pack, twins: tuple[str, str], swap: bool, tmp_path: Path
) -> None:
    files = {name: name.encode() for name in (twins[::-1] if swap else twins)}
    text = refusal(
        pack({"lab3/data.py": b"", **files} if "hw" not in twins[0] else files, tmp_path / "r")
    )
    assert "keep one" in text


def test_two_files_in_one_folder_are_refused(tmp_path: Path) -> None:
    folder = as_folder({**PLAIN, "lab3/Resnet.py": b"other"}, tmp_path / "r")
    assert "'lab3/resnet.py' twice" in refusal(folder)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("content", [b"one", b"two"])
def test_the_same_name_twice_is_refused(content: bytes, tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(tmp_path / "r.zip", "w") as one,
        tarfile.open(tmp_path / "r.tar", "w") as other,
    ):
        for each in (b"one", content):
            one.writestr("lab3/resnet.py", each)
            add(other, "lab3/resnet.py", each)
    assert "'lab3/resnet.py' twice" in refusal(tmp_path / "r.zip")
    assert "'lab3/resnet.py' twice" in refusal(tmp_path / "r.tar")


@every_pack
def test_others_may_look_alike(pack: Pack, tmp_path: Path) -> None:
    submission = read(pack({**PLAIN, "README.md": b"", "readme.md": b""}, tmp_path / "r"))
    assert submission.ignored == ("README.md", "readme.md")


@every_pack
def test_two_submissions_in_one_are_refused(pack: Pack, tmp_path: Path) -> None:
    files = {f"{who}/{name}": b"" for who in ("a", "b") for name in PLAIN}
    assert "several submissions, in 'a' and 'b': keep one" in refusal(pack(files, tmp_path / "s"))


@every_pack
def test_the_shallowest_lab3_counts(pack: Pack, tmp_path: Path) -> None:
    submission = read(pack({**PLAIN, "old/lab3/resnet.py": b"old"}, tmp_path / "t"))
    assert submission.files == BOTH
    assert submission.ignored == ("old/lab3/resnet.py",)


@every_pack
@pytest.mark.parametrize("folder", ["", "lab3/"])
def test_a_run_may_be_called_lab3(pack: Pack, folder: str, tmp_path: Path) -> None:
    files = {folder + name: content for name, content in BOTH.items()}
    submission = read(pack({**files, "runs/lab3/run.jsonl": b"{}"}, tmp_path / "t"))
    assert submission.files == BOTH
    assert set(submission.runs) == {"lab3"}
