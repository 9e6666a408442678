"""The rooms of the house and who may enter from where: every import goes down this list.

Student code and answers are kept apart by it, and so are the three audiences.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

A, T = "autograder.", "tools."


def below(top: str, rooms: str) -> set[str]:
    """Return the full names of rooms."""
    return {top + room for room in rooms.split()}


LAB3 = {"lab3"}
ALLOWED: dict[str, set[str]] = {
    "lab3": set(),
    A + "plain_text": set(),
    A + "results": set(),
    A + "claims": below(A, "results"),
    A + "rubric": LAB3 | below(A, "results"),
    A + "messages": below(A, "plain_text results rubric"),
    A + "changes": below(A, "messages results"),
    A + "exports": LAB3 | below(A, "changes messages plain_text results rubric"),
    A + "inside": LAB3,
    A + "host": LAB3 | below(A, "inside results"),
    A + "submissions": LAB3 | below(A, "plain_text"),
    A + "course": LAB3 | below(A, "plain_text rubric submissions"),
    A + "marks": below(A, "course results"),
    A + "expected": LAB3 | below(A, "host inside results"),
    A + "thresholds": LAB3 | below(A, "expected results rubric"),
    A + "measuring": LAB3 | below(A, "expected host rubric submissions"),
    A + "checks": LAB3
    | below(A, "claims expected host inside measuring results submissions thresholds"),
    A + "catalog": below(A, "claims results"),
    A + "asking": LAB3
    | below(A, "catalog claims expected host inside measuring results rubric submissions"),
    A + "remarking": below(A, "asking checks results rubric thresholds"),
    A + "workers": below(A, "asking catalog host messages rubric submissions"),
    A + "options": below(A, "host results rubric"),
    A + "collecting": LAB3 | below(A, "course submissions"),
    A + "grading": LAB3
    | below(A, "asking catalog host measuring options results rubric submissions workers"),
    A + "session": below(
        A, "asking grading host measuring messages options results rubric submissions"
    ),
    A + "commandline": LAB3 | below(A, "session"),
    A + "grades": LAB3
    | below(
        A,
        "changes course exports host options plain_text remarking results rubric submissions",
    ),
    A + "batch": LAB3 | below(A, "catalog grades grading host options results submissions"),
    A + "publishing": LAB3
    | below(A, "course exports grades marks messages plain_text results rubric submissions"),
    T + "shared": LAB3 | below(A, "plain_text"),
    T + "report": LAB3 | below(T, "shared"),
    T + "review": LAB3 | below(T, "report"),
    T + "hardware": LAB3,
    T + "running": LAB3 | below(A, "expected") | below(T, "hardware shared"),
    T + "integrity": LAB3 | below(A, "course exports host inside plain_text submissions"),
    T + "reference": LAB3
    | below(A, "expected rubric thresholds")
    | below(T, "report running shared"),
    T + "grades": below(A, "grading messages options plain_text results") | below(T, "shared"),
    T + "studying": LAB3
    | below(A, "grading host options results rubric submissions")
    | below(T, "grades running shared"),
    T + "notebook": LAB3
    | below(A, "messages plain_text results")
    | below(T, "grades report shared studying"),
    T + "student": LAB3
    | below(A, "exports host inside messages plain_text results submissions")
    | below(T, "grades report review running shared studying"),
    T + "staff": LAB3
    | below(A, "collecting")
    | below(
        A,
        "batch changes course exports grades grading host marks messages options plain_text "
        "publishing results rubric submissions",
    )
    | below(T, "grades integrity report shared"),
    T + "course": LAB3
    | below(A, "catalog course exports grading host messages options rubric")
    | below(T, "grades reference report running shared"),
    T + "cli": LAB3 | below(T, "course running shared staff student"),
    T + "__main__": below(T, "cli"),
}
STUDENTS_OWN = ("lab3.resnet", "lab3.observer", "lab3.qconfig", "lab3.quantize")
PURE = ("torch", "torchvision", "autograder")
# What a PyTorch without eager quantization would not have, and who may know of it all the same.
EAGER = re.compile(
    r"torch\.(ao|quantization|nn\.quantized|nn\.intrinsic|qu?int\d+|quantize_per_\w+"
    r"|per_(tensor|channel)_\w+|_make_per_(tensor|channel)_quantized_tensor)\b"
)
ADAPTERS = {"lab3.eager", *STUDENTS_OWN}
ENGINE = re.compile(r"torch\.backends\.quantized\b")


def modules() -> dict[str, Path]:
    """Return all modules of ours by name, as found in the folders."""
    found = {}
    for top, base in (("autograder", ROOT), ("tools", ROOT), ("lab3", ROOT / "assignment")):
        for path in sorted((base / top).rglob("*.py")):
            parts = path.relative_to(base).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def room_of(module: str) -> str:
    """Return the folder, or the file that lies beside folders, that a module is in."""
    return "lab3" if module.split(".")[0] == "lab3" else ".".join(module.split(".")[:2])


def imports(path: Path) -> set[str]:
    """Every module that a file imports, anywhere in it, with the names it takes."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def torch_names(path: Path) -> set[str]:
    """Every name of PyTorch's that a file imports or reaches through ``torch``."""
    chains = (ast.unparse(n) for n in ast.walk(ast.parse(path.read_text())) if is_chain(n))
    return {name for name in (*imports(path), *chains) if name.startswith("torch.")}


