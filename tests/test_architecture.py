"""Who may import whom: the directions that keep student code and answers apart."""

import ast
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGES = ("autograder", "lab3", "tools", "solution", "tests")


def imports(path: Path) -> set[str]:
    """Every module of ours that a file imports, anywhere in it, with the names it takes."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def modules(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found
    return found


def offenders(paths: list[Path], *forbidden: str) -> list[str]:
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in paths
        for name in sorted(imports(path))
        if any(name == f or name.startswith(f"{f}.") for f in forbidden)
    ]


UNTRUSTED = modules("autograder/inside")


def test_the_worker_knows_nothing_of_checks_points_or_answers() -> None:
    others = [
        f"autograder.{path.stem}"
        for path in (ROOT / "autograder").iterdir()
        if path.name not in ("__init__.py", "inside", "__pycache__")
    ]
    assert "autograder.expected" in others
    assert not offenders(UNTRUSTED, *others, "tools", "solution")


def test_what_the_sandbox_shows_is_one_folder_and_the_given_files() -> None:
    from autograder.host.contents import kit_files

    shown = {path.resolve() for path in kit_files().values()}
    given = {path for path in shown if (ROOT / "assignment" / "lab3") in path.parents}
    assert shown - given == {*UNTRUSTED, ROOT / "autograder" / "__init__.py"}
    assert not [p for p in shown if p.name in ("resnet.py", "observer.py")]


def test_checks_import_neither_the_solution_nor_the_students_modules() -> None:
    student = ("lab3.resnet", "lab3.observer", "lab3.qconfig", "lab3.quantize")
    trusted = [p for p in modules("autograder") if p not in UNTRUSTED]
    assert not offenders(trusted, "solution", "tests", *student)


def test_the_trusted_side_never_loads_a_students_module() -> None:
    """Not even through a given module: what grading has loaded is looked at in a process."""
    import subprocess
    import sys

    code = (
        "import sys; from autograder import grading, rubric\n"
        "rubric.load(rubric.RUBRIC, list(grading.all_checks()))\n"
        "import autograder.exports.feedback, autograder.exports.junit\n"
        "import autograder.exports.gradescope\n"
        "print([m for m in sys.modules if m in ('lab3.resnet', 'lab3.observer')])"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True,
                          text=True, check=True)  # fmt: skip
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("folder", ["autograder", "assignment"])
def test_nothing_below_imports_the_command_line(folder: str) -> None:
    assert not offenders(modules(folder), "tools")


def test_given_files_import_nothing_of_the_kit() -> None:
    assert not offenders(modules("assignment"), "autograder", "tools", "solution")


def test_the_report_never_imports_torch() -> None:
    assert not offenders(modules("tools/report"), "torch", "torchvision", "autograder")


def test_results_and_their_renderers_are_light() -> None:
    light = [ROOT / "autograder" / f"{name}.py" for name in ("results", "rubric", "messages")]
    assert not offenders([*light, *modules("autograder/exports")], "torch", "autograder.grading",
                         "autograder.host.client", "autograder.host.sandbox")  # fmt: skip
