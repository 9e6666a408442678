"""Python in a report, read as Python: what it assigns, in which order it calls."""

import ast
import math
import re
import textwrap
from collections.abc import Iterator
from decimal import Decimal

from tools.review.reading.composed import STEPS as ORDER
from tools.review.reading.contract import QINT8, QUINT8
from tools.review.reading.expressions import UnknownError, compute, holds
from tools.review.reading.formulas import diagnose, scale_of, shift_of
from tools.review.reading.quantities import Interval, exactly, narrow
from tools.review.reading.statements import Place, Statement

TYPES = {QUINT8: 1.0, QINT8: 2.0}
ADDENDS = re.compile(r"identity|residual|shortcut|skip|downsample|out|x|y|main", re.I)
KEPT = re.compile(r"identity|residual|shortcut|skip", re.I)
LONGEST = 200  # lines of a fence that are followed
STEPS = 200


class _ReturnedError(Exception):
    def __init__(self, value: float) -> None:
        self.value = value


def read_code(text: str, line: int, section: int) -> Iterator[Statement]:
    """Yield what a fence of Python states about the contract."""
    source = textwrap.dedent(narrow(text))
    lines = source.split("\n")[:LONGEST]
    for tree, first in _trees(lines):
        reader = _Reader(lines, line + first, section)
        yield from reader.read(tree)


def _trees(lines: list[str]) -> Iterator[tuple[ast.Module, int]]:
    """Yield the code as one tree, or line by line where it is only a piece of code."""
    whole = _parsed("\n".join(lines))
    if whole is not None:
        yield whole, 0
        return
    for offset, line in enumerate(lines):
        tree = _parsed(line.strip().rstrip("\\"))
        if tree is None and line.strip().startswith("return"):
            tree = _parsed(f"def f():\n {line.strip()}")
            if tree is not None:
                yield tree, offset - 1
            continue
        if tree is not None and tree.body:
            yield tree, offset


