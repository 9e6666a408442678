"""``lab3 demo``, the whole lab with the reference solution."""

import re
from pathlib import Path

import pytest

from lab3.log.runlog import read_log
from tests.conftest import Command
from tools.report.texts import load_texts


@pytest.mark.slow
def test_the_demo_does_the_whole_lab(tmp_path: Path, lab3: Command) -> None:
    shown = lab3("demo").stdout
    folder = tmp_path / "build" / "demo"
    results = {name: read_log(folder / "runs" / name).result for name in ("fp32", "ptq", "qat")}
    assert results["fp32"].accuracy >= 0.97
    assert results["fp32"].accuracy - results["ptq"].accuracy <= 0.015
    assert len(list((folder / "runs" / "sweep").glob("*/run.jsonl"))) == 3
    report = (folder / "report.md").read_text()
    for name, result in results.items():
        row = rf"{name} +{result.checkpoint_bytes / 1e6:.2f} +{100 * result.accuracy:.2f}"
        assert re.search(row, shown)
        assert f"{100 * result.accuracy:.2f}" in report
    for image in re.findall(r"!\[[^]]+\]\(([^)]+)\)", report):
        assert (folder / image).stat().st_size > 1000
    assert load_texts("en")("prompts.placeholder") not in report
    assert "**Gap:**" not in report
    page = (folder / "report.html").read_text()
    assert page.count('src="data:image/svg+xml') == 7
    assert 'class="missing"' not in page
    for name in ("ptq", "qat"):
        assert f"{name}: identical: all 177,010,694 values of 24 layers on 359 test images" in shown
    assert "100 of 100 points; all checks passed" in shown
    assert "0 of 100 points; 62 checks not implemented" in shown
    review = lab3("review", folder / "report.md", "--runs", folder / "runs").stdout
    assert review == "nothing found\n"
    again = lab3("demo")
    assert again.stderr.count("is complete already") == 6
