"""``lab3 submit`` and ``lab3 status``: what is packed, what it loses, and what comes next."""

import json
import os
import shutil
import zipfile
from pathlib import Path

import pytest

from autograder.submissions.reading import open_submission
from lab3.selection import select
from tests.conftest import ROOT, Command
from tools.studying.packing import Contents, contents_of, figures_of, write_archive
from tools.studying.standing import read_runs


@pytest.fixture
def worked(student: Path, finished: Path, lab3: Command) -> Path:
    """A student's folder with solved stubs, runs and a report that nobody has answered."""
    shutil.copytree(finished / "runs", student / "runs")
    lab3("report", "--html", cwd=student)
    return student


@pytest.mark.long
def test_the_archive_holds_what_counts_and_says_what_it_loses(
    worked: Path, lab3: Command, tmp_path: Path
) -> None:
    done = lab3("submit", "--json", cwd=worked, fails=1)
    receipt = json.loads(done.stdout)
    with zipfile.ZipFile(worked / "lab3.zip") as archive:
        names = archive.namelist()
    runs = {
        f"runs/{run}/{file}" for run in ("fp32", "ptq", "qat") for file in ("run.jsonl", "model.pt")
    }
    assert runs | {"lab3/resnet.py", "lab3/observer.py", "report.md", "report.html"} <= set(names)
    assert sum(name.startswith("figures/") for name in names) >= 4
    assert [name for name, _ in receipt["files"]] == names
    assert "runs/per-channel: another run counts" in receipt["left_out"]
    assert any("placeholder" in text and "lines" in text for text in receipt["loses"])
    assert any("runs.logs" in text for text in receipt["loses"])  # nobody has evaluated them
    assert not any("-k image" in text for text in receipt["loses"])
    with open_submission(worked / "lab3.zip") as submission:
        assert submission.sha256 == receipt["submission_sha256"]
        assert submission.problems == ()
        assert submission.page == (worked / "report.html").read_bytes()
    shown = lab3("submit", "--check", worked / "lab3.zip", cwd=tmp_path, fails=1).stdout
    assert receipt["sha256"] in shown
    assert "not checked here:" in shown


def test_equal_contents_give_the_same_archive(
    finished: Path, student: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished / "runs", student / "runs")
    (student / "report.md").write_text("# A report\n")
    logs, _ = read_runs(student / "runs")
    contents = contents_of(student, student / "report.md", select(logs), [])
    first = write_archive(contents, tmp_path / "one.zip")
    for path in student.rglob("*"):
        os.utime(path, (1e9, 1e9))
    (student / "lab3" / "resnet.py").chmod(0o600)
    assert write_archive(contents, tmp_path / "two.zip") == first
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_what_is_too_large_is_left_out_by_name(tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(b"12345")
    contents = Contents()
    contents.add("runs/fp32/model.pt", tmp_path / "model.pt", 4)
    contents.add("runs/ptq/model.pt", tmp_path / "none.pt", 4)
    assert contents.left_out == ["runs/fp32/model.pt: larger than 4 bytes"]
    assert contents.missing == ["runs/ptq/model.pt"]
    assert contents.files == {}


def test_only_figures_beside_the_report_are_packed(tmp_path: Path) -> None:
    report = tmp_path / "report.md"
    report.write_text(
        "![a](figures/a.png) ![b](<figures/b c.png>) ![c](../secret.png) "
        "![d](figures/x/../../e.png) ![f](figures/f.svg) ![a](figures/a.png) "
        "![g](https://example.org/figures/g.png)"
    )
    assert figures_of(report) == ["figures/a.png"]


def test_status_names_the_next_command(worked: Path, lab3: Command) -> None:
    now = json.loads(lab3("status", "--json", cwd=worked).stdout)
    assert {stub["state"] for stub in now["stubs"]} == {"right"}
    assert [stub["part"] for stub in now["stubs"]] == [1, 1, 1, 2, 2, 3]
    assert {run["name"]: run["counts"] for run in now["runs"]} == {
        "fp32": True,
        "per-channel": False,
        "ptq": True,
        "qat": True,
    }
    reasons = {run["name"]: run["why"] for run in now["runs"]}
    assert reasons["per-channel"] == "not made with the lab's own configuration"
    assert now["next_command"] == "lab3 evaluate fp32 ptq qat"
    assert sum(points["earned"] for points in now["points"]) >= 54
    shown = lab3("status", cwd=worked).stdout
    assert "next: the test images haven't been looked at" in shown


def test_status_begins_with_the_first_open_stub(lab3: Command, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "assignment" / "lab3", tmp_path / "lab3")
    now = json.loads(lab3("status", "--json").stdout)
    assert {stub["state"] for stub in now["stubs"]} == {"open"}
    assert now["next_command"] == "lab3 check --part 1"
    assert sum(points["earned"] for points in now["points"]) == 0
