"""``lab3 review``: numbers, hostile and damaged files, run logs, and the command itself."""

import contextlib
import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab3.log.records import Baseline, Hyperparameters
from lab3.log.runlog import append, begin
from tests.conftest import Command
from tests.making.alarms import no_longer_than
from tests.making.logs.records import SHA, end, epoch, latency, result, start
from tests.reports.bases import BASES, CHINESE, ENGLISH, SIMPLIFIED
from tests.reports.cases import FILES
from tests.reports.reviews import findings_in
from tools.review import RULES, review
from tools.review.findings import SURE
from tools.review.reading import encodings
from tools.review.reading.encodings import ReportError, read_text
from tools.review.reading.quantities import narrow, quantities

PTQ_SHA, QAT_SHA = "a" * 64, "b" * 64
FULL_WIDTH = str.maketrans("0123456789.%", "０１２３４５６７８９．％")

amounts = st.decimals(min_value=0, max_value=9999, places=2)


@given(
    amounts,
    st.sampled_from(["", "**", "`", "≈", "約", "（"]),
    st.sampled_from(["%", " %", "％", " MB", "MB", " ms", "x", " 倍", " 個百分點", ""]),
    st.sampled_from(["", "Accuracy: ", "下降了", "from 1 to ", "PTQ "]),
)
def test_a_printed_number_is_read_back(value: Decimal, mark: str, unit: str, before: str) -> None:
    text = narrow(f"{before}{mark}{value}{unit}。").replace("*", "").replace("`", "")
    last = list(quantities(text))[-1]
    assert last.number == value
    assert last.interval.low <= value <= last.interval.high


@given(amounts)
def test_other_digits_signs_and_commas_are_the_same_number(value: Decimal) -> None:
    shapes = [f"{value}%".translate(FULL_WIDTH), f"{value} %", f"{value}%".replace(".", ",")]
    assert [next(quantities(narrow(shape))).number for shape in shapes] == [value] * 3
    minus = [f"{sign}{value} points" for sign in "-−－"]
    assert {next(quantities(narrow(text))).number for text in minus} == {-value}


@given(st.integers(1000, 10**9))
def test_thousands_separators_are_no_decimal_commas(value: int) -> None:
    assert next(quantities(f"{value:,} bytes")).number == value


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("93.96", "93.955", "93.965"),
        ("94%", "93.5", "94.5"),
        ("≈92.8%", "92.7", "92.9"),
        ("5e-4", "0.00045", "0.00055"),
    ],
)
def test_a_number_is_as_wide_as_its_rounding(text: str, low: str, high: str) -> None:
    interval = next(quantities(text)).interval
    assert (interval.low, interval.high) == (Decimal(low), Decimal(high))


@pytest.mark.parametrize("text", ["conv1", "ResNet-50", "INT8", "FP32", "torch 2.14.1", "layer_3"])
def test_names_hold_no_numbers(text: str) -> None:
    assert list(quantities(text)) == []


pieces = st.sampled_from(
    [
        *("|", "\n", "| --- | --- |", "PTQ", "QAT", "FP32", " accuracy ", "93.96", "%", " MB", "x"),
        *("#", "## 5. ", "![](", ")", "[", "]", "<table><tr><td>", "</table>", "<!["),
        *("```", "<!--", "-->"),
        *("drop", "壓縮", "準確率", "下降", "，", "S", "2**", "zero point", "quint8", " is ", "0"),
        *(
            "9" * 30,
            "1e999",
            "?",
            "    ",
            "> ",
            "- ",
            "\x00",
            "\ud7ff",
            "**",
            "Size",
            "0.",
            "clamp",
        ),
        *(
            "faster",
            "test",
            "validation",
            "$\\frac{",
            "}",
            "\\",
            "&#x;",
            "×10^",
            "999",
            "-",
            "[0, ",
        ),
    ]
)


@settings(max_examples=300)
@given(st.one_of(st.text(max_size=300), st.lists(pieces, max_size=60).map("".join)))
def test_no_text_whatever_makes_the_review_fail(text: str) -> None:
    lines = text.count("\n") + text.count("\r") + 1
    for finding in review(text, Path("nowhere")):
        assert finding.rule in RULES
        assert 1 <= finding.line <= lines


