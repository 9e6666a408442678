"""``lab3 status``: what is solved, which runs count, the points, and the next command."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

from typer import Option

from tools.shared.console import out, print_table, say
from tools.shared.options import Code, DataDir, Json, Runs
from tools.shared.table import Table
from tools.studying.checking import Wanted, checker, find_folder, saved
from tools.studying.standing import PART_NAMES, Standing, read_runs, standing


def status(
    watch: Annotated[
        bool, Option("--watch", help="Show it again whenever a file changes.")
    ] = False,
    as_json: Json = False,
    code: Code = None,
    runs: Runs = Path("runs"),
    data_dir: DataDir = Path("data"),
) -> None:
    """Show where you stand: stubs, runs that count and why, public points, the next command.

    Leave it open beside your editor with --watch.

    Examples:

        lab3 status

        lab3 status --watch
    """
    folder = find_folder(code)
    with checker(folder, Wanted(), data_dir) as asked:
        public = {e.check: e.points for e in asked.rubric.entries if e.visibility == "public"}
        while True:
            before = saved(folder)
            grade = asked.grade(folder)
            logs, faults = read_runs(runs)
            now = standing(folder, grade, logs, public, (folder / "report.md").exists())
            if as_json:
                out.print_json(json.dumps(now.as_json()))
            else:
                if watch:
                    out.clear()
                show(now)
            for fault in faults:
                say(f"left out: {fault}")
            if not watch:
                return
            say("watching; Ctrl-C ends")
            try:
                while saved(folder) == before:
                    time.sleep(0.5)
            except KeyboardInterrupt:
                return


def show(now: Standing) -> None:
    """Print stubs, runs, points and what comes next."""
    from autograder.messages import number

    stubs: list[tuple[str, ...]] = [(f"part {s.part}", s.name, s.state) for s in now.stubs]
    print_table("Stubs", Table(("Part", "Function", "State"), stubs, left=3))
    if now.runs:
        rows: list[tuple[str, ...]] = [
            (run.name, run.kind, "yes" if run.counts else "no", run.why) for run in now.runs
        ]
        print_table("Runs", Table(("Run", "Kind", "Counts", "Why"), rows, left=4))
    points: list[tuple[str, ...]] = [
        (
            f"part {p.part}: {PART_NAMES[p.part]}",
            number(p.earned),
            number(p.open),
            number(p.waiting),
        )
        for p in now.points
    ]
    sums = [sum(getattr(p, name) for p in now.points) for name in ("earned", "open", "waiting")]
    points.append(("sum", *map(number, sums)))
    print_table("Public points", Table(("For", "Reached", "Open", "Not asked yet"), points))
    if sums[2]:
        waiting = "" if any(run.counts for run in now.runs) else "checks of runs: none counts yet; "
        say(f"not asked yet: {waiting}accuracies: lab3 check --accuracy")
    out.print(f"next: {now.why}\n\n    {now.next_command}\n", markup=False)
