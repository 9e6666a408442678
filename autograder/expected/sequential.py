"""Decides from as few random test images as possible how many of all a checkpoint gets right.

K of the N images are right; K is fixed before the order of the images is drawn, uniformly and in
secret. Then X_n, the number right among the first n, is hypergeometric, and grows stochastically
with K. The test looks at X_n for L values n_1 < n_2 < ... = N and gives each of the two tails the
level error / (2 L):

    threshold t is missed   when P(X_n <= x | K = t) <= level      (refutes every K >= t)
    threshold t is reached  when P(X_n >= x | K = t - 1) <= level  (refutes every K < t)

A verdict is wrong only if it refutes the true K, so one of the true K's own two tails is at most
the level at some look. By the union bound over 2 L tails that has a probability of at most
``error``, however many thresholds are asked about at once: they all hang on the same event and need
no further share. It holds at every look together, so stopping early costs nothing more.

What arithmetic decides has a tail of zero, and at n = N every tail is 0 or 1: no rule besides
is needed, and a test that sees all images gives the exact answer. The tails are compared as
integers, so there is no rounding to argue about.
"""

import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from functools import cache

FIRST_LOOK = 64  # images
GROWTH = Fraction(9, 8)  # from one look to the next; 10,000 images are looked at 44 times


def needed(accuracy: float | str | Decimal | Fraction, images: int) -> int:
    """Return the smallest count whose share of ``images`` is at least ``accuracy``, from 0 to 1.

    A float means the decimal it prints as: 0.07 of 10,000 is 700, although 0.07 * 10000 > 700.
    """
    share = Fraction(str(accuracy))
    if not 0 <= share <= 1:
        raise ValueError(f"an accuracy lies between 0 and 1, not at {accuracy}")
    return math.ceil(share * images)


@cache
def rejection_limit(images: int, right: int, drawn: int, level: Fraction) -> int:
    """Return the largest x with P(X <= x) <= level < 1; one less than any possible X if none is.

    X counts the right ones among ``drawn`` of the images, without replacement:
    P(X = x) = C(right, x) C(images - right, drawn - x) / C(images, drawn).
    """
    wrong = images - right
    budget = math.floor(level * math.comb(images, drawn))
    x = max(0, drawn - wrong)
    ways = math.comb(right, x) * math.comb(wrong, drawn - x)
    while ways <= budget:  # ends, because all ways together exceed the budget
        budget -= ways
        ways = ways * (right - x) * (drawn - x) // ((x + 1) * (wrong - drawn + x + 1))
        x += 1
    return x - 1


def refutes_at_least(images: int, count: int, seen: int, correct: int, level: Fraction) -> bool:
    """Tell whether so few are correct that ``count`` or more of all images can't be right."""
    return correct <= rejection_limit(images, count, seen, level)


def refutes_at_most(images: int, count: int, seen: int, correct: int, level: Fraction) -> bool:
    """Tell whether so many are correct that only ``count`` or fewer of all images can't be."""
    return seen - correct <= rejection_limit(images, images - count, seen, level)


def bounds(images: int, seen: int, count: int, level: Fraction) -> tuple[int, int]:
    """Return the least and the greatest number among all images that isn't refuted by a sample."""
    low, high = count, images - seen + count
    least, top = low, high
    while least < top:  # the least K that P(X >= count | K) doesn't refute
        middle = (least + top) // 2
        if refutes_at_most(images, middle, seen, count, level):
            least = middle + 1
        else:
            top = middle
    bottom, greatest = least, high
    while bottom < greatest:
        middle = (bottom + greatest + 1) // 2
        if refutes_at_least(images, middle, seen, count, level):
            greatest = middle - 1
        else:
            bottom = middle
    return least, greatest


def is_consistent(
    claimed_correct: int,
    images: int,
    seen: int,
    correct: int,
    error: float | Fraction = 1e-6,
    slack: int = 0,
) -> bool:
    """Tell whether ``correct`` of ``seen`` random images fit a claim about all of them.

    A claim that is right up to ``slack`` images is refused with a probability of at most ``error``,
    if ``seen`` was fixed beforehand; where a sequential test stopped, ask its ``allows``.
    """
    if not 0 <= correct <= seen <= images:
        raise ValueError(f"{correct} correct of {seen} seen of {images} images is impossible")
    if slack < 0:
        raise ValueError(f"a slack of {slack} images is negative")
    if not 0 <= claimed_correct <= images:
        return False
    level = _checked(error) / 2
    lowest, highest = max(0, claimed_correct - slack), min(images, claimed_correct + slack)
    return not (
        refutes_at_least(images, lowest, seen, correct, level)
        or refutes_at_most(images, highest, seen, correct, level)
    )


