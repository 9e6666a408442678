"""From run logs to comparisons, tables and curves."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from lab3.log.records import Epoch, Hyperparameters, Result
from lab3.log.runlog import RunLog
from tests.making.logs.published import OTHER_SHA, PTQ, PTQ_SHA, QAT, QAT_SHA, fp32, int8, log
from tests.making.logs.records import SHA, end, epoch, latency, result, start
from tools.report.facts.comparison import Ablation, Comparison, ablations, compare
from tools.report.figures.curves import save_curves, terminal_curve
from tools.report.figures.drawing import TRAIN, VALIDATION
from tools.report.tables import (
    Table,
    ablation_table,
    class_table,
    comparison_table,
    confusion_table,
    latency_notes,
    loss_name,
)


def rows_by_run(logs: Iterable[RunLog]) -> dict[str, Comparison]:
    return {row.run: row for row in compare(logs)}


def test_the_drop_is_in_percentage_points_and_positive_when_accuracy_is_lost() -> None:
    rows = rows_by_run([fp32(), PTQ, QAT])
    # Differences of fractions near 0.94, times 100: exact to a few 1e-14.
    assert rows["fp32"].drop_points == 0
    assert rows["ptq"].drop_points == pytest.approx(0.97, abs=1e-9)
    assert rows["qat"].drop_points == pytest.approx(-0.01, abs=1e-9)


def test_speed_up_and_compression_are_fp32_divided_by_int8() -> None:
    rows = rows_by_run([fp32(), PTQ])
    assert rows["ptq"].speedup == pytest.approx(2.5)
    assert rows["ptq"].compression == pytest.approx(94_398_847 / 23_657_000)
    assert (rows["fp32"].speedup, rows["fp32"].compression) == (1, 1)


def test_fp32_comes_first_then_ptq_then_qat() -> None:
    logs = [QAT, fp32(name="second"), PTQ, fp32(name="first")]
    assert [row.run for row in compare(logs)] == ["first", "second", "ptq", "qat"]


def test_runs_without_an_evaluation_are_left_out() -> None:
    finished = log(start(name="finished"), epoch(1), end())
    assert [row.run for row in compare([finished, fp32()])] == ["fp32"]
    assert compare([finished]) == []


def test_the_last_evaluation_is_compared() -> None:
    again = fp32()
    again = log(*again.records, result(accuracy=0.95, checkpoint_sha256=SHA))
    assert rows_by_run([again, PTQ])["ptq"].drop_points == pytest.approx(2.01)


@pytest.mark.parametrize(
    "logs",
    [
        [PTQ],
        [log(*fp32().records[:-1]), PTQ],
        [fp32(sha=OTHER_SHA), PTQ],
    ],
    ids=["no baseline", "baseline not evaluated", "baseline trained again"],
)
def test_without_its_own_baseline_a_run_is_compared_with_nothing(logs: list[RunLog]) -> None:
    row = rows_by_run(logs)["ptq"]
    assert (row.drop_points, row.speedup, row.compression) == (None, None, None)
    assert row.accuracy == 0.9299
    cells = comparison_table([row]).rows[0]
    assert (cells[4], cells[6]) == ("?", "?")


def test_a_baseline_is_found_by_its_checkpoint_also_under_another_name() -> None:
    assert rows_by_run([fp32(name="moved"), PTQ])["ptq"].drop_points == pytest.approx(0.97)


def test_times_of_different_places_give_no_speed_up_and_a_hint() -> None:
    elsewhere = latency(processor="another CPU", median_s=0.03)
    baseline = log(*fp32().records[:-1], fp32().result.model_copy(update={"latency": elsewhere}))
    rows = compare([baseline, PTQ])
    assert rows[1].speedup is None
    assert rows[1].compression is not None
    assert "--again" in latency_notes(rows)[-1]


def test_each_run_is_compared_with_the_baseline_that_it_names() -> None:
    small = log(start(name="small"), end(), result(accuracy=0.9, checkpoint_sha256=OTHER_SHA))
    ptq = int8("ptq", 0.89, PTQ_SHA, baseline="small", baseline_sha=OTHER_SHA)
    assert rows_by_run([fp32(), small, ptq])["ptq"].drop_points == pytest.approx(1)


def test_a_comparison_is_plain_data() -> None:
    row = compare([fp32(), PTQ])[1]
    assert json.loads(json.dumps(row.as_json())) == {
        "run": "ptq",
        "dataset": "digits",
        "kind": "ptq",
        "scheme": "int8-per-tensor",
        "size_bytes": 23_657_000,
        "accuracy": 0.9299,
        "drop_points": row.drop_points,
        "latency_s": 0.012,
        "latency_quartiles_s": [0.011, 0.0135],
        "engine": "onednn",
        "threads": 2,
        "speedup": row.speedup,
        "compression": row.compression,
        "speedup_interval": None,
        "is_noisy": False,
    }


def test_the_comparison_table_rounds_only_what_it_shows() -> None:
    assert comparison_table(compare([fp32(), PTQ, QAT])).markdown() == (
        "| Model | Run | Size MB | Accuracy % | Drop points | Latency ms | Speed-up |\n"
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |\n"
        "| FP32 | fp32 | 94.40 | 93.96 | 0.00 | 30.00 (29.00-31.50) | 1.00x |\n"
        "| PTQ | ptq | 23.66 | 92.99 | 0.97 | 12.00 (11.00-13.50) | 2.50x |\n"
        "| QAT | qat | 23.66 | 93.97 | -0.01 | 12.00 (11.00-13.50) | 2.50x |"
    )


def test_a_drop_that_rounds_to_zero_has_no_sign() -> None:
    qat = int8("qat", 0.93962, QAT_SHA)
    assert [row[4] for row in comparison_table(compare([fp32(), qat])).rows] == ["0.00", "0.00"]


def test_latency_notes_have_a_line_for_each_engine_and_number_of_threads() -> None:
    first, second = latency_notes(compare([fp32(), PTQ, QAT]))
    assert first.startswith("Latency of fp32: one image, 2 threads, engine fp32")
    assert second.startswith("Latency of ptq, qat: one image, 2 threads, engine onednn")


def setting(name: str, accuracy: float, best_epoch: int = 2, **changes: object) -> RunLog:
    """A complete training run of an ablation."""
    hyper = Hyperparameters.model_validate({"epochs": 3} | changes)
    finished = end(best_epoch=best_epoch, validation_accuracy=accuracy)
    return log(start(name=name, hyperparameters=hyper), epoch(1), finished)


def test_the_best_setting_is_marked_and_equals_are_all_best() -> None:
    logs = [setting("base", 0.9), setting("b", 0.95), setting("a", 0.95), setting("c", 0.94)]
    rows = ablations(logs)
    assert [row.run for row in rows] == ["base", "b", "a", "c"]
    assert [row.is_best for row in rows] == [False, True, True, False]
    stars = [row[-1] for row in ablation_table(rows).rows]
    assert stars == ["90.00", "95.00 *", "95.00 *", "94.00"]


def test_settings_that_only_round_to_the_best_are_not_best() -> None:
    rows = ablation_table(ablations([setting("a", 0.95), setting("b", 0.949999)])).rows
    assert [row[-1] for row in rows] == ["95.00 *", "95.00"]


def test_runs_that_have_not_ended_or_trained_nothing_are_no_settings() -> None:
    unfinished = log(start(name="unfinished"), epoch(1))
    ptq = log(start(name="ptq", kind="ptq", hyperparameters=None), end())
    assert ablations([unfinished, ptq]) == []
    assert [row.run for row in ablations([unfinished, ptq, setting("base", 0.9)])] == ["base"]


def test_an_ablation_row_shows_every_hyperparameter() -> None:
    logs = [
        setting("base", 0.9),
        setting(
            "other",
            0.85,
            best_epoch=3,
            label_smoothing=0,
            optimizer="adamw",
            scheduler="constant",
            augmentation="none",
            learning_rate=1e-3,
            batch_size=32,
            weight_decay=0,
            momentum=0.95,
            epochs=7,
        ),
    ]
    table = ablation_table(ablations(logs))
    assert table.rows == [
        (
            "base",
            "cross entropy, label smoothing 0.1",
            "SGD",
            "cosine",
            "autoaugment",
            "0.1",
            "128",
            "0.0005 / 0.9",
            "3",
            "2",
            "90.00 *",
        ),
        (
            "other",
            "cross entropy",
            "AdamW",
            "constant",
            "none",
            "0.001",
            "32",
            "0 / 0.95",
            "7",
            "3",
            "85.00",
        ),
    ]
    assert {len(row) for row in table.rows} == {len(table.headers)}
    assert loss_name(Hyperparameters(label_smoothing=0.25)).endswith("label smoothing 0.25")


def test_an_ablation_is_plain_data() -> None:
    (row,) = ablations([setting("base", 0.9)])
    hyper = Hyperparameters(epochs=3)
    assert row == Ablation("base", hyper, best_epoch=2, accuracy=0.9, is_best=True)
    document = json.loads(json.dumps(row.as_json()))
    assert Hyperparameters.model_validate(document.pop("hyperparameters")) == hyper
    assert document == {"run": "base", "best_epoch": 2, "accuracy": 0.9, "is_best": True}


def classified(**accuracies: float | None) -> Result:
    confusion = [[index, 2] for index, _ in enumerate(accuracies)]
    return result(class_accuracy=accuracies, confusion=confusion)


def test_the_class_table_has_a_column_for_each_run() -> None:
    results = {"fp32": classified(cat=0.875, dog=None), "ptq": classified(dog=0.5, cat=1)}
    table = class_table(results)
    assert table.headers == ("Class", "fp32", "ptq")
    assert table.rows == [("cat", "87.50", "100.00"), ("dog", "-", "50.00")]


def test_the_confusion_table_has_true_classes_as_rows() -> None:
    table = confusion_table(classified(cat=0, dog=1))
    assert table.headers == ("true \\ predicted", "cat", "dog")
    assert table.rows == [("cat", "0", "2"), ("dog", "1", "2")]


@pytest.mark.parametrize("place", ["header", "cell"])
def test_a_vertical_bar_does_not_end_a_column(place: str) -> None:
    header, cell = ("a|b", "c") if place == "header" else ("c", "a|b")
    lines = Table((header, "Count"), [(cell, "1")]).markdown().splitlines()
    assert [line.replace("\\|", "").count("|") for line in lines] == [3, 3, 3]
    assert "a\\|b" in lines[0 if place == "header" else 2]


def test_columns_in_which_all_rows_agree_are_left_out() -> None:
    table = Table(
        ("Run", "Optimizer", "Scheduler", "Epochs", "Seed", "Accuracy"),
        [("a", "SGD", "cosine", "3", "0", "90.00"), ("b", "SGD", "constant", "6", "0", "90.00")],
        left=3,
    )
    assert table.without_constants() == Table(
        ("Run", "Scheduler", "Epochs", "Accuracy"),
        [("a", "cosine", "3", "90.00"), ("b", "constant", "6", "90.00")],
        left=2,
    )


cells = st.sampled_from(["x", "y"])


@given(st.integers(1, 5).flatmap(lambda n: st.lists(st.tuples(*[cells] * n), min_size=1)))
def test_no_difference_between_rows_is_lost_with_the_constants(rows: list[tuple[str, ...]]) -> None:
    width = len(rows[0])
    table = Table(tuple(f"column {i}" for i in range(width)), rows)
    narrow = table.without_constants()
    assert (narrow.headers[0], narrow.headers[-1]) == (table.headers[0], table.headers[-1])
    assert [row[0] for row in narrow.rows] == [row[0] for row in rows]
    differing = {f"column {i}" for i in range(width) if len({row[i] for row in rows}) > 1}
    assert set(narrow.headers) == differing | {table.headers[0], table.headers[-1]}


def training(count: int) -> list[Epoch]:
    """Epochs in which all four curves lie apart."""
    return [
        epoch(
            number,
            train_loss=2 / number,
            validation_loss=2.5 / number,
            train_accuracy=0.9 - 0.5 / number,
            validation_accuracy=0.7 - 0.5 / number,
        )
        for number in range(1, count + 1)
    ]


def pixels_like(image: np.ndarray, color: str) -> int:
    """Count the pixels of an image that have a colour, up to the rounding of 8 bits."""
    return int((np.abs(image[..., :3] - to_rgb(color)).max(axis=-1) < 0.02).sum())


@pytest.mark.parametrize("count", [1, 2, 1000])
def test_curves_are_drawn_as_png_and_svg(tmp_path: Path, count: int) -> None:
    png, svg = save_curves(training(count), best_epoch=count, path=tmp_path / "curves")
    assert [png, svg] == [tmp_path / "curves.png", tmp_path / "curves.svg"]
    assert sorted(tmp_path.iterdir()) == [png, svg]
    assert imread(png).shape[:2] == (540, 1350)
    assert ET.parse(svg).getroot().tag == "{http://www.w3.org/2000/svg}svg"


@pytest.mark.parametrize("count", [1, 2, 1000])
def test_training_and_validation_can_be_seen_however_many_epochs_there_are(
    tmp_path: Path, count: int
) -> None:
    png, _ = save_curves(training(count), best_epoch=None, path=tmp_path / "curves")
    accuracies = imread(png)[:, 675:]  # the right half, which holds no legend
    assert pixels_like(accuracies, TRAIN) >= 4
    assert pixels_like(accuracies, VALIDATION) >= 4


def test_the_same_run_gives_the_same_figures(tmp_path: Path) -> None:
    first = save_curves(training(3), best_epoch=2, path=tmp_path / "first")
    second = save_curves(training(3), best_epoch=2, path=tmp_path / "second")
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes() == b.read_bytes(), a.suffix


def test_another_run_gives_other_figures(tmp_path: Path) -> None:
    first = save_curves(training(3), best_epoch=2, path=tmp_path / "first")
    second = save_curves(training(3), best_epoch=3, path=tmp_path / "second")
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes() != b.read_bytes()


def test_figures_of_runs_with_dots_in_their_names_do_not_overwrite_each_other(
    tmp_path: Path,
) -> None:
    for name in ("learning-rate=0.1", "learning-rate=0.01"):
        save_curves(training(2), best_epoch=None, path=tmp_path / name)
    assert len([*tmp_path.iterdir()]) == 4


@pytest.mark.parametrize("count", [1, 2, 20, 21, 60, 1000])
def test_the_terminal_curve_is_plain_text_of_the_size_asked_for(count: int) -> None:
    drawn = terminal_curve(training(count), width=60, height=12)
    assert "\x1b" not in drawn
    lines = drawn.splitlines()
    assert len(lines) == 12
    assert max(map(len, lines)) == 60
    for word in ("training", "validation", "epoch", "accuracy (%)"):
        assert word in drawn


def test_the_terminal_curve_begins_anew_each_time() -> None:
    terminal_curve(training(7))
    first = terminal_curve(training(3))
    assert terminal_curve(training(3)) == first


@pytest.mark.parametrize(
    "program",
    [
        "import tools.report.facts.comparison, tools.report.tables, tools.report.figures.curves",
        "import tools.cli; tools.cli.app(['--help'], standalone_mode=False)",
        "import tools.cli; tools.cli.app(['sweep', '--help'], standalone_mode=False)",
        "import tests.conftest, tests.reports.test_corpus, tests.tools.review.test_review",
        "import tests.conftest, tests.tools.report.test_hardware, tests.tools.report.test_writing",
    ],
    ids=["tools.report", "lab3 --help", "lab3 sweep --help", "review's tests", "report's tests"],
)
def test_torch_is_not_imported_without_need(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{program}\nprint('torch' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "False"


def test_curves_are_drawn_without_torch(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from lab3.log.records import Epoch\n"
        "from tools.report.figures.curves import save_curves, terminal_curve\n"
        "epochs = [Epoch.model_validate_json(line) for line in sys.stdin]\n"
        "print(terminal_curve(epochs), save_curves(epochs, 1, Path('curves')))\n"
        "print('torch' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        input="\n".join(record.model_dump_json() for record in training(2)),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False"
    assert (tmp_path / "curves.svg").exists()
