"""Formulas of a report by what they compute: the scale of a range, the shift of a scale, sums."""

import ast
import itertools
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal

from tools.review.reading.expressions import UnknownError, compute, parsed, python_of
from tools.review.reading.mappings import mapping_of
from tools.review.reading.quantities import DIGITS, exactly
from tools.review.reading.statements import Place, Statement

BARE = re.compile(
    r"(?<![\w=/])(?:2(?:\.0)?\s*[*·×]?\s*)?max\s*\([^()=\n]{3,50}(?:\([^()]{0,20}\)[^()=\n]{0,30})*\)"
    r"(?:\s*[*·×]\s*2)?\s*/\s*\(?\s*\d+(?:\.\d+)?(?:\s*/\s*2)?"
)
STOP = re.compile(r"[;。]\s*|\.\s+(?=[A-Z])|\n")
STAR = re.compile(r"\^\{?\*\}?")
LOWEST, HIGHEST = -0.7, 1.3  # a range whose scale tells all known mistakes apart
SCALE = 2 * HIGHEST / 255
PRODUCT = re.compile(r"[\w)]\s?\*\s?[\w(]")
PIECE = re.compile(r"\$\$(.+?)\$\$|\$([^$\n]+)\$|`([^`\n]+)`", re.S)
ASSIGNED = re.compile(
    r"(?<![A-Za-z_0-9.{\\/])(?P<name>\\?[A-Za-zΔ][A-Za-z_']{0,24}(?:_?\{[^{}]{1,20}\})?(?:\^\{?\*\}?)?)"
    r"(?:\([^()=]{1,40}\))?\s*(?::=|[=≈←]|\\approx|\b(?:is|equals|becomes)\b|[為为是])(?!=)\s*(?=(?P<value>[^=≈\n]{3,240}))"
)
SCALE_NAME = re.compile(r"^\\?(?:s|scale\w*|\w*_scale|Delta|Δ|S_?[xw]|s_?\w{1,7})$")
SHIFT_NAME = re.compile(r"^\\?(?:S|shift\w*|shamt|n|k|exp|exponent|power|p|e)$")
SCALES = (0.3, 0.3625, 0.7, 0.02, 0.003, 1.3, 3.1, 1e-6)
# Where an expression may end in the middle of a sentence.
ENDS = re.compile(r"(?:[,;。]|\.(?=\s|$)|\s(?=[A-Za-z]{2,}\s)|\s\s|[\u2e80-\u9fff]|\\quad|\\qquad)")
MOST_ENDS = 8
OPERAND = r"(?:log_?2|round|abs|sqrt|MiB|MB|GB|KB|ms|pp|points?|%|[xX×](?=\s*[=≈)])|[\d.,()+\-*/×÷^|\s−–])"
LEFT = re.compile(rf"{OPERAND}+$")
RIGHT = re.compile(
    rf"\s*(?P<sign>[+−–-]?)\s*(?P<digits>{DIGITS})"
    r"(?:[eE](?P<power>-?\d+)|\s*[×*·x]\s*10\s*\^\s*\{?(?P<ten>[-−]?\d+)\}?)?"
    r"\s*(?P<unit>%|[x×](?!\s*\d)|倍)?"
    r"(?![\d.]*\s*[-+*/×÷^]\s*[\d(])(?!\d)"
)
UNIT = re.compile(r"MiB|MB|GB|KB|ms|pp|points?|%|[xX×](?=\s*(?:$|\)))|(?<=\d),(?=\d{3})")
CROSS = re.compile(r"(?<=\d)\s*[xX]\s*(?=\d)")
NUMERAL = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])")
REACH = 90


def name_value(name: str) -> float | None:
    """Return what a variable stands for in a formula of the scale."""
    lower = name.lower().strip("_'")
    if lower in ("b", "bits", "n", "n_bits", "nbits", "num_bits", "k"):
        return 8.0
    if re.search(r"q(?:uant)?_?max|q_?\{?max", lower):
        return 255.0
    if re.search(r"q(?:uant)?_?min|q_?\{?min", lower):
        return 0.0
    if re.search(r"abs|amax|^m$|alpha|^a$|^t$|threshold|bound|magnitude", lower):
        return HIGHEST
    if "min" in lower:
        return LOWEST
    if "max" in lower and "shift" not in lower:
        return HIGHEST
    return None


