"""The entry point: all commands by audience, and one place that turns errors into messages."""

import os
import sys
from collections.abc import Callable
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from lab3.errors import LabError
from tools.course.calibrate import calibrate
from tools.course.demo import demo
from tools.course.folder import course
from tools.course.reference import reference
from tools.course.release import release
from tools.running.loop import RunInterruptedError
from tools.shared import remedies
from tools.shared.console import IS_FIRST_PROCESS, UserError, err
from tools.staff.collect import collect
from tools.staff.explain import explain
from tools.staff.export import export
from tools.staff.grade import grade
from tools.staff.integrity import integrity
from tools.staff.read import read
from tools.student.check import check
from tools.student.doctor import doctor
from tools.student.evaluate import evaluate
from tools.student.hardware import hardware
from tools.student.quantization import ptq, qat
from tools.student.report import report
from tools.student.review import review
from tools.student.runs import runs
from tools.student.status import status
from tools.student.submit import submit
from tools.student.sweep import sweep
from tools.student.train import train

TRACEBACK = "--traceback"  # understood behind a command, too
READER_GONE = 141  # as the shell tells of a program that SIGPIPE ended


class Commands(TyperGroup):
    """The commands; a value that one refuses is named, which not every Typer does by itself."""

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = refusal(error)
            raise


def refusal(error: typer.BadParameter) -> str:
    """Return why a value is refused, with the value."""
    from pydantic import ValidationError

    if not isinstance(error.__cause__, ValidationError):
        return error.message
    first = error.__cause__.errors()[0]
    why = first["msg"].removeprefix("Value error, ")
    return why if repr(first["input"]) in why else f"{first['input']!r}: {why}"


app = typer.Typer(
    name="lab3",
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=True,
    help="Lab 3: INT8 quantization of a ResNet with power-of-two scales.",
)
TRAINING = (train, ptq, qat, evaluate, sweep, hardware)
COMMANDS: dict[str, tuple[Callable[..., None], ...]] = {
    "For students": (*TRAINING, check, status, report, review, submit, runs, doctor),
    "For teaching assistants": (collect, grade, explain, read, integrity),
    "For instructors": (release, reference, calibrate, demo),
}


def tell_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        typer.echo(f"lab3 {version('lab3-kit')}")
        raise typer.Exit


@app.callback()
def every_command(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=tell_version, is_eager=True, help="Print the version, and end."
        ),
    ] = False,
    _traceback: Annotated[
        bool, typer.Option(TRACEBACK, help="Show where in the code an error comes from.")
    ] = False,
) -> None:
    """Lab 3: INT8 quantization of a ResNet with power-of-two scales."""


for audience, commands in COMMANDS.items():
    for command in commands:
        app.command(rich_help_panel=audience)(command)
app.add_typer(export, name="export", rich_help_panel="For teaching assistants")
app.add_typer(course, name="course", rich_help_panel="For teaching assistants")


def main() -> None:
    """Run the command line; one whose reader went away ends without a word, as all programs do."""
    try:
        run()
    except BrokenPipeError:
        pass
    except SystemExit as end:  # Typer and Rich end so, with nothing said
        if not isinstance(end.__context__, BrokenPipeError):
            raise
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for output in (sys.stdout, sys.stderr):
        os.dup2(nowhere, output.fileno())  # for what is still to be flushed
    sys.exit(READER_GONE)


def run() -> NoReturn:
    """Run a command; errors are shown without a traceback, unless one is asked for."""
    if TRACEBACK in sys.argv:
        sys.argv.remove(TRACEBACK)
        app()
        sys.exit(0)
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except LabError as error:
        fail(str(error), error.exit_code if isinstance(error, UserError) else 1)
    except RunInterruptedError as error:
        fail(str(error), 130)
    except BrokenPipeError:
        raise
    except Exception as error:
        text = remedies.explain(error)
        if text is None and isinstance(error, OSError) and error.strerror:
            text = f"{error.filename or 'a file'}: {error.strerror}"
        if text is None:
            first = (str(error).splitlines() or ["no more is said"])[0]
            text = (
                f"{type(error).__name__}: {first}\n  this is a fault of the kit, or of this "
                f"computer: the same command with {TRACEBACK} shows where it comes from"
            )
        fail(text, 1)
    sys.exit(0)


def fail(text: str, code: int) -> NoReturn:
    """Print an error, of whichever process, and end the program."""
    who = "lab3" if IS_FIRST_PROCESS else f"lab3, process {os.environ['RANK']}"
    err.print(f"{who}: {text}", markup=False)
    sys.exit(code)
