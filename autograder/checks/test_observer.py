"""Part 3: ``CusQuantObserver.scale_approximate``."""

import contextlib
import math
import sys
from collections.abc import Sequence

from autograder.claims import Evidence, about
from autograder.expected.contract import LONGEST_SHIFT, approximated, exponent_of, shift_of
from autograder.expected.diagnoses import Call, diagnose_observers, diagnose_scales
from autograder.expected.inputs import PUBLIC_CALLS, Inputs, Pairs
from autograder.host.answers import NoAnswerError, place_of, raise_for
from autograder.host.client import Client
from autograder.inside.questions import Ranges, ScaleResult, Scales
from autograder.inside.values import Dtype

APPROXIMATE = "CusQuantObserver.scale_approximate"
TOO_FAR = 0.5 + 1e-6  # a power of two further from the exact exponent than this is not the nearest
FOLLOWS_ITS_INPUT = ("observer.follows_the_scale",)


def call_each(client: Client, pairs: Pairs) -> list[Call]:
    """Return the calls with their results; raise for the first that raised."""
    calls = []
    results = results_of(client, pairs)
    for position, ((scale, most), result) in enumerate(zip(pairs, results, strict=True)):
        if result.error:
            raise_for(result.error)
        if result.value is None:
            raise NoAnswerError("crashed", "a call came back without a result")
        calls.append(Call(scale, most, result.value, position))
    return calls


def results_of(client: Client, pairs: Pairs) -> list[ScaleResult]:
    """Return one result a call, or raise NoAnswerError for another number of them."""
    try:
        results = client.ask(Scales(pairs)).results
    except NoAnswerError as error:
        if error.outcome != "timed_out":
            raise
        asked = ", ".join(repr(scale) for scale, _ in pairs)
        said = f"{error.said} for one of the scales {asked}"
        raise NoAnswerError("timed_out", said, by_clock=error.by_clock) from None
    if len(results) != len(pairs):
        raise NoAnswerError("crashed", f"{len(results)} results came for {len(pairs)} calls")
    return results


def judge(client: Client, evidence: Evidence, calls: list[Call], text: str) -> None:
    """Judge the observations; a mistake is only named when it explains all published calls, too."""
    diagnosis = ""
    if not evidence.holds:
        with contextlib.suppress(NoAnswerError):
            known = [*calls, *call_each(client, PUBLIC_CALLS)]
            diagnosis = diagnose_scales(known) or diagnose_observers(known)
    evidence.judge(text, diagnosis)


def observe(evidence: Evidence, call: Call, holds: bool) -> None:
    """Note one call; what is expected is what the contract asks of this input."""
    evidence.add(str(call), shown(call.expected), shown(call.got), holds)


def shown(value: float) -> str:
    """Return a value with its exponent of two."""
    if not (math.isfinite(value) and value > 0):
        return repr(value)
    return f"{value!r}  2**{round(math.log2(value), 3):g}"


def limited(client: Client, inputs: Inputs) -> Pairs:
    """Return calls with other limits, without those that cost other points.

    That is where the limit changes nothing and the result without one is wrong, too, and where an S
    of 0 is asked for that doesn't come without one either.
    """
    pairs = inputs.limits()
    alike = [s for s, limit in pairs if shift_of(s, limit or 0) == shift_of(s)]
    results = results_of(client, unlimited(alike))
    right = {s for s, r in zip(alike, results, strict=True) if r.value == approximated(s)}
    has_zero = any(s > 1 for s in right)
    return tuple(
        (s, limit) for s, limit in pairs if (s in right if s in alike else limit or has_zero)
    )


