"""Submissions: what counts is read, however it was packed; what is hostile harms nobody."""

import gzip
import hashlib
import io
import os
import random
import shutil
import socket
import stat
import struct
import tarfile
import tempfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.submissions.entries import Limits, SubmissionError
from autograder.submissions.reading import Submission, open_submission
from tests.conftest import ROOT

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
    with open_submission(path, limits) as submission:
        return submission


def refusal(path: Path, limits: Limits = Limits()) -> str:
    """The text of the error: one line, about this path."""
    with pytest.raises(SubmissionError) as caught, open_submission(path, limits):
        pass
    text = str(caught.value)
    assert text.startswith(str(path).split("\0")[0])
    assert text.isprintable()
    return text


@pytest.fixture(autouse=True)
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where temporary folders go; each test must leave it empty."""
    folder = tmp_path_factory.mktemp("private")
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    yield folder
    tempfile.tempdir = before
    assert list(folder.iterdir()) == []


# What is read


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
@settings(max_examples=40, deadline=None)
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
@settings(max_examples=40, deadline=None)
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


# Limits


@every_pack
def test_files_beyond_their_limit_are_left_out(pack: Pack, tmp_path: Path) -> None:
    large = dict.fromkeys(PLAIN, b"x" * 65)
    submission = read(pack(large, tmp_path / "f"), SMALL)
    assert submission.files == {}
    assert submission.report is None
    assert (submission.runs["a"].log, submission.runs["a"].checkpoint) == (None, None)
    said = {f"{name} is larger than 64 bytes and was not read" for name in PLAIN}
    assert set(submission.problems) == said
    assert read(pack(dict.fromkeys(PLAIN, b"x" * 64), tmp_path / "g"), SMALL).problems == ()


@every_pack
def test_the_sum_is_limited(pack: Pack, tmp_path: Path) -> None:
    files = {**PLAIN, **{f"runs/{n}/model.pt": b"x" * 100_000 for n in range(20)}}
    text = refusal(pack(files, tmp_path / "h"), Limits(total=10**6))
    assert "holds more than 1 MB: hand in only lab3/, runs/ and report.md" in text


@every_pack
def test_the_number_of_entries_is_limited(pack: Pack, tmp_path: Path) -> None:
    files = {**BOTH, **{f"data/{n}": b"" for n in range(10_000)}}
    assert "holds more than 10,000 entries: hand in only" in refusal(pack(files, tmp_path / "i"))


@every_pack
def test_the_number_of_runs_is_limited(pack: Pack, tmp_path: Path) -> None:
    files = {f"runs/{n:02}/run.jsonl": b"{}" for n in range(34)}
    submission = read(pack({**PLAIN, **files}, tmp_path / "j"))
    assert list(submission.runs) == [f"{n:02}" for n in range(32)]
    assert submission.problems == ("runs/ holds 35 runs: only the first 32 were read",)


@every_pack
def test_lists_are_bounded(pack: Pack, tmp_path: Path) -> None:
    files = {**PLAIN, **{f"data/{n:03}": b"" for n in range(300)}}
    submission = read(pack(files, tmp_path / "k"))
    assert len(submission.ignored) == 101
    assert submission.ignored[-1] == "and 200 more"


@pytest.mark.parametrize("name", ["zip", "tar.gz"])
def test_a_bomb_takes_no_memory(name: str, tmp_path: Path) -> None:
    bomb = {**PLAIN, "lab3/resnet.py": bytes(40 << 20), "runs/a/model.pt": bytes(40 << 20)}
    path = PACKS[name](bomb, tmp_path / "l")
    assert path.stat().st_size < 1 << 20
    tracemalloc.start()
    try:
        submission = read(path, Limits(checkpoint=1 << 20))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert set(submission.files) == {"observer.py"}
    assert submission.runs["a"].checkpoint is None
    assert peak < 8 << 20


def test_a_bomb_beside_what_counts_is_noticed_in_a_stream(tmp_path: Path) -> None:
    path = PACKS["tar.gz"]({**PLAIN, "bomb": bytes(4 << 20)}, tmp_path / "l")
    assert "holds more than 2 MB" in refusal(path, Limits(total=2 * 10**6))


def test_huge_folders_nobody_asked_for_are_not_looked_into(tmp_path: Path) -> None:
    for name in (".git", ".venv", "__pycache__", "node_modules", "lab3/__pycache__"):
        as_folder({str(n): b"" for n in range(40)}, tmp_path / "m" / name)
    submission = read(as_folder(PLAIN, tmp_path / "m"), SMALL)
    clutter = (".git/", ".venv/", "__pycache__/", "lab3/__pycache__/", "node_modules/")
    assert submission.ignored == clutter


# Names


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


# Links and special files


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


# Damage


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


def checked(header: bytearray) -> bytes:
    """A tar header with its checksum put right."""
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def tar_with(code: bytes, size: bytes, body: bytes = b"") -> bytes:
    header = bytearray(tarfile.TarInfo("x").tobuf(tarfile.USTAR_FORMAT))
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


# The temporary folder


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


# Fuzz


def survives(data: bytes) -> None:
    """Hand in a file; a result must be fit to be shown, and nothing but a refusal may be raised."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "fuzz"
        path.write_bytes(data)
        shown: tuple[str, ...]
        try:
            submission = read(path, SMALL)
            shown = (*submission.ignored, *submission.problems)
        except SubmissionError as error:
            shown = (str(error),)
    assert all(map(str.isprintable, shown))


@given(st.sampled_from([b"", b"PK\3\4", b"PK\5\6", b"\x1f\x8b\x08\0"]), st.binary(max_size=2000))
@settings(max_examples=150, deadline=None)
def test_random_bytes_are_harmless(magic: bytes, rest: bytes) -> None:
    survives(magic + rest)


@given(st.sampled_from(ARCHIVES), st.data())
@settings(max_examples=400, deadline=None)
def test_damaged_archives_are_harmless(name: str, data: st.DataObject) -> None:
    content = bytearray(VALID[name])
    places = st.integers(0, len(content) - 1)
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=8)):
        content[place] = value
    if data.draw(st.booleans()):
        start, end = sorted(data.draw(st.tuples(places, places)))
        content[start:end] = data.draw(st.sampled_from([b"", bytes(content[start:end]) * 2]))
    survives(bytes(content))
    if name in ("tar", "gnu"):
        survives(gzip.compress(bytes(content), 1))


@given(st.lists(st.tuples(st.integers(0, 511), st.integers(0, 255)), min_size=1, max_size=6))
@settings(max_examples=150, deadline=None)
def test_damaged_tar_headers_with_good_checksums_are_harmless(
    changes: list[tuple[int, int]],
) -> None:
    header = bytearray(VALID["tar"][:512])
    for place, value in changes:
        header[place] = value
    survives(checked(header) + VALID["tar"][512:])


def valid_archives() -> Files:
    with tempfile.TemporaryDirectory() as scratch:
        return {name: PACKS[name](PLAIN, Path(scratch) / name).read_bytes() for name in ARCHIVES}


VALID = valid_archives()
