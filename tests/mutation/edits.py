"""Single edits of one function, at its syntax tree.

Each edit is found by walking the function in a fixed order, and named by what it does and where,
so that the same name means the same edit of the same source.
"""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

ATTRIBUTES = {  # what may be taken for each other, by the class whose function it is in
    "QuantizableBottleneck": (
        ("conv1", "conv2", "conv3"),
        ("bn1", "bn2", "bn3"),
        ("relu1", "relu2"),
        ("downsample", "bn3"),
        ("add_relu", "skip_add_relu"),
        ("add_relu", "add", "mul"),
    ),
    "QuantizableResNet": (
        ("layer1", "layer2", "layer3", "layer4"),
        ("quant", "dequant"),
        ("relu", "bn1", "conv1"),
        ("avgpool", "dequant", "relu"),
        ("modules", "children"),
    ),
    "CusQuantObserver": (("min_val", "max_val"), ("quint8", "qint8")),
}
FUNCTIONS = (
    ("fuse_modules", "fuse_modules_qat"),
    ("isnan", "isinf", "isfinite"),
    ("log2", "log", "log10", "log1p"),
    ("max", "min"),
    ("round", "int", "abs", "float"),
)
WORDS = "conv1 conv2 conv3 bn1 bn2 bn3 relu1 relu2 relu 0 1".split()
ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Pow, ast.Mod)
COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
# Around a tensor or a number: "_" stands for what was there.
TENSOR_WRAPS = (
    *("_ * 1.0", "_ + 0", "_.clone()", "_.detach()", "_.contiguous()", "torch.relu(_)", "-_"),
    *("_ * 2", "_.float()", "_.mean(0, keepdim=True)", "_.squeeze()"),
    "torch.nn.functional.dropout(_, 0.1, self.training)",
    *("torch.clamp(_, max=3)", "_ + 0.1 * torch.randn_like(_) * self.training", "_[:1]"),
    *("self.dequant(_)", "self.quant(_)", "self.quant(self.dequant(_))", "self.relu(_)"),
    *("torch.utils.checkpoint.checkpoint(lambda v: v, _, use_reentrant=False)", "_.data"),
    *("_.flip(0)", "_.transpose(2, 3)", "torch.nn.functional.hardtanh(_, -50, 50)"),
)
NUMBER_WRAPS = (
    *("-_", "abs(_)", "_ + 1", "_ - 1", "_ * 2", "_ / 2", "float(_)", "int(_)", "round(_, 3)"),
    *("math.floor(_)", "math.ceil(_)", "math.trunc(_)", "max(_, 1e-9)", "min(_, 1.0)"),
    *("max(_, 0)", "min(_, 8)", "_ * 1.01", "_ + 1e-12", "_ % 8", "_ or 1.0"),
)
ANY_WRAPS = ("(lambda: _)()", "_ if True else None", "(_, None)[0]", "[_][-1]")
STATEMENTS = (
    *("pass", "assert True", "self.eval()", "self.train()", "self.requires_grad_(False)"),
    *("torch.manual_seed(0)", "self.calls = getattr(self, 'calls', 0) + 1", "return None"),
    *("if getattr(self, 'is_done', False):\n    return None", "self.train(not self.training)"),
    *("was_training = self.training", "torch.set_grad_enabled(True)", "return"),
)
BLOCKS = (  # "_" is a statement
    *("if True:\n    _", "for _once in range(1):\n    _", "try:\n    _\nfinally:\n    pass"),
    *("with torch.no_grad():\n    _", "with torch.enable_grad():\n    _"),
    *("if not self.training:\n    _", "if self.training:\n    _", "if False:\n    _"),
    *("try:\n    _\nexcept Exception:\n    pass", "with torch.inference_mode():\n    _"),
)
LOOPS = (
    *("list(_)", "reversed(list(_))", "list(_)[:1]", "list(_)[1:]", "list(_)[:-1]"),
    *("list(_)[::2]", "tuple(_)", "[]"),
)
BODIES = ("body", "orelse", "finalbody")


@dataclass(frozen=True)
class Edit:
    """One edit of a function: its name, the node that it changes, and which choice is taken."""

    name: str
    node: int
    choice: int

    @property
    def kind(self) -> str:
        """What it does, without what to: one of about fifteen."""
        return self.name.partition(":")[0]


def functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield the functions of a module's classes, with the names of their classes."""
    for owner in tree.body:
        if isinstance(owner, ast.ClassDef):
            for node in owner.body:
                if isinstance(node, ast.FunctionDef):
                    yield owner.name, node


