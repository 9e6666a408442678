"""``check`` and ``status`` in a notebook: the commands in processes of their own, shown as tables.

A process of its own sees the files as they are now, whatever the notebook has imported.
"""

from __future__ import annotations

import json
import subprocess
import sys
from html import escape
from typing import Any

from autograder.messages import describe, number, summary
from autograder.plain_text import harmless
from autograder.results import Grade
from lab3.errors import LabError
from tools.grades import group_table
from tools.notebook.loading import folder
from tools.notebook.pages import Page, note, table_html
from tools.shared.table import Table
from tools.studying.checking import excerpt, roots
from tools.studying.standing import PART_NAMES

Rows = list[tuple[str, ...]]
SHOWN = 3  # messages, as on a terminal


def check(part: int | None = None, keyword: str = "", accuracy: bool = False) -> Page:
    """Check your files: all parts of the handout or one, and only checks of some name."""
    arguments = ["check", "--json", "-k", keyword]
    arguments += ["--part", str(part)] if part else []
    arguments += ["--accuracy"] if accuracy else []
    document = answer(arguments)
    if isinstance(document, Page):
        return document
    grade = Grade.model_validate(document)
    top = folder()
    failed = [result for result in grade.results if result.outcome != "passed"]
    first = roots(failed)
    messages = []
    for result in first[:SHOWN]:
        lines = excerpt(top, result.place) if result.place else ""
        messages.append(f"{describe(result)}\n{lines}".rstrip())
    if len(failed) > len(messages):
        messages.append(f"{len(failed) - len(messages)} more wait for these, or failed as well")
    title = summary(grade)
    blocks = "".join(f"<pre>{escape(harmless(text))}</pre>" for text in messages)
    table = group_table(grade)
    text = "\n\n".join([title, table.markdown(), *map(harmless, messages)])
    return Page(table_html(title, table) + blocks, text)


def status() -> Page:
    """Show where you stand: stubs, runs that count, public points, and what comes next."""
    document = answer(["status", "--json"])
    if isinstance(document, Page):
        return document
    stubs: Rows = [(f"part {s['part']}", s["name"], s["state"]) for s in document["stubs"]]
    runs: Rows = [
        (r["name"], r["kind"], "yes" if r["counts"] else "no", r["why"]) for r in document["runs"]
    ]
    points: Rows = [
        (PART_NAMES[p["part"]], *(number(p[name]) for name in ("earned", "open", "waiting")))
        for p in document["points"]
    ]
    tables = {
        "Stubs": Table(("Part", "Function", "State"), stubs, left=3),
        "Runs": Table(("Run", "Kind", "Counts", "Why"), runs, left=4),
        "Public points": Table(("For", "Reached", "Open", "Not asked yet"), points),
    }
    following = f"next: {document['why']}: {document['next_command']}"
    shown = {title: table for title, table in tables.items() if table.rows}
    pieces = [table_html(title, table) for title, table in shown.items()]
    text = "\n\n".join([*(table.markdown() for table in shown.values()), following])
    return Page("".join(pieces) + f"<p><b>{escape(following)}</b></p>", text)


def answer(arguments: list[str]) -> Any:
    """Return what a command printed as JSON, or a page with what it complains of."""
    try:
        here = folder()
    except LabError as error:
        return note(str(error))
    # Isolated: the current folder's lab3/ is found by the command, not by the interpreter.
    command = [sys.executable, "-I", "-X", "utf8", "-W", "ignore", "-m", "tools", *arguments]
    done = subprocess.run(
        command, cwd=here, capture_output=True, text=True, encoding="utf-8", check=False
    )
    try:
        return json.loads(done.stdout)
    except ValueError:
        return note(harmless(done.stderr.strip() or f"exit code {done.returncode}"))
