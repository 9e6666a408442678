"""What students really hand in: each is copied, or told in a sentence why it isn't."""

import hashlib
import io
import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autograder.collecting import assembling, copying, parts, storing
from autograder.collecting.copying import Stored, store
from autograder.collecting.storing import open_store
from autograder.host import conversion
from autograder.submissions.entries import Limits
from autograder.submissions.lms.handed_in import HandIn, member
from autograder.submissions.lms.listing import open_listing
from autograder.submissions.reading import Submission, open_submission
from lab3.errors import LabError
from tests.making.exports import listing_of
from tests.making.exports.hazards import Raw, nested, overlapping, plain_zip, rar, raw_zip
from tests.making.submissions import BOTH, PLAIN, Files, as_folder, as_zip, tar_of

CODE = {name: content for name, content in PLAIN.items() if name.startswith("lab3/")}
RUNS = {name: content for name, content in PLAIN.items() if name.startswith("runs/")}
AFRESH = "pack lab3/, runs/ and report.md afresh"
HAND_IN = "hand in an archive of lab3/, runs/ and report.md"
Keep = Callable[..., Stored]


@pytest.fixture
def keep(tmp_path: Path) -> Keep:
    """Store files that were handed in together."""

    def run(files: Files, convert: bool = False, text: str = "") -> Stored:
        hand_in = HandIn((member("ada"),), listing_of(files).entries, text=text)
        with open_store(tmp_path) as there:
            stored = store(hand_in, there, conversion.convert if convert else None, lambda _: None)
        assert [p for p in tmp_path.rglob("*") if ".part" in p.name] == []
        assert (stored.file is None) == bool(stored.problem)
        return stored

    return run


@pytest.fixture
def read(tmp_path: Path) -> Callable[[Stored], Submission]:
    """Read a copy as grading does."""

    def run(stored: Stored) -> Submission:
        assert stored.file is not None, stored.problem
        path = tmp_path / stored.file
        assert hashlib.sha256(path.read_bytes()).hexdigest() == stored.sha256 == path.name[:64]
        assert (stat.S_IMODE(path.stat().st_mode), path.stat().st_size) == (0o600, stored.bytes)
        with open_submission(path) as submission:
            return submission

    return run


Read = Callable[[Stored], Submission]


@pytest.mark.parametrize("suffix", ["zip", "tar", "tar.gz"])
@pytest.mark.parametrize("start", ["", "my lab/", "a/b/c/"])
def test_an_archive_is_copied_byte_for_byte(
    suffix: str, start: str, keep: Keep, read: Read, tmp_path: Path
) -> None:
    pack = {"zip": as_zip, "tar": tar_of("w", tarfile.PAX_FORMAT)}
    pack["tar.gz"] = tar_of("w:gz", tarfile.PAX_FORMAT)
    files = {f"{start}{name}": content for name, content in PLAIN.items()}
    content = pack[suffix](files, tmp_path / "a").read_bytes()
    stored = keep({"whatever.zip": content})
    assert read(stored).files == BOTH
    assert (tmp_path / str(stored.file)).read_bytes() == content
    assert str(stored.file).endswith(f".{suffix}")
    assert stored.warnings == ()


def test_loose_files_become_one_archive_without_clutter(keep: Keep, read: Read) -> None:
    clutter = {"__MACOSX/._x": b"1", ".DS_Store": b"22", "._a": b"3", "~$r.docx": b"4"}
    clutter |= {".git/HEAD": b"5", "venv/x": b"6", "data/cifar-10-batches-py/b": b"777"}
    stored = keep({**PLAIN, **clutter, "figures/a.png": b"png"})
    submission = read(stored)
    assert (submission.files, submission.report) == (BOTH, PLAIN["report.md"])
    assert submission.ignored == ()
    assert stored.warnings == (
        "left out 7 files, 10 bytes: "
        ".DS_Store, ._*, .git, __MACOSX, cifar-10-batches-py, venv, ~$*",
    )
    assert keep({**PLAIN, "figures/a.png": b"png"}).sha256 == stored.sha256
    around = {f"x/y/{name}": content for name, content in PLAIN.items()}
    assert keep(around).sha256 == keep(PLAIN).sha256