def found(tree: ast.Module, owner: str, name: str) -> ast.FunctionDef:
    return next(f for o, f in functions(tree) if (o, f.name) == (owner, name))


def edits(tree: ast.Module, owner: str, name: str) -> Iterator[Edit]:
    """Yield every single edit of one function."""
    function = found(tree, owner, name)
    for index, node in enumerate(ast.walk(function)):
        where = f"{owner}.{name} line {getattr(node, 'lineno', 0)}, node {index}"
        for number, (what, _) in enumerate(choices(node, owner, function)):
            yield Edit(f"{what} [{where}]", index, number)


def choices(
    node: ast.AST, owner: str, function: ast.FunctionDef
) -> list[tuple[str, ast.AST | tuple[str, list[ast.stmt]]]]:
    """Return what may stand in place of a node, or which statements in a field of it."""
    return [*expressions(node, owner, function), *bodies(node)]


def changed(tree: ast.Module, owner: str, name: str, edit: Edit) -> ast.Module:
    """Return a copy of the module with an edit made."""
    new = copy.deepcopy(tree)
    function = found(new, owner, name)
    node = list(ast.walk(function))[edit.node]
    what = choices(node, owner, function)[edit.choice][1]
    if isinstance(what, ast.AST):
        # What takes a node's place may hold the node itself.
        put(function, node, copy.deepcopy(what))
    else:
        setattr(node, *what)
    return ast.fix_missing_locations(new)


def put(function: ast.AST, old: ast.AST, new: ast.AST) -> None:
    """Replace a node wherever the function has it."""
    for parent in ast.walk(function):
        for field, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, field, new)
            elif isinstance(value, list) and any(item is old for item in value):
                setattr(parent, field, [new if item is old else item for item in value])


def expression(text: str, inner: ast.expr | None = None) -> ast.expr:
    """Parse an expression in which ``_`` stands for another."""
    parsed = ast.parse(text, mode="eval").body
    if inner is None:
        return parsed
    return Filling(inner).visit(parsed)


class Filling(ast.NodeTransformer):
    """Puts a node wherever ``_`` stands, as an expression or as a statement."""

    def __init__(self, inner: ast.AST) -> None:
        self.inner = inner

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return copy.deepcopy(self.inner) if node.id == "_" else node

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        is_gap = isinstance(node.value, ast.Name) and node.value.id == "_"
        return copy.deepcopy(self.inner) if is_gap else self.generic_visit(node)


def expressions(
    node: ast.AST, owner: str, function: ast.FunctionDef
) -> Iterator[tuple[str, ast.AST]]:
    """Yield what may stand in place of an expression."""
    if is_docstring(node, function):
        return
    match node:
        case ast.Constant():
            yield from constants(node)
        case ast.BinOp(left, operator, right):
            for kind in ARITHMETIC:
                if not isinstance(operator, kind):
                    yield f"operator: to {kind.__name__}", ast.BinOp(left, kind(), right)
            yield "operator: operands exchanged", ast.BinOp(right, operator, left)
            yield "operator: left operand alone", left
            yield "operator: right operand alone", right
        case ast.UnaryOp():
            yield "operator: sign dropped", node.operand
        case ast.BoolOp(operator, values):
            other = ast.And() if isinstance(operator, ast.Or) else ast.Or()
            yield "condition: and for or", ast.BoolOp(other, values)
            for index, value in enumerate(values):
                yield f"condition: {index} alone", value
            yield "condition: exchanged", ast.BoolOp(operator, values[::-1])
        case ast.Compare(left, [operator], [right]):
            for kind in COMPARISONS:
                if isinstance(operator, COMPARISONS) and not isinstance(operator, kind):
                    yield f"condition: to {kind.__name__}", ast.Compare(left, [kind()], [right])
            yield "condition: negated", ast.UnaryOp(ast.Not(), node)
            yield "condition: turned round", ast.Compare(right, [operator], [left])
            yield "condition: always", ast.Constant(True)
            yield "condition: never", ast.Constant(False)
        case ast.Name(id=name, ctx=ast.Load()):
            for other in sorted(locals_of(function) | {"self"}):
                if other != name and name in locals_of(function):
                    yield f"local: {name} to {other}", ast.Name(other, ast.Load())
            for other in others(FUNCTIONS, name):
                yield f"function: {name} to {other}", ast.Name(other, ast.Load())
        case ast.Attribute(value, name):
            for other in others((*ATTRIBUTES[owner], *FUNCTIONS), name):
                yield f"attribute: {name} to {other}", ast.Attribute(value, other, ast.Load())
            if isinstance(value, ast.Name) and value.id == "self":
                text = f"getattr(self, {name!r})"
                yield f"rewritten: {name} by getattr", expression(text)
        case ast.Call():
            yield from calls(node)
        case ast.IfExp(test, body, orelse):
            yield "branch: exchanged", ast.IfExp(test, orelse, body)
            yield "branch: first", body
            yield "branch: second", orelse
            negated = ast.UnaryOp(ast.Not(), test)
            yield "rewritten: negated and exchanged", ast.IfExp(negated, orelse, body)
        case ast.List(elts=parts) if isinstance(getattr(node, "ctx", None), ast.Load):
            for index in range(len(parts)):
                rest = [*parts[:index], *parts[index + 1 :]]
                yield f"list: {index} dropped", ast.List(rest, ast.Load())
                twice = [*parts, copy.deepcopy(parts[index])]
                yield f"list: {index} twice", ast.List(twice, ast.Load())
            yield "list: reversed", ast.List(parts[::-1], ast.Load())
            yield "list: as a tuple", ast.Tuple(parts, ast.Load())
    if isinstance(node, ast.Call | ast.BinOp | ast.IfExp) or (
        isinstance(node, ast.Name) and node.id in locals_of(function) and is_load(node)
    ):
        yield from wraps(node, owner, function)


