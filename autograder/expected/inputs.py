"""The inputs of checks: published ones, and hidden ones that depend on the submission."""

import hashlib
import random
import secrets
from dataclasses import dataclass
from functools import cache

from autograder.expected.contract import LONGEST_SHIFT
from autograder.results import Visibility

SMALL = (2, 1, 1, 1)  # blocks of each stage: with and without shortcut
SMALLEST = (1, 1, 1, 1)  # enough where each block alone is not in question
DEEP = (3, 4, 6, 3)  # ResNet-50
WIDTH = 8
PUBLIC_SEED = 2024
# Of a scale's exponent, between the integers and away from what is a tie for anybody.
FRACTIONS = (
    (0.03, 0.22),
    (0.15, 0.35),
    (0.28, 0.48),
    (0.51, 0.57),
    (0.515, 0.575),
    (0.6, 0.8),
    (0.78, 0.97),
)


# Exponents as far from 0 as they are graded, a little beside a tie: a percent more is another S.
NEAR_TIES = ((-7.49, -7.46), (-6.54, -6.51))
Pairs = tuple[tuple[float, int | None], ...]  # scales, with max_shift_amount unless left out
FAR_APART = (0.0047, 0.31, 3.1)
LIMITS: Pairs = (
    *((1e-6, 12), (1e-6, 10), (0.0006, 11), (0.01, 4), (0.05, 3)),
    *((0.05, 0), (0.01, 1), (1e-8, 20), (0.3, 4), (3.1, 1), (300.0, 12)),
)
# Scales within half a step of a limit, or on it, each with one beyond that limit.
EDGES = ((0.9, 3.1), (1.0, 3.1), (1.2, 3.1), (0.0043, 1e-6), (2.0**-8, 1e-6), (0.0033, 1e-6))
TINY, HUGE = (1e-6, 0.0001, 0.0005, 1e-20), (1.7, 3.1, 300.0, 1e12)
# The last four lie beside a tie: with a range that is a little longer or shorter, such as by 254 or
# 256 instead of 255 steps, they have another S.
RANGES = (
    *((-3.1, 1.3), (-0.4, 5.7), (0.0, 0.9), (-12.3, -2.2)),
    *((-2.82, 1.0), (0.3, 2.81), (-2.81, 1.0), (0.3, 2.82)),
)
BESIDE_TIES = (-0.008, -0.004), (0.004, 0.008)  # of exponents
ORDINARY = (0.3, 0.3625, 0.02, 0.7, 0.003, 0.006, 0.18, 0.2, 1e-6, 1.7, 3.1, 300.0)
# A mistake has to explain all of these before it is named.
PUBLIC_CALLS: Pairs = (*((scale, None) for scale in ORDINARY), *LIMITS)


