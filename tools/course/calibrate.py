"""``lab3 calibrate``: what the thresholds of a rubric would do to honest runs."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from lab3.log.runlog import write_atomically
from tools.course.reference import home_of, profiles
from tools.reference import calibrating
from tools.reference.calibrating import CONFIDENCE, Calibration, Verdict
from tools.reference.results import read_logs, results_of
from tools.shared.console import UserError, out, print_table, say, spinner
from tools.shared.options import Json
from tools.shared.table import Table

FEW = 20  # runs: below, an interval is wider than any choice between thresholds


def calibrate(
    chosen: Annotated[
        list[str] | None, Argument(metavar="[PROFILE]...", help="Profiles; all that were run.")
    ] = None,
    rubric: Annotated[
        Path | None, Option("--rubric", help="The rubric; the kit's own when not given.")
    ] = None,
    target: Annotated[
        Path | None, Option("--write", metavar="FILE", help="Write the patch there.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Weigh a rubric's thresholds by the reference runs, and propose others as a patch.

    For each threshold: how many of the runs, all of them honest, would miss it, between which
    shares that lies with 95 % confidence, and how often the luck of the test images alone would
    decide. Then how many images a verdict costs. The patch is to be looked at; nothing is changed.

    Examples:

        lab3 calibrate

        lab3 calibrate fashion-mnist --rubric lab3-2026/rubric.toml --write thresholds.patch
    """
    from autograder.grading import load_rubric

    loaded = load_rubric(rubric)
    document = loaded.document
    calibrations: dict[str, Calibration] = {}
    for name in chosen or profiles():
        home, plan = home_of(name)
        thresholds = document.thresholds.get(plan.dataset)
        if thresholds is None:
            say(f"{name}: {loaded.path} has no thresholds for {plan.dataset}")
            continue
        results = results_of(plan, read_logs(plan, home))
        with spinner(f"weighing the thresholds of {name}"):
            calibration = calibrating.calibrate(results, thresholds, document.accuracy_error)
        if calibration is None:
            say(f"{name}: not run, so nothing can be said")
        elif plan.dataset in calibrations:
            say(f"{name}: left out, for another profile has {plan.dataset}: name it alone")
        else:
            calibrations[plan.dataset] = calibration
    if not calibrations:
        raise UserError("no profile with runs and thresholds: lab3 reference PROFILE makes them")
    weighed = list(calibrations.values())
    changes = calibrating.patch(loaded.path, weighed)
    if target:
        content = changes.encode()
        write_atomically(target, lambda file: file.write(content))
        say(f"wrote {target}")
    if as_json:
        out.print_json(json.dumps([calibrating.as_document(one) for one in weighed]))
        return
    for calibration in weighed:
        show(calibration)
    if not target:
        out.print(changes, markup=False)


def show(calibration: Calibration) -> None:
    """Print what the runs say of one data set's thresholds."""
    title = f"{calibration.dataset}: {calibration.network}, {calibration.images:,} test images"
    print_table(title, verdict_table(calibration))
    luck = "Runs that miss it by the luck of so many test images, in percent (of losses: at most)"
    print_table(luck, luck_table(calibration))
    runs = max(verdict.runs for verdict in calibration.verdicts)
    if runs < FEW:
        most = calibrating.clopper_pearson(0, runs)[1]
        out.print(
            f"{runs} runs say little: of a threshold that none of them misses, up to "
            f"{100 * most:.0f} % of honest runs may still miss it (with {100 * CONFIDENCE:.0f} % "
            "confidence)."
        )
    all_images = calibration.images
    losses = [count for pair in calibration.loss_costs.values() for count in pair]
    fp32, wrong = extent(calibration.costs.values()), f"{1 / calibration.error:,.0f}"
    out.print(
        f"A verdict on FP32 takes {fp32} of {all_images:,} images, one on a loss {extent(losses)}, "
        f"where one in {wrong} may be wrong (with a key; without one, all). "
        f"One image is {100 / all_images:.2f} points."
    )


def extent(counts: Collection[int]) -> str:
    return " to ".join(f"{count:,}" for count in sorted({min(counts), max(counts)}))


def verdict_table(calibration: Calibration) -> Table:
    """One row a threshold."""
    headers = ("Network", "Threshold", "Share %", "Miss it", "95 % interval")
    return Table(
        headers,
        [
            (
                one.network,
                threshold(one),
                f"{100 * one.share:g}",
                f"{one.failing} of {one.runs}",
                f"{100 * one.interval[0]:.0f} to {100 * one.interval[1]:.0f} %",
            )
            for one in calibration.verdicts
        ],
        left=2,
    )


def luck_table(calibration: Calibration) -> Table:
    """One row a threshold, one column a number of test images."""
    sizes = sorted({size for one in calibration.verdicts for size in one.by_luck})
    rows = [
        (one.network, threshold(one), *(f"{100 * one.by_luck[size]:.1f}" for size in sizes))
        for one in calibration.verdicts
    ]
    return Table(("Network", "Threshold", *(f"{size:,}" for size in sizes)), rows, left=2)


def threshold(one: Verdict) -> str:
    if one.network == "FP32":
        return f"at least {100 * one.at:g} %"
    return f"loses at most {100 * one.at:g} points"