@settings(max_examples=60)
@given(st.sampled_from(list(BASES.values())), st.data())
def test_no_damage_to_a_report_makes_the_review_fail(report: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(report)))
    length = data.draw(st.integers(0, 200))
    piece = data.draw(pieces)
    review(report[:start] + piece + report[start + length :], Path("nowhere"))


@given(st.binary(max_size=400))
def test_bytes_are_text_or_a_clear_error(content: bytes) -> None:
    with contextlib.suppress(ReportError):
        assert "\r" not in read_text(content, "report.md")


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "big5", "utf-32"]
)
def test_reports_in_other_encodings_are_read(encoding: str) -> None:
    text = CHINESE.replace("\n", "\r\n")
    assert read_text(text.encode(encoding), "report.md") == CHINESE


@pytest.mark.parametrize(
    "content",
    [
        b"|" * 4_000_000,
        b"|\n" * 2_000_000,
        b"[" * 190_000,
        (b"[" * 1000 + b"\n") * 190,
        (b"![" * 500 + b"\n") * 190,
        (b"<" * 1000 + b"\n") * 190,
        (b"|" * 1000 + b"\n") * 190,
        b"| a | b |\n|---|---|\n" + b"| PTQ | 93.96 |\n" * 9_000,
        b"\n\n| Model | Accuracy |\n|---|---|\n" * 1_000
        + b"| FP32 | 93.96 |\n| PTQ | 92 |\n" * 999,
        (
            b"| Model | Size (MB) | Accuracy |\n|---|---|---|\n"
            + b"| FP32 | 94.4 | 93.96 |\n" * 19
            + b"| PTQ | 24.12 | 92 |\n" * 19
            + b"\n\n"
        )
        * 70
        + b"PTQ accuracy drops by 3 %.\n\n" * 2_000,
        b"PTQ accuracy drops by 3 % " * 7_000,
        "下降了3%，".encode() * 30_000,
        b"scale = (max - " * 13_000,
        b"> " * 95_000,
        b"<table><tr><td colspan=20>" * 7_000,
        b"zero point of quint8 is " * 8_000,
        b"9" * 190_000,
        b"<!--" * 40_000,
        b"[a](b" * 30_000,
        b"9," * 95_000,
        b"\\frac{" * 30_000,
        b"- Why? " * 24_000,
        b"- Why?\n" * 9_900,
    ],
)
def test_hostile_files_come_to_an_end(content: bytes) -> None:
    with no_longer_than(60), contextlib.suppress(ReportError):
        review(read_text(content, "report.md"), Path("nowhere"))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Run logs of the networks that the English report describes."""
    folder = tmp_path / "runs"
    origin = Baseline(name="fp32", checkpoint_sha256=SHA)
    changes: dict[str, dict[str, Any]] = {
        "fp32": {"kind": "train", "hyperparameters": Hyperparameters()},
        "ptq": {"kind": "ptq", "hyperparameters": None, "baseline": origin},
        "qat": {"kind": "qat", "baseline": origin},
    }
    for name, sha, accuracy, validation, size, seconds in (
        ("fp32", SHA, 0.9396, 0.9458, 94_398_847, 0.03),
        ("ptq", PTQ_SHA, 0.9299, 0.9362, 23_657_103, 0.012),
        ("qat", QAT_SHA, 0.9341, 0.9412, 23_657_103, 0.012),
    ):
        run = folder / name
        file = {"checkpoint_bytes": size, "checkpoint_sha256": sha}
        begin(run, start(name=name, arch="resnet50", **changes[name]))
        append(run, epoch(1))
        append(run, end(validation_accuracy=validation, **file))
        append(run, result(accuracy=accuracy, latency=latency(median_s=seconds), **file))
    return folder


@pytest.fixture
def report(tmp_path: Path) -> Path:
    (tmp_path / "curves.png").write_bytes(FILES["curves.png"])
    path = tmp_path / "report.md"
    path.write_text(ENGLISH)
    return path


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_a_report_that_agrees_with_its_logs_gives_nothing(
    report: Path, runs: Path, lab3: Command
) -> None:
    assert lab3("review", report, "--runs", runs).stdout.endswith("\n\nnothing found\n")


@pytest.mark.parametrize(
    ("old", "new", "rule", "place"),
    [
        ("| 93.41 | 0.55 |", "| 93.14 | 0.82 |", "log-accuracy", "qat/run.jsonl:4"),
        ("94.40 | 93.96 |", "94.40 | 94.58 |", "log-validation", "fp32/run.jsonl:3"),
        ("| PTQ | 23.66 |", "| PTQ | 21.66 |", "log-size", "ptq/run.jsonl:3"),
        ("0.55 | 12.00 | 2.50x |", "0.55 | 10.00 | 3.00x |", "log-latency", "qat/run.jsonl:4"),
        ("batch size 128", "batch size 256", "log-hyperparameters", "fp32/run.jsonl:1"),
        ("learning rate 0.1", "learning rate of 0.01", "log-hyperparameters", "fp32/run.jsonl:1"),
        ("| 60 | **94.58%** |", "| 60 | **95.58%** |", "log-setting", "fp32/run.jsonl:3"),
    ],
)
def test_what_the_logs_contradict_is_found_with_its_line(
    report: Path, runs: Path, lab3: Command, old: str, new: str, rule: str, place: str
) -> None:
    change(report, old, new)
    document = json.loads(lab3("review", report, "--runs", runs, "--json", fails=1).stdout)
    reasons = {finding["rule"]: finding["why"] for finding in document["findings"]}
    assert place in reasons[rule]


def test_rows_that_name_a_run_are_compared_with_that_run(
    report: Path, runs: Path, lab3: Command
) -> None:
    """A name may hold the words of a setting: this one is a run without label smoothing."""
    hyper = Hyperparameters(epochs=4)
    for name, smoothing, accuracy in (("base", 0.1, 0.9123), ("label-smoothing=0.0", 0.0, 0.8977)):
        run = runs / name
        changed = hyper.model_copy(update={"label_smoothing": smoothing})
        begin(run, start(name=name, arch="resnet50", hyperparameters=changed))
        append(run, end(validation_accuracy=accuracy))
    table = (
        "\n| Run | Loss function | Epochs | Validation accuracy (%) |\n|---|---|---|---|\n"
        "| `base` | cross entropy, label smoothing 0.1 | 4 | 91.23 |\n"
        "| `label-smoothing=0.0` | cross entropy | 4 | 89.77 |\n"
    )
    change(report, "\n## 4.", f"{table}\n## 4.")
    assert lab3("review", report, "--runs", runs).stdout.endswith("nothing found\n")
    change(report, "| 89.77 |", "| 91.23 |")
    shown = lab3("review", report, "--runs", runs, fails=1).stdout
    assert "label-smoothing=0.0/run.jsonl" in shown


def test_a_drop_without_accuracies_is_compared_with_the_logs(
    report: Path, runs: Path, lab3: Command
) -> None:
    report.write_text(
        "| Model | Accuracy drop (points) |\n|---|---|\n| PTQ | 1.97 |\n| QAT | 0.55 |\n"
    )
    shown = lab3("review", report, "--runs", runs, "-k", "log-drop", fails=1).stdout
    assert "0.97 points" in shown
    assert "ptq/run.jsonl:4" in shown
    assert shown.count("CERTAIN") == 1


def test_damaged_and_missing_logs_are_named(report: Path, runs: Path, lab3: Command) -> None:
    (runs / "qat" / "run.jsonl").write_text("{}\n{}\n")
    assert "qat/run.jsonl:1" in lab3("review", report, "--runs", runs).stderr
    assert "no run log in" in lab3("review", report, "--runs", runs / "fp32" / "x", fails=1).stderr


def test_findings_are_shown_by_section_most_certain_first(report: Path, lab3: Command) -> None:
    change(report, "| 92.99 | 0.97 |", "| 92.99 | 0.01 |")
    change(report, "clamped to [0, 8]", "clamped to [0, 7]")
    shown = lab3("review", report, fails=1).stdout
    assert shown.index("Section 4") < shown.index("shift-range") < shown.index("Section 5")
    assert "should   0.97 points" in shown
    assert shown.endswith("2 findings: 1 certain, 1 likely\n")


def test_json_keeps_to_the_schema(report: Path, lab3: Command) -> None:
    import jsonschema  # only here: its formats take seconds

    change(report, "| 92.99 | 0.97 |", "| 92.99 | 0.01 |")
    document = json.loads(lab3("review", report, "--json", fails=1).stdout)
    jsonschema.validate(document, json.loads(lab3("review", "--schema").stdout))
    (finding,) = document["findings"]
    assert finding["rule"] == "drop-unit"
    assert finding["sure"] in SURE
    assert finding["section"] == 5
    assert report.read_text().splitlines()[finding["line"] - 1].startswith("| PTQ |")


def test_one_rule_can_be_asked_for(report: Path, lab3: Command) -> None:
    change(report, "| 92.99 | 0.97 |", "| 92.99 | 0.01 |")
    assert lab3("review", report, "-k", "zero-point").stdout.endswith("nothing found\n")
    assert "drop-unit" in lab3("review", report, "-k", "drop", fails=1).stdout
    assert (
        "no rule is called 'mood': choose from"
        in lab3("review", report, "-k", "mood", fails=1).stderr
    )


def test_control_characters_of_a_report_never_reach_the_terminal(
    report: Path, lab3: Command
) -> None:
    change(report, "outperforms PTQ (92.99%)", "outperforms PTQ \x1b[31m\u202e(92.79%)")
    shown = lab3("review", report, fails=1).stdout
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "\\x1b" in shown


@pytest.mark.parametrize("name", ["absent.md", "folder", "picture.md", "long.md", "pipe.md"])
def test_what_is_no_report_gives_a_clear_error(name: str, tmp_path: Path, lab3: Command) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / "picture.md").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "long.md").write_bytes(b"a\n" * 100_000)
    assert name in lab3("review", tmp_path / name, fails=1).stderr


def test_without_a_name_the_report_here_is_reviewed_with_the_runs_here(
    report: Path, runs: Path, lab3: Command, tmp_path: Path
) -> None:
    change(report, "| 93.41 | 0.55 |", "| 93.14 | 0.82 |")
    assert runs == tmp_path / "runs"
    named = lab3("review", "report.md", "--runs", "runs", fails=1)
    assert "log-accuracy" in named.stdout
    assert lab3("review", fails=1).stdout == named.stdout
    report.unlink()
    assert "there is no report.md here: lab3 report writes one" in lab3("review", fails=1).stderr


def test_open_questions_are_named_and_said_once(tmp_path: Path, lab3: Command) -> None:
    (tmp_path / "report.md").write_text(
        "## 6. Discussion\n\n**Did QAT beat PTQ?** Say why.\n\n*Write your answer here.*\n\n"
        "**What was hard?** Say one thing.\n\n*Write your answer here.*\n\n"
        "**Any feedback?** On this lab.\n\nPlease give us more GPUs.\n"
    )
    said = lab3("review", "-k", "placeholder", fails=1).stdout
    assert said.count("a placeholder is left") == 1
    assert "your answer to: Did QAT beat PTQ?" in said
    assert "your answer to: What was hard?" in said
    assert "feedback" not in said
    assert "GPUs" not in lab3("review", "-k", "unanswered").stdout


def test_the_help_names_the_options(lab3: Command) -> None:
    assert "lab3 review report.md --runs runs" in lab3("review", "--help").stdout


def test_an_empty_report_lacks_everything(tmp_path: Path) -> None:
    (finding,) = review("", tmp_path)
    assert finding.rule == "section-missing"
    assert "6 (Discussion and Conclusion)" in finding.should


def test_embedded_images_are_images(tmp_path: Path) -> None:
    (tmp_path / "curves.png").write_bytes(FILES["curves.png"])
    embedded = ENGLISH.replace("curves.png", "data:image/png;base64," + "A" * 3_000_000)
    assert review(read_text(embedded.encode(), "report.md"), tmp_path) == []


def test_simplified_chinese_is_understood_like_traditional() -> None:
    assert {finding.rule for finding in findings_in(SIMPLIFIED)} == {"formula-missing"}
    changed = SIMPLIFIED.replace("QAT 比 PTQ 好", "QAT 比 PTQ 差")
    (finding,) = [f for f in findings_in(changed) if f.rule != "formula-missing"]
    assert finding.rule == "claim-order"


def test_reading_knows_no_rules() -> None:
    folder = Path(encodings.__file__).parent
    assert not [path for path in folder.glob("*.py") if "review.rules" in path.read_text()]