def is_docstring(node: ast.AST, function: ast.FunctionDef) -> bool:
    first = function.body[0]
    return isinstance(first, ast.Expr) and node is first.value


def is_load(node: ast.AST) -> bool:
    return isinstance(getattr(node, "ctx", None), ast.Load)


def others(groups: tuple[tuple[str, ...], ...], name: str) -> list[str]:
    return sorted({other for group in groups if name in group for other in group if other != name})


def locals_of(function: ast.FunctionDef) -> set[str]:
    names = {argument.arg for argument in function.args.args} - {"self"}
    stored = (n for n in ast.walk(function) if isinstance(n, ast.Name))
    return names | {n.id for n in stored if isinstance(n.ctx, ast.Store)}


def constants(node: ast.Constant) -> Iterator[tuple[str, ast.AST]]:
    value: Any = node.value
    new: list[Any] = []
    if isinstance(value, bool):
        new = [not value]
    elif isinstance(value, int):
        new = [value + 1, value - 1, -value, 0, float(value)]
    elif isinstance(value, float):
        new = [value + 1, value / 2, -value, 1.0, 10.0]
        if value.is_integer():
            new.append(int(value))
    elif isinstance(value, str):
        new = [word for word in WORDS if word != value]
    for other in new:
        if repr(other) != repr(value):
            yield f"constant: {value!r} to {other!r}", ast.Constant(other)


def calls(node: ast.Call) -> Iterator[tuple[str, ast.AST]]:
    arguments, keywords = node.args, node.keywords
    for index, argument in enumerate(arguments):
        yield f"call: argument {index} in its place", argument
        rest = [*arguments[:index], *arguments[index + 1 :]]
        yield f"call: argument {index} dropped", ast.Call(node.func, rest, keywords)
    for keyword in keywords:
        kept = [other for other in keywords if other is not keyword]
        yield f"call: {keyword.arg} dropped", ast.Call(node.func, arguments, kept)
    if len(arguments) > 1:
        exchanged = [arguments[1], arguments[0], *arguments[2:]]
        yield "call: arguments exchanged", ast.Call(node.func, exchanged, keywords)
        both = [arguments[0], arguments[0], *arguments[2:]]
        yield "call: first argument twice", ast.Call(node.func, both, keywords)
        both = [arguments[1], arguments[1], *arguments[2:]]
        yield "call: second argument twice", ast.Call(node.func, both, keywords)
    if len(arguments) == 1 and not keywords:
        yield "call: twice", ast.Call(node.func, [copy.deepcopy(node)], [])
        if isinstance(node.func, ast.Attribute):
            for name in ("forward", "__call__"):
                method = ast.Attribute(node.func, name, ast.Load())
                yield f"rewritten: through {name}", ast.Call(method, arguments, [])


