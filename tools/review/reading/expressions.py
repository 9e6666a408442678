"""Formulas and code, computed: what an expression gives for known inputs, whatever its spelling.

Only arithmetic and the functions of this module are followed; nothing of a report is ever executed.
"""

import ast
import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache

Value = float
LONGEST = 400  # characters of an expression
DEEPEST = 40

FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
BRACKETS = (
    (re.compile(r"\\lfloor(.{1,200}?)\\rceil"), r" round(\1) "),
    (re.compile(r"\\lfloor(.{1,200}?)\\rfloor"), r" floor(\1) "),
    (re.compile(r"\\lceil(.{1,200}?)\\rceil"), r" ceil(\1) "),
    (re.compile(r"⌊([^⌊⌋⌉]{1,200})⌉"), r" round(\1) "),
    (re.compile(r"⌊([^⌊⌋⌉]{1,200})⌋"), r" floor(\1) "),
    (re.compile(r"⌈([^⌈⌉⌋]{1,200})⌉"), r" ceil(\1) "),
    (re.compile(r"\\?lvert(.{1,60}?)\\?rvert"), r"abs(\1)"),
    (re.compile(r"\|([^|\n]{1,60})\|"), r"abs(\1)"),
)
PLAIN = (
    (re.compile(r"\\(?:left|right|bigl?|bigr?|Bigl?|Bigr?|,|;|!|quad|displaystyle)(?![a-z])"), " "),
    (re.compile(r"\\(?:text|mathrm|operatorname|mathbf|textbf|mathit)\s*\{([^{}]*)\}"), r"\1"),
    (re.compile(r"\\_"), "_"),
    (re.compile(r"\\(?:cdot|times)(?![a-z])|[×·⋅]"), " * "),
    (re.compile(r"[÷]"), "/"),
    (re.compile(r"\\log_?\s*\{?\s*2\s*\}?|log_\{?2\}?|log₂"), " log2 "),
    (re.compile(r"\\(max|min|round|clip|clamp|abs)(?![a-z])"), r" \1 "),
    (re.compile(r"\\(alpha|beta|Delta|delta)(?![a-z])"), r" \1 "),
    (re.compile(r"_\s*\{([A-Za-z0-9 ]{1,20})\}"), r"_\1"),
    (re.compile(r"\b(?:self|torch|math|np|numpy|Math)\."), ""),
    (re.compile(r"\^"), "**"),
    (re.compile(r"[−–]"), "-"),
)
CALL = re.compile(r"\b(log2|round|floor|ceil|abs)\s+(?=[A-Za-z_0-9])([A-Za-z_0-9]+)")
SPACED_CALL = re.compile(r"\b(log2|round|floor|ceil|abs|max|min|clip|clamp)\s+\(")
IMPLIED = re.compile(
    r"(?<![A-Za-z_0-9.])(\d+(?:\.\d+)?)\s*(?=[A-Za-z_(])(?!\s*(?:if|else|for|and|or|e)\b)"
)

Function = Callable[..., float]


def _clamp(x: float, low: float = -math.inf, high: float = math.inf) -> float:
    return max(low, min(x, high))


FUNCTIONS: dict[str, Function] = {
    "round": lambda x, *_: float(round(x)),
    "floor": math.floor,
    "ceil": math.ceil,
    "trunc": math.trunc,
    "int": math.trunc,
    "fix": math.trunc,
    "rint": lambda x: round(x),
    "abs": abs,
    "fabs": abs,
    "float": float,
    "tensor": float,
    "log2": math.log2,
    "log": math.log,
    "pow": pow,
    "power": pow,
    "exp2": lambda x: 2.0**x,
    "ldexp": math.ldexp,
    "max": lambda *values: max(values),
    "min": lambda *values: min(values),
    "maximum": max,
    "minimum": min,
    "amax": max,
    "amin": min,
    "clip": _clamp,
    "clamp": _clamp,
    "item": lambda x: x,
}
METHODS = {
    "round",
    "floor",
    "ceil",
    "abs",
    "log2",
    "item",
    "clamp",
    "float",
    "trunc",
    "int",
    "clip",
}
OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Pow: lambda a, b: a**b if abs(b) < 200 and abs(a) < 1e9 else math.nan,
    ast.LShift: lambda a, b: a * 2.0**b,
    ast.RShift: lambda a, b: math.floor(a / 2.0**b),
}


class UnknownError(Exception):
    """An expression holds what can't be computed here."""


