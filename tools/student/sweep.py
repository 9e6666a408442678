"""``lab3 sweep``: an ablation, one training run for each setting."""

from __future__ import annotations

import json
import tomllib
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

from typer import Argument, Option

from lab3.records import Hyperparameters
from lab3.runlog import RunLog
from tools.report import facts, tables
from tools.running import workspace
from tools.running.datasets import read_data
from tools.shared.console import IS_FIRST_PROCESS, UserError, out, print_table, say
from tools.shared.options import (
    TRAINING,
    Arch,
    Code,
    DataDir,
    DataName,
    Device,
    Download,
    Json,
    Restart,
    Runs,
    Width,
    Workers,
)
from tools.student.train import network_defaults, recipe, train_run, with_changes

if TYPE_CHECKING:
    from lab3.data import ImageData

OptionalText = Annotated[str | None, Option(metavar="A,B,...", rich_help_panel=TRAINING)]


def sweep(
    plan: Annotated[
        Path | None, Argument(metavar="[PLAN.toml]", help="Tables [base] and [vary].")
    ] = None,
    dataset: Annotated[
        DataName | None, Option("--dataset", help="What to train on; cifar10 by default.")
    ] = None,
    arch: Annotated[Arch | None, Option("--arch", help="Network; resnet14 for digits.")] = None,
    width: Width = None,
    epochs: OptionalText = None,
    batch_size: OptionalText = None,
    learning_rate: OptionalText = None,
    optimizer: OptionalText = None,
    momentum: OptionalText = None,
    weight_decay: OptionalText = None,
    scheduler: OptionalText = None,
    label_smoothing: OptionalText = None,
    augmentation: OptionalText = None,
    seed: OptionalText = None,
    grid: Annotated[
        bool, Option("--grid", help="All combinations instead of one change at a time.")
    ] = False,
    as_json: Json = False,
    device: Device = "auto",
    workers: Workers = None,
    restart: Restart = False,
    code: Code = None,
    runs: Runs = Path("runs/sweep"),
    data_dir: DataDir = Path("data"),
    download: Download = False,
) -> None:
    """Train once for each setting, and compare the validation accuracies.

    Give an option several values, separated by commas: the first is the base, and each further
    one is a run in which nothing else differs from the base. Runs that are complete are kept, so
    an interrupted sweep goes on where it was.

    Examples:

        lab3 sweep --dataset digits --epochs 3,6 --label-smoothing 0,0.1

        lab3 sweep ablation.toml

    The same as a file:

        [base]
        dataset = "digits"

        [vary]
        epochs = [3, 6]
        label_smoothing = [0, 0.1]

    In a checkout of the kit, with the reference solution:

        lab3 sweep --dataset digits --epochs 1,2 --code solution --runs build/try/sweep
    """
    used = workspace.use_code(code)
    lists = {
        "epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate,
        "optimizer": optimizer, "momentum": momentum, "weight_decay": weight_decay,
        "scheduler": scheduler, "label_smoothing": label_smoothing,
        "augmentation": augmentation, "seed": seed,
    }  # fmt: skip
    options = {"dataset": dataset, "arch": arch, "width": width}
    base: dict[str, Any] = {"dataset": "cifar10", "arch": None, "width": None}
    vary = {field: text.split(",") for field, text in lists.items() if text is not None}
    if plan:
        planned_base, planned_vary = read_plan(plan)
        base, vary = base | planned_base, planned_vary | vary
    base |= {key: value for key, value in options.items() if value is not None}
    network = {key: base.pop(key) for key in ("dataset", "arch", "width")}
    hyper = recipe(network["dataset"], base)
    data = read_data(network["dataset"], data_dir, download)
    logs = sweep_runs(
        runs, data, settings(hyper, vary, grid), used,
        arch=network["arch"], width=network["width"],
        device=device, workers=workers, restart=restart,
    )  # fmt: skip
    rows = facts.ablations(logs)
    if not IS_FIRST_PROCESS:
        return
    if as_json:
        out.print_json(json.dumps([row.as_json() for row in rows]))
    else:
        print_table(
            "Ablation (validation images; * best)", tables.ablation_table(rows).without_constants()
        )


def read_plan(path: Path) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Return the tables [base] and [vary] of a plan; raise UserError when they are not right."""
    try:
        plan = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not TOML: {error}") from None
    base, vary = plan.pop("base", {}), plan.pop("vary", {})
    for name, table in (("base", base), ("vary", vary)):
        if not isinstance(table, dict):
            raise UserError(f"{path}: {name} must be a table, got {table!r}")
    fields = set(Hyperparameters.model_fields)
    unknown = [*plan, *(set(base) - fields - {"dataset", "arch", "width"}), *(set(vary) - fields)]
    if unknown:
        raise UserError(
            f"{path}: {unknown[0]!r} is unknown: [base] takes dataset, arch, width and, like "
            f"[vary], {', '.join(sorted(fields))}"
        )
    for key, known in (("dataset", get_args(DataName)), ("arch", get_args(Arch))):
        if key in base and base[key] not in known:
            raise UserError(f"{path}: {key} must be one of {', '.join(known)}, got {base[key]!r}")
    if "width" in base and not (isinstance(base["width"], int) and base["width"] >= 4):
        raise UserError(f"{path}: width must be a whole number from 4, got {base['width']!r}")
    for field, values in vary.items():
        if not isinstance(values, list) or not values:
            raise UserError(f"{path}: vary.{field} must be a list of values, got {values!r}")
    return base, vary


def settings(
    hyper: Hyperparameters, vary: dict[str, list[Any]], grid: bool
) -> dict[str, Hyperparameters]:
    """Return the runs of a sweep by name, the base first.

    One change at a time, or, with ``grid``, every combination.
    """
    base = {field: values[0] for field, values in vary.items()}
    if grid:
        chosen = [dict(zip(vary, values, strict=True)) for values in product(*vary.values())]
    else:
        chosen = [base] + [
            base | {field: value} for field, values in vary.items() for value in values[1:]
        ]
    named = {}
    for choice in chosen:
        changed = [f"{field}={choice[field]}" for field in vary if choice[field] != base[field]]
        name = ",".join(changed).replace("_", "-") or "base"
        named[workspace.check_name(name)] = with_changes(hyper, choice)
    return named


def sweep_runs(
    runs: Path,
    data: ImageData,
    named: dict[str, Hyperparameters],
    code: workspace.Code,
    arch: str | None = None,
    width: int | None = None,
    device: str = "auto",
    workers: int | None = None,
    restart: bool = False,
) -> list[RunLog]:
    """Do each run of a sweep from where it stands, and return their logs in order."""
    default_arch, default_width = network_defaults(data.name)
    logs = []
    for number, (name, hyper) in enumerate(named.items(), 1):
        say(f"run {number} of {len(named)}: {name}")
        logs.append(
            train_run(
                runs / name, data, hyper, code,
                arch=arch or default_arch, width=width or default_width,
                device=device, workers=workers, restart=restart,
            )
        )  # fmt: skip
    return logs
