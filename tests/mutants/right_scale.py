"""The right ``scale_approximate`` in other idioms."""

from tests.mutants.edits import (
    NETWORK,
    OBSERVER,
    SCALE,
    Change,
    below,
    body,
    first,
    inside,
    text,
)
from tests.mutants.pieces import RESULT, ROUND

GUARD = "if math.isnan(scale) or scale <= 0.0:"
SCALE_HEAD = "    def scale_approximate(self, scale: float, max_shift_amount: int = 8)"

SCALE_IDIOMS: dict[str, tuple[Change, ...]] = {
    "int for large scales": (
        inside(
            SCALE, RESULT, f"result = {RESULT[7:]}\n        return 1 if result == 1 else result"
        ),
    ),
    "one-element tensor": (inside(SCALE, RESULT, f"return torch.tensor([{RESULT[7:]}])"),),
    "tensor without dimensions": (inside(SCALE, RESULT, f"return torch.tensor({RESULT[7:]})"),),
    "NumPy's number": (
        below(OBSERVER, "import numpy as np"),
        inside(SCALE, RESULT, f"return np.float32({RESULT[7:]})"),
    ),
    "NumPy's array": (
        below(OBSERVER, "import numpy"),
        inside(SCALE, RESULT, f"return numpy.array({RESULT[7:]})"),
    ),
    "logarithm to any base": (inside(SCALE, ROUND, "round(-math.log(scale, 2))"),),
    "quotient of logarithms": (inside(SCALE, ROUND, "round(-math.log(scale) / math.log(2))"),),
    "np.log2": (
        below(OBSERVER, "import numpy as np"),
        inside(SCALE, ROUND, "int(np.round(-np.log2(scale)))"),
    ),
    "torch.log2": (
        inside(SCALE, ROUND, "int(torch.round(-torch.log2(torch.tensor(scale))).item())"),
        inside(SCALE, GUARD, "if math.isnan(scale) or scale <= 1e-30:"),
        inside(SCALE, "math.isinf(scale)", "scale > 1e30"),
    ),
    "all in torch": (
        body(
            SCALE,
            """
            exact = -torch.log2(torch.tensor(float(scale), dtype=torch.float64))
            shift = torch.nan_to_num(exact, nan=0.0).round().clamp(0, max_shift_amount)
            return torch.pow(2.0, -shift)
            """,
        ),
    ),
    "floor of x + 0.5": (inside(SCALE, ROUND, "math.floor(-math.log2(scale) + 0.5)"),),
    "int of x + 0.5": (inside(SCALE, ROUND, "int(-math.log2(scale) + 0.5)"),),
    "rounded without its sign": (inside(SCALE, ROUND, "-round(math.log2(scale))"),),
    "clamped before it is rounded": (
        body(
            SCALE,
            """
            if not scale > 0:
                return 2.0**-max_shift_amount
            if scale == float("inf"):
                return 1.0
            exact = min(max(-math.log2(scale), 0.0), float(max_shift_amount))
            return 2.0 ** -round(exact)
            """,
        ),
    ),
    "frexp": (
        body(
            SCALE,
            """
            if not 0 < scale < math.inf:
                return 1.0
            mantissa, exponent = math.frexp(scale)
            shift = -exponent + (mantissa < math.sqrt(0.5))
            return math.ldexp(1.0, -min(max(shift, 0), max_shift_amount))
            """,
        ),
    ),
    "shifted one": (
        inside(SCALE, "return 2.0 ** -max", "return 1 / (1 << max"),
        inside(SCALE, "max_shift_amount))", "max_shift_amount)))"),
    ),
    "search": (
        body(
            SCALE,
            """
            if scale != scale or scale <= 0:
                return 1.0
            candidates = range(max_shift_amount + 1)
            nearest = min(candidates, key=lambda s: abs(s + math.log2(min(scale, 1e300))))
            return 2.0**-nearest
            """,
        ),
    ),
    "guarded by try": (
        body(
            SCALE,
            """
            try:
                shift = round(-math.log2(scale))
            except (ValueError, OverflowError):
                shift = max_shift_amount
            return 2.0 ** -max(0, min(shift, max_shift_amount))
            """,
        ),
    ),
    "lru_cache": (
        below(OBSERVER, "import functools"),
        text(
            OBSERVER,
            "    def scale_approximate",
            "    @functools.lru_cache(maxsize=None)\n    def scale_approximate",
        ),
    ),
    "static method": (
        text(
            OBSERVER,
            "    def scale_approximate(self, ",
            "    @staticmethod\n    def scale_approximate(",
        ),
    ),
    "dataclass as helper": (
        below(
            OBSERVER,
            """
            from dataclasses import dataclass


            @dataclass(frozen=True)
            class Shift:
                amount: int

                @property
                def scale(self) -> float:
                    return 2.0**-self.amount
            """,
        ),
        inside(SCALE, RESULT, "return Shift(max(0, min(shift, max_shift_amount))).scale"),
    ),
    "match": (
        body(
            SCALE,
            """
            match scale:
                case float() | int() if 0 < scale < math.inf:
                    shift = round(-math.log2(scale))
                case _:
                    shift = 0
            return 2.0 ** -max(0, min(shift, max_shift_amount))
            """,
        ),
    ),
    "walrus": (
        body(
            SCALE,
            """
            if not (is_usable := 0 < scale < math.inf) and not is_usable:
                return 1.0
            return 2.0 ** -(s if 0 <= (s := round(-math.log2(scale))) <= max_shift_amount
                            else 0 if s < 0 else max_shift_amount)
            """,
        ),
    ),
    "Decimal": (
        below(OBSERVER, "from decimal import Decimal"),
        inside(SCALE, RESULT, f"return Decimal({RESULT[7:]})"),
    ),
    "Fraction": (
        below(OBSERVER, "from fractions import Fraction"),
        inside(SCALE, RESULT, "return Fraction(1, 2 ** max(0, min(shift, max_shift_amount)))"),
    ),
    "calculate_qparams without its stops": (
        text(
            OBSERVER,
            "largest = max(abs(self.min_val.item()), abs(self.max_val.item()))",
            "largest = torch.max(-self.min_val, self.max_val).item()",
        ),
    ),
    "squares of fractions": (
        below(OBSERVER, "from fractions import Fraction"),
        body(
            SCALE,
            """
            if scale != scale or scale <= 0:
                return 2.0**-max_shift_amount
            if scale == float("inf"):
                return 1.0
            square, shift = Fraction(scale) ** 2, 0
            while shift < max_shift_amount and square * 2 ** (2 * shift + 1) < 1:
                shift += 1
            return 2.0**-shift
            """,
        ),
    ),
    "bisected borders": (
        below(OBSERVER, "from bisect import bisect_left"),
        body(
            SCALE,
            """
            borders = [2.0 ** -(s + 0.5) for s in range(max_shift_amount)][::-1]
            if math.isnan(scale):
                return 1.0
            return 2.0 ** (bisect_left(borders, scale) - max_shift_amount)
            """,
        ),
    ),
    "halved by recursion": (
        body(
            SCALE,
            """
            if max_shift_amount == 0 or scale != scale or scale > math.sqrt(0.5):
                return 1.0
            return self.scale_approximate(2 * scale, max_shift_amount - 1) / 2
            """,
        ),
    ),
    "hexadecimal digits": (
        body(
            SCALE,
            """
            if not 0 < scale < math.inf:
                return 1.0
            mantissa, _, exponent = float(scale).hex().partition("p")
            shift = -int(exponent) - (float.fromhex(mantissa) > 2**0.5)
            return 2.0 ** -min(max(shift, 0), max_shift_amount)
            """,
        ),
    ),
    "bits of the float": (
        below(OBSERVER, "import struct"),
        body(
            SCALE,
            """
            bits = int.from_bytes(struct.pack(">d", scale), "big")
            sign, exponent, fraction = bits >> 63, (bits >> 52) & 0x7FF, bits & ((1 << 52) - 1)
            if sign or exponent in (0, 0x7FF):
                return 1.0
            shift = 1023 - exponent - (fraction > (2**0.5 - 1) * 2**52)
            return 1 / 2 ** max(0, min(shift, max_shift_amount))
            """,
        ),
    ),
    "Decimal's logarithm": (
        below(OBSERVER, "from decimal import ROUND_HALF_EVEN, Decimal, localcontext"),
        body(
            SCALE,
            """
            if not 0 < scale < math.inf:
                return 1.0
            with localcontext() as context:
                context.prec = 50
                exact = -Decimal(scale).ln() / Decimal(2).ln()
                shift = int(exact.to_integral_value(rounding=ROUND_HALF_EVEN))
            return float(Decimal(2) ** -max(0, min(shift, max_shift_amount)))
            """,
        ),
    ),
    "NumPy without its warnings": (
        below(OBSERVER, "import numpy as np"),
        body(
            SCALE,
            """
            with np.errstate(all="ignore"):
                exact = np.nan_to_num(-np.log2(np.float64(scale)), nan=0.0)
            return float(np.exp2(-np.clip(np.rint(exact), 0, max_shift_amount)))
            """,
        ),
    ),
    "torch.frexp": (
        body(
            SCALE,
            """
            value = torch.as_tensor(scale, dtype=torch.float64)
            if not torch.isfinite(value) or value <= 0:
                return 1.0
            mantissa, exponent = torch.frexp(value)
            shift = -exponent + (mantissa < 0.5**0.5).int()
            return torch.ldexp(torch.ones(()), -shift.clamp(0, max_shift_amount)).item()
            """,
        ),
    ),
    "float32 throughout": (
        body(
            SCALE,
            """
            value = torch.tensor(scale, dtype=torch.float32).nan_to_num(1.0, 1.0, 1.0)
            shift = (-value.clamp(min=2.0**-100).log2()).round().clamp(0, max_shift_amount)
            return float(2.0**-shift)
            """,
        ),
    ),
    "borders counted": (
        below(OBSERVER, "import itertools"),
        body(
            SCALE,
            """
            if math.isnan(scale):
                return 1.0
            borders = (2.0 ** -(s - 0.5) for s in range(1, max_shift_amount + 1))
            return 2.0 ** -sum(1 for _ in itertools.takewhile(lambda b: scale < b, borders))
            """,
        ),
    ),
    "ratio of power and scale": (
        body(
            SCALE,
            """
            if not 0 < scale < math.inf:
                return 1.0
            powers = [2.0**-s for s in range(max_shift_amount + 1)]
            return min(powers, key=lambda p: max(p / scale, scale / p))
            """,
        ),
    ),
    "errors suppressed": (
        below(OBSERVER, "from contextlib import suppress"),
        body(
            SCALE,
            """
            shift = max_shift_amount
            with suppress(ValueError, OverflowError):
                shift = round(-math.log2(scale))
            return math.pow(2, -max(0, min(shift, max_shift_amount)))
            """,
        ),
    ),
    "a coroutine driven by hand": (
        body(
            SCALE,
            """
            async def approximate():
                if not 0 < scale < math.inf:
                    return 1.0
                return 2.0 ** -max(0, min(round(-math.log2(scale)), max_shift_amount))

            try:
                approximate().send(None)
            except StopIteration as stop:
                return stop.value
            """,
        ),
    ),
    "a generator of powers": (
        body(
            SCALE,
            """
            def powers():
                power = 1.0
                for _ in range(max_shift_amount):
                    yield power
                    power /= 2
                yield power

            if not 0 < scale < math.inf:
                return 1.0
            return min(powers(), key=lambda power: abs(math.log(power) - math.log(scale)))
            """,
        ),
    ),
    "powers in a table": (
        below(OBSERVER, "POWERS = tuple(2.0**-s for s in range(64))"),
        inside(SCALE, RESULT, "return POWERS[max(0, min(shift, max_shift_amount))]"),
    ),
    "class method": (
        text(OBSERVER, SCALE_HEAD, "    @classmethod\n" + SCALE_HEAD.replace("self", "cls")),
    ),
    "partial method": (
        below(OBSERVER, "import functools"),
        text(
            OBSERVER,
            "    def calculate_qparams",
            (
                "    scale_approximate = functools.partialmethod(scale_approximate)\n\n"
                "    def calculate_qparams"
            ),
        ),
    ),
    "decorated without wraps": (
        below(
            OBSERVER,
            """
            def noted(function):
                def call(*args, **kwargs):
                    result = function(*args, **kwargs)
                    noted.calls.append((args[1:], kwargs, result))
                    return result

                return call


            noted.calls = []
            """,
        ),
        text(OBSERVER, SCALE_HEAD, f"    @noted\n{SCALE_HEAD}"),
    ),
    "scale by position only": (text(OBSERVER, "scale: float, max", "scale: float, /, max"),),
    "no limit is None": (
        text(OBSERVER, "max_shift_amount: int = 8", "max_shift_amount: int | None = None"),
        first(SCALE, "if max_shift_amount is None:\n    max_shift_amount = 8"),
    ),
    "half precision as result": (
        below(OBSERVER, "import numpy as np"),
        inside(SCALE, RESULT, f"return np.float16({RESULT[7:]})"),
    ),
    "an observer with memory": (
        text(
            OBSERVER,
            SCALE_HEAD,
            (
                "    def __init__(self, *args, **kwargs):\n"
                "        super().__init__(*args, **kwargs)\n"
                "        self.history = []\n\n" + SCALE_HEAD
            ),
        ),
        first(SCALE, "self.history.append(scale)"),
    ),
    "names in other alphabets": (
        body(
            SCALE,
            """
            größe, größte = scale, max_shift_amount
            if not 0 < größe < math.inf:
                return 1.0
            位移 = round(-math.log2(größe))
            return 2.0 ** -max(0, min(位移, größte))
            """,
        ),
    ),
    "slow, but it ends": (
        below(OBSERVER, "import time"),
        first(SCALE, "time.sleep(0.02)"),
        first(NETWORK, "for _ in range(1_000_000):\n    pass"),
    ),
}

QUICK_SCALE = {
    "bisected borders",
    "half precision as result",
}
