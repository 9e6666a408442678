"""What the certificate of a network on integers says in all: shifts, accumulators, savings."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lab3.log.certificate import ACCUMULATOR_BITS, Certificate, EngineProof, IntegerLayer

PRODUCTS = ("convolution", "linear")
Bounds = tuple[int, int]  # the lowest and the highest
Certificates = dict[str, Certificate]  # of each run, by its kind


@dataclass(frozen=True)
class Totals:
    """A certificate's numbers over all layers; None where no layer has any.

    ``multiplications`` and ``saved`` are per image. ``saved_part`` is of all multiplications that
    a network with other scales would need; ``saturated_part`` is of the values of all images.
    """

    products: Bounds | None
    additions: Bounds | None
    bits: int | None
    seen_bits: int | None
    multiplications: int
    saved: int
    saved_part: float
    saturated_part: float

    @property
    def head_room(self) -> int | None:
        return head_room(self.bits)


def totals(certificate: Certificate) -> Totals:
    """Return the sums and bounds of a certificate's layers."""
    layers = certificate.layers
    multiplications = sum(layer.multiplications for layer in layers)
    saved = sum(layer.saved for layer in layers)
    values = certificate.images * sum(layer.values for layer in layers)
    saturated = sum(layer.below + layer.above for layer in layers)
    bits = bounds(layer.accumulator_bits for layer in layers)
    seen_bits = bounds(layer.seen_bits for layer in layers)
    return Totals(
        products=shifts(layers, PRODUCTS),
        additions=shifts(layers, ("addition",)),
        bits=bits and bits[1],
        seen_bits=seen_bits and seen_bits[1],
        multiplications=multiplications,
        saved=saved,
        saved_part=part(saved, saved + multiplications),
        saturated_part=part(saturated, values),
    )


def bounds(numbers: Iterable[int | None]) -> Bounds | None:
    """Return the lowest and the highest of the numbers that are given."""
    given = [number for number in numbers if number is not None]
    return (min(given), max(given)) if given else None


def shifts(layers: Iterable[IntegerLayer], operations: Sequence[str]) -> Bounds | None:
    return bounds(layer.shift for layer in layers if layer.operation in operations)


def head_room(bits: int | None) -> int | None:
    """Return how many bits of an int32 accumulator stay unused."""
    return None if bits is None else ACCUMULATOR_BITS - bits


def part(count: int, of: int) -> float:
    return count / of if of else 0.0


def accumulating(layers: Iterable[IntegerLayer]) -> list[IntegerLayer]:
    """Return the layers that have an accumulator: all but the input quantizer."""
    return [layer for layer in layers if layer.accumulator_bits is not None]


def alike(proofs: Iterable[EngineProof]) -> list[tuple[EngineProof, list[str]]]:
    """Return proofs that differ in more than the engine, each with the names of its engines."""
    engines: dict[EngineProof, list[str]] = {}
    for proof in proofs:
        engines.setdefault(proof.model_copy(update={"engine": ""}), []).append(proof.engine)
    return list(engines.items())


def layers_by_reason(proof: EngineProof) -> dict[str, list[str]]:
    """Return in which layers an engine differs, by the reason or ``unknown``."""
    layers: dict[str, list[str]] = {}
    for difference in proof.differences:
        layers.setdefault(difference.reason or "unknown", []).append(difference.layer)
    return layers


def largest_step(proof: EngineProof) -> int:
    """Return by how much a value of an engine differs at most."""
    return max((difference.largest_step for difference in proof.differences), default=0)


def verdict(certificate: Certificate) -> str:
    """Say in one sentence what was proved, or what was not."""
    first = certificate.proofs[0]
    where = f"{len(certificate.layers)} layers on {certificate.images:,} test images"
    if certificate.is_identical:
        return (
            f"identical: all {first.values:,} values of {where} equal those of PyTorch's "
            f"{certificate.engine} kernels bit for bit"
        )
    return (
        f"not identical: {first.different:,} of {first.values:,} values of {where} differ from "
        f"those of PyTorch's {certificate.engine} kernels"
    )
