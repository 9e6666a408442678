"""The entry point: all commands by audience, and one place that turns errors into messages."""

import os
import sys
from collections.abc import Callable

import typer

from lab3.errors import LabError
from tools import remedies
from tools.check import check
from tools.console import IS_FIRST_PROCESS, err
from tools.demo import demo
from tools.doctor import doctor
from tools.evaluate import evaluate
from tools.grade import explain, grade
from tools.hardware_command import hardware
from tools.loop import RunInterruptedError
from tools.quantization import ptq, qat
from tools.release import release
from tools.report_command import report
from tools.review import review
from tools.runs import runs
from tools.sweep import sweep
from tools.train import train

app = typer.Typer(
    name="lab3",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Lab 3: INT8 quantization of a ResNet with power-of-two scales.",
)
COMMANDS: dict[str, tuple[Callable[..., None], ...]] = {
    "For students": (
        train, ptq, qat, evaluate, sweep, hardware, check, report, review, runs, doctor,
    ),
    "For teaching assistants": (grade, explain),
    "For instructors": (release, demo),
}  # fmt: skip
for audience, commands in COMMANDS.items():
    for command in commands:
        app.command(rich_help_panel=audience)(command)


def main() -> None:
    """Run the command line; errors that a user can put right are shown without a traceback."""
    try:
        app()
    except LabError as error:
        fail(str(error), 1)
    except RunInterruptedError as error:
        fail(str(error), 130)
    except Exception as error:
        text = remedies.explain(error)
        if text is None and isinstance(error, OSError) and error.strerror:
            text = f"{error.filename or 'a file'}: {error.strerror}"
        if text is None:
            raise
        fail(text, 1)


def fail(text: str, code: int) -> None:
    """Print an error, of whichever process, and end the program."""
    who = "lab3" if IS_FIRST_PROCESS else f"lab3, process {os.environ['RANK']}"
    err.print(f"{who}: {text}", markup=False)
    sys.exit(code)
