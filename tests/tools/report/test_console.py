"""Console output as a fallback: the two grammars, with everything that surrounds them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab3.errors import LabError
from tools.report.console_log import ConsoleLog, Point, parse_console, read_console

PERCENT = (
    "Epoch {e} | Train Loss: {tl:.4f} | Train Acc: {ta:.2f}% | "
    "Val Loss: {vl:.4f} | Val Acc: {va:.2f}%"
)
FRACTION = (
    "Epoch  {e}/20  lr=9.00e-05, train_loss={tl:.4f}, val_loss={vl:.4f}, "
    "train_acc={fta:.4f}, val_acc={fva:.4f}"
)
NOISE = (
    "",
    "Epoch 3/20:  45%|████▌     | 176/391 [00:10<00:12, 17.2it/s, loss=1.23]\r",
    "\x1b[32m100%\x1b[0m|██████████| 391/391 [00:22<00:00]\x1b[A\r",
    "Files already downloaded and verified ",
)


def parsed(text: str) -> ConsoleLog:
    return parse_console(Path("train.log"), text)


def line(grammar: str, e: int, tl: float, ta: float, vl: float, va: float) -> str:
    return grammar.format(e=e, tl=tl, ta=ta, vl=vl, va=va, fta=ta / 100, fva=va / 100)


losses = st.integers(0, 99_999).map(lambda n: n / 10_000)
# Above 1 %: a bare 0.5 could be a fraction or half a percent.
percents = st.integers(101, 10_000).map(lambda n: n / 100)
epochs = st.tuples(losses, percents, losses, percents)


@given(st.lists(st.tuples(st.sampled_from([PERCENT, FRACTION]), st.sampled_from(NOISE), epochs)))
def test_each_epoch_is_read_back_behind_any_progress_bar(
    rows: list[tuple[str, str, tuple[float, float, float, float]]],
) -> None:
    text = "\n".join(
        noise + line(grammar, number, *values)
        for number, (grammar, noise, values) in enumerate(rows, 1)
    )
    log = parsed(text)
    assert [point.epoch for point in log.points] == [*range(1, len(rows) + 1)]
    for point, (_, _, (tl, ta, vl, va)) in zip(log.points, rows, strict=True):
        numbers = (
            point.train_loss,
            point.train_accuracy,
            point.validation_loss,
            point.validation_accuracy,
        )
        assert numbers == pytest.approx((tl, ta / 100, vl, va / 100), abs=1e-9)
    assert not log.has_repeated_epochs
    assert log.epoch_lines == [*range(1, len(rows) + 1)]


PIECES = (
    *NOISE,
    *("Epoch", " 1", "Train Loss:", "nan", "%", "\n", "[PTQ INT8]", "Accuracy: 90", "|", "="),
)


@given(st.text() | st.lists(st.sampled_from(PIECES)).map("".join))
def test_any_text_is_read_without_harm(text: str) -> None:
    log = parsed(text)
    for point in log.points:
        assert 0 <= point.validation_accuracy <= 1


def test_the_last_value_of_an_epoch_counts_after_an_interruption() -> None:
    rows = [(1, 40.0), (2, 50.0), (2, 51.0), (3, 60.0)]
    log = parsed("\n".join(line(PERCENT, e, 1.0, 50.0, 1.0, va) for e, va in rows))
    assert [p.validation_accuracy for p in log.points] == pytest.approx([0.4, 0.51, 0.6])
    assert log.has_repeated_epochs


def test_two_epochs_on_one_line_and_a_cut_one() -> None:
    text = line(FRACTION, 1, 1, 50, 1, 40) + line(FRACTION, 2, 1, 60, 1, 50) + "Epoch 3/20 lr=1e-3"
    assert [point.epoch for point in parsed(text).points] == [1, 2]


def test_results_sizes_and_latencies_are_read() -> None:
    log = parsed(
        "[FP32] Loss: 0.3811, Accuracy: 91.20%\n[PTQ INT8] Loss: 0.4174, Accuracy: 90.80%\n"
        "[Latency] FP32: 7.664 ms | INT8: 3.258 ms\n[File size] FP32: 13.37 MB | INT8: 3.35 MB\n"
        "[QAT INT8] Loss: 0.4, Accuracy: 0.9125\n"
    )
    fp32, ptq, qat = (log.networks[kind] for kind in ("train", "ptq", "qat"))
    assert (fp32.accuracy, ptq.accuracy, qat.accuracy) == pytest.approx((0.912, 0.908, 0.9125))
    assert (fp32.latency_s, ptq.latency_s) == pytest.approx((7.664e-3, 3.258e-3))
    assert (fp32.size_bytes, ptq.size_bytes) == pytest.approx((13.37e6, 3.35e6))
    assert qat.size_bytes is None
    assert sorted(set(log.result_lines)) == [1, 2, 3, 4, 5]


def test_a_test_without_a_name_is_that_of_the_network_named_before() -> None:
    log = parsed("=== PTQ ===\nTest: loss=0.5783, accuracy=0.8603, size=3.380066MB\n")
    assert log.networks["ptq"].accuracy == 0.8603
    assert log.networks["ptq"].size_bytes == pytest.approx(3_380_066)
    assert "train" not in log.networks


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_losses_that_are_not_finite_are_left_out_and_named(value: str) -> None:
    good = line(PERCENT, 1, 1, 50, 1, 40)
    log = parsed(f"{good}\n{line(PERCENT, 2, 1, 50, 1, 40).replace('1.0000', value)}")
    assert log.points == [Point(1, 1.0, 0.5, 1.0, 0.4)]
    assert log.problems
    assert "train.log:2: epoch 2" in log.problems[0]


def test_parameter_summaries_in_mib_are_noticed() -> None:
    assert parsed("Params size (MB): 89.72\n").has_mib
    assert not parsed("[File size] FP32: 13.37 MB | INT8: 3.35 MB").has_mib


def test_a_file_without_anything_known_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"\xff\xfe\x00nothing")
    assert "no epoch and no result" in read_console(tmp_path / "a.log").problems[0]
    with pytest.raises(LabError, match=r"missing\.log can't be read"):
        read_console(tmp_path / "missing.log")


EPOCHS = [(1, 1.5, 45.5, 1.3, 53.7), (2, 1.2, 57.5, 1.1, 62.7)]


@pytest.mark.parametrize(
    "form",
    [
        "Epoch [{e}/20], Train Loss: {tl}, Train Acc: {ta}%, Val Loss: {vl}, Val Acc: {va}%",
        "Epoch: {e}/20 | Train Loss: {tl} | Val Loss: {vl} | Train Acc: {ta}% | Val Acc: {va}%",
        "Epoch {e}/20 - Training Loss: {tl}, Training Accuracy: {fta:.4f}, "
        "Validation Loss: {vl}, Validation Accuracy: {fva:.4f}",
        "Epoch {e}/20\n391/391 [====] - 20s - loss: {tl} - accuracy: {fta:.4f} - val_loss: {vl} "
        "- val_accuracy: {fva:.4f}",
        "Epoch {e}/20\n  train: loss {tl} acc {ta}%\n  val:   loss {vl} acc {va}%",
        "Epoch {e}: 100%|####| 391/391 [00:20<00:00, train_loss={tl}, train_acc={fta:.4f}, "
        "val_loss={vl}, val_acc={fva:.4f}]",
    ],
)
def test_epochs_are_read_by_the_names_of_their_numbers(form: str) -> None:
    text = "\n".join(
        form.format(e=e, tl=tl, ta=ta, vl=vl, va=va, fta=ta / 100, fva=va / 100)
        for e, tl, ta, vl, va in EPOCHS
    )
    points = parsed(text).points
    assert [(p.epoch, p.train_loss, p.validation_loss) for p in points] == [
        (e, tl, vl) for e, tl, _, vl, _ in EPOCHS
    ]
    assert [p.validation_accuracy for p in points] == pytest.approx([0.537, 0.627])


def test_epochs_counted_from_0_are_all_there() -> None:
    text = "\n".join(
        line(FRACTION, e, 1.0, 50.0, 1.0, 60.0 + e).replace("/20", "") for e in range(3)
    )
    assert [p.epoch for p in parsed(text).points] == [1, 2, 3]


def test_an_epoch_that_begins_again_is_another_training() -> None:
    fp32 = [line(PERCENT, e, 1.0, 50.0, 1.0, 60.0 + e) for e in (1, 2, 3)]
    qat = [line(PERCENT, 1, 0.7, 76.0, 0.8, 73.0)]
    log = parsed("\n".join([*fp32, "[FP32] Loss: 0.89, Accuracy: 62.5%", *qat]))
    assert [(c.kind, len(c.points)) for c in log.curves] == [("train", 3), ("qat", 1)]
    assert max(p.validation_accuracy for p in log.points) == 0.63
    assert "2 trainings" in log.problems[0]


def test_percent_or_fraction_is_decided_once_a_log() -> None:
    rows = [(1, 0.95), (2, 2.6), (3, 6.0)]
    text = "\n".join(line(PERCENT, e, 4.0, 1.0, 4.0, va).replace("%", "") for e, va in rows)
    assert [p.validation_accuracy for p in parsed(text).points] == pytest.approx(
        [0.0095, 0.026, 0.06]
    )


def test_a_test_accuracy_before_any_name_is_that_of_fp32() -> None:
    log = parsed("Test Accuracy: 90.40% | Loss: 0.431\n[PTQ INT8] Loss: 0.44, Accuracy: 90.10%\n")
    assert log.networks["train"].accuracy == pytest.approx(0.904)
    assert log.networks["ptq"].accuracy == pytest.approx(0.901)


def test_what_an_epoch_lacks_is_named_with_its_line_and_the_known_forms() -> None:
    (problem,) = parsed("x\nEpoch 1 | Train Acc: 87.8% | Val Loss: 0.2 | Val Acc: 90.0%").problems
    assert "train.log:2: epoch 1 has no training loss" in problem
    assert "known forms" in problem
