"""The functions of the two files that a student writes: which have changed, which training uses."""

import ast
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

FUSING = "fuse_model"  # what training doesn't call
MOST = 500  # names that are kept of a file that defines more than anybody writes


def digests(paths: Iterable[Path]) -> dict[str, str]:
    """Return a digest of each function, class body, import and the rest, by name.

    Comments, docstrings and layout don't count. Empty when a file is no Python.
    """
    parts = parts_of(paths)
    return {
        name: hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:12]
        for name, tree in list(parts.items())[:MOST]
    }


def changed(then: dict[str, str], today: dict[str, str]) -> list[str]:
    """Return the names of what is another today, or only in one of the two."""
    return [name for name in {**then, **today} if then.get(name) != today.get(name)]


def used_in_training(paths: Sequence[Path]) -> frozenset[str]:
    """Return the names of what training uses: not ``fuse_model``, its helpers or the observer."""
    from torch import nn

    parts = parts_of(path for path in paths if path.name == "resnet.py")
    used = {name: tree for name, tree in parts.items() if name.split(".")[-1] != FUSING}
    fused = {name: tree for name, tree in parts.items() if name not in used}
    while True:
        helpers = {
            name
            for name in used
            if is_named(name, fused.values())
            and not is_named(name, (tree for other, tree in used.items() if other != name))
            and not hasattr(nn.Module, bare(name))  # PyTorch may call it
        }
        if not helpers:
            return frozenset(used)
        fused |= {name: used.pop(name) for name in helpers}


def parts_of(paths: Iterable[Path]) -> dict[str, ast.AST]:
    """Return what files consist of, by names such as ``QuantizableBottleneck.forward``."""
    parts: dict[str, ast.AST] = {}
    for path in paths:
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # who imports it says so
            return {}
        rest: list[ast.stmt] = []
        for node in without_docstring(tree.body):
            if isinstance(node, ast.ClassDef):
                methods = [n for n in node.body if isinstance(n, ast.FunctionDef)]
                parts |= {f"{node.name}.{m.name}": stripped(m) for m in methods}
                node.body = [n for n in without_docstring(node.body) if n not in methods]
                parts[node.name] = node
            elif isinstance(node, ast.FunctionDef):
                parts[node.name] = stripped(node)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                for alias in node.names:
                    of = f"from {node.module} " if isinstance(node, ast.ImportFrom) else ""
                    parts[f"{of}import {alias.asname or alias.name}"] = alias
            else:
                rest.append(node)
        parts[f"{path.name} beside its functions"] = ast.Module(rest, [])
    return parts


def stripped(function: ast.FunctionDef) -> ast.FunctionDef:
    function.body = without_docstring(function.body)
    return function


def without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return body[1:]
    return body


def bare(name: str) -> str:
    """Return the name that code uses for a part: the last word behind dots and spaces."""
    return name.rsplit(" ", 1)[-1].rsplit(".", 1)[-1]


def is_named(name: str, trees: Iterable[ast.AST]) -> bool:
    """Tell whether any of some trees mentions a part by its bare name."""
    word = bare(name)
    return any(
        word in (getattr(node, "id", None), getattr(node, "attr", None))
        for tree in trees
        for node in ast.walk(tree)
    )