def read_formulas(text: str, raw: str, place: Place) -> Iterator[Statement]:
    """Yield what the formulas of a paragraph or line of code compute."""
    seen: set[tuple[str, int]] = set()
    pieces = [
        (next(g for g in m.groups() if g), raw.count("\n", 0, m.start()))
        for m in PIECE.finditer(raw)
    ]
    pieces += [(line, offset) for offset, line in enumerate(text.split("\n"))]
    if "**" not in raw:  # an asterisk may be no emphasis
        pieces += [(s, n) for n, s in enumerate(raw.split("\n")) if PRODUCT.search(s)]
    for piece, offset in pieces:
        for match in ASSIGNED.finditer(piece[:2000]):
            line = place.line + offset + piece.count("\n", 0, match.start())
            at = Place(line, place.section, around(piece, match.start()), "formula")
            for statement in judged(match["name"], match["value"], at):
                if (statement.metric, line) not in seen:
                    seen.add((statement.metric, line))
                    yield statement
    for offset, line_text in enumerate(text.split("\n")):
        line = place.line + offset
        if ("scale factor", line) not in seen:
            yield from _bare(line_text, replace(place, line=line, where="formula"))
        at = Place(place.line + offset, place.section, line_text.strip(), "formula")
        yield from equations(line_text, at)


def _bare(text: str, place: Place) -> Iterator[Statement]:
    """Yield the scale of an expression that is assigned to nothing: "takes 2*max(...)/255"."""
    for match in BARE.finditer(text[:2000]):
        node = parsed(python_of(match[0]))
        if node is None:
            continue
        names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        statement = scale_of(node, names, replace(place, text=around(text, match.start())))
        if statement is not None:
            yield statement
            return


def around(text: str, position: int) -> str:
    """Return the sentence of a text that a formula stands in."""
    start = max((m.end() for m in STOP.finditer(text[:position])), default=0)
    end = STOP.search(text, position)
    return text[start : end.end() if end else len(text)].strip()


def judged(name: str, value: str, place: Place) -> Iterator[Statement]:
    """Yield what one assignment of a scale or shift computes."""
    name = re.sub(r"[{}^*]", "", name)
    value = STAR.sub("", value)
    if (statement := mapping_of(name, value, place)) is not None:
        yield statement
        return
    is_scale, is_shift = bool(SCALE_NAME.match(name)), bool(SHIFT_NAME.match(name))
    if not is_scale and not is_shift:
        return
    for node in expressions(value):
        names = {
            n.id if isinstance(n, ast.Name) else n.attr
            for n in ast.walk(node)
            if isinstance(n, ast.Name | ast.Attribute)
        }
        if is_scale and (statement := scale_of(node, names, place)):
            yield statement
            return
        if (statement := shift_of(node, names, is_scale, place)) is not None:
            yield statement
            return


def expressions(value: str) -> Iterator[ast.expr]:
    """Yield what a formula may be, the longest reading first: prose may follow it."""
    ends = [len(value), *reversed([m.start() for m in ENDS.finditer(value)][:MOST_ENDS])]
    for end in ends:
        node = parsed(python_of(value[:end].strip().rstrip(".,;:")))
        if node is not None and not isinstance(node, ast.Name | ast.Constant | ast.Tuple):
            yield node
            return


def scale_of(node: ast.expr, names: set[str], place: Place) -> Statement | None:
    """Return the scale of a known range, relative to the right one."""
    values = {name: v for name in names if (v := name_value(name)) is not None}
    values |= dict(zip(ends_of(node), (LOWEST, HIGHEST), strict=False))
    magnitudes = [n for n in names if values.get(n) in (HIGHEST, LOWEST)]
    if not magnitudes:
        return None
    try:
        scale = compute(node, values)
    except UnknownError:
        return None
    if scale == 0 or not math.isfinite(scale):
        return None
    return Statement("", "scale factor", "is", place, exactly(Decimal(f"{scale / SCALE:.4f}")))


def ends_of(node: ast.expr) -> list[str]:
    """Return the two names whose magnitudes are compared, the ends of a range: max(|a|, |b|)."""
    for call in ast.walk(node):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            continue
        inner = [a.args[0] for a in call.args if isinstance(a, ast.Call) and len(a.args) == 1]
        names = [n.id for n in inner if isinstance(n, ast.Name)]
        if call.func.id == "max" and len(names) == len(call.args) == 2:
            return names
        if call.func.id == "max" and len(names) == len(call.args) == 1:
            return ["", *names]  # of one tensor
    return []


