"""``lab3 release``: what students receive, derived from the reference solution."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast

from typer import Option

from lab3 import STUDENT_FILES
from lab3.log.runlog import write_atomically
from tools.shared.console import UserError, say

BEGIN = re.compile(r"^\s*### BEGIN SOLUTION part (?P<part>\d+)$")
END = re.compile(r"^\s*### END SOLUTION$")
LOOKS_LIKE_MARKER = re.compile(
    r"^\s*###|#.*\b(BEGIN|END)\b.*\bSOLUTION|#.*\bSOLUTION.*\b(BEGIN|END)\b", re.IGNORECASE
)
TELLTALE_LENGTH = 12  # shorter lines ("else:", "return x") give nothing away


@dataclass(frozen=True)
class Region:
    """A solution between markers: line numbers of BEGIN and END, and whose stub it becomes."""

    begin: int
    end: int
    part: str
    function: str


class MarkerError(UserError):
    """Markers are at fault; the text lists every ``file:line``."""


def release(
    skeleton: Annotated[
        bool,
        Option("--skeleton", help="Derive assignment/ from solution/lab3 and from the rubric."),
    ] = False,
) -> None:
    """Derive what students receive; run it in a checkout of the kit.

    Replaces what stands between ``### BEGIN SOLUTION part N`` and ``### END SOLUTION`` by a stub,
    and writes the handout's table of points from ``autograder/rubric.toml``. When any marker is
    at fault, all faults are listed and nothing is written.

    Example:

        lab3 release --skeleton
    """
    if not skeleton:
        raise UserError("nothing to release: say what, for example lab3 release --skeleton")
    for path in [*derive_skeleton(Path()), *derive_points(Path())]:
        say(f"wrote {path}")


def derive_skeleton(root: Path) -> list[Path]:
    """Write the skeleton of both student files, and return the files that have changed.

    Raises MarkerError, having written nothing, when a marker is at fault or when a line of a
    solution stands anywhere in the assignment.
    """
    folder = root / "solution" / "lab3"
    sources = {name: read_source(folder / name) for name in STUDENT_FILES}
    regions, faults = {}, []
    for name, text in sources.items():
        regions[name], in_file = find_regions(text)
        faults += [f"{folder / name}:{line}: {fault}" for line, fault in in_file]
    if faults:
        raise MarkerError("nothing was written:\n" + "\n".join(faults))
    derived = {
        root / "assignment" / "lab3" / name: strip(text, regions[name])
        for name, text in sources.items()
    }
    secret = [line for name in sources for line in solution_lines(sources[name], regions[name])]
    texts = assignment_texts(root / "assignment") | derived
    if leaks := find_leaks(secret, texts):
        raise MarkerError(
            "nothing was written: students would see lines of the solution:\n" + "\n".join(leaks)
        )
    changed = [path for path, text in derived.items() if texts_differ(path, text)]
    for path in changed:
        content = derived[path].encode()
        write_atomically(path, lambda file, content=content: file.write(content))  # type: ignore[misc]
    return changed


def derive_points(root: Path) -> list[Path]:
    """Write the handout's table of points, and return the handout if that has changed it."""
    from autograder.grading import load_rubric
    from tools.course.handout import with_points

    path = root / "assignment" / "README.md"
    text = with_points(path, load_rubric(root / "autograder" / "rubric.toml"))
    if not texts_differ(path, text):
        return []
    write_atomically(path, lambda file: file.write(text.encode()))
    return [path]


def read_source(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"{path} can't be read ({error.strerror}): run this in a checkout of the kit"
        ) from None
    except UnicodeDecodeError as error:
        raise MarkerError(f"nothing was written: {path} is not UTF-8: {error}") from None


def texts_differ(path: Path, text: str) -> bool:
    return not path.exists() or path.read_bytes() != text.encode()


