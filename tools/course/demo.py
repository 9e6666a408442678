"""``lab3 demo``: the whole lab on real images with the reference solution."""

from __future__ import annotations

import time
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from typer import Option

from lab3.log.runlog import read_log
from tools.course.pack import pack
from tools.grades import Progress, print_grade, print_walls
from tools.report import tables
from tools.report.facts.comparison import ablations, compare
from tools.report.facts.hardware import verdict
from tools.report.figures import curves
from tools.report.page import write_page
from tools.report.sources import collect
from tools.report.writing import write_report
from tools.running import workspace
from tools.running.datasets import read_data
from tools.running.evaluating import evaluate_runs
from tools.running.proving import certificate_of, keep, proof_of
from tools.running.quantizing import ptq_run, qat_run
from tools.running.sweeping import settings, sweep_runs
from tools.running.training import network_defaults, recipe, train_run
from tools.shared.console import UserError, out, print_table, say
from tools.shared.options import Restart

ABLATION: dict[str, list[Any]] = {
    "epochs": [4],
    "label_smoothing": [0.1, 0.0],
    "scheduler": ["cosine", "constant"],
}


def demo(
    folder: Annotated[
        Path, Option("--out", metavar="DIR", help="Where runs, curves and report go.")
    ] = Path("build/demo"),
    restart: Restart = False,
) -> None:
    """Train, ablate, quantize, evaluate, prove and grade the reference solution on the digits.

    Takes about three minutes on two cores; started again, it goes on where it was.

    Example:

        lab3 demo
    """
    from autograder.exports.files import write_files
    from autograder.grading import SOLUTION, grade_path, load_rubric
    from autograder.host.sandbox import WALLED
    from autograder.options import Options

    began = time.monotonic()
    if not SOLUTION.is_dir():
        raise UserError("the demo needs the reference solution: run it in a checkout of the kit")
    code = workspace.use_code(SOLUTION)
    runs = folder / "runs"
    data = read_data("digits", folder)
    arch, width = network_defaults("digits")
    say("FP32 baseline")
    fp32 = train_run(runs / "fp32", data, recipe("digits", {}), code, arch, width, restart=restart)
    say("Ablation")
    plan = settings(recipe("digits", {}), ABLATION, grid=False)
    ablation = sweep_runs(runs / "sweep", data, plan, code, restart=restart)
    say("PTQ")
    ptq_run(runs / "ptq", runs / "fp32", data, code, restart=restart)
    say("QAT")
    changes = {"epochs": 3, "learning_rate": 0.005}
    qat_run(runs / "qat", runs / "fp32", data, code, changes, restart=restart)
    say("Evaluation")
    logs = evaluate_runs(runs, ["fp32", "ptq", "qat"], folder, data=data)
    settings_tried, compared = ablations(ablation), compare(logs)
    out.print(curves.terminal_curve(fp32.epochs), markup=False)
    print_table(
        "Ablation (validation images; * best)",
        tables.ablation_table(settings_tried).without_constants(),
    )
    print_table(f"Comparison on the test images of {data.name}", tables.comparison_table(compared))
    for line in tables.latency_notes(compared):
        out.print(line, markup=False)
    say("Integers and shifts alone")
    for name in ("ptq", "qat"):
        log = read_log(runs / name)
        if (certificate := log.certificate) is None:
            certificate = certificate_of(log, proof_of(runs / name, log, data))
            keep(runs / name, certificate)
        out.print(f"{name}: {verdict(certificate)}", markup=False)
    say("Report")
    report = folder / "report.md"
    answers = tomllib.loads((SOLUTION / "reference" / "answers.toml").read_text(encoding="utf-8"))
    write_report(report, collect(runs, "fp32"), "en", answers)
    say(f"wrote {report}")
    page, problems = write_page(report)
    for problem in problems:
        say(f"warning: {problem}")
    say(f"wrote {page}")
    say("Grading")
    archive = folder / "submission.zip"
    pack(SOLUTION, runs, ["fp32", "ptq", "qat"], report, archive)
    rubric = load_rubric()
    options = Options(tiers=(*WALLED, "none"))  # both submissions are our own
    for path, title in (
        (archive, "this submission"),
        (SOLUTION.with_name("assignment"), "the untouched skeleton"),
    ):
        with Progress(path.stem) as progress:
            grade = grade_path(path, rubric, options, progress)
        grades = folder / "grades" / path.stem
        write_files(grades, grade, rubric.document.hidden.at(datetime.now(UTC)))
        print_grade(f"Grade of {title}", grade)
        print_walls(grade)
        say(f"wrote {grades / 'feedback.html'}")
    say(f"took {time.monotonic() - began:.0f} s")