def _parsed(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


class _Reader:
    def __init__(self, lines: list[str], line: int, section: int) -> None:
        self.lines, self.first, self.section = lines, line, section

    def place(self, node: ast.AST) -> Place:
        number = getattr(node, "lineno", 1)
        text = self.lines[number - 1].strip() if number <= len(self.lines) else ""
        return Place(self.first + number - 1, self.section, text, "formula")

    def read(self, tree: ast.Module) -> Iterator[Statement]:
        functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
        for function in functions:
            yield from self._approximation(function)
            yield from self._stubs(function)
        inside = {id(n) for f in functions if _has_log(f) for n in ast.walk(f)}
        yield from self._zero_points(tree)
        for node in ast.walk(tree):
            if id(node) not in inside:
                yield from self._assigned(node)
            if isinstance(node, ast.Call):
                yield from self._observer(node)
            yield from self._addition(node)
        yield from self._modes(tree)
        yield from self._steps(tree)

    def _approximation(self, function: ast.FunctionDef) -> Iterator[Statement]:
        """Follow a function from a scale to 2**-S."""
        if not _has_log(function):
            return
        arguments = [a.arg for a in function.args.args if a.arg != "self"]
        defaults = function.args.defaults

        def shift(scale: float) -> float:
            names = {"max_shift_amount": 8.0, "max_shift": 8.0, "inf": math.inf}
            for argument, default in zip(reversed(arguments), reversed(defaults), strict=False):
                try:
                    names[argument] = compute(default, {})
                except UnknownError:
                    continue
            if arguments:
                names[arguments[0]] = scale
            else:
                names |= {"scale": scale, "s": scale}
            try:
                run(function.body, names)
            except _ReturnedError as returned:
                if returned.value <= 0:
                    raise UnknownError from None
                is_exponent = all(n not in ("pow", "exp2") for n in _called(function)) and not any(
                    isinstance(n, ast.Pow | ast.LShift) for n in ast.walk(function)
                )
                return returned.value if is_exponent else -math.log2(returned.value)
            raise UnknownError

        for fault in filter(None, diagnose(shift)):
            if fault == "sign" and (powers := _powers_of_negated(function)):
                yield Statement("", "shift", "power", self.place(powers[0]))
                continue
            logs = [
                n
                for n in ast.walk(function)
                if isinstance(n, ast.Call) and _name(n) in ("log2", "log")
            ]
            at = self._blamed(function, fault) or (logs[0] if logs else function)
            yield Statement("", "shift", fault, self.place(at))

    def _blamed(self, function: ast.FunctionDef, fault: str) -> ast.AST | None:
        names = {"floor": ("floor", "int", "trunc"), "ceil": ("ceil",)}.get(fault, ())
        if fault.startswith("at "):
            names = ("min", "max", "clamp", "clip")
        calls = [n for n in ast.walk(function) if isinstance(n, ast.Call) and _name(n) in names]
        return calls[0] if calls else None

    def _assigned(self, node: ast.AST) -> Iterator[Statement]:
        """Read one assignment of a scale or shift, and what a lone return gives."""
        value: ast.expr | None
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = node.targets[0], node.value
            name = target.id if isinstance(target, ast.Name) else getattr(target, "attr", "")
        elif isinstance(node, ast.Return):
            name, value = "return", node.value
        else:
            return
        if value is None:
            return
        names = {
            n.id if isinstance(n, ast.Name) else n.attr
            for n in ast.walk(value)
            if isinstance(n, ast.Name | ast.Attribute)
        }
        place = self.place(node)
        if re.search(r"scale|^s$|^return$", name) and (statement := scale_of(value, names, place)):
            if name != "return":
                yield statement
            return
        is_scale = name == "return" or "scale" in name or name == "s"
        if is_scale or re.match(r"(?:S|shift\w*|n|k|exp\w*|log\w*|s)$", name):
            statement = shift_of(value, names, is_scale, place)
            if statement is not None and statement.relation != "unrounded":
                yield statement

    def _zero_points(self, tree: ast.Module) -> Iterator[Statement]:
        """Follow what each integer type gets as its zero point."""
        bodies = [f.body for f in ast.walk(tree) if isinstance(f, ast.FunctionDef)] or [tree.body]
        for body in bodies:
            found: dict[str, tuple[float, ast.AST]] = {}
            for dtype, code in TYPES.items():
                names = {"dtype": code}
                places: dict[str, ast.AST] = {}
                try:
                    run(body, names, places)
                except _ReturnedError:
                    pass
                except UnknownError:
                    continue
                for name in ("zero_point", "zp", "zero_points"):
                    if name in names and name in places:
                        found[dtype] = names[name], places[name]
            values = {value for value, _ in found.values()}
            is_typed = any(_mentions_type(statement) for statement in body)
            if len(values) == 1 and not is_typed:
                continue
            for dtype, (value, node) in found.items():
                yield Statement(
                    dtype, "zero point", "is", self.place(node), exactly(Decimal(str(value)))
                )

    def _observer(self, node: ast.Call) -> Iterator[Statement]:
        """Read the integer range and zero point that a call is given with its type."""
        given = {k.arg: k.value for k in node.keywords if k.arg}
        dtype = getattr(given.get("dtype"), "attr", "")
        if dtype not in TYPES:
            return
        try:
            if "quant_min" in given and "quant_max" in given:
                low, high = (compute(given[k], {}) for k in ("quant_min", "quant_max"))
                ends = Interval(Decimal(str(low)), Decimal(str(high)))
                yield Statement(dtype, "integer range", "is", self.place(given["quant_max"]), ends)
            if "zero_point" in given:
                value = exactly(Decimal(str(compute(given["zero_point"], {}))))
                yield Statement(dtype, "zero point", "is", self.place(given["zero_point"]), value)
        except UnknownError:
            return

    def _addition(self, node: ast.AST) -> Iterator[Statement]:
        """Read ``out + identity`` where the residual addition has to be a module."""
        sides: tuple[ast.expr, ...] = ()
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            sides = (node.left, node.right)
        elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
            sides = (node.target, node.value)
        names = [n.id for n in sides if isinstance(n, ast.Name)]
        is_residual = len(names) == 2 and all(ADDENDS.fullmatch(n) for n in names)
        if is_residual and any(KEPT.fullmatch(n) for n in names):
            yield Statement("", "plain add", "is", self.place(node))

    def _stubs(self, function: ast.FunctionDef) -> Iterator[Statement]:
        calls = [n for n in ast.walk(function) if isinstance(n, ast.Call)]
        first = {
            name: min((c.lineno for c in calls if _name(c) == name), default=0)
            for name in ("quant", "dequant")
        }
        if first["quant"] and first["dequant"] and first["dequant"] < first["quant"]:
            node = next(c for c in calls if _name(c) == "dequant")
            yield Statement("", "stub order", "is", self.place(node))

    def _modes(self, tree: ast.Module) -> Iterator[Statement]:
        """Follow train() and eval() up to fusing and preparing."""
        calls = sorted(
            (n for n in ast.walk(tree) if isinstance(n, ast.Call)),
            key=lambda n: (n.lineno, n.col_offset),
        )
        mode = ""
        for call in calls:
            name = _name(call)
            if name in ("train", "eval") and isinstance(call.func, ast.Attribute):
                arguments = [a.value for a in call.args if isinstance(a, ast.Constant)]
                mode = "eval" if name == "eval" or arguments == [False] else "train"
            elif name in ("fuse_model", "fuse_modules"):
                flags = [k.value for k in call.keywords if k.arg == "is_qat"] + call.args[:1] * (
                    name == "fuse_model"
                )
                is_qat = any(isinstance(f, ast.Constant) and f.value is True for f in flags)
                if mode == "train" and not is_qat and not _prepares_qat(calls):
                    yield Statement("ptq", "fuse train", "is", self.place(call))
            elif name == "prepare_qat" and mode == "eval":
                yield Statement("qat", "prepare eval", "is", self.place(call))

    def _steps(self, tree: ast.Module) -> Iterator[Statement]:
        """Find a model that is fused after it was prepared, or calibrated after it was converted."""
        bodies: list[list[ast.stmt]] = [tree.body]
        bodies += [n.body for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
        for body in bodies:
            done: dict[str, str] = {}  # the last step of each model
            for call in _calls_of(body):
                step, model = _step(call)
                before = done.get(model)
                if step and before and ORDER[step] < ORDER[before]:
                    yield Statement(f"{step} {before}", "order", "is", self.place(call))
                    return
                if step:
                    done[model] = step


def _calls_of(body: list[ast.stmt]) -> list[ast.Call]:
    """Return the calls of statements that follow one another, by where they stand."""
    calls = [
        n
        for statement in body
        if not isinstance(statement, ast.FunctionDef | ast.ClassDef)
        for n in ast.walk(statement)
        if isinstance(n, ast.Call)
    ]
    return sorted(calls, key=lambda n: (n.lineno, n.col_offset))


def _step(call: ast.Call) -> tuple[str, str]:
    """Return the step that a call is, and the name of the model that it changes."""
    name = _name(call)
    step = {"fuse_model": "fuse", "prepare": "prepare", "prepare_qat": "prepare"}.get(name, "")
    step = step or ("convert" if name == "convert" else "")
    owner: ast.AST | None = call.args[0] if call.args else None
    if name == "fuse_model" and isinstance(call.func, ast.Attribute):
        owner = call.func.value
    return (step, owner.id) if isinstance(owner, ast.Name) else ("", "")


def _prepares_qat(calls: list[ast.Call]) -> bool:
    return any(_name(call) in ("prepare_qat", "fuse_modules_qat") for call in calls)


def _mentions_type(node: ast.AST) -> bool:
    names = {getattr(n, "attr", getattr(n, "id", "")) for n in ast.walk(node)}
    return bool(names & {"dtype", "quint8", "qint8"})


def _has_log(function: ast.AST) -> bool:
    return bool({"log2", "log"} & _called(function))


def _powers_of_negated(function: ast.FunctionDef) -> list[ast.AST]:
    """Return the powers of a function that takes a negative logarithm: they lack the minus."""
    negated = [
        n
        for n in ast.walk(function)
        if isinstance(n, ast.UnaryOp) and isinstance(n.op, ast.USub) and _has_log(n.operand)
    ]
    powers = (
        n for n in ast.walk(function) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Pow)
    )
    return [n for n in powers if not isinstance(n.right, ast.UnaryOp)] if negated else []


def _called(tree: ast.AST) -> set[str]:
    return {_name(n) for n in ast.walk(tree) if isinstance(n, ast.Call)}


def _name(call: ast.Call) -> str:
    function = call.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def run(
    body: list[ast.stmt],
    names: dict[str, float],
    places: dict[str, ast.AST] | None = None,
    depth: int = 0,
) -> None:
    """Follow assignments, conditions and returns; raise UnknownError at what decides and isn't known."""
    if depth > 8 or len(body) > STEPS:
        raise UnknownError
    for node in body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets: list[ast.expr] = (
                node.targets if isinstance(node, ast.Assign) else [node.target]
            )
            _assign(targets, node.value, names, places, node)
        elif isinstance(node, ast.If):
            try:
                chosen = node.body if holds(node.test, names) else node.orelse
            except UnknownError:
                if _decides(node):
                    raise
                continue
            run(chosen, names, places, depth + 1)
        elif isinstance(node, ast.Return):
            if node.value is None or isinstance(node.value, ast.Tuple):
                raise _ReturnedError(math.nan)
            raise _ReturnedError(compute(node.value, names))


def _decides(node: ast.If) -> bool:
    """Tell whether a condition that can't be computed changes more than a special case."""
    guards = ast.unparse(node.test)
    if re.search(r"isfinite|isnan|isinf|<= ?0|== ?0|is None|not ", guards):
        return False
    return any(isinstance(n, ast.Return | ast.Assign) for n in ast.walk(node))


def _assign(
    targets: list[ast.expr],
    value: ast.expr,
    names: dict[str, float],
    places: dict[str, ast.AST] | None,
    node: ast.AST,
) -> None:
    for target in targets:
        name = target.id if isinstance(target, ast.Name) else getattr(target, "attr", "")
        if not name:
            continue
        try:
            names[name] = compute(value, names)
            if places is not None:
                places[name] = node
        except UnknownError:
            names.pop(name, None)
