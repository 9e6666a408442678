"""What students read about each wrong submission, kept so that people can read it through.

``texts/`` has one file for each function that students write or are given, with the submissions
whose first failed check is about it. ``python -m tests.mutants`` writes them anew.
"""

import difflib
import re
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from autograder import catalog
from autograder.host.sandbox import Sandbox
from autograder.messages import clip, describe, summary
from autograder.plain_text import harmless
from autograder.results import Grade
from tests.conftest import ROOT, SOLVED
from tests.making.grading import RUBRIC, grade_code, impatient
from tests.mutants.edits import submission
from tests.mutants.wrong import CHECKS, WRONG

FOLDER = Path(__file__).with_name("texts")
PROBE_S = 1.5  # for code that never ends
CHANGED_LINES = 30  # of one submission, as far as they are shown
HEADING = re.compile(r"^## (.+)\n\n", re.M)
# What kernels round, and random numbers: no two kinds of processors agree to the last digit.
ROUNDED = re.compile(
    r"-?\d+\.\d{4}\b|(?<=\*\*)-?\d+\.\d+|(?<=by up to )[\d.e+-]+|(?<=cosine )[\d.-]+"
    r"|(?<= at )\[[\d, ]+\]"
)


def grade_wrong(sandbox: Sandbox, name: str) -> Grade:
    """Grade a wrong submission, with less patience where it never ends."""
    wrong = WRONG[name]
    by = impatient(PROBE_S) if wrong.hangs else RUBRIC
    return grade_code(sandbox, submission(wrong.changes), by=by)


def text_of(name: str, grade: Grade) -> str:
    """Return an entry: what is changed, and what ``lab3 check --all`` tells of it.

    What only waits is named by what it waits for, and has no text of its own here.
    """
    results = tuple(result for result in grade.results if result.visibility == "public")
    told = [summary(grade.model_copy(update={"results": results}))]
    told += [f"note: {harmless(problem)}" for problem in grade.problems]
    messages = [describe(r) for r in results if r.outcome != "passed" and not r.is_waiting]
    text = "\n\n".join(["\n".join(told), *messages])
    return f"```diff\n{change_of(name)}\n```\n\n```text\n{text}\n```"


def change_of(name: str) -> str:
    """Return how a submission differs from the solution."""
    files, lines = submission(WRONG[name].changes), []
    for file, before in sorted(SOLVED.items()):
        if file not in files:
            lines.append(f"{file} is not handed in")
        elif files[file] != before:
            sides = [
                side.decode(errors="backslashreplace").splitlines()
                for side in (before, files[file])
            ]
            compared = list(difflib.unified_diff(*sides, n=1, lineterm=""))
            lines += [file, *(line for line in compared[2:] if not line.startswith("@@"))]
    return "\n".join(clip("\n".join(lines), CHANGED_LINES))


def place_of(name: str) -> str:
    """Return the function that the first check that fails is about."""
    outcomes = WRONG[name].outcomes
    return catalog.about(next(check for check in CHECKS if check in outcomes)).function


def kept() -> dict[str, str]:
    """Return the entries that the files hold, by name."""
    entries: dict[str, str] = {}
    for path in FOLDER.glob("*.md"):
        _, *parts = HEADING.split(path.read_text())
        entries |= dict(zip(parts[::2], (text.strip("\n") for text in parts[1::2]), strict=True))
    return entries


def keep(entries: Mapping[str, str]) -> None:
    """Write entries into the files, beside those that are there; drop those of no mutant."""
    entries = kept() | dict(entries)
    FOLDER.mkdir(exist_ok=True)
    for place in {place_of(name) for name in WRONG}:
        names = [name for name in WRONG if name in entries and place_of(name) == place]
        parts = [f"# {place}", *(f"## {name}\n\n{entries[name]}" for name in names)]
        (FOLDER / f"{place}.md").write_text("\n\n".join(parts) + "\n")


def changes(name: str, grade: Grade) -> str:
    """Return how the text of a grade differs from what is kept; empty when it doesn't.

    Errors of Python and PyTorch are quoted, and have other words in other versions: there nothing
    is compared.
    """
    locked = re.search(r"^torch==(\S+)", (ROOT / "requirements.lock").read_text(), re.M)
    assert locked is not None
    if sys.version_info[:2] != (3, 11) or version("torch").partition("+")[0] != locked[1]:
        return ""
    sides = [kept().get(name, ""), text_of(name, grade)]
    compared = difflib.unified_diff(*map(comparable, sides), "kept", "now", n=2, lineterm="")
    return "\n".join(compared)


def comparable(text: str) -> list[str]:
    """Return the lines of an entry without what depends on the processor."""
    return [ROUNDED.sub("#", line) for line in text.strip("\n").splitlines()]


def again(*names: str) -> str:
    """Return how to keep the texts as they are now."""
    return " ".join(["read them, then: python -m tests.mutants", *map(repr, names)])
