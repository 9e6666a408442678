"""Commands in processes forked from a warm one, which has imported PyTorch and run nothing of it.

Each is a process of its own, as for a user, without the two seconds that importing takes. One that
is fresh comes from a process that has imported nothing of the kit: for other files of the kit and
other environments. Where the process itself is the point (signals, what is imported), tests start
a real one.
"""

import importlib
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tests.making.pipes import read, write

COLUMNS = "100"
LIBRARIES = (
    "torch torch.ao.quantization torch._dynamo torchvision.transforms.v2 sklearn.datasets "
    "matplotlib.pyplot markdown nh3 pydantic typer jinja2"
).split()
OURS = ["autograder.asking.judging", "tools.cli"]


@cache
def server(is_fresh: bool) -> "subprocess.Popen[bytes]":
    """Start the warm process; it ends when its input does."""
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", __name__, *LIBRARIES, *([] if is_fresh else OURS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "COLUMNS": COLUMNS, "MPLBACKEND": "agg"},
    )


def run(
    arguments: Sequence[str],
    cwd: Path,
    is_fresh: bool = False,
    environment: dict[str, str] | None = None,
    program: str = "lab3",
) -> "subprocess.CompletedProcess[str]":
    """Run ``lab3``, or ``pytest``, with these arguments in a folder; return what it printed."""
    warm = server(is_fresh)
    assert warm.stdin is not None
    assert warm.stdout is not None
    write(warm.stdin, (program, [*arguments], str(cwd), environment or {}))
    code, out, err = read(warm.stdout)
    return subprocess.CompletedProcess([program, *arguments], code, out, err)


def answer(
    program: str, arguments: list[str], cwd: str, environment: dict[str, str]
) -> tuple[int, str, str]:
    """Fork a process that runs the command, and wait for it."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        pid = os.fork()
        if pid == 0:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            os.environ.update(environment)
            os._exit(exit_code(program, arguments, cwd))
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
    return code, *texts


def exit_code(program: str, arguments: list[str], cwd: str) -> int:
    """Run the program in this process, and return what it would exit with."""
    os.chdir(cwd)
    sys.argv = [program, *arguments]
    code: Any = 0
    try:
        code = PROGRAMS[program]()
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else 1


def lab3() -> None:
    from tools import cli

    cli.main()


def pytest() -> int:
    import pytest

    return pytest.main()


PROGRAMS = {"lab3": lab3, "pytest": pytest}


def serve() -> None:
    for name in sys.argv[1:]:
        importlib.import_module(name)
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while True:
        try:
            request = read(requests)
        except EOFError:
            return
        write(answers, answer(*request))


if __name__ == "__main__":
    serve()
