"""What a report doesn't say, since nobody knows it, and what it doesn't touch."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import font_manager

from lab3.log.records import Speedup
from lab3.log.runlog import RunLog
from tests.conftest import Command
from tests.making.logs.folders import write_runs
from tests.making.logs.published import PTQ, fp32, log
from tests.making.logs.records import SHA, latency
from tools.report.facts.comparison import compare
from tools.report.figures import drawing
from tools.report.figures.tradeoff import interval
from tools.report.tables import comparison_table, latency_notes
from tools.report.texts import load_texts


def timed(low: float, high: float, baseline_median_s: float = 0.03) -> RunLog:
    """A PTQ run that was timed in turn with its baseline."""
    speedup = Speedup(
        baseline_sha256=SHA, baseline_median_s=baseline_median_s, rounds=50, low=low, high=high
    )
    assert PTQ.result is not None
    return log(*PTQ.records[:-1], PTQ.result.model_copy(update={"speedup": speedup}))


def test_a_speed_up_comes_with_its_interval() -> None:
    rows = compare([fp32(), timed(2.4, 2.6)])
    assert comparison_table(rows).rows[1][-1] == "2.50x (2.40-2.60)"
    assert "95 % interval" in latency_notes(rows)[-1]


@pytest.mark.parametrize(
    ("low", "high", "shown"), [(2.6, 2.8, "2.50-2.80"), (2.2, 2.4, "2.20-2.50")]
)
def test_an_interval_holds_its_speed_up_where_times_drift(
    low: float, high: float, shown: str
) -> None:
    rows = compare([fp32(), timed(low, high)])
    assert comparison_table(rows).rows[1][-1] == f"2.50x ({shown})"


@pytest.mark.parametrize("language", ["en", "zh-TW"])
def test_a_ratio_that_means_nothing_is_said_and_not_printed(language: str) -> None:
    rows = compare([fp32(), timed(0.01, 772.39)])
    t = load_texts(language)
    assert comparison_table(rows, t).rows[1][-1] == t("rows.noisy")
    assert rows[1].speedup is None
    notes = " ".join(latency_notes(rows))
    assert "Speed-up of ptq: too noisy to say, between 0.01x and 772.39x." in notes
    assert "--again" in notes


def test_a_time_whose_quartiles_lie_far_apart_is_no_number() -> None:
    wild = latency(median_s=0.448, lower_quartile_s=0.0094, upper_quartile_s=0.4639)
    assert PTQ.result is not None
    ptq = log(*PTQ.records[:-1], PTQ.result.model_copy(update={"latency": wild}))
    rows = compare([fp32(), ptq])
    assert comparison_table(rows).rows[1][-2:] == ("too noisy", "too noisy")
    assert "half of the passes took 9.40 to 463.90 ms" in " ".join(latency_notes(rows))


def test_a_baseline_that_was_timed_again_since_gives_no_ratio() -> None:
    rows = compare([fp32(), timed(2.4, 2.6, baseline_median_s=0.02)])
    assert rows[1].speedup is None
    assert "in turn" in latency_notes(rows)[-1]


@given(st.floats(0, 1), st.integers(0, 20_000))
def test_the_interval_of_an_accuracy_stays_within_0_and_1(share: float, images: int) -> None:
    low, high = interval(share, images)
    assert 0 <= low <= share <= high <= 1


def test_the_interval_of_an_accuracy_is_wilson_s() -> None:
    assert interval(1.0, 100) == (pytest.approx(0.9630, abs=1e-4), 1.0)
    assert interval(0.5, 100) == (pytest.approx(0.4038, abs=1e-4), pytest.approx(0.5962, abs=1e-4))


def test_without_runs_nothing_is_written(lab3: Command, tmp_path: Path) -> None:
    done = lab3("report", fails=2)
    assert "there is no run in runs" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_somebody_s_own_is_changed_by_force_alone_and_kept(
    lab3: Command, tmp_path: Path
) -> None:
    write_runs(tmp_path / "runs")
    own = tmp_path / "hand.md"
    own.write_text("# My own report\n\nby hand\n")
    done = lab3("report", "--out", own, fails=1)
    assert "was not made by lab3 report" in done.stderr
    assert own.read_text() == "# My own report\n\nby hand\n"
    lab3("report", "--out", own, "--force")
    assert own.read_text().startswith("# My own report\n\nby hand\n")
    assert (tmp_path / "hand.before-1.md").read_text() == "# My own report\n\nby hand\n"


def test_a_font_that_was_installed_since_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    if drawing.cjk_font() is None:
        pytest.skip("this computer has no font with Chinese characters")
    old = [e for e in font_manager.fontManager.ttflist if e.name not in drawing.CJK_FONTS]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", old)
    assert drawing.cjk_font(is_needed=False) is None
    assert drawing.cjk_font() in drawing.CJK_FONTS


def test_where_there_is_no_font_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from tools.report.sources import collect
    from tools.report.writing import write_report

    monkeypatch.setattr(drawing, "cjk_font", lambda is_needed=True: None)  # noqa: ARG005
    write_runs(tmp_path / "runs")
    written = write_report(tmp_path / "report.md", collect(tmp_path / "runs"), "zh-TW")
    assert "fonts-noto-cjk" in written.warnings[0]
