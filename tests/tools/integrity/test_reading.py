"""Submissions become fingerprints: behind walls, within budgets, once for each content."""

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

from autograder.host.sandbox import Sandbox
from tests.making.classes import attempt
from tests.making.course import reports
from tests.making.course.drawn import drawn_runs
from tests.making.prints import print_of
from tests.making.submissions import PLAIN, Files, as_zip
from tools.integrity.prints import Fingerprint
from tools.integrity.reading import Cache, fingerprints, read


class Bomb:
    """Leaves a file behind where somebody unpickles it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def checkpoint_of(content: object) -> bytes:
    """A file as torch.save makes it, of what only a pickle can hold."""
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(content, 2))
        archive.writestr("archive/version", "3\n")
    return into.getvalue()


def whole() -> Files:
    return {**PLAIN, **drawn_runs(1), "report.md": reports.report(reports.paragraphs("ada"))}


def test_what_is_read_behind_walls_is_what_is_there(sandbox: Sandbox, tmp_path: Path) -> None:
    files = {name: content for name, content in whole().items() if not name.startswith("runs/a/")}
    there = read(as_zip(files, tmp_path / "ada.zip"), sandbox)
    expected = print_of(files)
    assert there.code == expected.code
    assert there.code_sha256 == expected.code_sha256
    assert there.passages == expected.passages
    for mine, other in zip(there.runs, expected.runs, strict=True):
        assert (mine.tensors, mine.log) == (other.tensors, other.log)
        assert (mine.log_problem, mine.checkpoint_problem) == ("", "")


def test_each_part_says_why_it_can_t_be_compared(sandbox: Sandbox, tmp_path: Path) -> None:
    bait = tmp_path / "bait"
    runs = {
        "runs/a/run.jsonl": b"{}\n",
        "runs/a/model.pt": b"weights",
        "runs/b/model.pt": checkpoint_of(Bomb(bait)),
        "runs/c/run.jsonl": drawn_runs(1)["runs/fp32/run.jsonl"],
    }
    there = read(as_zip({**PLAIN, **runs}, tmp_path / "ada.zip"), sandbox)
    a, b, c = there.runs
    assert a.log_problem.startswith("run.jsonl:1: ")
    assert a.checkpoint_problem.startswith("the checkpoint can't be read: ")
    assert b.log_problem == "no log was handed in"
    assert b.checkpoint_problem.startswith("the checkpoint can't be read: ")
    assert c.checkpoint_problem == "no checkpoint was handed in"
    assert there.report_problem == "report.md has no paragraph of the student's own"
    assert not bait.exists()


def test_what_can_t_be_read_at_all_says_so(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "ada.zip").write_bytes(b"PK")
    there = read(tmp_path / "ada.zip", sandbox)
    assert "ada.zip" not in there.problem
    assert there.problem


def test_each_content_is_read_once_and_kept_privately(tmp_path: Path) -> None:
    path = as_zip({n: c for n, c in PLAIN.items() if n.startswith("lab3/")}, tmp_path / "a.zip")
    cache = Cache(tmp_path / "integrity" / "fingerprints")
    opened: list[Sandbox] = []

    def open_sandbox() -> Sandbox:
        opened.append(Sandbox(is_lean=True))
        return opened[-1]

    def all_of() -> list[tuple[str, Fingerprint | None]]:
        one = attempt("a", sha256="5" * 64)
        return list(fingerprints([(one, path), (one, path)], cache, open_sandbox))

    first = all_of()
    path.unlink()
    assert all_of() == first
    assert len(opened) == 1
    assert [p.name for p in cache.folder.iterdir()] == [f"{'5' * 64}.json"]
    assert cache.folder.stat().st_mode & 0o777 == 0o700
    assert cache.path("5" * 64).stat().st_mode & 0o777 == 0o600


def test_an_entry_of_another_kit_or_a_damaged_one_is_read_again(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put("a", Fingerprint(version="other", content="c"))
    assert cache.get("a") is None
    cache.path("b").write_text("{")
    assert cache.get("b") is None
