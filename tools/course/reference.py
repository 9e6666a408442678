"""``lab3 reference``: the runs behind every number that the course publishes."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

from lab3.log.runlog import read_log
from lab3.units import percent
from tools.reference.checking import compared_again, complaints
from tools.reference.doing import Place, do_item
from tools.reference.items import items_of, lab_items
from tools.reference.plan import PLAN_NAME, Plan, load_plan
from tools.reference.publishing import RESULTS, publish, write_bytes, write_summary
from tools.reference.scheduling import do_plan, needs
from tools.reference.tables import tables_of
from tools.shared.console import UserError, out, print_table, say
from tools.shared.options import DataDir, Json

SOLUTION = Path(__file__).resolve().parents[2] / "solution"  # of a checkout; the wheel has none
HOME = SOLUTION / "reference"


def reference(
    profile: Annotated[
        str | None, Argument(help="A folder of solution/reference, or one that holds a plan.toml.")
    ] = None,
    check: Annotated[
        bool, Option("--check", help="Recompute every published number from the logs instead.")
    ] = False,
    rerun: Annotated[
        int | None,
        Option("--rerun", metavar="SEED", help="Do a seed's FP32, PTQ and QAT again and compare."),
    ] = None,
    publish_them: Annotated[
        bool, Option("--publish", help="Put logs, small checkpoints and tables into the profile.")
    ] = False,
    summarise: Annotated[
        bool, Option("--summarise", help="Only write the profile's tables anew from its logs.")
    ] = False,
    folder: Annotated[
        Path | None,
        Option("--out", metavar="DIR", help="Where it works; build/reference/PROFILE by default."),
    ] = None,
    jobs: Annotated[
        int | None, Option("--jobs", min=1, help="Runs at a time; one a core, or one on a GPU.")
    ] = None,
    scheduler: Annotated[
        str | None,
        Option("--scheduler", metavar="ADDRESS", help="Do the runs on an existing Dask cluster."),
    ] = None,
    device: Annotated[
        Literal["cpu", "cuda"] | None, Option("--device", help="Otherwise than the plan has it.")
    ] = None,
    restart: Annotated[
        bool, Option("--restart", help="Discard what stands in --out and begin again.")
    ] = False,
    as_json: Json = False,
    data_dir: DataDir = Path("data"),
) -> None:
    """Do all runs of a plan with the reference solution, and make the published tables of them.

    Stop it whenever you like: the same command goes on and ends with the same results.json. On a
    CPU each run takes one thread, so results don't depend on the number of cores.

    Examples:

        lab3 reference digits

        lab3 reference digits --publish

        lab3 reference fashion-mnist --jobs 2 --data-dir data

        lab3 reference cifar10 --scheduler tcp://10.0.0.1:8786

        lab3 reference --check

        lab3 reference --check digits --rerun 0
    """
    if not SOLUTION.is_dir():
        raise UserError("it needs the reference solution: run it in a checkout of the kit")
    if check or rerun is not None:
        check_profiles(profile, rerun, data_dir, as_json)
        return
    if profile is None:
        raise UserError(f"name a profile: {', '.join(profiles())}")
    home, plan = home_of(profile)
    if summarise:
        for path in write_summary(plan, home, home):
            say(f"wrote {path}")
        show(plan, home, as_json)
        return
    target = folder or Path("build") / "reference" / home.name
    if restart and target.exists():
        for name in ("runs", "variants"):
            shutil.rmtree(target / name, ignore_errors=True)
    place = Place(target, SOLUTION, data_dir, device or plan.device)
    needs(plan, place, is_elsewhere=scheduler is not None)
    if jobs is None:
        jobs = 1 if place.device == "cuda" else os.cpu_count() or 1
    do_plan(plan, place, jobs, scheduler)
    write_bytes(target / PLAN_NAME, (home / PLAN_NAME).read_bytes())
    for path in write_summary(plan, target, home):
        say(f"wrote {path}")
    if publish_them:
        report_publication(plan, target, home)
    show(plan, target, as_json)


def profiles() -> list[str]:
    """Return the names of the kit's plans."""
    return sorted(path.parent.name for path in HOME.glob(f"*/{PLAN_NAME}"))


def home_of(profile: str) -> tuple[Path, Plan]:
    """Return the folder of a profile and its plan; raise UserError when there is none."""
    for home in (HOME / profile, Path(profile)):
        if (home / PLAN_NAME).is_file():
            return home, load_plan(home / PLAN_NAME)
    raise UserError(f"there is no profile {profile!r}: choose from {', '.join(profiles())}")


def show(plan: Plan, folder: Path, as_json: bool) -> None:
    """Print what was found."""
    results = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
    if as_json:
        out.print_json(json.dumps(results))
        return
    for title, table in tables_of(plan, results).items():
        print_table(title, table)


def report_publication(plan: Plan, folder: Path, home: Path) -> None:
    """Publish, and say what that changed."""
    publication = publish(plan, folder, home)
    count = len(publication.equal) + len(publication.changed) + len(publication.new)
    say(f"{len(publication.equal)} of {count} logs in {home} are as they were, times aside")
    for name in publication.changed:
        say(f"changed: {name}")
    for name in publication.new:
        say(f"new: {name}")


def check_profiles(profile: str | None, rerun: int | None, data_dir: Path, as_json: bool) -> None:
    """Check one profile or all; exit with 1 when a number doesn't come out."""
    if rerun is not None and profile is None:
        raise UserError("--rerun trains for some time: name the profile too")
    found: dict[str, list[str]] = {}
    for name in [profile] if profile else profiles():
        home, plan = home_of(name)
        found[name] = complaints(plan, home)
        runs = len(list(home.glob("runs/**/run.jsonl")) + list(home.glob("variants/*/*/run.jsonl")))
        for text in found[name]:
            say(text)
        if not found[name]:
            verdict = "every published number follows from the logs" if runs else "not run"
            say(f"{name}: {runs} of {len(items_of(plan))} runs; {verdict}")
        if rerun is not None:
            found[name] += rerun_seed(plan, home, rerun, data_dir)
    if as_json:
        out.print_json(json.dumps(found))
    if any(found.values()):
        sys.exit(1)


def rerun_seed(plan: Plan, home: Path, seed: int, data_dir: Path) -> list[str]:
    """Do the runs of a seed again that the lab asks for; return how they differ."""
    if seed not in plan.seeds:
        raise UserError(f"--rerun {seed}: the plan has the seeds {', '.join(map(str, plan.seeds))}")
    differences = []
    with tempfile.TemporaryDirectory() as temporary:
        place = Place(Path(temporary), SOLUTION, data_dir, plan.device)
        needs(plan, place)
        for item in lab_items(plan, seed):
            do_item(plan, item, place)
            then, now = read_log(home / item.name), read_log(place.folder / item.name)
            texts = compared_again(then, now)
            differences += [f"{item.name}: {text}" for text in texts]
            accuracies = [percent(log.end.validation_accuracy) for log in (then, now) if log.end]
            say(
                f"{item.name}: validation accuracy {' then, '.join(accuracies)} now; "
                + ("the same, times aside" if not texts else f"{len(texts)} values differ")
            )
            if then.start.environment != now.start.environment:
                say(f"  then on {then.start.environment}, now on {now.start.environment}")
    for text in differences:
        say(text)
    return differences
