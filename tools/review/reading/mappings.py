"""Formulas that quantize or dequantize, computed for one value: q = round(x / s) + z and back."""

import ast
import re

from tools.review.reading.expressions import UnknownError, compute, parsed, python_of
from tools.review.reading.statements import Place, Statement

SCALE = re.compile(r"^(?:s|scale|s_x|S_x|Delta|\u0394)$")
ZERO = re.compile(r"^(?:z|zp|zero_point|zero|Z|z_x|o|offset)$")
REAL = re.compile(
    r"^(?:\\?hat)?_?(?:x|r|w|v|f|a|x_hat|r_hat|x_f|x_float|real|x_real|dq|x_dq)$", re.I
)
INTEGER = re.compile(r"^(?:q|x_q|xq|q_x|x_int|x_quant|q_i|w_q)$", re.I)
IMPLIED = re.compile(r"(?<![A-Za-z_])(s|scale|\u0394)\s*\(")
TIMES = re.compile(r"(?<=[A-Za-z0-9)])\s*(?:\\cdot|\\times|[\u00d7\u00b7\u22c5])\s*")
WIDTH, POINT, INSIDE, CODE = 0.25, 5.0, 3.0, 17.0
QUANTIZED = {
    6.0: "this multiplies by the scale instead of dividing by it",
    1.0: "this multiplies by the scale instead of dividing by it",
    7.0: "the zero point is added, not subtracted",
}
REGAINED = {
    5.5: "the zero point is subtracted from q, not added",
    -0.75: "the zero point is subtracted before q is multiplied by the scale",
    48.0: "this divides by the scale instead of multiplying by it",
    68.0: "this divides by the scale instead of multiplying by it",
}


def mapping_of(name: str, value: str, place: Place) -> Statement | None:
    """Return what a formula of q or x does wrong, or None."""
    name = re.sub(r"[{}^*\\]|hat|tilde|bar", "", name).strip("_ ")
    is_back = REAL.match(name) is not None
    if not is_back and not INTEGER.match(name):
        return None
    shown = IMPLIED.sub(r"\1 * (", TIMES.sub(" * ", value))
    for end in _ends(shown):
        node = parsed(python_of(shown[:end].strip().rstrip(".,;:")))
        if node is None or isinstance(node, ast.Name | ast.Constant | ast.Tuple):
            continue
        names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        scales = [n for n in names if SCALE.match(n)]
        zeros = [n for n in names if ZERO.match(n)]
        inner = [n for n in names if (INTEGER if is_back else REAL).match(n)]
        if len(scales) != 1 or len(inner) != 1 or len(zeros) > 1:
            return None
        values = {scales[0]: WIDTH, inner[0]: CODE if is_back else INSIDE}
        values |= dict.fromkeys(zeros, POINT)
        values |= {
            n: 255.0 if "max" in n.lower() else 0.0
            for n in names
            if "q" in n.lower() and n not in values
        }
        try:
            found = compute(node, values)
        except UnknownError:
            return None
        fault = (REGAINED if is_back else QUANTIZED).get(found)
        return Statement("", "mapping", fault, place) if fault else None
    return None


def _ends(value: str) -> list[int]:
    """Return where an expression may end: with the text, or where prose begins."""
    cuts = [
        m.start()
        for m in re.finditer(
            r"[;\u3002$]|,(?=\s|[\u2e80-\u9fff])|[\u2e80-\u9fff]|\.(?=\s|$)|\s(?=[A-Za-z]{3,}\s)",
            value,
        )
    ]
    return [len(value), *reversed(cuts[:8])]
