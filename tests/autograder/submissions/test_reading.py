"""Submissions: what counts is read, however it was packed, and nothing is left behind."""

import hashlib
import os
import random
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.submissions.entries import Limits
from autograder.submissions.reading import open_submission
from tests.conftest import ROOT
from tests.making.submissions import (
    BOTH,
    PACKS,
    PLAIN,
    Files,
    Pack,
    as_folder,
    as_zip,
    every_pack,
    read,
    refusal,
)


@every_pack
def test_everything_that_counts_is_read(pack: Pack, tmp_path: Path, private: Path) -> None:
    extra = {"lab3/data.py": b"given", "README.md": b"read me", "runs/a/training.pt": b"state"}
    with open_submission(pack({**PLAIN, **extra}, tmp_path / "alice")) as submission:
        run = submission.runs["a"]
        assert dict(submission.files) == BOTH
        assert list(submission.runs) == ["a"]
        assert run.log == PLAIN["runs/a/run.jsonl"]
        assert run.checkpoint is not None
        assert run.checkpoint.read_bytes() == b"weights"
        assert run.checkpoint_sha256 == hashlib.sha256(b"weights").hexdigest()
        assert run.checkpoint.is_relative_to(private)
        (folder,) = private.iterdir()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert submission.report == b"# Report\n"
        assert submission.ignored == ("README.md", "lab3/data.py", "runs/a/training.pt")
        assert submission.problems == ()
        assert submission.name == "alice"


def test_the_course_folder_is_a_submission() -> None:
    submission = read(ROOT / "assignment")
    assert set(submission.files) == {"resnet.py", "observer.py"}
    assert "lab3/data.py" in submission.ignored
    assert submission.problems == ()


@every_pack
@pytest.mark.parametrize("wrapping", ["hw3/", "alice/hw3/", "lab3/", "./", "lab3/lab3/"])
def test_wrapping_folders_do_not_matter(pack: Pack, wrapping: str, tmp_path: Path) -> None:
    plain = read(pack(PLAIN, tmp_path / "plain"))
    clutter = {
        "__MACOSX/lab3/._resnet.py": b"fork",
        "__MACOSX/lab3/resnet.py": b"fork",
        ".DS_Store": b"view",
        f"{wrapping}.git/lab3/resnet.py": b"old",
    }
    wrapped = {wrapping + name: content for name, content in PLAIN.items()}
    submission = read(pack({**clutter, **wrapped}, tmp_path / "wrapped"))
    assert submission.sha256 == plain.sha256
    assert submission.files == plain.files
    git = f"{wrapping.removeprefix('./')}.git/"
    assert set(submission.ignored) == {".DS_Store", "__MACOSX/", git}
    assert submission.problems == ()


@every_pack
@pytest.mark.parametrize("wrapping", ["", "hw3/"])
def test_the_two_files_alone_are_enough(pack: Pack, wrapping: str, tmp_path: Path) -> None:
    files = {wrapping + name: content for name, content in BOTH.items()}
    submission = read(pack({**files, f"{wrapping}report.md": b"# Report\n"}, tmp_path / "bob"))
    assert submission.files == BOTH
    assert submission.report == b"# Report\n"
    laid_out = {name: content for name, content in PLAIN.items() if not name.startswith("runs/")}
    assert submission.sha256 == read(as_folder(laid_out, tmp_path / "laid out")).sha256


@every_pack
@pytest.mark.parametrize("wrapping", ["x" * 70 + "/" + "y" * 70 + "/", "Übung é ü/"])
def test_long_and_foreign_folder_names(pack: Pack, wrapping: str, tmp_path: Path) -> None:
    submission = read(pack({wrapping + n: content for n, content in BOTH.items()}, tmp_path / "c"))
    assert submission.files == BOTH


@every_pack
def test_accents_taken_apart_name_the_same_run(pack: Pack, tmp_path: Path) -> None:
    one = read(pack({**PLAIN, "runs/e\u0301/run.jsonl": b""}, tmp_path / "apart"))
    other = read(pack({**PLAIN, "runs/\u00e9/run.jsonl": b""}, tmp_path / "together"))
    assert one.sha256 == other.sha256
    assert set(one.runs) == set(other.runs) == {"a", "\u00e9"}


@every_pack
def test_what_is_missing_is_said(pack: Pack, tmp_path: Path) -> None:
    files = {"lab3/data.py": b"", "runs/a/model.pt": b"x", "runs/sweep/b/run.jsonl": b""}
    submission = read(pack(files, tmp_path / "dora"))
    assert submission.files == {}
    assert submission.report is None
    assert set(submission.runs) == {"a"}
    assert submission.runs["a"].log is None
    assert submission.ignored == ("lab3/data.py", "runs/sweep/b/run.jsonl")
    assert submission.problems == ("lab3/resnet.py is missing", "lab3/observer.py is missing")


