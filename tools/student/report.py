"""``lab3 report``: the lab report, made from run logs around the student's own words."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated, Literal

from typer import Option

from tools.shared.console import NothingToDoError, say
from tools.shared.options import Runs


def report(
    runs: Runs = Path("runs"),
    target: Annotated[
        Path, Option("--out", metavar="FILE.md", help="The report; figures/ lies beside it.")
    ] = Path("report.md"),
    language: Annotated[
        Literal["en", "zh-TW"] | None,
        Option("--lang", help="Language; the report's own, else English, when not given."),
    ] = None,
    html: Annotated[bool, Option("--html", help="Also write a page that needs no files.")] = False,
    pdf: Annotated[
        bool, Option("--pdf", help="Also print the page, with this computer's Chromium.")
    ] = False,
    baseline: Annotated[
        str | None,
        Option(
            "--baseline",
            metavar="RUN",
            help="The FP32 run that the report is about, by name or folder.",
        ),
    ] = None,
    console: Annotated[
        list[Path] | None,
        Option(
            "--console",
            metavar="FILE",
            help="Console output, for what no run log tells; once for each file.",
        ),
    ] = None,
    force: Annotated[
        bool,
        Option("--force", help="Write into a file that this command has not made; keep a copy."),
    ] = False,
) -> None:
    """Write the lab report: every number and figure from run logs, a place for every answer.

    Write your answers into report.md, behind the questions; whenever the command runs again,
    numbers and figures are made anew and your words stay. It switches the language too. What you
    changed inside of the generated parts is shown, and kept in a copy.

    Examples:

        lab3 report

        lab3 report --html --lang zh-TW

        lab3 report --console train.log

        lab3 report --console fp32.log --console qat.log
    """
    gc.disable()  # a short program that keeps what it makes: collecting costs a twentieth of it

    from tools.report.consoles import read_consoles
    from tools.report.sources import collect
    from tools.report.writing import write_report

    material = collect(runs, baseline)
    if not (material.has_runs or console):
        raise NothingToDoError(
            f"there is no run in {runs}, so there is nothing to report: begin with lab3 train"
        )
    if console:
        material.console = read_consoles(console)
        material.problems += material.console.problems
    if material.fp32 is None:
        material.problems.append(f"there is no FP32 run in {runs}: the report has gaps")
    for problem in material.problems:
        say(f"warning: {problem}")
    result = write_report(target, material, language, force=force)
    for edit in result.edits:
        say(f"{target}:{edit.line}: the generated part {edit.name!r} was changed by hand:")
        say(edit.diff)
    if result.backup:
        say(f"the report as it was is kept in {result.backup}")
    for warning in result.warnings:
        say(f"warning: {warning}")
    say(f"wrote {target} and {len(result.figures) // 2} figures")
    if result.unanswered:
        say(f"{result.unanswered} questions are still unanswered")
    if html or pdf:
        from tools.report.page import write_page

        written, problems = write_page(target)
        for problem in problems:
            say(f"warning: {problem}")
        say(f"wrote {written}")
        if pdf:
            from tools.report.pdf import print_pdf

            print_pdf(written, target.with_suffix(".pdf"))
            say(f"wrote {target.with_suffix('.pdf')}")
