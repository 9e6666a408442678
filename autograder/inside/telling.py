"""What student code raised, where, and how far the experiment had come."""

import dis
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from autograder.inside.questions import FILES, RaisedError

TEXT_LENGTH = 2000
_stage = "import"


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Name a part of an experiment; what is raised in it is told with this name."""
    global _stage
    before, _stage = _stage, name
    yield
    _stage = before  # not after an error, which is still to be told


def begin() -> None:
    """Begin another experiment."""
    global _stage
    _stage = "import"


class ReturnedError(TypeError):
    """A student's function returned something else than what it should."""

    def __init__(self, function: Any, returned: Any, expected: str) -> None:
        what = "None" if returned is None else f"a {type(returned).__name__}"
        code = getattr(function, "__code__", None)
        self.name = str(getattr(function, "__name__", "the function"))
        self.file = str(getattr(code, "co_filename", ""))
        self.line = int(getattr(code, "co_firstlineno", 0))
        super().__init__(f"{self.name} returned {what} instead of {expected}")


def tensor_from(function: Any, *arguments: Any, **more: Any) -> Tensor:
    """Call a student's function and return its tensor; raise ReturnedError for anything else."""
    returned = function(*arguments, **more)
    if not isinstance(returned, Tensor):
        called = function.forward if isinstance(function, nn.Module) else function
        raise ReturnedError(called, returned, "a tensor")
    return returned


def raises(error: BaseException) -> bool:
    """Tell whether the student's own statement raised an error: PyTorch raises such errors, too."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or trace.tb_frame.f_code.co_filename not in FILES:
        return False
    return dis.opname[trace.tb_frame.f_code.co_code[trace.tb_lasti]] == "RAISE_VARARGS"


def describe_error(error: BaseException) -> RaisedError:
    """Return what was raised, where in the student's files, and through which functions."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename in FILES]
    file, line, function = "", 0, ""
    if isinstance(error, SyntaxError) and error.filename in FILES:
        file, line = error.filename, error.lineno or 1
    elif isinstance(error, ReturnedError):
        if error.file in FILES:
            file, line, function = error.file, error.line, error.name
    elif own:
        file, line, function = own[-1].filename, own[-1].lineno or 1, own[-1].name
    try:
        message = str(error)
    except BaseException:
        message = "(its message can't be shown)"
    return RaisedError(
        type="TypeError" if isinstance(error, ReturnedError) else type(error).__name__[:100],
        message=message[:TEXT_LENGTH],
        stage=_stage,
        file=file,
        line=line,
        function=function[:100],
        is_stub=type(error) is NotImplementedError and bool(own) and raises(error),
        through=[frame.name[:100] for frame in frames[-8:]],
        own=[(frame.filename, frame.lineno or 1, frame.name[:100]) for frame in own[:16]],
    )