def python_of(formula: str) -> str:
    """Return a formula in LaTeX or as typed as a Python expression."""
    text = formula.replace("\\\\", " ")
    for pattern, shown in PLAIN[:1]:
        text = pattern.sub(shown, text)
    for pattern, shown in PLAIN[1:]:
        text = pattern.sub(shown, text)
    for _ in range(4):
        text, count = FRACTION.subn(r" ((\1)/(\2)) ", text)
        if not count:
            break
    for pattern, shown in BRACKETS:
        text = pattern.sub(shown, text)
    text = text.replace("{", "(").replace("}", ")").replace("$", " ").replace("\\", " ")
    text = SPACED_CALL.sub(r"\1(", CALL.sub(r"\1(\2)", text))
    return IMPLIED.sub(r"\1*", text).strip()


@lru_cache(maxsize=512)
def parsed(text: str) -> ast.expr | None:
    if len(text) > LONGEST:
        return None
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def compute(node: ast.expr, names: Mapping[str, float], depth: int = 0) -> float:
    """Return the value of an expression; raise UnknownError for what isn't arithmetic."""
    if depth > DEEPEST:
        raise UnknownError
    try:
        value = _compute(node, names, depth)
    except (ArithmeticError, ValueError, TypeError):
        raise UnknownError from None
    if isinstance(value, complex):
        raise UnknownError
    return value


def _compute(node: ast.expr, names: Mapping[str, float], depth: int) -> float:
    def of(part: ast.expr) -> float:
        return compute(part, names, depth + 1)

    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return float(node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.Name | ast.Attribute):
        name = node.id if isinstance(node, ast.Name) else node.attr
        if name not in names:
            raise UnknownError
        return names[name]
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return float(OPERATORS[type(node.op)](of(node.left), of(node.right)))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        return -of(node.operand) if isinstance(node.op, ast.USub) else of(node.operand)
    if isinstance(node, ast.IfExp):
        return of(node.body) if holds(node.test, names, depth) else of(node.orelse)
    if isinstance(node, ast.Call):
        return _call(node, names, depth)
    raise UnknownError


def _call(node: ast.Call, names: Mapping[str, float], depth: int) -> float:
    named = {
        k.arg: compute(k.value, names, depth + 1) for k in node.keywords if k.arg in ("min", "max")
    }
    arguments = [compute(a, names, depth + 1) for a in node.args]
    function = node.func
    name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
    if name not in FUNCTIONS:
        raise UnknownError
    if isinstance(function, ast.Attribute) and name in METHODS:
        try:
            arguments.insert(0, compute(function.value, names, depth + 1))
        except UnknownError:  # a module's function, such as math.floor
            if not isinstance(function.value, ast.Name):
                raise
    if named:
        low, high = named.get("min", -math.inf), named.get("max", math.inf)
        return _clamp(arguments[0], low, high)
    return float(FUNCTIONS[name](*arguments))


def holds(node: ast.expr, names: Mapping[str, float], depth: int = 0) -> bool:
    """Return whether a comparison is true; types of integers are compared by name."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        left, right = _side(node.left, names, depth), _side(node.comparators[0], names, depth)
        operator = node.ops[0]
        if isinstance(operator, ast.Eq | ast.Is):
            return left == right
        if isinstance(operator, ast.NotEq | ast.IsNot):
            return left != right
        if isinstance(left, float) and isinstance(right, float):
            if isinstance(operator, ast.Lt):
                return left < right
            if isinstance(operator, ast.LtE):
                return left <= right
            if isinstance(operator, ast.Gt):
                return left > right
            if isinstance(operator, ast.GtE):
                return left >= right
    if isinstance(node, ast.BoolOp):
        sides = [holds(value, names, depth + 1) for value in node.values]
        return all(sides) if isinstance(node.op, ast.And) else any(sides)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return not holds(node.operand, names, depth + 1)
    if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in (
        "isfinite",
        "isnan",
        "isinf",
    ):
        value = compute(node.args[0], names, depth + 1)
        return bool(getattr(math, node.func.attr)(value))  # type: ignore[attr-defined]
    raise UnknownError


def _side(node: ast.expr, names: Mapping[str, float], depth: int) -> float | str:
    name = node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")
    if name in ("quint8", "qint8", "uint8", "int8"):
        return name if name.startswith("q") else f"q{name}".replace("quint8", "quint8")
    if name == "dtype":
        kind = names.get("dtype", 0.0)
        return "quint8" if kind == 1.0 else "qint8" if kind == 2.0 else name
    return compute(node, names, depth + 1)