def is_chain(node: ast.AST) -> bool:
    """Tell whether a node is nothing but names behind dots."""
    while isinstance(node, ast.Attribute):
        node = node.value
        if isinstance(node, ast.Name):
            return True
    return False


def ours(name: str) -> str | None:
    """Return the module of ours that an imported name is or is in."""
    while name and name not in MODULES:
        name = name.rpartition(".")[0]
    return name or None


def offenders(room: str, *forbidden: str) -> list[str]:
    """Return what the files of a room import of modules with these names, or below them."""
    return [
        f"{module} imports {name}"
        for module, path in MODULES.items()
        if module == room or module.startswith(f"{room}.")
        for name in sorted(imports(path))
        if any(name == f or name.startswith(f"{f}.") for f in forbidden)
    ]


def test_every_room_is_on_the_list() -> None:
    rooms = {room_of(module) for module in MODULES} - {"autograder", "tools"}
    assert rooms == set(ALLOWED)


@pytest.mark.parametrize("room", ALLOWED)
def test_arrows_go_down(room: str) -> None:
    wrong, seen = [], set()
    for module, path in MODULES.items():
        if room_of(module) != room:
            continue
        for name in imports(path):
            target = ours(name)
            if target in (None, "autograder", "tools") or room_of(target or "") == room:
                continue
            seen.add(room_of(target or ""))
            if room_of(target or "") not in ALLOWED[room]:
                wrong.append(f"{module} imports {target}")
    assert not wrong
    assert seen == ALLOWED[room], "an arrow on the list that nobody goes"


def test_the_list_has_no_circle() -> None:
    seen: set[str] = set()
    while rest := {room: arrows - seen for room, arrows in ALLOWED.items() if room not in seen}:
        free = {room for room, arrows in rest.items() if not arrows}
        assert free, f"a circle among {sorted(rest)}"
        seen |= free


def test_what_the_sandbox_shows_is_one_folder_and_the_given_files() -> None:
    from autograder.host.contents import kit_files

    shown = {path.resolve() for path in kit_files().values()}
    given = {path for path in shown if (ROOT / "assignment" / "lab3") in path.parents}
    inside = {path for name, path in MODULES.items() if name.startswith("autograder.inside")}
    assert shown - given == {*inside, ROOT / "autograder" / "__init__.py"}
    assert not [p for p in shown if p.name in ("resnet.py", "observer.py")]


@pytest.mark.parametrize("room", sorted({room for room in ALLOWED if room.startswith(A)}))
def test_no_file_of_the_trusted_side_imports_a_students_module(room: str) -> None:
    if room != A + "inside":
        assert not offenders(room, "solution", "tests", *STUDENTS_OWN)


def test_the_trusted_side_never_loads_a_students_module() -> None:
    """Not even through a given module: what grading has loaded is looked at in a process."""
    code = (
        "import sys; from autograder import grading; grading.load_rubric()\n"
        "import autograder.exports.files\n"
        "print([m for m in sys.modules if m in ('lab3.resnet', 'lab3.observer')])"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("room", ["lab3", "autograder", "tools"])
def test_nothing_imports_answers_or_tests(room: str) -> None:
    assert not offenders(room, "solution", "tests")


@pytest.mark.parametrize("room", ["lab3", "autograder", "tools"])
def test_nothing_unpickles(room: str) -> None:
    """Nor does it use what unpickles by itself; PyTorch's own reader of weights builds no more."""
    assert not offenders(room, "pickle", "dill", "joblib", "torchvision.datasets.CIFAR10")


@pytest.mark.parametrize("room", [T + "shared", T + "report", T + "review"])
def test_texts_need_no_torch(room: str) -> None:
    found = [offence for offence in offenders(room, *PURE) if A + "plain_text" not in offence]
    assert not found


def test_results_and_their_renderers_are_light() -> None:
    light = (
        "results rubric messages changes exports submissions course marks asking.verdicts remarking"
    )
    for room in light.split():
        assert not offenders(A + room, "torch")


@pytest.mark.parametrize(
    ("pattern", "keepers"), [(EAGER, ADAPTERS), (ENGINE, {"lab3.engines"})], ids=["eager", "engine"]
)
def test_eager_quantization_stands_behind_one_module(
    pattern: re.Pattern[str], keepers: set[str]
) -> None:
    users = {
        module
        for module, path in MODULES.items()
        if any(pattern.match(name) for name in torch_names(path))
    }
    assert users == keepers


def test_what_needs_no_torch_stays_light() -> None:
    """The contract of run logs, and what reports are made of, load without PyTorch."""
    modules = "lab3.errors, lab3.units, lab3.selection, lab3.log.runlog, lab3.log.certificate"
    code = f"import sys, {modules}; print('torch' in sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
