"""How a check says what it saw: observations, and whether its claim holds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import pytest

from autograder.results import CheckpointSize, ImageCounts, Observation, Outcome, Place

F = TypeVar("F", bound=Callable[..., None])
# Tells whether one of some checks, by their names, didn't pass on its public inputs: what a fault
# costs there, it doesn't cost again.
Charged = Callable[..., bool]


class ClaimFailedError(AssertionError):
    """A claim doesn't hold; ``said`` and ``diagnosis`` explain what the observations show."""

    def __init__(
        self,
        said: str = "",
        diagnosis: str = "",
        share: float = 0.0,
        outcome: Outcome = "failed",
        is_claim_only: bool = False,
        place: Place | None = None,
    ) -> None:
        super().__init__(said)
        self.said, self.diagnosis, self.share = said, diagnosis, share
        self.outcome, self.is_claim_only, self.place = outcome, is_claim_only, place


class Evidence:
    """What one check observed; ``judge`` turns it into the verdict."""

    def __init__(self) -> None:
        self.observations: list[Observation] = []
        self.counts: list[ImageCounts] = []
        self.sizes: list[CheckpointSize] = []
        self.is_judged = False

    def add(self, question: str, expected: str, got: str, holds: bool) -> None:
        """Note one observation."""
        self.observations.append(
            Observation(question=question, expected=expected, got=got, holds=holds)
        )

    @property
    def holds(self) -> bool:
        """Whether everything observed so far is as it should be."""
        return all(observation.holds for observation in self.observations)

    def judge(
        self, said: str = "", diagnosis: str = "", share: float = 0.0, place: Place | None = None
    ) -> None:
        """Raise ClaimFailedError unless every observation holds; there has to be one.

        ``place`` is a better one than the first line of the check's function, when it is known.
        """
        assert self.observations, "a check must observe something"
        self.is_judged = True
        if not self.holds:
            raise ClaimFailedError(said, diagnosis, share, place=place)


@dataclass(frozen=True)
class About:
    """The student's function that a check is about, and the checks that it builds on.

    Before those that it ``needs`` have passed, it is not judged. Of those that it ``follows`` the
    first that didn't pass is named as what has to hold first, but only when the check fails: what
    holds all the same gets its points. What is charged to those in ``excused_by`` isn't charged to
    it, too.
    """

    function: str
    needs: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()
    excused_by: tuple[str, ...] = ()


def about(
    function: str,
    needs: tuple[str, ...] = (),
    follows: tuple[str, ...] = (),
    excused_by: tuple[str, ...] = (),
) -> Callable[[F], F]:
    """Mark a check with what it is about; see ``About``."""

    def mark(check: F) -> F:
        marked: F = pytest.mark.about(About(function, needs, follows, excused_by))(check)
        return marked

    return mark
