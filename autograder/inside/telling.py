"""What student code raised, where, and how far the experiment had come."""

import dis
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from autograder.inside.experiments import same_engine
from autograder.inside.values import FILES, RaisedError

TEXT_LENGTH = 2000
DECORATORS = 10  # of one function, as far as they are looked behind
OTHER_NUMBERS = (torch.bfloat16, torch.float16, torch.complex64, torch.complex128)
_stage = "import"


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Name a part of an experiment; what is raised in it is told with this name.

    It begins with the experiment's own engine and warnings, whatever student code has set.
    """
    global _stage
    before, _stage = _stage, name
    warnings.simplefilter("ignore")  # PyTorch announces the end of eager quantization
    with same_engine():
        yield
    _stage = before  # not after an error, which is still to be told


def begin() -> None:
    """Begin another experiment."""
    global _stage
    _stage = "import"


class FoundError(Exception):
    """What a probe found wrong: it is told in words of ours, at a function of the student's."""

    kind = "Error"  # what it is told as

    def __init__(self, function: Any, message: str) -> None:
        code = code_of(function)
        self.function = name_of(function)
        self.file = str(getattr(code, "co_filename", ""))
        self.line = int(getattr(code, "co_firstlineno", 0))
        super().__init__(message)


class ReturnedError(FoundError, TypeError):
    """A student's function returned something else than what it should."""

    kind = "TypeError"

    def __init__(self, function: Any, returned: Any, expected: str) -> None:
        remedy = ": end every way through it with return and a value" if returned is None else ""
        what = f"{described(returned)} instead of {expected}{remedy}"
        super().__init__(function, f"{name_of(function)} returned {what}")


class MissingModuleError(FoundError, AttributeError):
    """A module that was given is not there any more."""

    kind = "AttributeError"

    def __init__(self, module: nn.Module, name: str) -> None:
        text = "what __init__ makes was given, and keeps its names"
        super().__init__(
            type(module).__init__, f"{type(module).__name__} has no module {name}: {text}"
        )


def code_of(function: Any) -> Any:
    """Return the code that a student wrote of a function, which decorators may wrap, or None."""
    for _ in range(DECORATORS):
        code = getattr(function, "__code__", None)
        if getattr(code, "co_filename", "") in FILES:
            return code
        function = getattr(function, "__wrapped__", None)
    return None


def name_of(function: Any) -> str:
    return str(getattr(function, "__qualname__", "the function"))


def described(value: Any) -> str:
    """Return what a value is: a tensor with its shape, and with its type if it's an odd one."""
    if value is None:
        return "None"
    if isinstance(value, Tensor):
        kind = "" if value.dtype == torch.float32 else f" and type {value.dtype}"
        return f"a tensor of shape {tuple(value.shape)}{kind}"
    name = "complex number" if isinstance(value, complex) else type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def number_from(function: Any, *arguments: Any, **more: Any) -> float:
    """Call a student's function and return its number; raise ReturnedError for anything else."""
    returned = function(*arguments, **more)
    try:
        return float(returned)
    except OverflowError:
        raise ReturnedError(function, returned, "a number in the range of floats") from None
    except (TypeError, ValueError, RuntimeError):
        expected = "a real one" if isinstance(returned, complex) else "a number"
        raise ReturnedError(function, returned, expected) from None


def submodule(module: Any, name: str) -> Any:
    """Return a module by its name; raise MissingModuleError when it is not there."""
    for part in name.split("."):
        inner = getattr(module, part, None)
        if not isinstance(inner, nn.Module):
            raise MissingModuleError(module, part)
        module = inner
    return module


def tensor_from(function: Any, *arguments: Any, **more: Any) -> Tensor:
    """Call a student's function and return its tensor; raise ReturnedError for anything else."""
    returned = function(*arguments, **more)
    if not isinstance(returned, Tensor):
        raise ReturnedError(called_by(function), returned, "a tensor")
    return returned


def floats_from(module: nn.Module, inputs: Tensor) -> Tensor:
    """Return a module's output; raise ReturnedError for numbers that are no usual floats."""
    output = tensor_from(module, inputs)
    if output.dtype in OTHER_NUMBERS:
        raise ReturnedError(module.forward, output, "a tensor of float32")
    return output


def called_by(function: Any) -> Any:
    """Return the function that a student wrote of what is called."""
    return function.forward if isinstance(function, nn.Module) else function


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
    own = own_frames(error)
    file, line, function = "", 0, ""
    if isinstance(error, SyntaxError) and error.filename in FILES:
        file, line = error.filename, error.lineno or 1
    elif isinstance(error, FoundError):
        if error.file in FILES:
            file, line, function = error.file, error.line, error.function
    elif own:
        file, line, function = own[-1]
    try:
        message = str(error)
    except BaseException:
        message = "(its message can't be shown)"
    return RaisedError(
        type=error.kind if isinstance(error, FoundError) else type(error).__name__[:100],
        message=message[:TEXT_LENGTH],
        stage=_stage,
        file=file,
        line=line,
        function=function[:100],
        is_stub=type(error) is NotImplementedError and bool(own) and raises(error),
        through=[frame.name[:100] for frame in frames[-8:]],
        own=own[:16],
    )


def own_frames(error: BaseException) -> list[tuple[str, int, str]]:
    """Return the student's part of a traceback, outermost first: file, line and function."""
    return [
        (frame.f_code.co_filename, line or 1, frame.f_code.co_qualname[:100])
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename in FILES
    ]
