"""What to do about the errors that a student's own code causes.

An error belongs to the student when it was raised in, or below, one of the two files that they
write; PyTorch's own words about it rarely name the cause.
"""

import ast
import re
import traceback
from collections.abc import Iterator
from pathlib import Path

import lab3
from lab3 import STUDENT_FILES, pytorch_errors

RETURNING = ("forward", "add_relu", "scale_approximate")  # stubs whose callers need a value
NONE = re.compile(r"\bNoneType\b|\bnot None\b")
SHOWN = 100  # characters of what a library says, where a remedy stands before it

REMEDIES = (  # what PyTorch says, what it means here and what to do
    (
        pytorch_errors.FUSED_IN_TRAIN_MODE,
        "layers are fused with fuse_modules while the network is in train mode: use "
        "tq.fuse_modules_qat when is_qat is true, and tq.fuse_modules (network.eval() first) "
        "when it is not",
    ),
    (
        pytorch_errors.FUSED_FOR_QAT_IN_EVAL_MODE,
        "layers are fused for QAT while the network is in eval mode: call network.train() first, "
        "or use tq.fuse_modules when is_qat is false",
    ),
    (
        pytorch_errors.PREPARED_FOR_QAT_IN_EVAL_MODE,
        "prepare_qat needs train mode: call network.train() before it",
    ),
    (
        pytorch_errors.PLAIN_ADDITION,
        "a residual addition is not quantized: let add_relu use self.skip_add_relu, the "
        "FloatFunctional made in __init__; one made in forward has no observer",
    ),
    (
        pytorch_errors.FLOATS_INTO_INT8_LAYER,
        "an INT8 layer was given floats: let forward send its input through self.quant first",
    ),
    (
        pytorch_errors.FLOAT_CONVOLUTION,
        "a convolution was not converted: it was fused for QAT although is_qat is false; use "
        "tq.fuse_modules when is_qat is false, and tq.fuse_modules_qat when it is true",
    ),
    (
        pytorch_errors.INTEGERS_RETURNED,
        "the network returns integers: let forward send its output through self.dequant",
    ),
    (
        pytorch_errors.NO_INT8_VERSION,
        "an operation has no INT8 version here: let forward end with self.dequant(x), and use "
        "the layers made in __init__ instead of functions",
    ),
    (
        pytorch_errors.NOT_FUSIBLE,
        "these layers can't be fused in this order: each list must name layers that directly "
        "follow each other (conv, bn, relu), each layer stands in one list only, and fuse_model "
        "runs once",
    ),
    (
        pytorch_errors.NO_FINITE_SCALE,
        "scale_approximate met a scale of 0, inf or nan (an observer that has seen no data has "
        "the scale inf): return a finite, positive power of two for them too",
    ),
    (
        pytorch_errors.TWO_DEVICES,
        "some tensors are on the GPU and some on the CPU: prepare_qat makes its modules on the "
        "CPU, so call network.to(device) after it, not before",
    ),
    (
        pytorch_errors.OUT_OF_MEMORY,
        "memory is full: use a smaller --batch-size, and keep the images 32x32",
    ),
    (
        pytorch_errors.OTHER_STATE_DICT,
        "the checkpoint doesn't fit the network that your code builds: it was written by other "
        "code, or fuse_model has changed since; repeat the run with --restart",
    ),
)


def explain(error: Exception) -> str | None:
    """Return what a student can do about an error, or None when it isn't theirs.

    Names the place in their file; a stub that still says NotImplementedError speaks for itself.
    """
    if isinstance(error, SyntaxError) and error.filename and is_students(error.filename):
        return f"lab3/{Path(error.filename).name}:{error.lineno}: {error.msg}: {error.text}".strip()
    if isinstance(error, ImportError) and error.path and is_students(error.path):
        return f"lab3/{Path(error.path).name}: {error}: the given code needs this name"
    if isinstance(error, SyntaxError) and not error.filename:
        return f"lab3/{' or lab3/'.join(STUDENT_FILES)} is not a Python file: {error}"
    place = student_place(error)
    message = f"{type(error).__name__}: {error}"
    if NONE.search(message) and (missing := next(functions_without_return(), None)):
        function, at = missing
        return (
            f"{function} returns None: end every way through it with return and a value\n"
            f"  where   {at}"
        )
    remedy = pytorch_errors.meaning(message, REMEDIES)
    if remedy is None and place is None:
        return None
    if remedy is None and isinstance(error, NotImplementedError):
        return f"not implemented yet: {error}\n  where   {place}"
    first = message.splitlines()[0]
    lines = [remedy or first]
    if place:
        lines.append(f"  where   {place}")
    if remedy:
        lines.append(f"  error   {first[:SHOWN]}{'...' * (len(first) > SHOWN)}")
    return "\n".join(lines)


def functions_without_return() -> Iterator[tuple[str, str]]:
    """Yield the solved stubs that may end without a value: names, and ``file:line`` of each."""
    for name in STUDENT_FILES:
        path = next((p for folder in lab3.__path__ if (p := Path(folder, name)).is_file()), None)
        try:
            tree = ast.parse(path.read_bytes() if path else b"")
        except (OSError, SyntaxError, ValueError):
            continue
        for owner in (node for node in tree.body if isinstance(node, ast.ClassDef)):
            functions = (node for node in owner.body if isinstance(node, ast.FunctionDef))
            for function in functions:
                if function.name in RETURNING and may_end(function.body):
                    place = f"lab3/{name}:{function.lineno}  {function.name}"
                    yield f"{owner.name}.{function.name}", place


def may_end(body: list[ast.stmt]) -> bool:
    """Tell whether the end of some statements can be reached, or a return without a value."""
    if any(isinstance(n, ast.Return) and n.value is None for s in body for n in ast.walk(s)):
        return True
    last = body[-1]
    if isinstance(last, ast.If):
        return not last.orelse or may_end(last.body) or may_end(last.orelse)
    if isinstance(last, ast.With):
        return may_end(last.body)
    if isinstance(last, ast.Try):
        ways = [last.orelse or last.body, *(handler.body for handler in last.handlers)]
        return not (last.finalbody and not may_end(last.finalbody)) and any(map(may_end, ways))
    if isinstance(last, ast.Match):
        return any(may_end(case.body) for case in last.cases)
    return not isinstance(last, ast.Return | ast.Raise | ast.While | ast.For)


def student_place(error: Exception) -> str | None:
    """Return ``file:line  function`` of the innermost frame in a student's file."""
    frames = traceback.extract_tb(error.__traceback__)
    for frame in reversed(frames):
        if is_students(frame.filename):
            return f"lab3/{Path(frame.filename).name}:{frame.lineno}  {frame.name}"
    return None


def is_students(filename: str) -> bool:
    """Tell whether a source file is one of those that students write."""
    path = Path(filename)
    return path.name in STUDENT_FILES and path.parent.name == "lab3"
