"""The archive for Gradescope: run as there, it gives every submission its own result."""

import json
import subprocess
import sys
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from autograder.publishing import gradescope
from autograder.publishing.exporting import Request, to_gradescope
from tests.making import published
from tests.making.classes import DEADLINE
from tests.making.published import Pupil


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """What Gradescope makes of the archive of a class: its /autograder."""
    pupils = [
        Pupil(n, ("qat.converts",) if n else (), 25 if n == 2 else -1, "gradescope")
        for n in range(4)
    ]
    course = published.write(tmp_path / "course", [*pupils, Pupil(4, None, lms="gradescope")])
    exported = to_gradescope(Request(course, tmp_path / "up"))
    assert len(exported.filling.filled) == 4
    top = tmp_path / "autograder"
    with zipfile.ZipFile(exported.files[0]) as archive:
        modes = {i.filename: i.external_attr >> 16 & 0o777 for i in archive.infolist()}
        archive.extractall(top / "source")
    assert modes["setup.sh"] == modes["run_autograder"] == 0o755
    return top


def run(top: Path, *emails: str, late_h: float = -1, number: int = 77) -> dict[str, Any]:
    """What stands in results.json after a run, for a submission that came at a time."""
    time = DEADLINE + timedelta(hours=late_h)
    metadata = {
        "id": number,
        "created_at": time.astimezone().isoformat(timespec="microseconds"),
        "users": [{"email": email, "id": 1, "name": "x"} for email in emails],
        "previous_submissions": [],
    }
    (top / "submission_metadata.json").write_text(json.dumps(metadata))
    (top / "results").mkdir(exist_ok=True)
    command = [sys.executable, "-I", str(top / "source" / "run_autograder"), str(top)]
    subprocess.run(command, check=True, timeout=60)
    document: dict[str, Any] = json.loads((top / "results" / "results.json").read_text())
    return document


def test_everybody_gets_their_own_mark_and_tests(unpacked: Path) -> None:
    full, less = run(unpacked, "s0000@example.org"), run(unpacked, "S0001@Example.org")
    assert (full["score"], less["score"]) == (100, 98)
    assert sum(test["score"] for test in less["tests"]) == 98
    late = run(unpacked, "s0002@example.org", late_h=25)
    assert late["score"] == 78.4
    assert "98 points, less 20 % for lateness: 78.4" in late["output"]


def test_of_a_group_one_address_is_enough(unpacked: Path) -> None:
    assert run(unpacked, "nobody@example.org", "s0001@example.org")["score"] == 98


@pytest.mark.parametrize(
    ("email", "late_h"),
    [("s0000@example.org", 3), ("s0004@example.org", -1), ("x@example.org", -1)],
)
def test_a_submission_that_was_not_graded_shows_no_result(
    unpacked: Path, email: str, late_h: float
) -> None:
    document = run(unpacked, email, late_h=late_h)
    assert document["visibility"] == "hidden"
    assert document["tests"] == []


def test_an_anonymous_one_is_known_by_its_number() -> None:
    award = published.award(3, gradescope="submission_77", id="", points="50")
    entry = gradescope.entry_of(award)
    assert entry is not None
    assert (entry["submission"], entry["emails"]) == ("77", [])
    assert gradescope.unknown([award, published.award(4, id="")]) == [published.award(4, id="")]