@about(APPROXIMATE)
def test_follows_the_scale(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The result follows the scale: scales far apart have different results."""
    calls = call_each(client, inputs.far_apart())
    question = " and ".join(map(str, calls))
    expected = " and ".join(repr(call.expected) for call in calls)
    got = " and ".join(repr(call.got) for call in calls)
    differs = len({call.got for call in calls}) > 1 and not any(c.got != c.got for c in calls)
    evidence.add(question, f"for example {expected}", got, differs)
    judge(client, evidence, calls, "A result that is always the same approximates nothing.")


@about(APPROXIMATE, needs=FOLLOWS_ITS_INPUT)
def test_whole_power_of_two(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The result is a whole power of two: ``2.0**-S`` for an integer ``S``."""
    calls = call_each(client, unlimited(between(inputs)))
    for call in calls:
        observe(evidence, call, call.is_power_of_two)
    text = "A shift moves by whole bits, so the exponent has to be an integer."
    judge(client, evidence, calls, text)


@about(APPROXIMATE, follows=("observer.whole_power_of_two",))
def test_nearest_exponent(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """``S`` is the integer nearest to ``-log2(scale)``."""
    scales = inputs.strata("nearest", [0.3, 0.3625, 0.02, 0.7, 0.006, 0.18, 0.2, 0.125])
    calls = [*call_each(client, unlimited(scales)), *unclamped(client, inputs)]
    for call in calls:
        distance = abs(exponent_of(call.got) - math.log2(call.scale))
        observe(evidence, call, call.is_power_of_two and distance < TOO_FAR)
    judge(client, evidence, calls, "Another power of two is nearer, measured by exponents.")


def unlimited(scales: Sequence[float]) -> Pairs:
    """Return calls without ``max_shift_amount``."""
    return tuple((scale, None) for scale in scales)


def unclamped(client: Client, inputs: Inputs) -> list[Call]:
    """Call with scales next to a limit, unless that limit is wrong, which costs other points."""
    near, beyond = zip(*inputs.edges(), strict=True)
    limited = call_each(client, unlimited(beyond))
    calls = call_each(client, unlimited(near))
    return [c for c, limit in zip(calls, limited, strict=True) if limit.got == limit.expected]


def observe_clamped(client: Client, inputs: Inputs, evidence: Evidence, calls: list[Call]) -> None:
    """Observe that S is clamped.

    What costs other points: results that are no powers of two within the limits either, and a
    neighbour of the nearest exponent.
    """
    results = results_of(client, unlimited(between(inputs)))
    is_whole = all(r.value is None or math.frexp(r.value)[0] == 0.5 for r in results)
    for call in calls:
        shift, exact = shift_of(call.scale, call.limit), -math.log2(call.scale)
        is_clamped = not -0.5 < exact - shift < 0.5
        distance = abs(-exponent_of(call.got) - (shift if is_clamped else exact))
        holds = distance < (TOO_FAR if is_clamped else 1)
        observe(evidence, call, holds and (call.is_power_of_two or not (is_clamped and is_whole)))


def between(inputs: Inputs) -> list[float]:
    """Return scales whose results have to be whole powers of two: hidden ones reach no limit."""
    return inputs.scales("whole", [0.3, 0.3625, 0.02, 0.7, 0.003], -7.4, -0.1)


@about(APPROXIMATE, needs=FOLLOWS_ITS_INPUT)
def test_lower_clamp(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """``S`` stays within ``0`` and ``max_shift_amount``: no shift is longer."""
    calls = call_each(client, unlimited(inputs.tiny()))
    observe_clamped(client, inputs, evidence, calls)
    text = f"The hardware's shifter ends at max_shift_amount, {LONGEST_SHIFT} when not given."
    judge(client, evidence, calls, text)


@about(APPROXIMATE, needs=FOLLOWS_ITS_INPUT)
def test_upper_clamp(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """``S`` stays within ``0`` and ``max_shift_amount``: a scale above 1 gives ``1.0``."""
    calls = call_each(client, unlimited(inputs.huge()))
    observe_clamped(client, inputs, evidence, calls)
    text = "Above 1 the nearest S is below 0, a shift to the left: 0 is as far as it goes."
    judge(client, evidence, calls, text)


@about(APPROXIMATE, needs=FOLLOWS_ITS_INPUT)
def test_max_shift_amount(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """``S`` stays within ``0`` and ``max_shift_amount``: the limit is the argument."""
    calls = call_each(client, limited(client, inputs))
    observe_clamped(client, inputs, evidence, calls)
    text = "Each caller may have another shifter: the limit is an argument."
    judge(client, evidence, calls, text)


@about(APPROXIMATE, needs=FOLLOWS_ITS_INPUT)
def test_finite_and_positive(client: Client, evidence: Evidence) -> None:
    """The result is finite and positive for every input, also for 0, negative, inf and nan."""
    special = (0.0, -0.0, -1.0, math.inf, -math.inf, math.nan, 5e-324, 1e30, sys.float_info.max)
    results = results_of(client, tuple((scale, None) for scale in special))
    if results[0].error and all(result.error and result.error.is_stub for result in results):
        raise_for(results[0].error)
    place = None
    for scale, result in zip(special, results, strict=True):
        got = str(result.error) if result.error else repr(result.value)
        holds = result.value is not None and 0 < result.value < math.inf
        evidence.add(f"scale_approximate({scale!r})", "finite and positive", got, holds)
        place = place or (place_of(result.error) if result.error else None)
    text = "Observers meet such scales, for example when they have seen no data."
    broken = [s for s, o in zip(special, evidence.observations, strict=True) if not o.holds]
    if all(0 < scale < math.inf for scale in broken):
        text = "Within 0 and max_shift_amount every S gives a finite and positive result."
    evidence.judge(text, place=place)


@about("CusQuantObserver.calculate_qparams", needs=FOLLOWS_ITS_INPUT)
def test_symmetric_range(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """``calculate_qparams`` is as given: it approximates ``2*m/255``, m = max(|min|, |max|)."""
    dtypes: tuple[Dtype, ...] = ("quint8", "qint8")
    asked = tuple((low, high, dtype) for low, high in inputs.ranges() for dtype in dtypes)
    answer = client.ask(Ranges(asked))
    if len(answer.scales) != len(asked):
        raise NoAnswerError("crashed", f"{len(answer.scales)} results came for {len(asked)} calls")
    exact = [2 * max(abs(low), abs(high)) / 255 for low, high, _ in asked]
    own = results_of(client, tuple((scale, None) for scale in exact))
    for (low, high, dtype), got, scale, result in zip(
        asked, answer.scales, exact, own, strict=True
    ):
        # Where scale_approximate is wrong, which costs other points, its own result is right here.
        values = [approximated(scale), *([] if result.value is None else [result.value])]
        holds = any(math.isclose(got, value, rel_tol=1e-6) for value in values)  # float32
        what = f"{dtype} values from {low:g} to {high:g}: scale"
        evidence.add(what, shown(approximated(scale)), shown(got), holds)
    evidence.judge("This function was given: it approximates 2*m/255 by your scale_approximate.")
