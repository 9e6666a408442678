"""``lab3 report`` from run logs: golden facts, both languages, and honest gaps."""

import re
import shutil
import string
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment, nodes
from matplotlib.image import imread

from tests.conftest import Command
from tests.making.logs.folders import write_runs
from tests.making.logs.records import (
    SHA,
    changed,
    end,
    epoch,
    latency,
    result,
    start,
    written,
)
from tools.report import prose
from tools.report.facts import overfitting, scales
from tools.report.figures import drawing
from tools.report.sections import SECTIONS
from tools.report.sources import collect, ranges
from tools.report.texts import LANGUAGES, TEMPLATES, load_texts
from tools.report.writing import text_of, write_report


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    write_report(folder / "report.md", collect(write_runs(folder / "runs")), "en")
    return folder


def table_after(text: str, heading: str) -> list[list[str]]:
    """The rows of the first table behind a heading, without its ruler."""
    behind = text[text.index(heading) :]
    block = re.search(r"(?:^\|.*\n)+", behind, re.MULTILINE)
    assert block
    rows = [[c.strip() for c in line.strip("|").split(" | ")] for line in block[0].splitlines()]
    return [rows[0], *rows[2:]]


def test_the_comparison_follows_from_the_logs(report: Path) -> None:
    rows = table_after((report / "report.md").read_text(), "## 5. ")
    assert rows[0] == [
        "Model",
        "Run",
        "Size (MB)",
        "Accuracy (%)",
        "Accuracy drop (points)",
        "Compression",
        "Latency (ms)",
        "Speed-up",
    ]
    assert rows[1][:6] == ["FP32", "`fp32`", "94.40", "94.00", "0.00", "1.00x"]
    assert rows[2] == [
        "PTQ",
        "`ptq`",
        "23.66",
        "93.00",
        "1.00",
        "3.99x",
        "12.00 (12.00-12.00)",
        "2.50x",
    ]
    assert rows[3][:6] == ["QAT", "`qat`", "23.66", "95.00", "-1.00", "3.99x"]


def test_the_ablation_has_the_settings_and_marks_the_best(report: Path) -> None:
    rows = table_after((report / "report.md").read_text(), "### Ablation")
    assert [row[0] for row in rows[1:]] == ["`fp32`", "`base`", "`label-smoothing=0`"]
    assert [row[1] for row in rows[2:]] == ["cross entropy, label smoothing 0.1", "cross entropy"]
    assert [row[-2] for row in rows[1:]] == ["**80.00** (best)", "70.00", "65.00"]
    assert [row[-1] for row in rows[1:]] == ["1, 6", "1, 3", "1, 3"]
    assert {len(row) for row in rows} == {5}


def test_a_single_setting_is_no_ablation_and_needs_no_columns(tmp_path: Path) -> None:
    write_runs(tmp_path / "runs")
    shutil.rmtree(tmp_path / "runs" / "sweep")
    write_report(tmp_path / "report.md", collect(tmp_path / "runs"), "en")
    text = (tmp_path / "report.md").read_text()
    assert "there is one setting only" in text
    rows = table_after(text, "### Ablation")
    assert [row[0] for row in rows] == ["Run", "`fp32`"]
    assert {len(row) for row in rows} == {3}
    assert "The same in all runs" not in text


def test_the_evidence_on_overfitting_says_what_the_epochs_say(report: Path) -> None:
    text = (report / "report.md").read_text()
    assert (
        "At the best epoch (3), training accuracy is 90.00 % and validation accuracy 80.00 %: "
        in text
    )
    assert "a gap of +10.00 points. At the last epoch (4), it is 99.00 % and 79.00 %: " in text
    assert "a gap of +20.00 points. With 4 epochs there are too few to speak of a trend." in text
    assert "Validation loss was lowest in epoch 3 (0.9000) and ended at 1.2000." in text


def test_scales_and_noise_are_summed_up(report: Path) -> None:
    rows = table_after((report / "report.md").read_text(), "### Approximated scales")
    assert rows[1] == ["`ptq`", "weights", "2", "7 (1), 8 (1)", "1", "0", "0.00", "38.0"]
    assert rows[2] == ["`ptq`", "activations", "2", "3 (1), 4 (1)", "0", "0", "1.23", "38.0"]
    assert rows[3] == ["`ptq`", "residual additions", "1", "0 (1)", "0", "1", "0.00", "38.0"]
    text = (report / "report.md").read_text()
    assert "In `ptq`, 2 of 5 scales are clamped: 1 lie below $2^{-8}$" in text
    assert (
        "QAT is 2.00 points above PTQ. With 100 test images, differences up to about 6.58" in text
    )
    assert "`qat` most often takes dog for cat: 5 of 50 images." in text


