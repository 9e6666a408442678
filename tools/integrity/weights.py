"""Checkpoints as hashes: equal tensors, equal numbers in another order, and nearly equal ones."""

import hashlib
import math
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from autograder.inside.questions import StoredTensor
from tools.integrity.prints import TensorPrint

MOST = 2000  # tensors: ten times what a ResNet-50 has
LEAST = 256  # numbers: smaller tensors, such as scales and most biases, are alike too easily
MOST_SORTED = 300_000  # numbers: sorting all of a ResNet-50 takes longer than reading it
BITS = 128
BAND_DIGITS = 8  # of the signs, in hexadecimal: so many bits have to agree to be looked at


def tensor_prints(entries: Mapping[str, StoredTensor]) -> tuple[TensorPrint, ...]:
    """Return the tensors that say something, without their names and in an order of their own."""
    largest = sorted(entries.values(), key=lambda entry: -entry.values.numel())[:MOST]
    found = (tensor_print(entry) for entry in largest)
    return tuple(sorted((one for one in found if one), key=lambda one: (one.values, one.signs)))


def tensor_print(entry: StoredTensor) -> TensorPrint | None:
    """Return a tensor's hashes; None for one that is small, or all of whose numbers are equal."""
    flat = entry.values.detach().contiguous().reshape(-1)
    if flat.numel() < LEAST or flat.is_complex() or bool((flat == flat[0]).all()):
        return None
    kind = f"{flat.dtype} {tuple(entry.values.shape)} {entry.scale} {entry.zero_point}"
    ordered = ""
    if flat.numel() <= MOST_SORTED:
        ordered = hashed(f"{flat.dtype} {entry.scale}", flat.sort().values)
    is_direction = entry.values.dim() > 1  # BatchNorm's numbers all lie around 1
    return TensorPrint(
        size=flat.numel(),
        values=hashed(kind, flat),
        ordered=ordered,
        signs=signs(flat) if is_direction else "",
    )


def hashed(kind: str, flat: Tensor) -> str:
    """Return a hash of a description and the bytes of numbers."""
    digest = hashlib.blake2b(kind.encode(), digest_size=12)
    digest.update(flat.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def signs(flat: Tensor) -> str:
    """Return the signs of 128 sums, of numbers each of which counts up or down by its place.

    The share of signs in which two tensors differ tells the angle between them (Charikar,
    "Similarity estimation techniques from rounding algorithms", 2002).
    """
    values = np.nan_to_num(flat.float().numpy(), posinf=0.0, neginf=0.0)
    values = values - values.mean()
    rows = -(-len(values) // BITS)
    padded = np.zeros(rows * BITS, np.float32)
    padded[: len(values)] = values
    sums = np.einsum("ij,ij->j", padded.reshape(rows, BITS), directions(rows), dtype=np.float64)
    return np.packbits(sums > 0).tobytes().hex()


@lru_cache(maxsize=4)
def directions(rows: int) -> np.ndarray:
    """Return whether each number counts up or down: the same for all tensors of a size."""
    bits = np.random.Generator(np.random.PCG64(rows)).integers(0, 2, (rows, BITS), np.int8)
    return (2 * bits - 1).astype(np.float32)


def bands(tensor: TensorPrint) -> list[tuple[int, int, str]]:
    """Return parts of the signs; tensors that are near have one in common nearly always."""
    step = BAND_DIGITS
    parts = range(0, len(tensor.signs), step)
    return [(tensor.size, at, tensor.signs[at : at + step]) for at in parts]


def differing(one: TensorPrint, other: TensorPrint) -> int:
    """Return in how many of the 128 signs two tensors differ."""
    return (int(one.signs, 16) ^ int(other.signs, 16)).bit_count()


def correlation(share: float) -> float:
    """Return the correlation of tensors of whose signs a share differs."""
    return math.cos(math.pi * min(share, 1.0))
