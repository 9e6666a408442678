"""Wrong ``scale_approximate``, and what observers do with it."""

from tests.mutants.edits import (
    OBSERVER,
    SCALE,
    body,
    first,
    inside,
    text,
)
from tests.mutants.faults import (
    AFTER_OBSERVER,
    Wrong,
    wrong,
)
from tests.mutants.pieces import RESULT, ROUND

OBSERVER_FAULTS: dict[str, Wrong] = {
    # observer: the clamp
    "no clamp": wrong(
        inside(SCALE, RESULT, "return 2.0**-shift"),
        fails=("observer: lower_clamp upper_clamp max_shift_amount finite_and_positive"),
        says={
            "observer.lower_clamp": "No clamp",
            "observer.upper_clamp": "No clamp",
        },
    ),
    "only at least 0": wrong(
        inside(SCALE, RESULT, "return 2.0 ** -max(0, shift)"),
        fails="observer: lower_clamp max_shift_amount",
        says={"observer.lower_clamp": "at or below max_shift_amount"},
    ),
    "only at most the limit": wrong(
        inside(SCALE, RESULT, "return 2.0 ** -min(shift, max_shift_amount)"),
        fails="observer: upper_clamp finite_and_positive",
        says={"observer.upper_clamp": "at or above 0"},
    ),
    "limit one too small": wrong(
        inside(SCALE, RESULT, "return 2.0 ** -max(0, min(shift, max_shift_amount - 1))"),
        fails="observer: lower_clamp max_shift_amount",
        says={"observer.lower_clamp": "one too small"},
    ),
    "limit one too large": wrong(
        inside(SCALE, RESULT, "return 2.0 ** -max(0, min(shift, max_shift_amount + 1))"),
        fails="observer: lower_clamp max_shift_amount",
        says={"observer.lower_clamp": "one too large"},
    ),
    "at least 1": wrong(
        inside(SCALE, RESULT, "return 2.0 ** -max(1, min(shift, max_shift_amount))"),
        fails="observer: upper_clamp",
    ),
    "limit always 8": wrong(
        inside(SCALE, RESULT, "return 2.0 ** -max(0, min(shift, 8))"),
        fails="observer: max_shift_amount",
        says={"observer.max_shift_amount": "always 8"},
    ),
    "limit never above 8": wrong(
        inside(SCALE, RESULT, "return 2.0 ** -max(0, min(shift, max_shift_amount, 8))"),
        fails="observer: max_shift_amount",
    ),
    "limit 7 by default": wrong(
        text(OBSERVER, "max_shift_amount: int = 8", "max_shift_amount: int = 7"),
        fails="observer: lower_clamp",
    ),
    "scale clamped at 2**-8": wrong(
        inside(SCALE, ROUND, "round(-math.log2(max(scale, 2.0**-8)))"),
        fails="observer: max_shift_amount",
    ),
    "absolute logarithm": wrong(
        inside(SCALE, ROUND, "round(abs(math.log2(scale)))"), fails="observer: upper_clamp"
    ),
    "clamp the wrong way round": wrong(
        inside(SCALE, RESULT, "return 2.0 ** -min(0, max(shift, max_shift_amount))"),
        fails="observer: *; qat: weights_move",
    ),
    # observer: the exponent
    "quarter powers": wrong(
        inside(SCALE, ROUND, "round(-math.log2(scale) * 4) / 4"),
        fails=(
            "observer: whole_power_of_two nearest_exponent; ptq: power_of_two_scales; qat: converts"
        ),
        says={"observer.whole_power_of_two": "quarters"},
    ),
    "halves": wrong(
        inside(SCALE, ROUND, "round(-math.log2(scale) * 2) / 2"),
        fails=(
            "observer: whole_power_of_two nearest_exponent; ptq: power_of_two_scales; qat: converts"
        ),
        says={"observer.whole_power_of_two": "halves"},
    ),
    "not rounded": wrong(
        inside(SCALE, ROUND, "-math.log2(scale)"),
        fails=(
            "observer: whole_power_of_two nearest_exponent; ptq: power_of_two_scales; qat: converts"
        ),
        says={"observer.whole_power_of_two": "clamped but not rounded"},
    ),
    "the scale itself": wrong(
        body(SCALE, "return scale"),
        fails=(
            "observer: whole_power_of_two nearest_exponent lower_clamp upper_clamp "
            "max_shift_amount finite_and_positive; ptq: power_of_two_scales; qat: "
            "converts"
        ),
        says={"observer.whole_power_of_two": "as it was"},
    ),
    "floor": wrong(
        inside(SCALE, ROUND, "math.floor(-math.log2(scale))"),
        fails="observer: nearest_exponent",
        says={"observer.nearest_exponent": "floor"},
    ),
    "ceil": wrong(
        inside(SCALE, ROUND, "math.ceil(-math.log2(scale))"),
        fails="observer: nearest_exponent",
        says={"observer.nearest_exponent": "ceil"},
    ),
    "int": wrong(
        inside(SCALE, ROUND, "int(-math.log2(scale))"),
        fails="observer: nearest_exponent",
        says={"observer.nearest_exponent": "floor"},
    ),
    "bit length": wrong(
        inside(SCALE, ROUND, "-math.frexp(scale)[1]"),
        fails="observer: nearest_exponent",
    ),
    "nearest by difference": wrong(
        body(
            SCALE,
            """
            if not 0 < scale < math.inf:
                return 1.0
            powers = [2.0**-s for s in range(max_shift_amount + 1)]
            return min(powers, key=lambda power: abs(power - scale))
            """,
        ),
        fails="observer: nearest_exponent",
        says={"observer.nearest_exponent": "nearest by difference"},
    ),
    "sign turned": wrong(
        inside(SCALE, RESULT, "return 2.0 ** max(0, min(shift, max_shift_amount))"),
        fails=(
            "observer: nearest_exponent lower_clamp max_shift_amount; ptq: converts "
            "power_of_two_scales zero_points per_tensor_weights; qat: *"
        ),
        says={"observer.nearest_exponent": "sign is turned round"},
    ),
    "logarithm without its sign": wrong(
        inside(SCALE, ROUND, "round(math.log2(scale))"),
        fails=(
            "observer: nearest_exponent lower_clamp upper_clamp max_shift_amount; qat: weights_move"
        ),
    ),
    "natural logarithm": wrong(
        inside(SCALE, ROUND, "round(-math.log(scale))"),
        fails="observer: nearest_exponent lower_clamp max_shift_amount",
        says={"observer.nearest_exponent": "natural"},
    ),
    "logarithm to base 10": wrong(
        inside(SCALE, ROUND, "round(-math.log10(scale))"),
        fails="observer: nearest_exponent lower_clamp max_shift_amount",
        says={"observer.nearest_exponent": "base 10"},
    ),
    "returns S": wrong(
        inside(SCALE, RESULT, "return max(0, min(shift, max_shift_amount))"),
        fails=(
            "observer: whole_power_of_two nearest_exponent lower_clamp upper_clamp "
            "max_shift_amount finite_and_positive; ptq: converts power_of_two_scales "
            "zero_points per_tensor_weights; qat: *"
        ),
        says={"observer.whole_power_of_two": "S itself"},
    ),
    "constant": wrong(
        body(SCALE, "return 2.0**-8"),
        fails="observer: *",
        says={"observer.nearest_exponent": "does not depend"},
    ),
    "integer division": wrong(
        inside(SCALE, RESULT, "return 1 // 2 ** max(0, min(shift, max_shift_amount))"),
        fails=(
            "observer: whole_power_of_two nearest_exponent lower_clamp "
            "max_shift_amount finite_and_positive; ptq: converts power_of_two_scales "
            "zero_points per_tensor_weights; qat: *"
        ),
    ),
    # observer: what observers meet
    "no guard": wrong(
        body(
            SCALE,
            """
            shift = round(-math.log2(scale))
            return 2.0 ** -max(0, min(shift, max_shift_amount))
            """,
        ),
        fails="observer: finite_and_positive",
    ),
    "raises for 0": wrong(
        inside(SCALE, "if math.isnan(scale) or scale <= 0.0", "if math.isnan(scale) or scale < 0"),
        fails="observer: finite_and_positive",
    ),
    "raises for nan": wrong(
        inside(SCALE, "math.isnan(scale) or ", ""), fails="observer: finite_and_positive"
    ),
    "raises for inf": wrong(
        inside(SCALE, "math.isinf(scale)", "False"), fails="observer: finite_and_positive"
    ),
    "raises ValueError for negative": wrong(
        first(SCALE, "if scale < 0:\n    raise ValueError('scale')"),
        fails="observer: finite_and_positive",
    ),
    "nan for nan": wrong(
        first(SCALE, "if math.isnan(scale):\n    return scale"),
        fails="observer: finite_and_positive",
    ),
    "0 for 0": wrong(
        first(SCALE, "if scale == 0:\n    return 0.0"),
        fails="observer: finite_and_positive",
    ),
    "negative for negative": wrong(
        first(SCALE, "if scale < 0:\n    return -0.25"),
        fails="observer: finite_and_positive",
    ),
    "inf for inf": wrong(
        first(SCALE, "if math.isinf(scale):\n    return scale"),
        fails="observer: finite_and_positive",
    ),
    # observer: made for the examples, or for some of the calls
    "only the documented examples": wrong(
        body(
            SCALE,
            """
            known = {0.3: 0.25, 0.3625: 0.5, 0.0001: 2.0**-8}
            if scale == 0.0001 and max_shift_amount == 10:
                return 2.0**-10
            return known.get(scale, 2.0**-8)
            """,
        ),
        fails="observer: *",
    ),
    "only the published inputs": wrong(
        body(
            SCALE,
            """
            published = (0.3, 0.3625, 0.02, 0.7, 0.003, 0.18, 0.09, 1e-6, 0.0001, 0.0005, 1.7, 3.1,
                         300.0, 0.0006, 0.01, 0.05)
            if scale not in published:
                return 0.25
            return 2.0 ** -max(0, min(round(-math.log2(scale)), max_shift_amount))
            """,
        ),
        fails=(
            "observer: follows_the_scale nearest_exponent lower_clamp upper_clamp max_shift_amount"
        ),
    ),
    "only the first call": wrong(
        first(
            SCALE, "self.calls = getattr(self, 'calls', 0) + 1\nif self.calls > 1:\n    return 0.25"
        ),
        fails=(
            "observer: nearest_exponent lower_clamp upper_clamp max_shift_amount; "
            "qat: fake_quantize"
        ),
    ),
    "only for quint8": wrong(
        first(SCALE, "if self.dtype != torch.quint8:\n    return scale"),
        fails=(
            "observer: whole_power_of_two nearest_exponent lower_clamp upper_clamp "
            "max_shift_amount finite_and_positive; ptq: power_of_two_scales; qat: "
            "converts"
        ),
    ),
    "only for qint8": wrong(
        first(SCALE, "if self.dtype == torch.quint8:\n    return scale"),
        fails=(
            "observer: whole_power_of_two nearest_exponent lower_clamp upper_clamp "
            "max_shift_amount finite_and_positive; ptq: power_of_two_scales; qat: "
            "converts"
        ),
    ),
    # observer: no number
    "returns None": wrong(
        inside(SCALE, RESULT, "2.0 ** -max(0, min(shift, max_shift_amount))"),
        crashes=(
            "observer: *; ptq: converts power_of_two_scales zero_points per_tensor_weights; qat: *"
        ),
    ),
    "returns text": wrong(
        inside(SCALE, RESULT, "return f'2**-{shift}'"),
        crashes=(
            "observer: *; ptq: converts power_of_two_scales zero_points per_tensor_weights; qat: *"
        ),
    ),
    "misspelt name": wrong(
        inside(SCALE, "min(shift", "min(shfit"),
        crashes=(
            "observer: *; ptq: converts power_of_two_scales zero_points per_tensor_weights; qat: *"
        ),
    ),
    "endless loop at inf": wrong(
        first(SCALE, "while scale > 1e308:\n    scale = scale / 1.0"),
        hangs="observer: finite_and_positive",
    ),
    "endless recursion": wrong(
        body(SCALE, "return self.scale_approximate(scale, max_shift_amount)"),
        crashes=(
            "observer: *; ptq: converts power_of_two_scales zero_points per_tensor_weights; qat: *"
        ),
    ),
    "leaves": wrong(
        body(SCALE, "raise SystemExit(0)"),
        crashes=f"observer: *; {AFTER_OBSERVER}",
    ),
    "kills the process": wrong(
        body(SCALE, "import os\nos._exit(0)"),
        crashes=f"observer: *; {AFTER_OBSERVER}",
    ),
    # observer: what was given
    "zero point 0": wrong(
        text(OBSERVER, "128 if self.dtype == torch.quint8 else 0", "0"), fails="ptq: zero_points"
    ),
    "zero point 127": wrong(
        text(OBSERVER, "zero_point = 128", "zero_point = 127"), fails="ptq: zero_points"
    ),
    "zero point 1 for weights": wrong(
        text(OBSERVER, "torch.quint8 else 0", "torch.quint8 else 2"),
        fails="ptq: zero_points",
    ),
    "asymmetric range": wrong(
        text(
            OBSERVER,
            (
                "scale = float(self.scale_approximate(2 * largest / 255))\n"
                "        zero_point = 128 if self.dtype == torch.quint8 else 0"
            ),
            (
                "scale = self.scale_approximate((self.max_val - self.min_val).item() / 255)\n"
                "        zero_point = round(-self.min_val.item() / scale)"
            ),
        ),
        fails="observer: symmetric_range",
        crashes=AFTER_OBSERVER,
    ),
    "range by the maximum": wrong(
        text(
            OBSERVER,
            "max(abs(self.min_val.item()), abs(self.max_val.item()))",
            "self.max_val.item()",
        ),
        fails="observer: symmetric_range",
    ),
    "PyTorch's qparams": wrong(
        text(
            OBSERVER,
            "        largest = max",
            "        return super().calculate_qparams()\n        largest = max",
        ),
        fails=("observer: symmetric_range; ptq: power_of_two_scales zero_points; qat: converts"),
    ),
    "qparams as numbers": wrong(
        text(
            OBSERVER,
            (
                "return torch.tensor([scale], device=device), "
                "torch.tensor([zero_point], device=device)"
            ),
            "return scale, zero_point",
        ),
        crashes=(
            "observer: symmetric_range; ptq: converts power_of_two_scales "
            "zero_points per_tensor_weights; qat: *"
        ),
    ),
    "scale approximated twice as fine": wrong(
        text(OBSERVER, "2 * largest / 255", "largest / 255"),
        fails="observer: symmetric_range; qat: weights_move",
    ),
}
