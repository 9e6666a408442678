"""What the two files that a student writes may import, and what else they do import."""

import ast
import sys
from collections.abc import Iterator

PACKAGES = ("numpy", "torch", "torchvision")
GIVEN = (
    "analysis",
    "batches",
    "cifar10",
    "data",
    "device_batches",
    "eager",
    "engines",
    "errors",
    "evaluation",
    "imports",
    "log",
    "observer",
    "pytorch_errors",
    "qconfig",
    "quantize",
    "resnet",
    "schedule",
    "selection",
    "training",
    "units",
)
ALLOWED = f"Python's own modules, {', '.join(PACKAGES)} and the given modules of lab3"


def foreign_imports(source: bytes) -> list[tuple[str, int]]:
    """Return each module that a file imports although it may not, with the line.

    A file that Python refuses imports nothing: what is wrong is told by what imports it.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    foreign: dict[str, int] = {}
    for name, line in imported(tree):
        if not is_allowed(name):
            foreign.setdefault(name, line)
    return list(foreign.items())


def imported(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield every module that is imported anywhere in a file, with the line.

    What only type checkers see is imported nowhere.
    """
    nodes: list[ast.AST] = [tree]
    for node in nodes:  # grows while it is read
        if isinstance(node, ast.If) and is_type_checking(node.test):
            nodes += node.orelse
            continue
        nodes += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            module = f"lab3.{node.module or ''}".rstrip(".") if node.level else node.module or ""
            if module == "lab3":
                for alias in node.names:
                    yield f"lab3.{alias.name}", node.lineno
            else:
                yield module, node.lineno


def is_type_checking(test: ast.expr) -> bool:
    """Tell whether a condition is ``TYPE_CHECKING``, which is false whenever a file runs."""
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return name == "TYPE_CHECKING"


def is_allowed(name: str) -> bool:
    top, _, rest = name.partition(".")
    if top == "lab3":
        return not rest or rest.split(".")[0] in (*GIVEN, "STUDENT_FILES")
    return top in PACKAGES or top in sys.stdlib_module_names
