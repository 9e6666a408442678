"""``lab3 course``: the folder in which a class is graded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument

from tools.shared.console import say

course = typer.Typer(no_args_is_help=True, help="Make the folder in which a class is graded.")


@course.callback()
def group() -> None:
    """Make the folder in which a class is graded."""


@course.command()
def init(
    folder: Annotated[
        Path, Argument(metavar="DIR", help="The folder, which may be there already.")
    ] = Path(),
) -> None:
    """Write a commented ``course.toml`` into a folder: deadline, class list, rule, extensions.

    Every command for staff works from inside it. A folder that has one is left as it is.

    Examples:

        lab3 course init courses/2026
    """
    from autograder.course import folder as folders

    path = folders.init(folder)
    say(f"wrote {path}; edit it, then collect what was handed in: lab3 collect SOURCE")
