"""Accuracies, counted on test images that no student's code ever sees.

A checkpoint's numbers are put into the reference network. Images come in a secret order, and
counting stops as soon as the verdict is certain.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from autograder.expected.checkpoints import Restored
from autograder.expected.sequential import FIRST_LOOK, SequentialTest, bounds
from lab3.data import ImageData
from lab3.engines import engine, exact_engines, use_fastest_engine
from lab3.log.records import TITLES

THREADS = torch.get_num_threads()  # as many as PyTorch takes by itself
SLACK = Fraction(1, 500)  # of all images: other processors round FP32 differently
OnImages = Callable[[str, int, int], None]  # title of the network, images seen, all images


@dataclass(frozen=True)
class CountedImages:
    """The images that accuracies are counted on, in the order in which they are looked at.

    ``error`` is the probability that a verdict is wrong; with ``is_exact`` all images are seen.
    """

    data: ImageData
    order: Tensor  # (N,)
    error: float
    is_exact: bool
    on_images: OnImages

    @property
    def first_look(self) -> int:
        return len(self.order) if self.is_exact else FIRST_LOOK


class Answers:
    """Which test images a network gets right, in the secret order, as far as asked."""

    def __init__(self, restored: Restored, images: CountedImages) -> None:
        self._title, self.images = TITLES[restored.kind], images
        self._right: list[Tensor] = []
        self.seen = 0
        self._engine = ""  # FP32 needs none
        is_int8 = restored.kind != "train"
        self._batch = 32 if is_int8 else 8  # FP32 batches above 16 spill the cache
        data = images.data
        if is_int8:
            first = data.normalise(data.test.images[: self._batch])
            with all_threads(), engine(exact_engines()[0]):
                self._network, self._engine = use_fastest_engine(restored.build, first)
        else:
            self._network = restored.build()
            self._network.fuse_model()  # type: ignore[operator]
            self._network.to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def first(self, count: int) -> Tensor:
        """Return, for the first ``count`` images of the order, whether each is right."""
        data, order = self.images.data, self.images.order
        with all_threads(), engine(self._engine) if self._engine else nullcontext():
            while self.seen < count:
                part = order[self.seen : min(count, self.seen + self._batch)]  # (B,)
                logits = self._network(data.normalise(data.test.images[part]))  # (B, classes)
                self._right.append(logits.argmax(1) == data.test.labels[part])
                self.seen += len(part)
                self.images.on_images(self._title, self.seen, len(order))
        return torch.cat(self._right)[:count]


@contextmanager
def all_threads() -> Iterator[None]:
    """Use PyTorch's own number of threads for whole test sets; small networks are faster on one."""
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def tiers_reached(answers: Answers, tiers: Sequence[int]) -> SequentialTest:
    """Return a test that has decided which of these counts of right images are reached."""
    images = answers.images
    test = SequentialTest(len(images.order), tiers, images.error, images.first_look)
    while (look := test.next_look) is not None:
        test.update(look, int(answers.first(look).sum()))
    return test


@dataclass(frozen=True)
class Drop:
    """How many of the images seen each network gets right; ``tier`` is the index reached."""

    seen: int
    fp32: int
    int8: int
    tier: int | None


def drop_tier(fp32: Answers, int8: Answers, tiers: Sequence[int]) -> Drop:
    """Decide which is the smallest of these numbers of images that is not exceeded by the loss.

    ``tiers`` ascend. The images that only FP32 gets right and those that only INT8 gets right
    are bounded by exact hypergeometric tails at each look; four tails share the error.
    """
    images = fp32.images
    count = len(images.order)
    looks = SequentialTest(count, [], images.error, images.first_look).looks
    level = Fraction(images.error) / (4 * len(looks))
    for look in looks:
        a, b = fp32.first(look), int8.first(look)
        lost = bounds(count, look, int((a & ~b).sum()), level)
        won = bounds(count, look, int((~a & b).sum()), level)
        low, high = lost[0] - won[1], lost[1] - won[0]
        verdicts = [True if high <= t else False if low > t else None for t in tiers]
        if None not in verdicts:
            reached = next((i for i, v in enumerate(verdicts) if v), None)
            return Drop(look, int(a.sum()), int(b.sum()), reached)
    raise AssertionError("all images decide every tier")
