"""Doing the runs of an ablation."""

from __future__ import annotations

import tomllib
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from lab3.log.records import Hyperparameters
from lab3.log.runlog import RunLog
from lab3.selection import DataName
from tools.running import workspace
from tools.running.training import network_defaults, train_run, with_changes
from tools.shared.console import UserError, say
from tools.shared.options import Arch

if TYPE_CHECKING:
    from lab3.data import ImageData


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
    for key, choices in (("dataset", get_args(DataName)), ("arch", get_args(Arch))):
        if key in base and base[key] not in choices:
            raise UserError(f"{path}: {key} must be one of {', '.join(choices)}, got {base[key]!r}")
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
    plan = {}
    for choice in chosen:
        changed = [f"{field}={choice[field]}" for field in vary if choice[field] != base[field]]
        name = ",".join(changed).replace("_", "-") or "base"
        plan[workspace.check_name(name)] = with_changes(hyper, choice)
    return plan


def sweep_runs(
    runs: Path,
    data: ImageData,
    plan: dict[str, Hyperparameters],
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
    for number, (name, hyper) in enumerate(plan.items(), 1):
        say(f"run {number} of {len(plan)}: {name}")
        logs.append(
            train_run(
                runs / name,
                data,
                hyper,
                code,
                arch=arch or default_arch,
                width=width or default_width,
                device=device,
                workers=workers,
                restart=restart,
            )
        )
    return logs