class SequentialTest:
    """Whether each of several counts of right images is reached, asked look by look.

    ``thresholds`` are counts; those up to 0 are reached and those above ``images`` are missed at
    once. ``error`` bounds the probability that any verdict, or any refusal by ``allows``, is wrong.
    """

    def __init__(
        self,
        images: int,
        thresholds: Sequence[int],
        error: float = 1e-6,
        first_look: int = FIRST_LOOK,
    ) -> None:
        if images < 1 or first_look < 1:
            raise ValueError("a test needs an image, and one to look at first")
        self.images = images
        self.looks = looks_at(images, first_look)
        self.level = _checked(error) / (2 * len(self.looks))
        self.seen = self.correct = 0
        self._reached: dict[int, bool | None] = {
            t: True if t <= 0 else False if t > images else None for t in thresholds
        }

    @property
    def decided(self) -> bool:
        """Whether every threshold has its verdict."""
        return None not in self._reached.values()

    @property
    def next_look(self) -> int | None:
        """How many images in total must be seen for the next ``update``; None once decided."""
        return None if self.decided else next(n for n in self.looks if n > self.seen)

    def update(self, seen: int, correct: int) -> None:
        """Decide what can be decided; both counts are totals, and ``seen`` is the next look."""
        if seen != self.next_look:
            raise ValueError(f"{seen} images seen, where the next look is at {self.next_look}")
        if not 0 <= correct - self.correct <= seen - self.seen:
            raise ValueError(
                f"{correct} of {seen} can't follow {self.correct} of {self.seen} images"
            )
        self.seen, self.correct = seen, correct
        for threshold, verdict in self._reached.items():
            if verdict is not None:
                continue
            if refutes_at_least(self.images, threshold, seen, correct, self.level):
                self._reached[threshold] = False
            elif refutes_at_most(self.images, threshold - 1, seen, correct, self.level):
                self._reached[threshold] = True

    def reached(self, threshold: int) -> bool | None:
        """Return the verdict on one of the thresholds; None while it is open."""
        return self._reached[threshold]

    def allows(self, claimed_correct: int, slack: int = 0) -> bool:
        """Tell whether what was seen fits a claim about all images, give or take ``slack``."""
        error = 2 * self.level
        return is_consistent(claimed_correct, self.images, self.seen, self.correct, error, slack)


class LossTest:
    """How much one network loses against another: which numbers of images aren't exceeded.

    The images that only the first gets right and those that only the second does are bounded by
    exact hypergeometric tails at each look; four tails share the error. All images decide.
    """

    def __init__(
        self,
        images: int,
        most: Sequence[int],
        error: float = 1e-6,
        first_look: int = FIRST_LOOK,
    ) -> None:
        self.images, self._most = images, most
        self.looks = looks_at(images, first_look)
        self._level = _checked(error) / (4 * len(self.looks))
        self.seen = 0
        self._verdicts: list[bool | None] = [None] * len(most)

    @property
    def next_look(self) -> int | None:
        """How many images in total must be seen for the next ``update``; None once decided."""
        return next(n for n in self.looks if n > self.seen) if None in self._verdicts else None

    def update(self, seen: int, lost: int, won: int) -> None:
        """Decide what can be decided; all counts are totals, and ``seen`` is the next look."""
        if seen != self.next_look:
            raise ValueError(f"{seen} images seen, where the next look is at {self.next_look}")
        self.seen = seen
        least_lost, most_lost = bounds(self.images, seen, lost, self._level)
        least_won, most_won = bounds(self.images, seen, won, self._level)
        low, high = least_lost - most_won, most_lost - least_won
        self._verdicts = [True if high <= m else False if low > m else None for m in self._most]

    @property
    def verdicts(self) -> tuple[bool | None, ...]:
        """Whether each number isn't exceeded; None while it is open."""
        return tuple(self._verdicts)


def looks_at(images: int, first: int) -> tuple[int, ...]:
    """Return growing numbers of images to look at, the last of them all images."""
    looks = []
    n = first
    while n < images:
        looks.append(n)
        n = math.ceil(n * GROWTH)
    return (*looks, images)


def _checked(error: float | Fraction) -> Fraction:
    if not 0 < error < 1:
        raise ValueError(f"the error is a probability between 0 and 1, not {error}")
    return Fraction(error)
