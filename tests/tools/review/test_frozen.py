"""The first frozen set: what was recorded of it still holds."""

import tomllib
from pathlib import Path

import pytest

from tests.reports.measuring import FROZEN, Counts, measure_reports, measure_sentences
from tools.review import review_file

ONE = FROZEN / "one"
RECORDED = tomllib.loads((ONE / "recorded.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("name", "measure"), [("reports", measure_reports), ("sentences", measure_sentences)]
)
def test_the_recorded_figures_hold(
    name: str, measure: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(measure)
    counts = measure(ONE, lambda path: review_file(path).findings)
    assert isinstance(counts, Counts)
    with capsys.disabled():
        print(f"\n{name}: {counts}")
    recorded = RECORDED[name]
    assert counts.faults == recorded["faults"]
    assert counts.found >= recorded["found"], counts.missed
    assert counts.findings - counts.true <= recorded["false"], counts.false


def test_the_set_is_whole() -> None:
    labels = tomllib.loads((ONE / "labels.toml").read_text(encoding="utf-8"))["report"]
    files = {report["file"] for report in labels}
    assert files == {path.name for path in Path(ONE / "reports").iterdir()}
    assert len(files) == 60
    for report in labels:
        lines = (ONE / "reports" / report["file"]).read_text(encoding="utf-8").split("\n")
        for fault in report.get("fault", ()):
            assert all(1 <= line <= len(lines) for line in fault["lines"])
            assert fault["says"] == "" or any(
                fault["says"] in lines[line - 1] for line in fault["lines"]
            ), (report["file"], fault["says"])
