"""Batches made on the device are those of the loader in order, and in distribution."""

from collections import Counter
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor
from torchvision.transforms import AutoAugmentPolicy, v2

from lab3.batches import AUGMENTATIONS, PADDING, EpochBatches, augment
from lab3.data import load_data
from lab3.device_batches import CHUNK, augment_on_device, auto_augment, device_batches

DIGITS = load_data("digits", Path()).train
DRAWN = 6_000
ONE_IN_A_MILLION = 4.76  # standard deviations


def drawn(augmentation: str) -> list[bytes]:
    """Return what becomes of one image, again and again, on the device's way."""
    generator = Generator().manual_seed(1)
    return outcomes(augment_on_device(coloured().expand(DRAWN, 3, 32, 32), augmentation, generator))


def coloured() -> Tensor:
    """Return an image that every change changes, (1, 3, 32, 32)."""
    return torch.randint(256, (1, 3, 32, 32), generator=Generator().manual_seed(0)).to(torch.uint8)


def outcomes(images: Tensor) -> list[bytes]:
    return [image.numpy().tobytes() for image in images]


def require_alike(ours: list[bytes], theirs: list[bytes]) -> None:
    """Fail unless two samples of the same size may be of one distribution.

    The statistic is the chi-square of two samples; with many degrees of freedom it is nearly
    normal after Wilson and Hilferty's cube root.
    """
    counts = Counter(ours), Counter(theirs)
    pairs = [(counts[0][one], counts[1][one]) for one in {*ours, *theirs}]
    common = [(a, b) for a, b in pairs if a + b >= 10]
    rare = [sum(column) for column in zip(*[p for p in pairs if sum(p) < 10], strict=True)]
    cells = common + ([(rare[0], rare[1])] if rare else [])
    square = sum((a - b) ** 2 / (a + b) for a, b in cells)
    freedom = len(cells) - 1
    z = ((square / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / (2 / (9 * freedom)) ** 0.5
    assert z < ONE_IN_A_MILLION


@pytest.mark.parametrize("first", [0, 3, CHUNK, CHUNK + 5])
def test_the_images_of_each_batch_are_those_of_the_loader(first: int) -> None:
    batches = EpochBatches(DIGITS, 32, "none", seed=3, epoch=2)
    made = list(device_batches(batches, DIGITS, first))
    expected = [batches[k] for k in range(first, len(batches))]
    assert len(made) == len(expected)
    for (images, labels), (their_images, their_labels) in zip(made, expected, strict=True):
        assert torch.equal(images, their_images)
        assert torch.equal(labels, their_labels)


@pytest.mark.parametrize("augmentation", AUGMENTATIONS)
def test_a_run_that_goes_on_sees_the_same_images(augmentation: str) -> None:
    batches = EpochBatches(DIGITS, 16, augmentation, seed=0, epoch=1)
    whole = list(device_batches(batches, DIGITS, 0))
    torch.manual_seed(99)
    rest = list(device_batches(batches, DIGITS, CHUNK + 3))
    for (images, labels), (again, labels_again) in zip(whole[CHUNK + 3 :], rest, strict=True):
        assert torch.equal(images, again)
        assert torch.equal(labels, labels_again)


def test_each_process_gets_its_own_share() -> None:
    whole = EpochBatches(DIGITS, 16, "none", seed=1, epoch=2)
    shares = [EpochBatches(DIGITS, 16, "none", 1, 2, rank, 2) for rank in (0, 1)]
    made = [next(device_batches(share, DIGITS, 0))[1] for share in shares]
    assert torch.equal(torch.stack(made, dim=1).flatten(), whole[0][1])


def test_epochs_and_chunks_draw_apart() -> None:
    images = DIGITS.images[:1].expand(16 * CHUNK * 2, 3, 32, 32)
    same = type(DIGITS)(images, torch.zeros(len(images), dtype=torch.int64))
    epochs = [EpochBatches(same, 16, "crop", seed=0, epoch=epoch) for epoch in (0, 1)]
    made = [torch.stack([b for b, _ in device_batches(epoch, same, 0)]) for epoch in epochs]
    assert not torch.equal(made[0], made[1])
    assert not torch.equal(made[0][:CHUNK], made[0][CHUNK:])


def test_crops_move_by_every_amount_equally_often() -> None:
    torch.manual_seed(2)
    theirs = outcomes(augment(coloured().expand(DRAWN, 3, 32, 32), "crop"))
    ours = drawn("crop")
    assert len(set(ours)) == (2 * PADDING + 1) ** 2
    require_alike(ours, theirs)


def test_half_of_the_images_are_mirrored() -> None:
    torch.manual_seed(3)
    theirs = outcomes(augment(coloured().expand(DRAWN, 3, 32, 32), "crop-flip"))
    ours = drawn("crop-flip")
    assert len(set(ours)) == 2 * (2 * PADDING + 1) ** 2
    require_alike(ours, theirs)


def test_autoaugment_changes_as_torchvision_does() -> None:
    """Of one image, whole images are counted: each outcome as often as with torchvision's own."""
    torch.manual_seed(4)
    policy = v2.AutoAugment(AutoAugmentPolicy.CIFAR10)
    image = coloured()[0]
    theirs = outcomes(torch.stack([policy(image) for _ in range(DRAWN)]))
    generator = Generator().manual_seed(5)
    ours = outcomes(auto_augment(image.expand(DRAWN, 3, 32, 32), generator))
    common = [one for one, count in Counter(theirs).items() if count > 20]
    assert len(common) > 40
    assert set(common) <= set(ours)
    require_alike(ours, theirs)


def test_the_images_of_a_batch_draw_apart_and_do_not_mix() -> None:
    """What becomes of an image doesn't depend on its neighbours."""
    images = DIGITS.images[:64]
    changed = auto_augment(images, Generator().manual_seed(6))
    replaced = images.clone()
    replaced[1:] = 255 - replaced[1:]
    assert torch.equal(auto_augment(replaced, Generator().manual_seed(6))[0], changed[0])
    assert torch.equal(images, DIGITS.images[:64])