def wraps(node: ast.expr, owner: str, function: ast.FunctionDef) -> Iterator[tuple[str, ast.AST]]:
    is_tensor = function.name in ("forward", "add_relu")
    own = TENSOR_WRAPS if is_tensor else NUMBER_WRAPS if owner == "CusQuantObserver" else ()
    for text in (*own, *ANY_WRAPS):
        if owner != "QuantizableResNet" and "quant(" in text:
            continue
        yield f"as: {text}", expression(text, node)


def bodies(node: ast.AST) -> Iterator[tuple[str, tuple[str, list[ast.stmt]]]]:
    """Yield other lists of statements, each with its field of the node."""
    for field in BODIES:
        body = getattr(node, field, None)
        if not (isinstance(body, list) and body and isinstance(body[0], ast.stmt)):
            continue
        first = (
            1 if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) else 0
        )
        for index in range(first, len(body)):
            before, this, after = body[:index], body[index], body[index + 1 :]
            text = f"{field} {index}"
            yield f"dropped: {text}", (field, [*before, *after, ast.Pass()])
            yield f"twice: {text}", (field, [*before, this, copy.deepcopy(this), *after])
            if after:
                moved = [*before, after[0], this, *after[1:]]
                yield f"moved behind the next: {text}", (field, moved)
            for block in BLOCKS:
                wrapped = Filling(this).visit(ast.parse(block)).body
                yield f"in: {block!r}, {text}", (field, [*before, *wrapped, *after])
            for statement in STATEMENTS:
                added = ast.parse(statement).body
                yield (
                    f"added: {statement!r} before {text}",
                    (field, [*before, *added, this, *after]),
                )
            if not isinstance(this, ast.Return):
                for statement in STATEMENTS:
                    added = ast.parse(statement).body
                    yield (
                        f"added: {statement!r} behind {text}",
                        (field, [*before, this, *added, *after]),
                    )
            yield from rewritten(field, before, this, after)


def rewritten(
    field: str, before: list[ast.stmt], this: ast.stmt, after: list[ast.stmt]
) -> Iterator[tuple[str, tuple[str, list[ast.stmt]]]]:
    """Yield other ways to write one statement, right ones and others."""
    match this:
        case ast.Assign(value=value) | ast.Return(value=value) if value is not None:
            for index, call in enumerate(ast.walk(value)):
                if call is value or not isinstance(call, ast.Call):
                    continue
                new = copy.deepcopy(this)
                twin = list(ast.walk(new.value))[index]
                put(new, twin, ast.Name("inner", ast.Load()))
                first = ast.Assign([ast.Name("inner", ast.Store())], call)
                yield (
                    f"rewritten: call {index} in a statement of its own",
                    (
                        field,
                        [*before, first, new, *after],
                    ),
                )
            if isinstance(this, ast.Return):
                first = ast.Assign([ast.Name("result", ast.Store())], value)
                last = ast.Return(ast.Name("result", ast.Load()))
                yield "rewritten: result has a name", (field, [*before, first, last, *after])
        case ast.For(target, iterated, body):
            for text in LOOPS:
                loop = ast.For(target, expression(text, iterated), body, [])
                yield f"loop: over {text}", (field, [*before, loop, *after])
            yield (
                "loop: only once",
                (
                    field,
                    [*before, ast.For(target, iterated, [*body, ast.Break()], []), *after],
                ),
            )
            things = ast.Assign([ast.Name("things", ast.Store())], expression("list(_)", iterated))
            take = ast.Assign([target], expression("things[index]"))
            loop = ast.For(
                ast.Name("index", ast.Store()), expression("range(len(things))"), [take, *body], []
            )
            yield "rewritten: by index", (field, [*before, things, loop, *after])
        case ast.If(test, body, orelse):
            negated = ast.UnaryOp(ast.Not(), test)
            yield "condition: negated", (field, [*before, ast.If(negated, body, orelse), *after])
            if orelse:
                turned = ast.If(negated, orelse, body)
                yield "rewritten: branches exchanged", (field, [*before, turned, *after])
            yield "branch: first", (field, [*before, *body, *after])


class Renaming(ast.NodeTransformer):
    """Gives a function's locals other names."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.names.get(node.id, node.id), node.ctx)


def renamed(tree: ast.Module, owner: str, name: str) -> ast.Module:
    """Return a copy in which one function's locals have other names; arguments keep theirs."""
    new = copy.deepcopy(tree)
    function = found(new, owner, name)
    arguments = {argument.arg for argument in function.args.args}
    Renaming({n: f"my_{n}" for n in locals_of(function) - arguments}).visit(function)
    return ast.fix_missing_locations(new)
