"""``lab3 runs --compare``: curves together, and only what differs."""

import json
import re
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.making.logs.folders import write_runs
from tests.making.logs.records import end, epoch, start, written
from tools.report.facts.settings import differing
from tools.studying.standing import read_runs


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    write_runs(tmp_path / "runs")
    return tmp_path / "runs"


def test_only_what_differs_is_shown(lab3: Command, runs: Path) -> None:
    sweep = runs / "sweep"
    names = [str(sweep / path.name) for path in sorted(sweep.iterdir())]
    assert len(names) == 2
    document = json.loads(lab3("runs", "--compare", *names, "--json").stdout)
    assert set(document["differing"]) == {"label smoothing"}
    assert document["shared"]["network"] == "resnet14 of width 16"
    shown = lab3("runs", "--compare", *names).stdout
    assert "validation accuracy (%)" in shown
    assert "label smoothing" in shown
    assert not re.search(r"^ batch size", shown, re.MULTILINE)


def test_the_page_needs_nothing_else_and_obeys_no_name(lab3: Command, runs: Path) -> None:
    written(runs / "a|b", start(name="a|b", arch="<script>x"), epoch(1), end(best_epoch=1))
    lab3("runs", "--compare", "fp32", "a|b", "--html", runs / "page.html")
    page = (runs / "page.html").read_text()
    assert "<script" not in page
    assert '<figure><img class="drawn" src="data:image/svg+xml;base64,' in page
    assert "<strong>Figure 1.</strong>" in page
    assert not re.search(r'(src|href)="(?!data:|#)', page)


def test_one_run_can_not_be_compared(lab3: Command, runs: Path) -> None:
    assert runs.is_dir()
    assert "needs two runs or more" in lab3("runs", "--compare", "fp32", fails=1).stderr


def test_a_setting_that_one_kind_lacks_is_a_difference(runs: Path) -> None:
    logs, faults = read_runs(runs)
    assert faults == []
    rows, shared = differing([log for log in logs if log.name in ("fp32", "ptq")])
    assert ("kind", "FP32", "PTQ") in rows
    assert ("optimizer", "sgd", "-") in rows
    assert "data set" in shared
