"""``lab3 doctor``: what this computer has, and what is missing."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any, get_args

import psutil

from lab3.selection import DataName
from lab3.units import megabytes
from tools.running import devices, memory, workspace
from tools.shared.console import out, spinner
from tools.shared.options import DataDir, Json

PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "scikit-learn",
    "matplotlib",
    "rich",
    "psutil",
    "nbgrader",
)
TESTED = ((2, 11), (2, 14))  # the first and the last PyTorch that the test suite passed on


def doctor(as_json: Json = False, data_dir: DataDir = Path("data")) -> None:
    """Tell versions, INT8 engines, cores, memory, GPU, the data sets found and which walls work.

    Example:

        lab3 doctor --json
    """
    with spinner("looking"):
        facts = examine(data_dir)
    if as_json:
        out.print_json(json.dumps(facts))
        return
    for name, value in facts.items():
        out.print(f"{name.replace('_', ' '):<16} {describe(value)}", markup=False)


def examine(data_dir: Path) -> dict[str, Any]:
    """Return everything that ``lab3 doctor`` tells, ready for JSON."""
    import torch

    from autograder.host import bubblewrap, cgroups, conversion
    from autograder.host.sandbox import TIERS, why_no_landlock, why_not
    from autograder.inside import landlock
    from lab3.engines import fault, listed_engines
    from lab3.evaluation import processor_name

    workspace.silence_torch()
    where = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return {
        "python": platform.python_version(),
        **{package: installed(package) for package in PACKAGES},
        "tested": versions_tested(torch.__version__),
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": processor_name(),
        "cores": psutil.cpu_count(logical=False),
        "threads": torch.get_num_threads(),
        "memory_free": megabytes(memory.available_bytes(torch.device("cpu"))),
        "device": devices.name(where),
        "int8_engines": {engine: fault(engine) or "exact" for engine in listed_engines()},
        "walls": {
            tier: f"does not work: {reason}" if (reason := why_not(tier)) else f"works: {meaning}"
            for tier, meaning in TIERS.items()
        },
        "bubblewrap": bubblewrap.describe(),
        "landlock": why_no_landlock() or f"version {landlock.version()}",
        "control_groups": cgroups.describe(),
        "converter": conversion.describe(),
        "data_sets": {name: place(name, data_dir) for name in get_args(DataName)},
    }


def place(name: DataName, data_dir: Path) -> str:
    """Tell where a data set is, or how to get it."""
    from lab3.data import find_files

    if name == "digits":
        return "inside scikit-learn"
    return str(find_files(name, data_dir) or f"not in {data_dir}: --download gets it")


def installed(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def versions_tested(version: str) -> str:
    """Tell whether this PyTorch is one that the kit was tested with."""
    first, last = (".".join(map(str, release)) for release in TESTED)
    release = tuple(int(part) for part in version.split(".")[:2])
    if TESTED[0] <= release <= TESTED[1]:
        return f"with PyTorch {first} to {last}"
    age = "older" if release < TESTED[0] else "newer"
    return (
        f"with PyTorch {first} to {last}; {version} is {age}: where it fails, install one of these"
    )


def describe(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name}: {text}" for name, text in value.items())
    return str(value)
