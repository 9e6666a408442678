"""The checks as they stand in the code: their names, their claims, and what they build on."""

import importlib
import inspect
from collections.abc import Callable
from functools import cache
from pathlib import Path

from autograder.claims import About
from autograder.results import Visibility

CHECKS = Path(__file__).with_name("checks")
GROUPS = ("forward", "fusion", "observer", "ptq", "qat", "runs", "accuracy")  # as worked on
CODE_GROUPS = GROUPS[:5]
VISIBILITIES: tuple[Visibility, ...] = ("public", "hidden")

Check = Callable[..., None]


@cache
def all_checks() -> dict[str, Check]:
    """Return every check by its name, ``group.name``, in the order of the lab's parts."""
    checks: dict[str, Check] = {}
    for group in GROUPS:
        module = importlib.import_module(f"autograder.checks.test_{group}")
        for name, value in vars(module).items():
            if name.startswith("test_") and inspect.isfunction(value):
                checks[f"{group}.{name.removeprefix('test_')}"] = value
    return checks


def name_of(check: Check) -> str:
    """Return the name of a check: ``observer.lower_clamp``."""
    group = check.__module__.rsplit("test_", 1)[1]
    return f"{group}.{check.__name__.removeprefix('test_')}"


def claim_of(check: Check) -> str:
    """Return the claim of a check: its docstring's first paragraph."""
    paragraph = (inspect.getdoc(check) or "").split("\n\n")[0]
    return " ".join(paragraph.replace("``", "").split())


def about(check: str) -> About:
    """Return what a check is marked with."""
    marks = getattr(all_checks()[check], "pytestmark", [])
    mark: About = next(m.args[0] for m in marks if m.name == "about")
    return mark


@cache
def builds_on(check: str) -> frozenset[str]:
    """Return all checks whose verdicts that of a check may depend on."""
    mark = about(check)
    direct = {*mark.needs, *mark.follows, *mark.excused_by}
    return frozenset(direct.union(*map(builds_on, direct)))