def test_a_data_set_among_the_files_is_left_out(
    keep: Keep, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = {f"images/{n}.png": b"png" for n in range(50)}
    assert len(read(keep({**PLAIN, **images})).ignored) == 50
    monkeypatch.setattr(parts, "OTHERS", 49)
    stored = keep({**PLAIN, **images})
    assert (read(stored).files, read(stored).ignored) == (BOTH, ())
    assert stored.warnings == ("left out 50 files, 150 bytes: what doesn't count",)


def test_an_archive_in_an_archive_is_opened_once(keep: Keep, read: Read) -> None:
    stored = keep({"a.zip": plain_zip({"b.zip": plain_zip(PLAIN)})})
    assert read(stored).files == BOTH
    assert stored.sha256 == hashlib.sha256(plain_zip(PLAIN)).hexdigest()
    both = keep({"a.zip": plain_zip({"code.zip": plain_zip(CODE), "r.zip": plain_zip(RUNS)})})
    assert set(read(both).runs) == {"a"}
    assert (
        keep({"a.zip": nested(PLAIN, 3)}).problem == f"holds no lab3/, runs/ or report.md: {HAND}"
    )
    whole = keep({"a.zip": plain_zip({**PLAIN, "old.zip": plain_zip(CODE)})})
    assert read(whole).ignored == ("old.zip",)


HAND = "hand in an archive of these"


def test_code_and_runs_in_two_archives_are_one_attempt(keep: Keep, read: Read) -> None:
    more = {f"work/{name}": content for name, content in RUNS.items()}
    stored = keep({"code.zip": plain_zip(CODE), "runs.zip": plain_zip(more), "report.md": b"# R"})
    submission = read(stored)
    assert (submission.files, set(submission.runs), submission.report) == (BOTH, {"a"}, b"# R")
    assert stored.warnings == stored.others == ()


def test_the_same_content_twice_is_one(keep: Keep, tmp_path: Path) -> None:
    content = plain_zip(PLAIN)
    stored = keep({"lab3.zip": content, "lab3-1.zip": content})
    assert stored.sha256 == hashlib.sha256(content).hexdigest()
    assert stored.warnings == ("lab3-1.zip is the same as lab3.zip",)
    packed_otherwise = as_zip(PLAIN, tmp_path / "other.zip").read_bytes()
    again = keep({"lab3.zip": content, "other.zip": packed_otherwise})
    assert again.sha256 == stored.sha256
    assert again.others == (f"attempts/{hashlib.sha256(packed_otherwise).hexdigest()}.zip",)


def test_the_higher_number_counts_and_the_other_is_kept(
    keep: Keep, read: Read, tmp_path: Path
) -> None:
    old, new = plain_zip(PLAIN), plain_zip({**PLAIN, "lab3/resnet.py": b"new"})
    for files in ({"lab3.zip": old, "lab3-1.zip": new}, {"lab3-2.zip": new, "lab3-1.zip": old}):
        stored = keep(files)
        assert read(stored).files["resnet.py"] == b"new"
        assert len(stored.warnings) == 1
        assert "doesn't count beside lab3-" in stored.warnings[0]
        (other,) = stored.others
        assert (tmp_path / other).read_bytes() == old


def test_of_two_reports_the_newer_counts(keep: Keep, read: Read) -> None:
    old, new = (plain_zip({**PLAIN, "report.md": text}) for text in (b"# old", b"# new"))
    stored = keep({"lab3.zip": old, "lab3-1.zip": new})
    assert read(stored).report == b"# new"
    assert stored.warnings == ("report.md of lab3.zip was left out: lab3-1.zip has another",)
    assert read(keep({"lab3-1.zip": new, "report.md": b"# mine"})).report == b"# mine"


def test_else_the_newer_one_counts_by_the_times_inside(keep: Keep, read: Read) -> None:
    old = plain_zip(PLAIN)
    new = raw_zip([Raw(n.encode(), c + b"!", 0x800, date=0x5C22) for n, c in PLAIN.items()])
    assert read(keep({"final.zip": old, "draft.zip": new})).files["resnet.py"].endswith(b"!")
    other = plain_zip({name: content + b"?" for name, content in PLAIN.items()})
    assert keep({"a.zip": old, "b.zip": other}).problem == (
        "a.zip and b.zip differ in lab3/observer.py, and nothing tells which is newer: hand in one "
        "of them"
    )


def test_a_broken_archive_beside_a_good_one_costs_nothing(keep: Keep, read: Read) -> None:
    stored = keep({"a.zip": plain_zip(PLAIN)[:-30], "b.zip": plain_zip(PLAIN)})
    assert read(stored).files == BOTH
    assert stored.warnings == (f"a.zip is damaged: {AFRESH}",)


SENTENCES = {
    "nothing.zip": (b"", "is empty (0 bytes): hand it in again, and look at its size"),
    "page.zip": (b"\n<!DOCTYPE html><html>", "is a web page, not an archive: hand in the archive"),
    "lab3.url": (b"[InternetShortcut]\nURL=x", "is a link to a file, not the file"),
    "lab3.gdoc": (b'{"url": "x"}', "is a link to a file, not the file"),
    "lab3.webloc": (b"<?xml", "is a link to a file, not the file"),
    "lab3.ipynb": (b"{}", f"is a notebook, which is not graded: {HAND_IN}"),
    "solution.py": (b"import os", f"is a single Python file: {HAND_IN}"),
    "a.rar": (rar(PLAIN), f"is packed as RAR and can't be opened here: {HAND_IN} as a .zip"),
    "b.zip": (rar(PLAIN), "is packed as RAR and can't be opened here"),
    "c.zip": (b"7z\xbc\xaf\x27\x1c", "is packed as 7z and can't be opened here"),
    "d.tar.xz": (b"\xfd7zXZ\0", "is packed as xz and can't be opened here"),
    "cut.zip": (plain_zip(PLAIN)[:-9], f"is damaged: {AFRESH}"),
    "overlap.zip": (overlapping(PLAIN), f"holds entries that overlap: {AFRESH}"),
    "abs.zip": (raw_zip([Raw(b"/etc/x"), Raw(b"lab3/resnet.py")]), "unsafe name '/etc/x'"),
    "up.zip": (raw_zip([Raw(b"..\\x"), Raw(b"lab3\\resnet.py")]), "unsafe name '..\\\\x'"),
    "twice.zip": (raw_zip([Raw(b"lab3/resnet.py", b"1")] * 2), "'lab3/resnet.py' twice"),
    "two.zip": (plain_zip({f"{w}/{n}": b"" for w in "ab" for n in CODE}), "several submissions"),
    "many.zip": (plain_zip({f"x{n}": b"" for n in range(10_001)}), "more than 10,000 entries"),
}


@pytest.mark.parametrize("name", SENTENCES)
def test_what_is_no_submission_is_told_in_its_own_sentence(name: str, keep: Keep) -> None:
    content, sentence = SENTENCES[name]
    stored = keep({name: content})
    assert stored.problem is not None
    assert stored.problem.startswith(f"{name} ")
    assert sentence in stored.problem


def test_a_form_without_files_is_told(keep: Keep) -> None:
    assert keep({}, text="an online text").problem == f"holds only an online text: {HAND_IN}"
    assert keep({"notes.pdf": b"%PDF"}).problem == f"holds no lab3/, runs/ or report.md: {HAND}"
    assert keep({"__MACOSX/._x": b"", ".DS_Store": b""}).problem == keep({}).problem
    assert keep({}).problem == f"holds no lab3/, runs/ or report.md: {HAND}"


def test_one_of_the_two_files_is_graded_for_itself(keep: Keep, read: Read) -> None:
    assert read(keep({"resnet.py": b"x"})).files == {"resnet.py": b"x"}


def test_names_of_old_programs_are_read_as_they_were_meant(keep: Keep, read: Read) -> None:
    for names in (
        [b"lab3\\resnet.py", b"lab3\\observer.py", b"notes \x93.txt"],  # Windows, CP437
        ["\u738b/lab3/resnet.py".encode("big5"), "\u738b/lab3/observer.py".encode("big5")],
        ["e\u0301/lab3/resnet.py".encode(), "e\u0301/lab3/observer.py".encode()],  # macOS
    ):
        content = raw_zip([Raw(name, b"x") for name in names])
        assert set(read(keep({"a.zip": content})).files) == {"resnet.py", "observer.py"}


def test_accents_in_two_spellings_are_told_not_chosen(keep: Keep) -> None:
    names = ["\u00e9/lab3/resnet.py", "e\u0301/lab3/resnet.py"]
    said = keep({"a.zip": raw_zip([Raw(name.encode(), b"x") for name in names])}).problem
    assert said is not None
    assert "holds several submissions" in said
    same = keep({"runs/\u00e9/run.jsonl": b"1", "runs/e\u0301/run.jsonl": b"2", **CODE}).problem
    assert same is not None
    assert "twice, or beside a name that looks the same" in same


def test_links_are_not_followed(keep: Keep, read: Read, tmp_path: Path) -> None:
    entries = [Raw(name.encode(), content) for name, content in PLAIN.items()]
    linked = raw_zip([Raw(b"lab3/resnet.py", b"/etc/passwd", mode=0o120777), *entries[1:]])
    assert "resnet.py" not in read(keep({"a.zip": linked})).files
    folder = as_folder(CODE, tmp_path / "source" / "ada")
    (folder / "lab3" / "resnet.py").unlink()
    (folder / "lab3" / "resnet.py").symlink_to("/etc/passwd")
    (folder / "report.md").symlink_to("/etc/passwd")
    with open_listing(folder) as listing, open_store(tmp_path) as there:
        stored = store(HandIn((member("ada"),), listing.entries), there, None, lambda _: None)
    assert stored.warnings == (
        "lab3/resnet.py is a symbolic link and was not followed",
        "report.md is a symbolic link and was not followed",
    )
    submission = read(stored)
    assert (set(submission.files), submission.report) == ({"observer.py"}, None)


def test_a_bomb_is_not_unpacked(keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storing, "LIMITS", Limits(checkpoint=50_000, total=100_000))
    bomb = {f"runs/a{n}/model.pt": bytes(50_000 + (n == 0)) for n in range(3)}
    files = {
        "lab3.zip": plain_zip({"runs/a0/model.pt": bytes(50_001)}),
        "code.zip": plain_zip(CODE),
    }
    stored = keep(files)
    assert stored.warnings == ("runs/a0/model.pt is larger than 50,000 bytes",)
    assert (stored.bytes or 0) < 1000
    files["lab3.zip"] = plain_zip({**bomb, "runs/a3/model.pt": bytes(100)})
    assert (keep(files).problem or "").startswith("holds more than ")
    monkeypatch.setattr(assembling, "LIMITS", Limits(total=50_000))
    huge = plain_zip({**CODE, "runs.zip": b"PK\3\4" + bytes(50_001)})
    assert keep({"a.zip": huge}).warnings == ("runs.zip inside holds more than 50,000 bytes",)


def test_loose_files_that_don_t_count_are_not_copied(
    keep: Keep, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[Path] = []
    before = copying.copy

    def counted(pieces: Iterator[bytes], path: Path) -> tuple[str, int]:
        copied.append(path)
        return before(pieces, path)

    monkeypatch.setattr(copying, "copy", counted)
    many = {f"notes/{n}": b"" for n in range(1001)}
    stored = keep({**CODE, **many, "runs.zip": plain_zip(RUNS)})
    assert set(read(stored).runs) == {"a"}
    assert len(copied) == len(CODE) + 1
    assert stored.warnings == ("left out 1,001 files, 0 bytes: what doesn't count",)


def test_all_compressed_archives_together_are_unpacked_within_bounds(
    keep: Keep, read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembling, "LIMITS", Limits(total=100_000))
    pack = tar_of("w:gz", tarfile.USTAR_FORMAT)
    bombs = {
        f"{n}.tar.gz": pack({f"x{n}": bytes(80_000), "y": b""}, tmp_path / "b").read_bytes()
        for n in range(3)
    }
    stored = keep({"0.zip": plain_zip(PLAIN), **bombs})
    assert read(stored).files == BOTH
    assert [said.split(" holds")[0] for said in stored.warnings] == ["1.tar.gz", "2.tar.gz"]


def test_only_a_few_archives_are_converted(tmp_path: Path) -> None:
    calls: list[Path] = []

    def convert(archive: Path, _target: Path) -> None:
        calls.append(archive)
        raise LabError("can't be unpacked")

    files = {f"{n}.rar": rar(PLAIN) for n in range(9)}
    hand_in = HandIn((member("ada"),), listing_of(files).entries)
    with open_store(tmp_path) as there:
        stored = store(hand_in, there, convert, lambda _: None)
    assert len(calls) == 4
    assert stored.file is None


@pytest.mark.skipif(bool(conversion.why_not()), reason=conversion.why_not())
def test_other_archives_are_converted_behind_walls(keep: Keep, read: Read) -> None:
    for name in ("a.rar", "renamed.zip"):
        stored = keep({name: rar(PLAIN)}, convert=True)
        assert read(stored).files == BOTH
        assert str(stored.file).endswith(".tar")
    broken = keep({"a.rar": rar(PLAIN)[:60]}, convert=True).problem
    assert broken is not None
    assert broken.startswith("a.rar is packed as RAR and can't be unpacked, it is damaged or")


PIECES = [*(name.encode() for name in PLAIN), b"lab3", b"runs", b"/", b"\\", b"..", b".", b""]
PIECES += [
    b"\xff",
    b"\xed\xa0\x80",
    "\u00e9".encode(),
    b"\n",
    b"\x1b[2J",
    b"a.zip",
    b"._",
    b".git/",
]
NAMES = st.lists(st.sampled_from(PIECES), max_size=4).map(b"".join)


def zipped(names: list[bytes], content: bytes) -> bytes:
    return raw_zip([Raw(name, content) for name in names])


def tarred(names: list[bytes], content: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name in names:
            info = tarfile.TarInfo(os.fsdecode(name))
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


@settings(max_examples=8)
@example([b"\xff.zip"], tarred, zipped([b"lab3/resnet.py"], b""), {})
@example([b"lab3/resnet.py", b"\xff"], tarred, b"x", {"runs.zip": plain_zip(RUNS)})
@example([b"lab3/resnet.py", b"", b"./"], zipped, b"x", {})
@given(
    names=st.lists(NAMES, max_size=6),
    pack=st.sampled_from([zipped, tarred]),
    content=st.sampled_from([b"x", zipped([b"lab3/resnet.py"], b""), tarred([b"\xff.zip"], b"")]),
    beside=st.sampled_from([{}, {"runs.zip": plain_zip(RUNS)}, {"report.md": b"# R"}]),
)
def test_no_name_in_an_archive_is_a_fault_of_ours(
    tmp_path_factory: pytest.TempPathFactory,
    names: list[bytes],
    pack: Callable[[list[bytes], bytes], bytes],
    content: bytes,
    beside: Files,
) -> None:
    hand_in = HandIn(
        (member("ada"),), listing_of({"a.zip": pack(names, content), **beside}).entries
    )
    folder = tmp_path_factory.getbasetemp() / "names"
    folder.mkdir(exist_ok=True)
    with open_store(folder) as there:
        stored = store(hand_in, there, None, lambda _: None)
    assert stored.problem != copying.FAULT, stored.warnings
    if stored.file:
        with open_submission(folder / stored.file):
            pass


def test_what_no_archive_should_do_costs_one_attempt(
    keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise IndexError("\udcff")

    monkeypatch.setattr(assembling, "part_of", broken)
    stored = keep({"a.zip": plain_zip(PLAIN)})
    assert stored.problem == copying.FAULT
    assert "IndexError" in stored.warnings[0]


def test_a_linked_file_is_named(tmp_path: Path) -> None:
    ada = as_folder({"lab3.zip": plain_zip(PLAIN)}, tmp_path / "ada")
    (tmp_path / "again.zip").hardlink_to(ada / "lab3.zip")
    with open_listing(ada) as listing, open_store(tmp_path) as there:
        stored = store(HandIn((member("ada"),), listing.entries), there, None, lambda _: None)
    assert stored.problem == "lab3.zip is a hard link and was not followed: hand in a copy"
