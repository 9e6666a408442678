"""``lab3 demo``: the whole lab on real images with the reference solution."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

from typer import Option

from lab3.runlog import RunLog, write_atomically
from tools import workspace
from tools.console import UserError, out, print_table, say
from tools.datasets import read_data
from tools.evaluate import evaluate_runs, print_comparison
from tools.grade import grade_one, write_files
from tools.grading import load_rubric, print_grade
from tools.options import Restart
from tools.pack import pack
from tools.quantization import ptq_run, qat_run
from tools.report import curves, facts, tables
from tools.sweep import settings, sweep_runs
from tools.train import network_defaults, recipe, train_run

SOLUTION = Path(__file__).resolve().parents[1] / "solution"
ASSIGNMENT = SOLUTION.with_name("assignment")
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
    """Train, ablate, quantize, evaluate and grade the reference solution on the digits.

    Takes about three minutes on two cores; started again, it goes on where it was.

    Example:

        lab3 demo
    """
    began = time.monotonic()
    if not SOLUTION.is_dir():
        raise UserError("the demo needs the reference solution: run it in a checkout of the kit")
    used = workspace.use_code(SOLUTION)
    runs = folder / "runs"
    data = read_data("digits", folder)
    arch, width = network_defaults("digits")
    say("FP32 baseline")
    fp32 = train_run(runs / "fp32", data, recipe("digits", {}), used, arch, width, restart=restart)
    say("Ablation")
    plan = settings(recipe("digits", {}), ABLATION, grid=False)
    ablation = sweep_runs(runs / "sweep", data, plan, used, restart=restart)
    say("PTQ")
    ptq_run(runs / "ptq", runs / "fp32", data, used, restart=restart)
    say("QAT")
    changes = {"epochs": 3, "learning_rate": 0.005}
    qat_run(runs / "qat", runs / "fp32", data, used, changes, restart=restart)
    say("Evaluation")
    logs = evaluate_runs(runs, ["fp32", "ptq", "qat"], folder, data=data)
    settings_tried, compared = facts.ablations(ablation), facts.compare(logs)
    out.print(curves.terminal_curve(fp32.epochs), markup=False)
    print_table(
        "Ablation (validation images; * best)",
        tables.ablation_table(settings_tried).without_constants(),
    )
    print_comparison(compared)
    drawn = curves.save_curves(
        fp32.epochs, fp32.end.best_epoch if fp32.end else None, folder / "curves"
    )
    report = folder / "report.md"
    text = report_text(fp32, settings_tried, compared, logs).encode()
    write_atomically(report, lambda file: file.write(text))
    for path in (report, *drawn):
        say(f"wrote {path}")
    say("Grading")
    archive = folder / "submission.zip"
    pack(SOLUTION, runs, ["fp32", "ptq", "qat"], report, archive)
    for path, title in ((archive, "this submission"), (ASSIGNMENT, "the untouched skeleton")):
        made = grade_one(path)
        grades = folder / "grades" / path.stem
        write_files(grades, made, load_rubric(None))
        print_grade(f"Grade of {title}", made)
        say(f"wrote {grades / 'feedback.html'}")
    say(f"took {time.monotonic() - began:.0f} s")


def report_text(
    fp32: RunLog,
    ablation: list[facts.Ablation],
    compared: list[facts.Comparison],
    logs: list[RunLog],
) -> str:
    """Return the demo's report, a Markdown document made from run logs alone."""
    start, end = fp32.start, fp32.end
    results = {log.name: log.result for log in logs if log.result}
    sections = [
        f"# Lab 3 on {start.data.name}",
        f"{start.arch} of width {start.width}, {start.parameters:,} parameters; "
        f"{start.data.train:,} training, {start.data.validation:,} validation and "
        f"{start.data.test:,} test images; PyTorch {start.environment.torch} on "
        f"{start.environment.processor}, {start.environment.threads} threads.",
        "## Training and validation curves",
        f"![Loss and accuracy of training and validation over {len(fp32.epochs)} epochs]"
        "(curves.png)",
        f"Best epoch: {end.best_epoch if end else '?'}.",
        "## Ablation",
        tables.ablation_table(ablation).markdown(),
        "Accuracy on the validation images; * marks the best.",
        "## Comparison of FP32, PTQ and QAT",
        tables.comparison_table(compared).markdown(),
        "\n".join(f"- {line}" for line in tables.latency_notes(compared)),
        "## Test accuracy per class (%)",
        tables.class_table(results).markdown(),
        *(
            f"### Confusion matrix of {name}\n\n{tables.confusion_table(result).markdown()}"
            for name, result in results.items()
        ),
    ]
    return "\n\n".join(sections) + "\n"
