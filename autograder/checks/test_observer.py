"""Part 3: ``CusQuantObserver.scale_approximate``."""

import math

from autograder.claims import ClaimFailedError, Evidence, about
from autograder.expected.diagnoses import Call, diagnose_scales
from autograder.expected.inputs import Inputs
from autograder.host.answers import NoAnswerError, place_of, raise_for
from autograder.host.client import Client
from autograder.inside.questions import Dtype, Ranges, ScaleResult, Scales

APPROXIMATE = "CusQuantObserver.scale_approximate"
TOO_FAR = 0.5 + 1e-6  # a power of two further from the exact exponent than this is not the nearest
Pairs = list[tuple[float, int | None]]
CONTROL: Pairs = [(0.31, None), (0.0047, None)]


def call_each(client: Client, evidence: Evidence, pairs: Pairs) -> list[Call]:
    """Return the calls with their results; raise for the first that raised.

    Two more calls show that the result depends on the scale: a constant keeps no promise.
    """
    asked = (*pairs, *CONTROL)
    calls = []
    for (scale, most), result in zip(asked, results_of(client, asked), strict=True):
        if result.error:
            raise_for(result.error)
        calls.append(Call(scale, most, math.nan if result.value is None else result.value))
    *calls, large, small = calls
    observe_control(evidence, large.got, small.got)
    return calls


def observe_control(evidence: Evidence, large: float, small: float) -> None:
    question = " and ".join(f"scale_approximate({scale})" for scale, _ in CONTROL)
    got = f"{large!r} and {small!r}"
    evidence.add(question, "different results", got, large != small)


def results_of(client: Client, calls: tuple[tuple[float, int | None], ...]) -> list[ScaleResult]:
    """Return one result a call, or raise NoAnswerError for another number of them."""
    results = client.ask(Scales(calls)).results
    if len(results) != len(calls):
        raise NoAnswerError("crashed", f"{len(results)} results came for {len(calls)} calls")
    return results


def judge(evidence: Evidence, calls: list[Call], said: str) -> None:
    evidence.judge(said, diagnose_scales(calls))


def power(exponent: int) -> str:
    return f"{2.0**exponent!r}  2**{exponent}"


def shown(value: float) -> str:
    """Return a value with its exponent of two."""
    if not (math.isfinite(value) and value > 0):
        return repr(value)
    return f"{value!r}  2**{round(math.log2(value), 3):g}"


def exponent_of(value: float) -> float:
    """Return the exponent of a result, or nan, which agrees with nothing."""
    return math.log2(value) if math.isfinite(value) and value > 0 else math.nan