def test_facts_name_their_lines(report: Path) -> None:
    text = (report / "report.md").read_text()
    assert "<sub>Source: `runs/fp32/run.jsonl` lines 2-5</sub>" in text
    assert "`runs/ptq/run.jsonl` line 3; `runs/qat/run.jsonl` line 4" in text
    lines = (report / "runs/ptq/run.jsonl").read_text().splitlines()
    assert '"event":"analysis"' in lines[2]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_figure_is_there_is_not_blank_and_has_a_text(report: Path, language: str) -> None:
    folder = report / language
    write_report(folder / "report.md", collect(report / "runs"), language)
    images = re.findall(r"!\[([^]]*)\]\(([^)]+)\)", (folder / "report.md").read_text())
    names = ["curves", "scales", "sqnr", "histograms", "tradeoff", "confusion"]
    assert [name for _, name in images] == [f"figures/{name}.png" for name in names]
    for alt, name in images:
        assert len(re.findall(r"\d+", alt)) >= 3, alt
        pixels = imread(folder / name)[..., :3]
        assert ((pixels < 0.9).any(axis=2)).mean() > 0.005, name
        assert b"<svg" in (folder / name).with_suffix(".svg").read_bytes()[:400]


def test_chinese_labels_are_drawn_or_english_ones_take_their_place(
    report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = collect(report / "runs")
    write_report(tmp_path / "a.md", sources, "zh-TW")  # a missing glyph would warn: an error here
    monkeypatch.setattr(drawing, "cjk_font", lambda is_needed=True: None)  # noqa: ARG005
    write_report(tmp_path / "b.md", sources, "zh-TW")
    assert load_texts("zh-TW")("sentences.english_labels") in (tmp_path / "b.md").read_text()


def test_both_languages_are_complete() -> None:
    english, chinese = (load_texts(language) for language in LANGUAGES)
    assert english.words.keys() == chinese.words.keys()
    for key, text in english.words.items():
        fields = [
            sorted(name for _, name, _, _ in string.Formatter().parse(words) if name)
            for words in (text, chinese.words[key])
        ]
        assert fields[0] == fields[1], key
        assert text.count("|") == chinese.words[key].count("|"), key
        assert text.count("`") == chinese.words[key].count("`") or key.startswith("alt"), key
    same = {key for key, text in english.words.items() if text == chinese.words[key]}
    assert same == {"figures.sqnr", "rows.wholesize"}


def test_every_text_is_used() -> None:
    root = Path(prose.__file__).parent
    sources = "".join(path.read_text() for path in root.rglob("*.py"))
    sources += (root.parents[1] / "report_template" / "lab_report.md.j2").read_text()
    for key in load_texts("en").words:
        section, name = key.split(".")
        assert key in sources or f'"{name}"' in sources or f"{section}.{{" in sources, key


def test_the_template_asks_for_exactly_the_sections_of_the_table() -> None:
    template = Environment().parse((TEMPLATES / "lab_report.md.j2").read_text())
    names = [
        node.attr
        for node in template.find_all(nodes.Getattr)
        if isinstance(node.node, nodes.Name) and node.node.name == "blocks"
    ]
    assert sorted(names) == sorted(SECTIONS)


def test_the_six_sections_have_their_weights(report: Path) -> None:
    headings = re.findall(
        r"^## (\d)\..*\((\d+) %\)$", (report / "report.md").read_text(), re.MULTILINE
    )
    assert headings == [
        ("1", "10"),
        ("2", "10"),
        ("3", "20"),
        ("4", "25"),
        ("5", "25"),
        ("6", "10"),
    ]


def test_a_report_keeps_its_language_and_prose_and_shows_edits(
    tmp_path: Path, lab3: Command
) -> None:
    write_runs(tmp_path / "runs")
    first = lab3("report", "--lang", "zh-TW")
    assert "15 questions are still unanswered" in first.stderr
    path = tmp_path / "report.md"
    mine = "我的答案：*S* 取整數。\n\n- 一\n- 二"
    placeholder = load_texts("zh-TW")("prompts.placeholder")
    path.write_text(
        path.read_text().replace(placeholder, mine, 1).replace("| 93.00 |", "| 99.99 |")
    )
    edited = path.read_bytes()
    again = lab3("report")
    assert "99.99" in again.stderr
    assert "report.before-1.md" in again.stderr
    assert (tmp_path / "report.before-1.md").read_bytes() == edited
    text = path.read_text()
    assert mine in text
    assert "| 93.00 |" in text
    assert "## 5. FP32、PTQ" in text
    lab3("report", "--lang", "en")
    assert mine in path.read_text()
    assert "## 5. Comparison" in path.read_text()


def test_damaged_marks_change_nothing(tmp_path: Path, lab3: Command) -> None:
    write_runs(tmp_path / "runs")
    lab3("report")
    path = tmp_path / "report.md"
    damaged = path.read_text().replace("<!-- /lab3 -->\n", "", 1)
    path.write_text(damaged)
    failed = lab3("report", fails=1)
    assert re.search(r"report\.md:\d+: a region begins inside the one of line 1", failed.stderr)
    assert "nothing was changed" in failed.stderr
    assert path.read_text() == damaged
    path.write_bytes("中文".encode("big5"))
    assert "is not UTF-8" in lab3("report", fails=1).stderr


def only(*names: str) -> Any:
    def keep(runs: Path) -> None:
        for path in runs.iterdir():
            if path.name not in names:
                for file in sorted(path.rglob("*"), reverse=True):
                    file.unlink() if file.is_file() else file.rmdir()

    return keep


def torn(runs: Path) -> None:
    path = runs / "fp32" / "run.jsonl"
    path.write_bytes(path.read_bytes()[:-20])


def not_a_number(runs: Path) -> None:
    written(runs / "fp32", start(), changed(epoch(1), train_loss=float("nan")))


def one_epoch(runs: Path) -> None:
    written(runs / "fp32", start(), epoch(1))


def thousand_epochs(runs: Path) -> None:
    written(runs / "fp32", start(), *(epoch(i, train_loss=1 / i) for i in range(1, 1001)), end())


def not_evaluated(runs: Path) -> None:
    for name in ("fp32", "ptq", "qat"):
        path = runs / name / "run.jsonl"
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(line for line in lines if b'"result"' not in line))


