"""How submissions are graded: plain data that goes to other processes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from autograder.host.sandbox import WALLED, Tier
from autograder.results import Visibility
from autograder.rubric import Entry

RUN_GROUPS = ("runs", "accuracy")
SYSTEM_DATA = Path("/usr/share/datasets")  # what packages install


@dataclass(frozen=True)
class Options:
    """How to grade: behind which walls at least, on which data, and by which checks.

    ``tiers`` are tried in their order. ``data_dir`` is made absolute at once: it stays where it is
    when the current folder changes. By default it is the system's. ``run_groups`` are the groups
    of checks that need runs; without ``needs_runs`` they are left out for a submission that has
    none. ``groups`` are the only ones that are asked, where there are any.
    """

    tiers: tuple[Tier, ...] = WALLED
    data_dir: Path = SYSTEM_DATA
    is_exact: bool = False
    test_set: Path | None = None
    visibilities: tuple[Visibility, ...] = ("public", "hidden")
    keyword: str = ""
    groups: tuple[str, ...] = ()
    run_groups: tuple[str, ...] = RUN_GROUPS
    needs_runs: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "data_dir", self.data_dir.absolute())

    def asks(self, entry: Entry, has_runs: bool) -> bool:
        """Tell whether an entry of the rubric is asked of a submission."""
        group = entry.check.split(".")[0]
        return (
            entry.visibility in self.visibilities
            and self.keyword in entry.check
            and (not self.groups or group in self.groups)
            and (group not in RUN_GROUPS or group in self.run_groups)
            and (group not in RUN_GROUPS or has_runs or self.needs_runs)
        )


@dataclass(frozen=True)
class Event:
    """Something that happened: ``done`` of ``total`` checks are judged, and what is going on."""

    kind: Literal["warming", "judging", "counting", "canary"]
    done: int = 0
    total: int = 0
    text: str = ""


OnEvent = Callable[[Event], None]


def ignore(_event: Event) -> None:
    """Hear of no event."""