def find_regions(text: str) -> tuple[list[Region], list[tuple[int, str]]]:
    """Return the solution regions of a file, and every fault as (line, what is wrong)."""
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        return [], [(error.lineno or 1, f"not Python: {error.msg}")]
    regions: list[Region] = []
    faults: list[tuple[int, str]] = []
    opened: tuple[int, str] | None = None
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if begin := BEGIN.match(line):
            if opened:
                faults.append((number, f"BEGIN SOLUTION inside the one of line {opened[0]}"))
            opened = (number, begin["part"])
        elif END.match(line):
            if opened is None:
                faults.append((number, "END SOLUTION without BEGIN SOLUTION"))
                continue
            function = function_around(tree, lines, opened[0], number)
            if function is None or not holds_whole_statements(lines, opened[0], number):
                faults.append((opened[0], "the solution does not lie inside one function"))
            else:
                regions.append(Region(opened[0], number, opened[1], function))
            opened = None
        elif LOOKS_LIKE_MARKER.search(line):
            faults.append((number, f"not a marker, but looks like one: {line.strip()!r}"))
    if opened:
        faults.append((opened[0], "BEGIN SOLUTION without END SOLUTION"))
    if not regions and not faults:
        faults.append((1, "the file has no solution region"))
    return regions, faults


def function_around(tree: ast.Module, lines: list[str], begin: int, end: int) -> str | None:
    """Return the dotted name of the innermost function whose body holds all code of a region."""
    code = [n for n in range(begin + 1, end) if lines[n - 1].strip().lstrip("#")]
    innermost: str | None = None

    def visit(node: ast.AST, names: tuple[str, ...]) -> None:
        nonlocal innermost
        for child in ast.iter_child_nodes(node):
            inner = names
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inner = (*names, child.name)
                is_around = child.lineno < begin and code and code[-1] <= (child.end_lineno or 0)
                if is_around:
                    innermost = None if isinstance(child, ast.ClassDef) else ".".join(inner)
            visit(child, inner)

    visit(tree, ())
    return innermost


def holds_whole_statements(lines: list[str], begin: int, end: int) -> bool:
    """Tell whether a statement that takes a region's place, at BEGIN's indentation, runs."""
    indent = lines[begin - 1][: len(lines[begin - 1]) - len(lines[begin - 1].lstrip())]
    stub = [f"{indent}raise SystemExit({begin})", *[""] * (end - begin)]
    try:
        tree = ast.parse("\n".join([*lines[: begin - 1], *stub, *lines[end:]]))
    except SyntaxError:
        return False
    return any(isinstance(n, ast.Raise) and n.lineno == begin for n in ast.walk(tree))


def strip(text: str, regions: list[Region]) -> str:
    """Return the text with each region replaced by its stub, by nbgrader's ClearSolutions."""
    from nbformat.v4 import new_code_cell, new_notebook
    from nbgrader.preprocessors import ClearSolutions

    lines = text.splitlines()
    pieces, done = [], 0
    for region in regions:
        clear = ClearSolutions(enforce_metadata=False)
        stub = f'raise NotImplementedError("{region.function}: part {region.part} of the handout")'
        clear.code_stub = {"python": stub}
        clear.begin_solution_delimeter = "### BEGIN SOLUTION part"
        clear.end_solution_delimeter = "### END SOLUTION"
        cell = new_code_cell("\n".join(lines[done : region.end]))
        notebook, _ = clear.preprocess(new_notebook(cells=[cell]), {})
        pieces.append(cast(str, notebook.cells[0].source))
        done = region.end
    return "\n".join([*pieces, *lines[done:]]) + "\n"


def solution_lines(text: str, regions: list[Region]) -> list[str]:
    """Return the lines of code inside the regions that would give the answer away."""
    lines = text.splitlines()
    inside = [lines[n - 1].strip() for r in regions for n in range(r.begin + 1, r.end)]
    return [line for line in inside if len(line) >= TELLTALE_LENGTH]


def assignment_texts(folder: Path) -> dict[Path, str]:
    """Return every text file below a folder that students receive."""
    suffixes = {".py", ".md", ".toml", ".txt", ".ipynb", ".json"}
    return {
        path: path.read_text(encoding="utf-8", errors="replace")
        for path in sorted(folder.rglob("*"))
        if path.suffix in suffixes and path.is_file()
    }


def find_leaks(secret: list[str], texts: dict[Path, str]) -> list[str]:
    """Return ``file:line: text`` wherever a line of the solution stands in a student's text."""
    return [
        f"{path}:{number}: {line.strip()}"
        for path, text in texts.items()
        for number, line in enumerate(text.splitlines(), 1)
        if any(answer in line for answer in secret)
    ]