def shift_of(node: ast.expr, names: set[str], is_scale: bool, place: Place) -> Statement | None:
    """Return what is wrong with a formula of S, or of 2**-S; None when it is no such formula."""
    of_scale = [n for n in names if re.fullmatch(r"s\w{0,6}|scale\w*|\w*_scale|x|Delta|Δ", n)]
    called = {
        c.func.id
        for c in ast.walk(node)
        if isinstance(c, ast.Call) and isinstance(c.func, ast.Name)
    }
    logs = {n for n in names if n in ("log2", "log")} | ({"log2", "log"} & called)
    if not logs or not of_scale:
        return _power(node, names, place) if is_scale else _limits(node, names, place)

    def shift(scale: float) -> float:
        values = dict.fromkeys(of_scale, scale)
        values |= {n: 8.0 for n in names if "max" in n.lower() or "shift" in n.lower()}
        value = compute(node, values)
        return -math.log2(value) if is_scale else value

    fault = diagnose(shift)[0]
    return Statement("", "shift", fault, place) if fault else None


def _limits(node: ast.expr, names: set[str], place: Place) -> Statement | None:
    """Return what a formula that only limits S does wrong: max(min(S, 0), 8) is always 8."""
    own = [n for n in names if SHIFT_NAME.match(n) and "max" not in n]
    called = {
        c.func.id
        for c in ast.walk(node)
        if isinstance(c, ast.Call) and isinstance(c.func, ast.Name)
    }
    if len(own) != 1 or not called & {"min", "max", "clip", "clamp"}:
        return None
    others = {n: 8.0 for n in names if "max" in n.lower() and n not in ("max",)}
    try:
        low, inner, high = (compute(node, {**others, own[0]: v}) for v in (-3.0, 4.0, 20.0))
    except UnknownError:
        return None
    if (low, inner, high) == (0, 4, 8):
        return None
    if inner != 4:
        return Statement("", "shift", f"at all times {inner:.0f}", place)
    fault = (
        f"at least {low:.0f}"
        if low not in (0, -3)
        else f"at most {high:.0f}"
        if high not in (8, 20)
        else ""
    )
    return Statement("", "shift", fault, place) if fault else None


def _power(node: ast.expr, names: set[str], place: Place) -> Statement | None:
    """Return a scale of 2**S as a statement."""
    others = [n for n in names if n in ("S", "shift", "n", "k", "shift_amount")]
    if len(others) != 1 or not any(isinstance(n, ast.Pow) for n in ast.walk(node)):
        return None
    try:
        eighth, whole = compute(node, {others[0]: 3.0}), compute(node, {others[0]: 4.0})
    except UnknownError:
        return None
    if (eighth, whole) == (8.0, 16.0) and others[0] in ("S", "shift", "shift_amount"):
        return Statement("", "positive power", "is", place)
    if abs(whole / eighth - 0.5) > 0.01 and whole / eighth < 1:
        return Statement("", "shift", "fraction", place)
    return None


def diagnose(shift: Callable[[float], float]) -> tuple[str, ...]:
    """Return what a function from scales to shifts does wrong: nothing when that is unclear."""
    found = _rounding(shift)
    return (found,) if found in ("", "right") else (found, *_range(shift))


def _range(shift: Callable[[float], float]) -> tuple[str, ...]:
    """Return what is wrong with the limits of a shift whose rounding is wrong."""
    try:
        low, high = shift(3.1), shift(1e-6)
    except (UnknownError, ValueError, ArithmeticError):
        return ()
    if 0 < low <= 8 or (low < 0 and high == 8):
        return (f"at least {low:.0f}",)
    return (f"at most {high:.0f}",) if 0 < high < 18 and high != 8 else ()


