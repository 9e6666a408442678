"""The lab in a notebook: pictures of stubs, files that are read anew, and the starter notebook."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

import lab3
from tests.conftest import ROOT, change
from tools.notebook import show
from tools.notebook.loading import student_modules
from tools.notebook.pages import table_html
from tools.shared.table import Table

STUBS = ("add_relu", "fuse_model", "scale_approximate")


@pytest.fixture
def notebook(student: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A student's folder, in which a notebook stands; all that was imported is put back."""
    monkeypatch.chdir(student)
    for name in ("resnet", "observer", "qconfig", "quantize"):
        monkeypatch.setitem(sys.modules, f"lab3.{name}", sys.modules.get(f"lab3.{name}"))
        monkeypatch.delitem(sys.modules, f"lab3.{name}")
        monkeypatch.setattr(lab3, name, getattr(lab3, name, None), raising=False)
    monkeypatch.setattr(lab3, "__path__", list(lab3.__path__))
    return student


@pytest.mark.parametrize("name", STUBS)
def test_each_kind_of_stub_has_a_picture(name: str, notebook: Path) -> None:
    assert notebook.is_dir()
    page = show(name)._repr_html_()
    assert page.count("<svg") == 1
    assert "<script" not in page
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", page)


def test_fusion_leaves_four_layers_and_the_addition(notebook: Path) -> None:
    assert "11 layers; 5 still compute" in repr(show("fuse_model"))
    change(notebook / "lab3" / "resnet.py", '["conv3", "bn3"]', '["conv2", "bn2"]')
    assert "conv2" in repr(show("fuse_model")) or "can't be fused" in repr(show("fuse_model"))


def test_what_was_saved_is_what_is_shown(notebook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when it was saved twice in a second, and is as long as it was."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    before = repr(show("scale_approximate"))
    observer = notebook / "lab3" / "observer.py"
    change(observer, "shift = round(", "shift = 1 + round(")
    os.utime(observer, (1e9, 1e9))
    assert "becomes 0.00390625" in before
    assert repr(show("scale_approximate")) == before  # clamped at 2**-8 either way
    change(observer, "shift = 1 + round(", "shift = 0 * round(")
    os.utime(observer, (1e9, 1e9))
    assert "becomes 1" in repr(show("scale_approximate"))


@pytest.mark.parametrize("name", STUBS)
def test_an_open_stub_and_an_unknown_name_are_a_sentence(name: str, notebook: Path) -> None:
    shutil.copy(ROOT / "assignment" / "lab3" / "resnet.py", notebook / "lab3")
    shutil.copy(ROOT / "assignment" / "lab3" / "observer.py", notebook / "lab3")
    assert "not implemented yet" in repr(show(name))
    assert "choose from add_relu, fuse_model" in repr(show("forward"))


def test_modules_that_came_from_elsewhere_are_named_and_loaded_anew(
    notebook: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import lab3.resnet as stale  # as before %cd

    monkeypatch.setattr(stale, "__file__", "/elsewhere/lab3/resnet.py")
    resnet, _ = student_modules()
    assert "lab3.resnet was imported from /elsewhere/lab3/resnet.py, not from" in (
        capsys.readouterr().out
    )
    assert Path(str(resnet.__file__)) == notebook / "lab3" / "resnet.py"


def test_tables_are_escaped() -> None:
    html = table_html("<b>", Table(("a", "b"), [("<script>", "1")]))
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Jupyter's own packages
def test_the_starter_notebook_runs_whole_and_exports_without_control_characters(
    student: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import nbformat
    from nbclient import NotebookClient
    from nbconvert import HTMLExporter

    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    notebook = nbformat.read(ROOT / "assignment" / "lab3.ipynb", as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells)
    NotebookClient(
        notebook, timeout=1200, kernel_name="python3", resources={"metadata": {"path": student}}
    ).execute()
    html, _ = HTMLExporter().from_notebook_node(notebook)
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", html)
    outputs = {
        "".join(cell.source): " ".join(
            str(output.get("text", "")) + str(output.get("data", {}).get("text/html", ""))
            for output in cell.outputs
        )
        for cell in notebook.cells
        if cell.cell_type == "code"
    }
    assert "all passed" in outputs["check(part=1)"]
    assert "<svg" in outputs['show("fuse_model")']
    epochs = outputs["!lab3 train --dataset digits"].count("train loss")
    assert epochs == 12  # a line an epoch, and no bar
    assert "lab3.zip" in outputs["!lab3 submit"]
