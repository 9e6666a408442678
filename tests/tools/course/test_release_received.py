"""What students receive: the handout's points, the wheel, and stubs that name their part."""

import importlib.util
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from autograder.catalog import all_checks
from autograder.rubric import RUBRIC, load
from lab3 import STUDENT_FILES
from tests.conftest import ROOT, SOLUTION
from tests.making.skeletons import (
    copy_of_the_kit,
)
from tools.course.handout import BEGIN, END, with_points
from tools.course.release import derive_skeleton
from tools.shared.console import UserError


def test_the_handouts_points_are_those_of_the_rubric() -> None:
    path = ROOT / "assignment" / "README.md"
    known = list(all_checks())
    text = with_points(path, load(RUBRIC, known))
    assert text == path.read_text(), "derive them anew: lab3 release --skeleton"
    table = text[text.index(BEGIN) : text.index(END)]
    assert len([line for line in table.splitlines() if line.startswith("| part")]) == len(known)
    (total,) = [line for line in text.splitlines() if line.startswith("| sum")]
    assert sum(int(cell) for cell in re.findall(r"\d+", total)) == 100


def test_a_handout_without_a_place_for_points_is_refused(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# Lab\n")
    with pytest.raises(UserError, match=r"derived from rubric\.toml"):
        with_points(tmp_path / "README.md", load(RUBRIC, list(all_checks())))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The built wheel: what each of its files holds."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_holds_the_stubs_and_no_solution(wheel: dict[str, bytes]) -> None:
    assert [name for name in wheel if "solution" in name.lower()] == []
    for name, stubs in (("resnet.py", 5), ("observer.py", 1)):
        assert wheel[f"lab3/{name}"] == (ROOT / "assignment" / "lab3" / name).read_bytes()
        assert wheel[f"lab3/{name}"].count(b"raise NotImplementedError(") == stubs


def test_no_line_of_the_solution_reaches_students(wheel: dict[str, bytes]) -> None:
    regions = [
        region
        for name in STUDENT_FILES
        for region in re.findall(
            r"### BEGIN SOLUTION part \d\n(.*?)### END SOLUTION",
            (SOLUTION / "lab3" / name).read_text(),
            re.DOTALL,
        )
    ]
    assert len(regions) == 6
    # "else:" and the like give nothing away.
    lines = {line.strip() for region in regions for line in region.splitlines()}
    telltale = [line.encode() for line in lines if len(line) >= 9]
    received = {f"wheel: {name}": content for name, content in wheel.items()} | {
        str(path.relative_to(ROOT)): path.read_bytes()
        for path in (ROOT / "assignment").rglob("*")
        if path.is_file() and not {"runs", "data"} & set(path.relative_to(ROOT).parts)
    }
    assert {"wheel: lab3/resnet.py", "assignment/lab3/resnet.py"} <= set(received)
    leaks = [
        (name, line) for name, content in received.items() for line in telltale if line in content
    ]
    assert leaks == []


@pytest.fixture(scope="module")
def derived(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModuleType]:
    """The two student files of a freshly derived skeleton, imported."""
    root = copy_of_the_kit(tmp_path_factory.mktemp("derived") / "checkout")
    for name in STUDENT_FILES:
        (root / "assignment" / "lab3" / name).unlink()
    modules = {}
    for path in derive_skeleton(root):
        spec = importlib.util.spec_from_file_location(f"derived_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        modules[path.stem] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(modules[path.stem])
    return modules


def block(modules: dict[str, ModuleType]) -> Any:
    return modules["resnet"].QuantizableBottleneck(4, 1)


def network(modules: dict[str, ModuleType]) -> Any:
    return modules["resnet"].QuantizableResNet((1, 1, 1, 1), width=2)


def observer(modules: dict[str, ModuleType]) -> Any:
    return modules["observer"].CusQuantObserver()


@pytest.mark.parametrize(
    ("make", "method", "arguments", "stub", "part"),
    [
        (block, "forward", (None,), "QuantizableBottleneck.forward", 1),
        (block, "add_relu", (None, None), "QuantizableBottleneck.add_relu", 1),
        (block, "fuse_model", (), "QuantizableBottleneck.fuse_model", 2),
        (network, "forward", (None,), "QuantizableResNet.forward", 1),
        (network, "fuse_model", (), "QuantizableResNet.fuse_model", 2),
        (observer, "scale_approximate", (0.3,), "CusQuantObserver.scale_approximate", 3),
    ],
)
def test_every_stub_says_which_part_is_not_implemented(
    derived: dict[str, ModuleType],
    make: Callable[[dict[str, ModuleType]], Any],
    method: str,
    arguments: tuple[object, ...],
    stub: str,
    part: int,
) -> None:
    with pytest.raises(NotImplementedError) as caught:
        getattr(make(derived), method)(*arguments)
    assert str(caught.value) == f"{stub}: part {part} of the handout"