def _rounding(shift: Callable[[float], float]) -> str:
    found: dict[float, float] = {}
    for scale in SCALES:
        try:
            found[scale] = shift(scale)
        except (UnknownError, ValueError, ArithmeticError):
            return ""
    exact = {scale: -math.log2(scale) for scale in SCALES}
    inner = [s for s in SCALES if 0 <= exact[s] <= 8 and s != 0.003]
    if any(not math.isfinite(v) for v in found.values()):
        return ""
    if all(abs(found[s] + round(exact[s])) < 1e-6 for s in inner):
        return "sign"
    if any(abs(found[s] - round(found[s])) > 1e-6 for s in inner):
        quarters = all(abs(4 * found[s] - round(4 * found[s])) < 1e-6 for s in inner)
        halves = all(abs(2 * found[s] - round(2 * found[s])) < 1e-6 for s in inner)
        is_exact = all(abs(found[s] - exact[s]) < 1e-6 for s in inner)
        return "fraction" if quarters or halves else "unrounded" if is_exact else ""
    if all(found[s] == math.floor(exact[s]) for s in inner):
        return "floor"
    if all(found[s] == math.ceil(exact[s]) for s in inner):
        return "ceil"
    if any(found[s] != round(exact[s]) for s in inner if abs(exact[s] % 1 - 0.5) > 0.05):
        return ""
    high, low = found[1e-6], found[3.1]
    if high not in (8, 20) and high < 18:
        return f"at most {high:.0f}"
    if low > 0:
        return f"at least {low:.0f}"
    if low < 0 and high == 8:  # only the upper limit is kept
        return f"at least {low:.0f}"
    return "right"


def equations(text: str, place: Place) -> Iterator[Statement]:
    """Yield sums that a line prints: "93.96 - 92.99 = 0.97" as its two sides."""
    text = CROSS.sub(" × ", text[:1000])
    for sign in re.finditer(r"(?<![<>!=:])(?:=|≈|\\approx)(?!=)", text):
        right = RIGHT.match(text, sign.end())
        left = LEFT.search(text[max(0, sign.start() - REACH) : sign.start()])
        if not right or not left:
            continue
        shown = UNIT.sub("", left[0]).strip().lstrip(".,)/*+=×÷^|- ")
        if len(NUMERAL.findall(shown)) < 2 or shown.count("(") != shown.count(")"):
            continue
        value = values_of(shown)
        if value is None:
            continue
        printed = right["digits"].replace(",", "")
        power = int((right["power"] or right["ten"] or "0").replace("−", "-"))
        number = Decimal(printed).scaleb(power)
        number = -number if right["sign"] not in ("", "+") else number
        step = Decimal(1).scaleb(power - len(printed.partition(".")[2]))
        is_about = sign[0] != "="
        if not agrees(value, float(number), float(step), is_about):
            nominal = (value[0] + value[1]) / 2
            yield Statement(
                "",
                "equation",
                f"{nominal:.6g}",
                Place(place.line, place.section, f"{shown} = {right[0].strip()}", "formula"),
            )


def values_of(shown: str) -> tuple[float, float] | None:
    """Return the least and most that an expression of rounded numbers may be."""
    text = python_of(shown)
    node = parsed(text)
    if node is None or isinstance(node, ast.Constant):
        return None
    numbers = list(dict.fromkeys(n for n in NUMERAL.findall(text) if "." in n))[:4]
    values = []
    for signs in itertools.product((-1, 1), repeat=len(numbers)):
        moved = text
        for digits, sign in zip(numbers, signs, strict=True):
            half = 0.5 * 10 ** -len(digits.partition(".")[2]) * 0.999
            moved = re.sub(
                rf"(?<![\w.]){re.escape(digits)}(?![\w.])",
                f"({float(digits) + sign * half!r})",
                moved,
            )
        tree = parsed(moved)
        if tree is None:
            return None
        try:
            values.append(compute(tree, {}))
        except UnknownError:
            return None
    return (min(values), max(values)) if all(map(math.isfinite, values)) else None


def agrees(value: tuple[float, float], number: float, step: float, is_about: bool) -> bool:
    slack = step * (1.0 if is_about else 0.51) + 1e-9
    slack += abs(number) * 0.02 * is_about
    for factor in (1, 100, 0.01):
        for side in (1, -1):
            low, high = sorted((value[0] * factor * side, value[1] * factor * side))
            if low - slack <= number <= high + slack:
                return True
    # What is left, or saved, of a whole.
    low, high = sorted((100 - 100 * value[0], 100 - 100 * value[1]))
    return low - slack <= number <= high + slack
