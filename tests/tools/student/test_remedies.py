"""What the commands say when a student's own code is at fault."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import ROOT, SOLUTION, change, run_lab3
from tests.making.datasets import write_fashion_mnist

RESNET, OBSERVER = "resnet.py", "observer.py"
TRAIN = (
    *("train", "--dataset", "fashion-mnist", "--data-dir", "files", "--arch", "resnet14"),
    *("--width", 4, "--epochs", 1, "--batch-size", 6),
)
PTQ = ("ptq", "--data-dir", "files", "--name", "again")
QAT = ("qat", "--epochs", 1, "--data-dir", "files")
EVALUATE = ("evaluate", "ptq", "--data-dir", "files")
FAULTS = {
    "fusing for PTQ although QAT is asked for": (
        RESNET,
        "fuse = tq.fuse_modules_qat if is_qat else tq.fuse_modules",
        "fuse = tq.fuse_modules",
        QAT,
        "tq.fuse_modules_qat when is_qat is true",
    ),
    "fusing for QAT although PTQ is asked for": (
        RESNET,
        "fuse = tq.fuse_modules_qat if is_qat else tq.fuse_modules",
        "fuse = tq.fuse_modules_qat",
        PTQ,
        "tq.fuse_modules when is_qat is false",
    ),
    "a plain addition": (
        RESNET,
        "return self.skip_add_relu.add_relu(out, identity)",
        "return torch.relu(out + identity)",
        PTQ,
        "use self.skip_add_relu",
    ),
    "a FloatFunctional made in forward": (
        RESNET,
        "return self.skip_add_relu.add_relu(out, identity)",
        "return FloatFunctional().add_relu(out, identity)",
        PTQ,
        "made in forward",
    ),
    "no QuantStub in forward": (RESNET, "        x = self.quant(x)\n", "", PTQ, "self.quant first"),
    "no DeQuantStub in forward": (
        RESNET,
        "return self.dequant(x)",
        "return x",
        PTQ,
        "through self.dequant",
    ),
    "layers fused twice": (
        RESNET,
        '["conv1", "bn1", "relu1"], ["conv2", "bn2", "relu2"]',
        '["conv1", "bn1", "relu1"], ["conv2", "bn2", "relu1"]',
        PTQ,
        "one list only",
    ),
    "an unguarded logarithm": (
        OBSERVER,
        "elif math.isinf(scale):",
        "elif False:",
        EVALUATE,
        "the scale inf",
    ),
    "a misspelt layer": (
        RESNET,
        "self.bn3(self.conv3(out))",
        "self.bn3(self.conv4(out))",
        TRAIN,
        "conv4",
    ),
    "a syntax error": (RESNET, "def add_relu(self,", "def add_relu(self", TRAIN, "resnet.py:"),
    "a missing import": (RESNET, "import torch\n", "import torhc\n", TRAIN, "torhc"),
}
QUICK = {
    "fusing for PTQ although QAT is asked for",
    "a plain addition",
    "no QuantStub in forward",
    "layers fused twice",
    "a misspelt layer",
    "a missing import",
}


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images, an FP32 run and a PTQ run of the reference solution."""
    folder = tmp_path_factory.mktemp("finished")
    write_fashion_mnist(folder / "files")
    for arguments in (TRAIN, ("ptq", "--data-dir", "files")):
        done = run_lab3(*arguments, "--code", SOLUTION, cwd=folder)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize(
    "fault",
    [pytest.param(fault, marks=[] if fault in QUICK else [pytest.mark.slow]) for fault in FAULTS],
)
def test_a_fault_in_the_student_s_code_is_named_with_its_remedy(
    fault: str, student: Path, finished: Path
) -> None:
    name, old, new, failing, words = FAULTS[fault]
    shutil.copytree(finished / "files", student / "files")
    if failing is not TRAIN:
        shutil.copytree(finished / "runs", student / "runs")
    change(student / "lab3" / name, old, new)
    done = run_lab3(*failing, cwd=student)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_first_attempt_that_failed_does_not_stand_in_the_way(student: Path) -> None:
    write_fashion_mnist(student / "files")
    resnet = student / "lab3" / "resnet.py"
    change(resnet, "return self.dequant(x)", 'raise NotImplementedError("not yet")')
    assert run_lab3(*TRAIN, cwd=student).returncode == 1
    change(resnet, 'raise NotImplementedError("not yet")', "return self.dequant(x)")
    done = run_lab3(*TRAIN, cwd=student)
    assert done.returncode == 0, done.stderr


def test_the_untouched_skeleton_names_the_stub_its_part_and_its_place(tmp_path: Path) -> None:
    write_fashion_mnist(tmp_path / "files")
    done = run_lab3(*TRAIN, "--code", ROOT / "assignment", cwd=tmp_path)
    assert done.returncode == 1
    assert "not implemented yet: QuantizableResNet.forward: part 1 of the handout" in done.stderr
    assert "lab3/resnet.py:" in done.stderr
    assert "Traceback" not in done.stderr
