"""The inputs of checks: published ones, and hidden ones that depend on the submission."""

import hashlib
import random
from dataclasses import dataclass, replace

from autograder.results import Visibility

SMALL = (2, 1, 1, 1)  # blocks of each stage: with and without shortcut
SMALLEST = (1, 1, 1, 1)  # enough where each block alone is not in question
WIDTH = 8
PUBLIC_SEED = 2024
FULL, FULL_WIDTH = (3, 4, 6, 3), 64
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


@dataclass(frozen=True)
class Inputs:
    """What one check asks with. ``course_seed`` is the same for all submissions of a course."""

    visibility: Visibility
    seed: int
    course_seed: int

    def published(self) -> "Inputs":
        """Return the public inputs, for what need not be asked twice."""
        return replace(self, visibility="public", seed=PUBLIC_SEED)

    def random(self, name: str) -> random.Random:
        """Return a source of random numbers for one check."""
        return random.Random(f"{self.seed} {name}")

    def strata(self, name: str, public: list[float]) -> list[float]:
        """Return the published scales, or hidden ones that tell the ways to round apart.

        One scale lies in each interval between the points where floor, ceil, the nearest power by
        difference (a tie at 1.5, whose logarithm is 0.585) and quarters of exponents decide
        otherwise than the nearest exponent does. No limit is reached.
        """
        if self.visibility == "public":
            return public
        source = self.random(name)
        return [
            2.0 ** (source.randint(-7, -2) + source.uniform(low, high)) for low, high in FRACTIONS
        ]

    def scales(self, name: str, public: list[float], low: float, high: float) -> list[float]:
        """Return the published scales, or as many hidden ones whose exponents lie between.

        ``low`` and ``high`` are powers to which 2 is raised. Exponents close to a tie between two
        integers are left out: either answer would be right there.
        """
        if self.visibility == "public":
            return public
        drawn: list[float] = []
        source = self.random(name)
        while len(drawn) < len(public):
            exponent = source.uniform(low, high)
            if abs(exponent % 1 - 0.5) > 0.02:
                drawn.append(2.0**exponent)
        return drawn


def seed_of(*parts: str) -> int:
    """Return a seed that depends on all parts."""
    return int.from_bytes(hashlib.sha256("\0".join(parts).encode()).digest()[:7], "big")


def inputs_for(visibility: Visibility, key: str, submission_sha256: str) -> Inputs:
    """Return the inputs of public or hidden checks for one submission.

    Hidden ones depend on the course's key and on what was handed in: a regrade is identical, and a
    submission can't be made for the inputs that it will get.
    """
    course_seed = seed_of("course", key)
    if visibility == "public":
        return Inputs(visibility, PUBLIC_SEED, course_seed)
    return Inputs(visibility, seed_of("hidden", key, submission_sha256), course_seed)