@about(APPROXIMATE)
def test_whole_power_of_two(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The result is a whole power of two: ``2.0**-S`` for an integer ``S``."""
    scales = inputs.scales("whole", [0.3, 0.3625, 0.02, 0.7, 0.003], -7.4, -0.1)
    calls = call_each(client, evidence, [(scale, None) for scale in scales])
    for call in calls:
        exponent = exponent_of(call.got)
        whole = power(round(exponent)) if math.isfinite(exponent) else "a power of two"
        evidence.add(str(call), whole, shown(call.got), math.frexp(call.got)[0] == 0.5)
    judge(evidence, calls, "A shift moves by whole bits, so the exponent has to be an integer.")


@about(APPROXIMATE)
def test_nearest_exponent(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """``S`` is the integer nearest to ``-log2(scale)``."""
    scales = inputs.strata("nearest", [0.3, 0.3625, 0.02, 0.7, 0.006, 0.18, 0.2])
    calls = call_each(client, evidence, [(scale, None) for scale in scales])
    for call in calls:
        exact = math.log2(call.scale)
        distance = abs(exponent_of(call.got) - round(exact))
        evidence.add(str(call), power(round(exact)), shown(call.got), distance < TOO_FAR)
    judge(evidence, calls, "Another power of two is nearer, measured by exponents.")


def within(evidence: Evidence, calls: list[Call], default: int = 8) -> None:
    """Observe that S is clamped; a neighbour of the nearest exponent costs other points."""
    for call in calls:
        most = default if call.most is None else call.most
        exact = -math.log2(call.scale)
        expected = min(max(round(exact), 0), most)
        is_clamped = expected != round(exact)
        distance = abs(-exponent_of(call.got) - (expected if is_clamped else exact))
        holds = distance < (TOO_FAR if is_clamped else 1)
        evidence.add(str(call), power(-expected), shown(call.got), holds)


@about(APPROXIMATE)
def test_lower_clamp(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """``S`` stays within ``0`` and ``max_shift_amount``: no shift is longer."""
    scales = inputs.scales("lower", [1e-6, 0.0001, 0.0005], -30, -9)
    calls = call_each(client, evidence, [(scale, None) for scale in scales])
    within(evidence, calls)
    judge(evidence, calls, "The hardware's shifter ends at max_shift_amount, 8 when not given.")


@about(APPROXIMATE)
def test_upper_clamp(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """``S`` stays within ``0`` and ``max_shift_amount``: a scale above 1 gives ``1.0``."""
    scales = inputs.scales("upper", [1.7, 3.1, 300.0], 0.6, 12)
    calls = call_each(client, evidence, [(scale, None) for scale in scales])
    within(evidence, calls)
    judge(evidence, calls, "S below 0 would be a shift to the left.")


@about(APPROXIMATE)
def test_max_shift_amount(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """``S`` stays within ``0`` and ``max_shift_amount``: the limit is the argument."""
    pairs: Pairs = [(1e-6, 12), (1e-6, 10), (0.0006, 11), (0.01, 4), (0.05, 3)]
    if inputs.visibility == "hidden":
        source = inputs.random("limit")
        above, below = source.randint(12, 14), source.randint(2, 5)
        pairs = [
            (2.0**-25.31, above),
            (2.0**-10.62, above),
            (2.0**-7.8, below),
            (2.0**-20.2, below),
        ]
    calls = call_each(client, evidence, pairs)
    within(evidence, calls)
    judge(evidence, calls, "Each caller may have another shifter: the limit is an argument.")


@about(APPROXIMATE)
def test_finite_and_positive(client: Client, evidence: Evidence) -> None:
    """The result is finite and positive for every input, also for 0, negative, inf and nan."""
    special = [0.0, -0.0, -1.0, math.inf, -math.inf, math.nan, 5e-324, 1e30, 1e300]
    asked = (*((scale, None) for scale in special), *CONTROL)
    *results, large, small = results_of(client, asked)
    if results[0].error and all(result.error and result.error.is_stub for result in results):
        raise_for(results[0].error)
    place = None
    observe_control(evidence, large.value or math.nan, small.value or 0.0)
    for scale, result in zip(special, results, strict=True):
        got = str(result.error) if result.error else repr(result.value)
        holds = result.value is not None and 0 < result.value < math.inf
        evidence.add(f"scale_approximate({scale!r})", "finite and positive", got, holds)
        place = place or (place_of(result.error) if result.error else None)
    try:
        evidence.judge("Observers meet such scales, for example when they have seen no data.")
    except ClaimFailedError as failed:
        failed.place = place
        raise


@about("CusQuantObserver.calculate_qparams", follows=("observer.whole_power_of_two",))
def test_symmetric_range(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """``calculate_qparams`` is as given: it approximates ``2*m/255``, m = max(|min|, |max|)."""
    bounds = [(-3.1, 1.3), (-0.4, 5.7), (0.0, 0.9), (-12.3, -2.2)]
    if inputs.visibility == "hidden":
        source = inputs.random("range")
        bounds = [(-source.uniform(2, 9), source.uniform(0.1, 0.9)) for _ in range(4)]
    dtypes: tuple[Dtype, ...] = ("quint8", "qint8")
    asked = tuple((low, high, dtype) for low, high in bounds for dtype in dtypes)
    pairs = client.ask(Ranges(asked)).scales
    if len(pairs) != len(asked):
        raise NoAnswerError("crashed", f"{len(pairs)} results came for {len(asked)} calls")
    for (low, high, dtype), (got, expected) in zip(asked, pairs, strict=True):
        holds = math.isclose(got, expected, rel_tol=1e-6)  # tensors hold float32
        what = f"{dtype} values from {low:g} to {high:g}: scale"
        evidence.add(what, shown(expected), shown(got), holds)
    scales = sorted({got for got, _ in pairs})
    got_all, differ = f"{shown(scales[0])} to {shown(scales[-1])}", len(scales) > 1
    evidence.add("the scales of different ranges", "different", got_all, differ)
    evidence.judge("This function was given: what it approximates is your scale_approximate's.")
