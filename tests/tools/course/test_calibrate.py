"""``lab3 calibrate`` as staff runs it."""

import json
from pathlib import Path

from autograder.rubric import RUBRIC
from tests.conftest import Command


def test_it_weighs_the_kits_thresholds_and_changes_nothing(tmp_path: Path, lab3: Command) -> None:
    before = RUBRIC.read_bytes()
    shown = lab3("calibrate", "digits", "--write", "thresholds.patch")
    assert "at least 94 %" in shown.stdout
    assert "3 runs say little" in shown.stdout
    assert "up to 71 % of honest runs may still miss it" in shown.stdout
    assert (tmp_path / "thresholds.patch").read_text().startswith("--- a/rubric.toml")
    assert RUBRIC.read_bytes() == before


def test_json_holds_every_threshold(lab3: Command) -> None:
    (weighed,) = json.loads(lab3("calibrate", "digits", "--json").stdout)
    assert weighed["dataset"] == "digits"
    assert weighed["images"] == 359
    networks = [verdict["network"] for verdict in weighed["verdicts"]]
    assert networks == ["FP32"] * 3 + ["PTQ"] * 2 + ["QAT"] * 2
    for verdict in weighed["verdicts"]:
        low, high = verdict["interval"]
        assert low <= verdict["failing"] / verdict["runs"] <= high


def test_what_was_not_run_says_so(lab3: Command) -> None:
    done = lab3("calibrate", "cifar10", fails=1)
    assert "cifar10: not run, so nothing can be said" in done.stderr
    assert "lab3 reference PROFILE makes them" in done.stderr
