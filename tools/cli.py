"""The entry point: all commands by audience, and one place that turns errors into messages."""

import sys

import typer

from lab3.runlog import RunLogError
from tools import remedies
from tools.console import IS_FIRST_PROCESS, UserError, err
from tools.evaluate import evaluate
from tools.loop import Interrupted
from tools.quantization import ptq, qat
from tools.train import train

app = typer.Typer(
    name="lab3",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Lab 3: INT8 quantization of a ResNet with power-of-two scales.",
)
STUDENTS, INSTRUCTORS = "For students", "For instructors"

for command in (train, ptq, qat, evaluate):
    app.command(rich_help_panel=STUDENTS)(command)


def main() -> None:
    """Run the command line; errors that a user can put right are shown without a traceback."""
    try:
        app()
    except (UserError, RunLogError) as error:
        fail(str(error), 1)
    except Interrupted as error:
        fail(str(error), 130)
    except KeyboardInterrupt:
        fail("stopped", 130)
    except Exception as error:
        text = remedies.explain(error)
        if text is None:
            raise
        fail(text, 1)


def fail(text: str, code: int) -> None:
    """Print an error and end the program."""
    if IS_FIRST_PROCESS:
        err.print(f"lab3: {text}", markup=False)
    sys.exit(code)
