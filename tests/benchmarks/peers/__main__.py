"""Throughput of a class beside nbgrader and otter-grader, on the same checks of the same code.

The peers are installed in an environment of their own (``build/peers``), and run as their
documentation advises: ``nbgrader autograde`` on all submissions, ``otter run`` on each. They
execute a notebook whose cells make the kit's own code checks in the student's interpreter. All
take turns, so that a computer whose speed drifts is fair to all; start-up is included.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from tests.benchmarks.peers.inline import code_entries
from tests.conftest import ROOT, SOLVED

HOME = ROOT / "build" / "peers"
SHARED = ("torch", "torchvision", "pydantic", "safetensors", "pytest")  # as here
PEERS = ("nbgrader==0.9.6", "otter-grader==7.0.0", "ipykernel")
IMPORTS = (
    f"import sys\nsys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'assignment')!r}]\n"
    "from tests.benchmarks.peers.inline import check"
)
CALLS = [f"check({entry.check!r}, {entry.visibility!r})" for entry in code_entries()]
Run = Callable[[], None]


def install() -> None:
    """Make the environment of the peers, unless it is there."""
    if (HOME / "bin" / "otter").exists():
        return
    print("installing nbgrader and otter-grader into build/peers", file=sys.stderr)
    venv.create(HOME, with_pip=True)
    shared = [f"{name}=={version(name).partition('+')[0]}" for name in SHARED]
    program("python", "-m", "pip", "install", "--quiet", *shared, *PEERS)


def program(name: str, *arguments: object, folder: Path = ROOT) -> str:
    """Run a program of the peers' environment in a folder; return what it prints."""
    path = f"{HOME / 'bin'}:{os.environ['PATH']}"  # nbgrader runs a bare "alembic"
    environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [HOME / "bin" / name, *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{name} {arguments}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def write_code(folder: Path, number: int) -> None:
    """Write the solution as somebody's own: with another text, so that nothing is cached."""
    folder.mkdir(parents=True)
    for name, content in SOLVED.items():
        (folder / name).write_bytes(content + f"# {number}\n".encode())


def lab3(top: Path, count: int) -> Run:
    """Grade a class with the kit, on all cores."""
    for number in range(count):
        write_code(top / "class" / f"s{number}" / "lab3", number)

    def run() -> None:
        command = [sys.executable, "-m", "tools", "grade", str(top / "class"), "--out"]
        done = subprocess.run(
            [*command, str(top / "grades")], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.stdout.count(" 74 ") == count, done.stdout + done.stderr

    return run


def nbgrader(top: Path, count: int) -> Run:
    """Autograde notebooks of which each check is a graded cell."""
    cells = [cell("imports", IMPORTS, points=None)]
    cells += [cell(f"check{number}", call, points=1) for number, call in enumerate(CALLS)]
    source = top / "source" / "lab3"
    write_code(source, 0)
    nbformat.write(new_notebook(cells=cells), source / "lab3.ipynb")
    (top / "nbgrader_config.py").write_text("c = get_config()\nc.CourseDirectory.course_id = 'x'\n")
    program("nbgrader", "generate_assignment", "lab3", folder=top)
    for number in range(count):
        folder = top / "submitted" / f"s{number}" / "lab3"
        write_code(folder, number)
        released = top / "release" / "lab3" / "lab3.ipynb"
        (folder / "lab3.ipynb").write_bytes(released.read_bytes())

    def run() -> None:
        program("nbgrader", "autograde", "lab3", folder=top)
        for number in range(count):
            graded = top / "autograded" / f"s{number}" / "lab3" / "lab3.ipynb"
            said = [c.outputs for c in nbformat.read(graded, 4).cells if c.get("outputs")]
            assert not said, said[0]

    return run


def cell(name: str, source: str, points: int | None) -> nbformat.NotebookNode:
    """Return a cell that students can't edit; with points, one that is graded."""
    is_grade = points is not None
    marks = {"grade": is_grade, "grade_id": name, "locked": True, "schema_version": 3}
    marks |= {"solution": False, "task": False, **({"points": points} if is_grade else {})}
    return new_code_cell(source, metadata={"nbgrader": marks})


def otter(top: Path, count: int) -> Run:
    """Run otter on each notebook, its tests in an archive of their own."""
    tests = top / "tests"
    tests.mkdir(parents=True)
    names = [f"q{number}" for number in range(len(CALLS))]
    for name, call in zip(names, CALLS, strict=True):
        case = {"code": f">>> {call}", "hidden": False, "locked": False, "points": 1}
        suite = {"cases": [case], "scored": True, "setup": "", "teardown": "", "type": "doctest"}
        test = {"name": name, "points": None, "suites": [suite]}
        (tests / f"{name}.py").write_text(f"OK_FORMAT = True\ntest = {test!r}\n")
    begin = "import otter\ngrader = otter.Notebook()"
    sources = [begin, IMPORTS, *(f"grader.check({name!r})" for name in names)]
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "", "language": "python"}
    (top / "otter_config.json").write_text('{"pdf": false, "show_all_public": true}')
    program(
        "otter",
        "generate",
        "-t",
        "tests",
        "-c",
        "otter_config.json",
        "--no-environment",
        folder=top,
    )
    folders = [top / f"s{number}" for number in range(count)]
    for number, folder in enumerate(folders):
        write_code(folder, number)
        nbformat.write(notebook, folder / "lab3.ipynb")

    def run() -> None:
        for folder in folders:
            said = program("otter", "run", "-a", "../autograder.zip", "lab3.ipynb", folder=folder)
            assert f"{len(CALLS)}.0" in said or "100" in said, said

    return run


def main() -> None:
    """Print submissions a minute of each, and how many times as many ours are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=32, help="of our class")
    parser.add_argument("--peers", type=int, default=4, help="submissions that each peer grades")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    install()
    counts = {lab3: arguments.students, nbgrader: arguments.peers, otter: arguments.peers}
    seconds: dict[str, list[float]] = {make.__name__: [] for make in counts}
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        for number in range(arguments.rounds):
            for make, count in counts.items():
                run = make(Path(folder) / f"{make.__name__}{number}", count)
                began = time.perf_counter()
                run()
                seconds[make.__name__].append((time.perf_counter() - began) / count)
    ours = statistics.median(seconds["lab3"])
    for name, values in seconds.items():
        median = statistics.median(values)
        print(
            f"{name:<9} {median:6.2f} s a submission ({min(values):.2f} to {max(values):.2f}), "
            f"{60 / median:6.1f} a minute; lab3 grades {median / ours:.1f} times as many"
        )


if __name__ == "__main__":
    main()
