"""``lab3 reference`` as staff runs it."""

import re
import shutil
from pathlib import Path

import pytest
import torch

from tests.conftest import ROOT, SOLUTION, Command
from tests.making.plans import LAB, VARIANTS, profile

REFERENCE = SOLUTION / "reference"
REPORTS = sorted(REFERENCE.glob("*/report.md"))


def test_every_profile_is_checked_by_one_command(lab3: Command) -> None:
    said = lab3("reference", "--check").stderr
    assert "digits: 54 of 54 runs; every published number follows from the logs" in said
    assert "fashion-mnist: 56 of 56 runs; every published number follows from the logs" in said
    assert "cifar10: 0 of 59 runs; not run" in said


def test_a_number_that_was_changed_is_said(tmp_path: Path, lab3: Command) -> None:
    shutil.copytree(REFERENCE / "digits", tmp_path / "digits")
    shutil.copy(REFERENCE / "answers.toml", tmp_path)
    tables = tmp_path / "digits" / "tables.md"
    text = tables.read_text()
    row = next(line for line in text.splitlines() if line.startswith("| QAT |"))
    tables.write_text(text.replace(row, row.replace(" ± ", " ± 1")))
    done = lab3("reference", "--check", tmp_path / "digits", "--json", fails=1)
    assert re.search(r"tables.md:\d+: '.*', the logs say '", done.stderr)
    assert "tables.md" in done.stdout


@pytest.mark.parametrize("report", REPORTS, ids=lambda path: path.parent.name)
def test_the_reviewer_finds_nothing_in_the_report(report: Path, lab3: Command) -> None:
    done = lab3("review", report, "--runs", report.parent / "runs" / "seed-0")
    assert done.stdout.endswith("nothing found\n")
    assert "**Gap:**" not in report.read_text()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU, so nothing is missing")
def test_a_plan_for_a_gpu_says_what_it_needs(lab3: Command) -> None:
    said = lab3("reference", "cifar10", fails=1).stderr
    assert "this plan needs a GPU, and PyTorch sees none here" in said
    assert "it trains resnet50 of width 64 on cifar10 17 times, for 630 epochs in all" in said
    assert "--scheduler" in said


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("mnist",), "there is no profile 'mnist': choose from cifar10, digits, fashion-mnist"),
        ((), "name a profile: cifar10, digits"),
        (("--check", "--rerun", "0"), "--rerun trains for some time: name the profile too"),
        (("digits", "--check", "--rerun", "7"), "--rerun 7: the plan has the seeds 0, 1, 2"),
    ],
)
def test_a_mistake_is_told(lab3: Command, arguments: tuple[str, ...], complaint: str) -> None:
    assert complaint in lab3("reference", *arguments, fails=1).stderr


@pytest.mark.slow
def test_a_profile_is_run_published_checked_and_run_again(tmp_path: Path, lab3: Command) -> None:
    home = profile(tmp_path, LAB + VARIANTS)
    places = ("--data-dir", tmp_path / "data", "--out", tmp_path / "out")
    with pytest.raises(AssertionError, match=r"results.json is missing"):
        lab3("reference", home, "--check")
    first = lab3("reference", home, "--publish", "--jobs", "1", *places)
    assert "run 1 of 10: runs/seed-0/fp32" in first.stderr
    assert "0 of 10 logs" in first.stderr
    assert "PTQ, nothing fused" in first.stdout
    said = lab3("reference", home, "--check").stderr
    assert "10 of 10 runs; every published number follows from the logs" in said
    again = lab3("reference", home, "--publish", "--jobs", "1", "--restart", *places)
    assert "10 of 10 logs in" in again.stderr
    assert "are as they were, times aside" in again.stderr
    rerun = lab3("reference", home, "--rerun", "0", "--data-dir", tmp_path / "data")
    assert rerun.stderr.count("the same, times aside") == 3


def test_the_tables_of_the_readme_are_those_of_the_results() -> None:
    readme = (ROOT / "README.md").read_text()
    section = readme[readme.index("$ make reference") : readme.index("## Commands")]
    rows = [line for line in section.splitlines() if line.startswith("| ") and "±" in line]
    assert len(rows) >= 5
    published = [path.read_text().splitlines() for path in REFERENCE.glob("*/tables.md")]
    for row in rows:
        assert any(row in lines for lines in published), row
