"""What identifies a student's code: what it does, not how it is written down."""

from pathlib import Path

import pytest

from tests.conftest import change
from tools.running.functions import changed, digests, used_in_training


def files(student: Path) -> list[Path]:
    return [student / "lab3" / name for name in ("resnet.py", "observer.py")]


@pytest.fixture
def before(student: Path) -> dict[str, str]:
    return digests(files(student))


def test_comments_docstrings_and_layout_change_nothing(
    student: Path, before: dict[str, str]
) -> None:
    path = student / "lab3" / "resnet.py"
    path.write_text("# a comment\n\n" + path.read_text().replace('"""Return the logits.', '"""So.'))
    assert changed(before, digests(files(student))) == []


def test_a_function_that_does_something_else_is_named(
    student: Path, before: dict[str, str]
) -> None:
    change(student / "lab3" / "resnet.py", "return self.dequant(x)", "return self.dequant(2 * x)")
    change(student / "lab3" / "observer.py", "shift = 0", "shift = 1")
    assert changed(before, digests(files(student))) == [
        "QuantizableResNet.forward",
        "CusQuantObserver.scale_approximate",
    ]


def test_training_uses_neither_fusion_with_its_helpers_nor_the_observer(student: Path) -> None:
    path = student / "lab3" / "resnet.py"
    path.write_text(
        path.read_text().replace(
            "fuse = tq.fuse_modules_qat if is_qat else tq.fuse_modules", "fuse = chosen(is_qat)"
        )
        + "\n\ndef chosen(is_qat):\n    return tq.fuse_modules_qat if is_qat else tq.fuse_modules\n"
        + "\n\ndef shared(x):\n    return x\n"
    )
    change(path, "return self.dequant(x)", "return self.dequant(shared(x))")
    used = used_in_training(files(student))
    assert {"QuantizableResNet.forward", "QuantizableBottleneck.add_relu", "shared"} <= used
    assert not {name for name in used if "fuse_model" in name or "Observer" in name}
    assert "chosen" not in used


def test_a_file_that_is_no_python_has_no_functions(student: Path) -> None:
    (student / "lab3" / "resnet.py").write_text("def forward(:\n")
    assert digests(files(student)) == {}