@every_pack
def test_empty_files_are_kept_and_said(pack: Pack, tmp_path: Path) -> None:
    submission = read(
        pack({**PLAIN, "lab3/observer.py": b"", "runs/a/model.pt": b""}, tmp_path / "e")
    )
    assert submission.files["observer.py"] == b""
    assert submission.runs["a"].checkpoint is not None
    assert submission.problems == ("lab3/observer.py is empty", "runs/a/model.pt is empty")


def test_an_empty_folder_and_an_empty_archive_hold_nothing(tmp_path: Path) -> None:
    empty = [as_folder({}, tmp_path / "folder"), as_zip({}, tmp_path / "archive.zip")]
    assert [len(read(path).problems) for path in empty] == [2, 2]


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("alice.zip", "alice"),
        ("alice.tar.gz", "alice"),
        ("Alice.TGZ", "Alice"),
        ("a.b", "a.b"),
        ("e\x1b[31mv\u202eil\n.zip", "e[31mvil"),
        ("x" * 200, "x" * 77 + "..."),
        ("\u200b.zip", "submission"),
    ],
)
def test_the_name_is_fit_to_be_shown(file: str, name: str, tmp_path: Path) -> None:
    assert read(as_zip(PLAIN, tmp_path / file)).name == name


def test_the_current_folder_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(as_folder(PLAIN, tmp_path / "alice"))
    assert read(Path()).name == "alice"


some_files = st.dictionaries(
    st.sampled_from([*PLAIN, "runs/b-2/run.jsonl", "runs/b-2/model.pt", "lab3/data.py", "notes/x"]),
    st.binary(max_size=300),
    min_size=1,
)


@given(some_files, st.sampled_from(["", "hw3/", "a/b/"]), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_packing_does_not_matter(files: Files, wrapping: str, chance: random.Random) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        plain = read(as_folder(files, Path(scratch) / "plain"))
        for number, pack in enumerate(PACKS.values()):
            names = chance.sample(sorted(files), len(files))
            wrapped = {wrapping + name: files[name] for name in names}
            submission = read(pack(wrapped, Path(scratch) / str(number)))
            assert submission.sha256 == plain.sha256
            assert submission.files == plain.files
            assert submission.report == plain.report
            assert submission.problems == plain.problems
            assert {name: (run.log, run.checkpoint_sha256) for name, run in plain.runs.items()} == {
                name: (run.log, run.checkpoint_sha256) for name, run in submission.runs.items()
            }


@given(some_files.filter(lambda files: set(files) & set(PLAIN)), st.data())
@settings(max_examples=40)
def test_every_byte_and_name_counts(files: Files, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(set(files) & set(PLAIN))))
    content = data.draw(st.binary(max_size=300).filter(lambda content: content != files[name]))
    moved = {n.replace("runs/a/", "runs/A/"): c for n, c in files.items()}
    without = {n: c for n, c in files.items() if n != name}
    with tempfile.TemporaryDirectory() as scratch:
        shas = [
            read(as_zip(each, Path(scratch) / f"{number}.zip")).sha256
            for number, each in enumerate([files, {**files, name: content}, without, moved])
        ]
    assert shas[0] not in shas[1:3]
    assert (shas[0] == shas[3]) == (moved == files)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit])
def test_nothing_is_left_behind(error: type[BaseException], tmp_path: Path, private: Path) -> None:
    def work() -> None:
        with open_submission(as_zip(PLAIN, tmp_path / "m.zip")) as submission:
            assert submission.runs["a"].checkpoint is not None
            assert len(list(private.iterdir())) == 1
            raise error

    with pytest.raises(error):
        work()
    assert list(private.iterdir()) == []


def test_nothing_is_left_behind_when_reading_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, private: Path
) -> None:
    def interrupted(*_: object) -> bytes:
        assert list(private.iterdir())
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "read", interrupted)
    with pytest.raises(KeyboardInterrupt), open_submission(as_folder(PLAIN, tmp_path / "n")):
        pass


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    paths = [pack(PLAIN, tmp_path / name) for name, pack in PACKS.items()]
    (tmp_path / "bad.zip").write_bytes((tmp_path / "zip").read_bytes()[:-9])
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for path in paths:
        read(path)
        read(path, Limits(source=1))
    refusal(tmp_path / "bad.zip")
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