def odd_numbers(runs: Path) -> None:
    """A valid log whose parts don't fit each other."""
    nothing = latency(median_s=0.0, lower_quartile_s=0.0, upper_quartile_s=0.0)
    odd = result(
        images=0,
        confusion=[[1, 2, 3], []],
        class_accuracy={},
        checkpoint_bytes=0,
        checkpoint_sha256=SHA,
        latency=nothing,
    )
    written(runs / "fp32", start(hyperparameters=None), epoch(1, train_loss=1e300), end(), odd)


def binary(runs: Path) -> None:
    (runs / "qat/run.jsonl").write_bytes(b"\0\xff\n")


GARBAGE = {
    "no QAT yet": (only("fp32", "ptq"), "QAT missing from the comparison: `lab3 qat`", ""),
    "no quantized run": (only("fp32"), "no PTQ or QAT run tells its scales yet", ""),
    "no baseline": (only("ptq"), "there are no epochs to draw yet", "no FP32 run in runs"),
    "torn": (torn, "FP32 missing from the comparison", "the last line is torn"),
    "a loss that is nan": (not_a_number, "there are no epochs", "run.jsonl:2: train_loss"),
    "one epoch": (one_epoch, "has not ended yet: 1 of 3 epochs are done", ""),
    "thousand epochs": (thousand_epochs, "(epochs 668 to 1000)", ""),
    "not evaluated": (not_evaluated, "no network has been evaluated", ""),
    "odd numbers": (odd_numbers, "no complete FP32 run", ""),
    "binary": (binary, "QAT missing", "left out"),
}


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_gives_honest_gaps_and_a_message(
    tmp_path: Path, lab3: Command, garbage: str
) -> None:
    spoil, gap, message = GARBAGE[garbage]
    spoil(runs := write_runs(tmp_path / "runs"))
    assert message in lab3("report", "--html").stderr
    assert gap in (tmp_path / "report.md").read_text()
    assert (tmp_path / "report.html").stat().st_size > 10_000
    chinese = text_of(collect(runs), tmp_path, {}, "zh-TW")
    assert "**缺漏：**" in chinese or garbage == "thousand epochs"


