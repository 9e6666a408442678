"""What the analyses of PTQ and QAT runs say of scales, shifts and noise."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lab3.log.records import QuantizedTensor

ROLES = ("weight", "activation", "addition")
Tensors = dict[str, Sequence[QuantizedTensor]]  # of each run, by its kind


@dataclass(frozen=True)
class ShiftSummary:
    """The shifts of one role's tensors; ``worst`` values are those of the worst tensor."""

    role: str
    count: int
    shifts: tuple[int, ...]
    clamped_below: int
    clamped_above: int
    worst_outside: float
    worst_sqnr_db: float | None


def summarise(tensors: Sequence[QuantizedTensor]) -> list[ShiftSummary]:
    """Return one summary for each role that occurs."""
    summaries = []
    for role in ROLES:
        part = [tensor for tensor in tensors if tensor.role == role]
        if part:
            clamped = Counter(tensor.clamped for tensor in part)
            summaries.append(
                ShiftSummary(
                    role=role,
                    count=len(part),
                    shifts=tuple(sorted(t.shift for t in part if t.shift is not None)),
                    clamped_below=clamped["below"],
                    clamped_above=clamped["above"],
                    worst_outside=max(tensor.outside for tensor in part),
                    worst_sqnr_db=min(
                        (t.sqnr_db for t in part if t.sqnr_db is not None), default=None
                    ),
                )
            )
    return summaries


def shifts_text(shifts: Sequence[int]) -> str:
    """Return how often each shift occurs: ``6 (2), 7 (10), 8 (5)``."""
    return ", ".join(f"{shift} ({count})" for shift, count in sorted(Counter(shifts).items()))


def noisiest(tensors: Sequence[QuantizedTensor]) -> tuple[QuantizedTensor, QuantizedTensor] | None:
    """Return the tensors with the lowest and with the highest signal-to-noise ratio."""
    ratios = [(tensor.sqnr_db, tensor) for tensor in tensors if tensor.sqnr_db is not None]
    if not ratios:
        return None
    return min(ratios, key=lambda x: x[0])[1], max(ratios, key=lambda x: x[0])[1]


def chosen_layers(tensors: Sequence[QuantizedTensor], count: int = 3) -> list[QuantizedTensor]:
    """Return the weights, then the activations, of a few layers spread over the network."""
    weights = {tensor.layer: tensor for tensor in tensors if tensor.role == "weight"}
    outputs = {tensor.layer: tensor for tensor in tensors if tensor.role == "activation"}
    layers = [layer for layer in weights if layer in outputs]
    last = len(layers) - 1
    places = sorted({round(i * last / (count - 1)) for i in range(count)}) if layers else []
    picked = [layers[place] for place in places]
    return [weights[layer] for layer in picked] + [outputs[layer] for layer in picked]
