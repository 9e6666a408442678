"""Accuracies, counted on test images that no student's code ever sees.

A checkpoint's numbers are put into the reference network. Images come in a secret order, and
counting stops as soon as the verdict is certain.
"""

import copy
import hmac
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from autograder.expected.checkpoints import Restored
from autograder.expected.sequential import FIRST_LOOK, LossTest, SequentialTest, refutes_at_most
from autograder.results import ImageCounts
from lab3.data import ImageData, Split
from lab3.log.records import TITLES

THREADS = torch.get_num_threads()  # as many as PyTorch takes by itself
CHANCE = Fraction(1, 10**6)  # that staff looks at honest runs: once in thousands of courses
FP32_BATCH, INT8_BATCH, GPU_BATCH = 8, 32, 500  # images; FP32 above 16 spills a CPU's cache
OnImages = Callable[[str, int, int], None]  # title of the network, images seen, all images


@dataclass(frozen=True)
class CountedImages:
    """The images that accuracies are counted on, in the order in which they are looked at.

    ``data`` tells how they are normalised. ``error`` is the probability that a verdict is wrong;
    with ``is_exact`` all images are seen.
    """

    data: ImageData
    split: Split
    order: Tensor  # (N,)
    error: float
    is_exact: bool
    on_images: OnImages

    @property
    def first_look(self) -> int:
        return len(self.order) if self.is_exact else FIRST_LOOK


def draw_of(key: str, submission_sha256: str) -> bytes:
    """Return the secret that orders the images of a submission; empty without a key.

    What anybody can compute is no secret: a submission could be varied until the first images of
    its order happen to be those that it gets right.
    """
    return hmac.digest(key.encode(), submission_sha256.encode(), "sha256") if key else b""


def order_of(count: int, draw: bytes) -> Tensor:
    """Return a permutation of ``count`` images, (count,), on which every bit of ``draw`` acts.

    Without a draw it is the order in which they lie.
    """
    if not draw:
        return torch.arange(count)
    # A generator seeded with the draw would take only as many of its bits as its seed has.
    ranks = [hmac.digest(draw, place.to_bytes(4, "big"), "sha256") for place in range(count)]
    return torch.tensor(sorted(range(count), key=ranks.__getitem__))


class Answers:
    """Which test images a network gets right, in the secret order, as far as asked."""

    def __init__(self, restored: Restored, images: CountedImages) -> None:
        self._restored, self.images = restored, images
        self._network, self._device = restored.network, torch.device("cpu")
        self._batch = FP32_BATCH if restored.kind == "train" else INT8_BATCH
        if restored.kind == "train" and torch.cuda.is_available():
            self._device, self._batch = torch.device("cuda"), GPU_BATCH
            self._network = copy.deepcopy(restored.network).to(self._device)  # others compute here
        self._right: list[Tensor] = []
        self.seen = 0

    @torch.inference_mode()
    def first(self, count: int) -> Tensor:
        """Return, for the first ``count`` images of the order, whether each is right."""
        data, split, order = self.images.data, self.images.split, self.images.order
        title = TITLES[self._restored.kind]
        with all_threads(), full_precision(), self._restored.computing():
            while self.seen < count:
                part = order[self.seen : min(count, self.seen + self._batch)]  # (B,)
                images = data.normalise(split.images[part]).to(self._device)
                logits = self._network(images).cpu()  # (B, classes)
                self._right.append(logits.argmax(1) == split.labels[part])
                self.seen += len(part)
                self.images.on_images(title, self.seen, len(order))
        return torch.cat(self._right)[:count]


@contextmanager
def full_precision() -> Iterator[None]:
    """Let a GPU compute convolutions in float32: TF32 has 10 bits, and decides other images."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


@contextmanager
def all_threads() -> Iterator[None]:
    """Use PyTorch's own number of threads for whole test sets; small networks are faster on one."""
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def count_right(
    run: str, answers: Answers, needs: Sequence[int], claimed: float | None = None
) -> ImageCounts:
    """Count until it is certain which of these numbers of right images are reached."""
    images = answers.images
    test = SequentialTest(len(images.order), needs, images.error, images.first_look)
    seen, right = [], []
    while (look := test.next_look) is not None:
        seen.append(look)
        right.append(int(answers.first(look).sum()))
        test.update(look, right[-1])
    return ImageCounts(
        run=run, images=test.images, seen=tuple(seen), right=tuple(right), claimed=claimed
    )


def count_lost(run: str, fp32: Answers, int8: Answers, most: Sequence[int]) -> ImageCounts:
    """Count until it is certain which of these numbers of images a run's loss doesn't exceed."""
    images = fp32.images
    test = LossTest(len(images.order), most, images.error, images.first_look)
    rows = []
    while (look := test.next_look) is not None:
        a, b = fp32.first(look), int8.first(look)  # (look,) each
        lost, won = int((a & ~b).sum()), int((~a & b).sum())
        rows.append((look, int(a.sum()), lost, won))
        test.update(look, lost, won)
    seen, right, lost_at, won_at = zip(*rows, strict=True)
    return ImageCounts(
        run=run, images=test.images, seen=seen, right=right, lost=lost_at, won=won_at
    )


def is_far_above(right: Tensor, beside: Tensor) -> bool:
    """Tell whether a network gets more of some images right than chance explains beside others.

    Both say which images are right. Had it been trained on neither, the images would be one lot, of
    which some are right and some happen to be called these: the number right among them is
    hypergeometric, which holds the noise of both shares (Fisher's exact test). That the best epoch
    was chosen by the others only makes a network look worse on these.
    """
    of_both = int(right.sum()) + int(beside.sum())
    images = len(right) + len(beside)
    return refutes_at_most(images, of_both, len(right), int(right.sum()), CHANCE)
