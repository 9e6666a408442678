"""A child's walls, but for those that are down: staged beside those of the product.

Each is looked up as a child is forked, so that one worker serves all tests.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path

PLACE = "autograder/inside/open_walls.py"
HOOK = """
raise_all = raise_walls
from autograder.inside.open_walls import raise_some as raise_walls, stand_open as become
shut_in = become
"""
DOWN = Path("/tmp/walls-that-are-down")  # on a computer that is thrown away
GRADERS = Path("/tmp/environment-of-the-grader")


def stand_open(_: object) -> None:
    """Stand for a wall around the whole worker: its children raise others."""


def raise_some(limits: dict[str, int], has_landlock: bool) -> None:
    """Raise all walls that are not down."""
    from autograder.inside import walls

    for name in DOWN.read_text().splitlines():
        SWITCHES[name]()
    walls.raise_all(limits, has_landlock)


def no_filter() -> None:
    from autograder.inside import system_calls

    system_calls.refuse_all_others = lambda _: None


def no_landlock() -> None:
    from autograder.inside import landlock

    landlock.restrict = lambda *_: 0


def no_limits() -> None:
    from autograder.inside import walls

    walls.set_limits = lambda _: None


def no_privileges_dropped() -> None:
    from autograder.inside import walls

    walls.drop_privileges = lambda _: None


def graders_environment() -> None:
    os.environ.update(json.loads(GRADERS.read_text()))


def only_stubs_are_told() -> None:
    """Let all that student code raises end its process, but for what a stub raises."""
    from autograder.inside import probes

    tell = probes.describe_error

    def describe_error(error: BaseException) -> object:
        told = tell(error)
        if not told.is_stub:
            os._exit(1)
        return told

    probes.describe_error = describe_error


def pickles_are_loaded() -> None:
    import torch

    load = torch.load
    torch.load = lambda *given, **more: load(*given, **{**more, "weights_only": False})


SWITCHES: dict[str, Callable[[], None]] = {
    "filter": no_filter,
    "Landlock": no_landlock,
    "limits": no_limits,
    "privileges": no_privileges_dropped,
    "environment": graders_environment,
    "errors": only_stubs_are_told,
    "data only": pickles_are_loaded,
}
