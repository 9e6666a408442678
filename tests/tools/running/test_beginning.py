"""Where a run begins, goes on or is refused: what it leaves behind, and what it says."""

from pathlib import Path

import pytest

from lab3.log.runlog import read_log
from tests.conftest import ROOT, change, run_lab3
from tests.making.datasets import write_fashion_mnist

TRAIN = (
    *("train", "--dataset", "fashion-mnist", "--data-dir", "files", "--arch", "resnet14"),
    *("--width", 4, "--epochs", 1, "--batch-size", 6),
)
PTQ = ("ptq", "--data-dir", "files")


@pytest.fixture
def trained(student: Path) -> Path:
    """A student's folder with a run that was trained before parts 2 and 3 were solved."""
    write_fashion_mnist(student / "files")
    resnet, observer = (student / "lab3" / name for name in ("resnet.py", "observer.py"))
    solved = resnet.read_text(), observer.read_text()
    observer.write_text((ROOT / "assignment" / "lab3" / "observer.py").read_text())
    resnet.write_text(
        solved[0].replace("fuse = tq.fuse", "raise NotImplementedError\n        f = tq.fuse")
    )
    done = run_lab3(*TRAIN, cwd=student)
    assert done.returncode == 0, done.stderr
    resnet.write_text(solved[0])
    observer.write_text(solved[1])
    return student


def test_a_run_that_never_began_leaves_nothing(tmp_path: Path) -> None:
    write_fashion_mnist(tmp_path / "files")
    done = run_lab3(*TRAIN, "--code", ROOT / "assignment", cwd=tmp_path)
    assert done.returncode == 1
    assert not (tmp_path / "runs").exists()


def test_code_that_training_does_not_use_may_change(trained: Path) -> None:
    again = run_lab3(*TRAIN, cwd=trained)
    assert (again.returncode, "is complete already" in again.stderr) == (0, True), again.stderr
    change(trained / "lab3" / "resnet.py", "return self.dequant(x)", "return self.dequant(x * 1)")
    refused = run_lab3(*TRAIN, cwd=trained)
    assert refused.returncode == 1
    assert "QuantizableResNet.forward of your code has changed" in refused.stderr
    assert "can be used as it is, for example by lab3 ptq --baseline fp32" in refused.stderr


def test_the_log_tells_how_many_images_were_shown(trained: Path) -> None:
    done = run_lab3(*PTQ, "--calibration-images", 999_999, cwd=trained)
    assert done.returncode == 0, done.stderr
    start = read_log(trained / "runs" / "ptq").start
    assert start.calibration_images == start.data.train
    assert f"all {start.data.train:,} training images are shown" in done.stderr
    assert "FP32" in done.stderr
    assert "with float biases" in done.stderr


@pytest.mark.parametrize(
    ("stub", "old", "new", "command"),
    [
        (
            "QuantizableResNet.forward",
            "        return self.dequant(x)",
            "        self.dequant(x)",
            TRAIN,
        ),
        (
            "QuantizableBottleneck.add_relu",
            "        return self.skip_add_relu.add_relu(out, identity)",
            "        self.skip_add_relu.add_relu(out, identity)",
            TRAIN,
        ),
    ],
)
def test_a_forgotten_return_is_named(
    stub: str, old: str, new: str, command: tuple[object, ...], student: Path
) -> None:
    write_fashion_mnist(student / "files")
    change(student / "lab3" / "resnet.py", old, new)
    done = run_lab3(*command, cwd=student)
    assert done.returncode == 1
    assert f"{stub} returns None: end every way through it with return" in done.stderr
    assert "where   lab3/resnet.py:" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (student / "runs").exists()


def test_logits_of_another_shape_are_told_before_training(student: Path) -> None:
    write_fashion_mnist(student / "files")
    change(
        student / "lab3" / "resnet.py", "return self.dequant(x)", "return self.dequant(x)[:, :3]"
    )
    done = run_lab3(*TRAIN, cwd=student)
    assert done.returncode == 1
    assert "QuantizableResNet.forward returned the shape (6, 3) for 6 images" in done.stderr