def test_console_output_fills_what_no_log_tells(tmp_path: Path, lab3: Command) -> None:
    (tmp_path / "train.log").write_text(
        "Epoch 1 | Train Loss: 1.4807 | Train Acc: 45.55% | Val Loss: 1.2581 | Val Acc: 53.70%\n"
        "Epoch 2 | Train Loss: 1.0000 | Train Acc: 60.00% | Val Loss: 1.1000 | Val Acc: 61.00%\n"
        "[FP32] Loss: 0.3, Accuracy: 91.20%\n[PTQ INT8] Loss: 0.4174, Accuracy: 90.80%\n"
        "[Latency] FP32: 7.664 ms | INT8: 3.258 ms\n[File size] FP32: 13.37 MB | INT8: 3.35 MB\n"
        "Params size (MB): 12.7\n"
    )
    lab3("report", "--console", "train.log")
    text = (tmp_path / "report.md").read_text()
    assert "imported from console output, `train.log` lines 1-2" in text
    assert "| PTQ | 3.35 | 90.80 | 0.40 | 3.99x | 3.258 | 2.35x |" in text
    assert "MiB" in text
    assert (tmp_path / "figures/curves.png").exists()
    assert "check the path" in lab3("report", "--console", "none.log", fails=1).stderr


def test_several_console_outputs_are_one_with_a_training_each(
    tmp_path: Path, lab3: Command
) -> None:
    epoch = "Epoch {} | Train Loss: {} | Train Acc: 45.55% | Val Loss: 1.2581 | Val Acc: 53.70%\n"
    (tmp_path / "fp32.log").write_text(
        epoch.format(1, 1.48) + epoch.format(2, 1.21) + "[FP32] Loss: 0.3, Accuracy: 91.20%\n"
    )
    (tmp_path / "qat.log").write_text(
        epoch.format(1, 0.31) + "[QAT INT8] Loss: 0.4, Accuracy: 91.00%\n"
        "[FP32] Loss: 0.3, Accuracy: 91.50%\n"
    )
    done = lab3("report", "--console", "qat.log", "--console", "fp32.log")
    text = (tmp_path / "report.md").read_text()
    assert "imported from console output, `fp32.log` lines 1-2" in text
    assert "`qat.log` lines 2-3; imported from console output, `fp32.log` lines 3" in text
    assert "qat.log:3 and fp32.log:3 give FP32 two accuracies: the first is used" in done.stderr
    assert re.search(r"\| QAT \|[^|]*\| 91\.00 \| 0\.50 \|", text)


def test_an_unknown_baseline_is_refused_and_the_known_ones_are_named(
    tmp_path: Path, lab3: Command
) -> None:
    write_runs(tmp_path / "runs")
    assert "FP32 runs there: fp32, base" in lab3("report", "--baseline", "x", fails=1).stderr
    lab3("report", "--baseline", "base")
    assert "`runs/sweep/base/run.jsonl` line 1" in (tmp_path / "report.md").read_text()


def test_the_report_needs_no_torch(tmp_path: Path) -> None:
    write_runs(tmp_path / "runs")
    program = (
        "import sys; from pathlib import Path; from tools.student.report import report\n"
        "report(Path('runs'), Path('report.md'), 'en', True, False, None, None)\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("losses", "verdict"),
    [
        ([(3, 3), (2, 2), (1, 1), (0.5, 1.04), (0.4, 1.04), (0.3, 1.04)], "overfits_not"),
        ([(3, 3), (2, 2), (1, 1), (0.5, 1.1), (0.4, 1.2), (0.3, 1.3)], "overfits"),
        ([(3, 3), (2, 2), (1, 1), (2, 2), (3, 3), (4, 4)], "diverges"),
    ],
)
def test_the_verdict_on_overfitting(losses: list[tuple[float, float]], verdict: str) -> None:
    points = [epoch(i, train_loss=t, validation_loss=v) for i, (t, v) in enumerate(losses, 1)]
    seen = overfitting.evidence(points)
    assert seen
    assert seen.verdict == verdict
    assert seen.first_of_trend == 5
    assert seen.loss_slope == pytest.approx(losses[-1][1] - losses[-2][1])


def test_slopes_ranges_and_shifts() -> None:
    assert overfitting.slope([1, 3, 5]) == pytest.approx(2)
    assert overfitting.slope([1]) is None
    assert ranges([1, 2, 3, 5, 7, 8]) == "1-3, 5, 7-8"
    assert scales.shifts_text([8, 8, 4]) == "4 (1), 8 (2)"
    assert overfitting.evidence([]) is None


def test_the_demo_answers_every_question() -> None:
    import tomllib

    from tests.conftest import SOLUTION

    answers = tomllib.loads((SOLUTION / "reference" / "answers.toml").read_text())
    prompts = {key.split(".")[1] for key in load_texts("en").words if key.startswith("prompts.")}
    assert answers.keys() == prompts - {"placeholder"}
    for name, text in answers.items():
        numbers = re.findall(r"\d+\.\d+|\d+ ?%|\d+ (?:points|MB|ms)", text)
        assert not numbers, name
        assert not prose.LOOKS_LIKE_MARKER.search(text)