@dataclass(frozen=True)
class Inputs:
    """What one check asks with. ``course_seed`` is the same for all submissions of a course."""

    visibility: Visibility
    seed: int
    course_seed: int

    @property
    def is_hidden(self) -> bool:
        return self.visibility == "hidden"

    def random(self, name: str) -> random.Random:
        """Return a source of random numbers for one check."""
        return random.Random(f"{self.seed} {name}")

    def seed_for(self, name: str) -> int:
        """Return a seed of its own for one experiment."""
        return seed_of(str(self.seed), name)

    def far_apart(self) -> Pairs:
        """Return scales that ascend, each at least four times the one before."""
        if not self.is_hidden:
            return tuple((scale, None) for scale in FAR_APART)
        source = self.random("far apart")
        return tuple((2.0 ** source.uniform(low, low + 0.9), None) for low in (-7, -4, 1.2))

    def limits(self) -> Pairs:
        """Return scales beyond, and not beyond, the limit that each comes with, the last above 1.

        The first comes with two limits: what is remembered of a scale alone is wrong.
        """
        if not self.is_hidden:
            return LIMITS
        source = self.random("limit")
        above, below, far = source.randint(12, 14), source.randint(2, 5), source.randint(17, 22)
        bounds = ((-26, -25), (-11, -10), (-7.9, -7), (-21, -20), (-19, -16), (-40, -30))
        scales = self.drawn("limits", bounds)
        limits = (above, above, below, below, source.randint(0, 1), far)
        again = (scales[0], below), (scales[2], 0), *zip(self.huge(), (1, above), strict=False)
        middle = self.drawn("within a limit", ((-1.9, -1.1),))[0], below
        return (*zip(scales, limits, strict=True), middle, *again)

    def edges(self) -> tuple[tuple[float, float], ...]:
        """Return scales next to a limit, each with one beyond it."""
        if not self.is_hidden:
            return EDGES
        beside = ((-0.45, -0.05), (0.05, 0.45), (0.6, 12), (-7.95, -7.6), (-8.4, -8.05), (-30, -9))
        low, high, above, deep, deeper, below = self.drawn("edges", beside)
        return (
            *((low, above), (1.0, above), (high, above)),
            *((deep, below), (2.0**-LONGEST_SHIFT, below), (deeper, below)),
        )

    def tiny(self) -> list[float]:
        """Return scales that need a longer shift than there is."""
        bounds = ((-14, -9), (-30, -14), (-60, -30), (-120, -60))
        return self.drawn("lower", bounds) if self.is_hidden else list(TINY)

    def huge(self) -> list[float]:
        """Return scales above 1."""
        bounds = ((0.6, 4), (4, 12), (12, 40), (40, 90))
        return self.drawn("upper", bounds) if self.is_hidden else list(HUGE)

    def ranges(self) -> tuple[tuple[float, float], ...]:
        """Return the least and the greatest value that an observer has seen."""
        if not self.is_hidden:
            return RANGES
        source = self.random("range")
        wide = [(-source.uniform(2, 9), source.uniform(0.1, 0.9)) for _ in range(4)]
        for bounds in BESIDE_TIES:
            least, greatest = (
                255 / 2 * 2.0 ** -(source.randint(3, 6) + 0.5 + source.uniform(*bounds))
                for _ in range(2)
            )
            wide += [(-least, least / 3), (-greatest / 3, greatest)]
        return tuple(wide)

    def strata(self, name: str, public: list[float]) -> list[float]:
        """Return the published scales, or hidden ones that tell the ways to round apart.

        One scale lies in each interval between the points where floor, ceil, the nearest power by
        difference (a tie at 1.5, whose logarithm is 0.585) and quarters of exponents decide
        otherwise than the nearest exponent does; the last is a power of two. No limit is reached.
        """
        if not self.is_hidden:
            return public
        source = self.random(name)
        drawn = [
            2.0 ** (source.randint(-7, -2) + source.uniform(low, high)) for low, high in FRACTIONS
        ]
        drawn += [2.0 ** source.uniform(low, high) for low, high in NEAR_TIES]
        return [*drawn, 2.0 ** -source.randint(2, 7)]

    def scales(self, name: str, public: list[float], low: float, high: float) -> list[float]:
        """Return the published scales, or as many hidden ones whose exponents lie between."""
        return self.drawn(name, ((low, high),) * len(public)) if self.is_hidden else public

    def drawn(self, name: str, bounds: tuple[tuple[float, float], ...]) -> list[float]:
        """Return a hidden scale for each pair of exponents that it lies between.

        Exponents close to a tie between two integers are left out: either answer would be right.
        """
        source = self.random(name)
        scales: list[float] = []
        for low, high in bounds:
            exponent = source.uniform(low, high)
            while abs(exponent % 1 - 0.5) <= 0.02:
                exponent = source.uniform(low, high)
            scales.append(2.0**exponent)
        return scales


def seed_of(*parts: str) -> int:
    """Return a seed of 128 bits that depends on all parts."""
    return int.from_bytes(hashlib.sha256("\0".join(parts).encode()).digest()[:16], "big")


@cache
def fresh(_name: str) -> int:
    """Return a seed that nobody can know, the same for one name until this process ends."""
    return secrets.randbits(128)


def inputs_for(visibility: Visibility, key: str, submission_sha256: str) -> Inputs:
    """Return the inputs of public or hidden checks for one submission.

    Hidden ones depend on the course's key and on what was handed in: a regrade is identical, and a
    submission can't be made for the inputs that it will get. Without a key they are drawn afresh.
    """
    course_seed = seed_of("course", key) if key else fresh("course")
    if visibility == "public":
        return Inputs(visibility, PUBLIC_SEED, course_seed)
    hidden = seed_of("hidden", key, submission_sha256) if key else secrets.randbits(128)
    return Inputs(visibility, hidden, course_seed)
