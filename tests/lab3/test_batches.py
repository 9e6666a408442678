"""The order and augmentation of training batches."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lab3.batches import AUGMENTATIONS, PADDING, EpochBatches, augment, random_crop
from lab3.data import ImageData, Split


@pytest.fixture(scope="module")
def train(digits: ImageData) -> Split:
    return digits.train


def same(first: tuple[torch.Tensor, ...], second: tuple[torch.Tensor, ...]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("augmentation", AUGMENTATIONS)
def test_a_batch_depends_on_seed_epoch_and_number_alone(augmentation: str, train: Split) -> None:
    first = EpochBatches(train, 16, augmentation, seed=3, epoch=5)
    torch.manual_seed(99)
    second = EpochBatches(train, 16, augmentation, seed=3, epoch=5)
    expected = [first[k] for k in range(4)]
    assert same(second[3], expected[3])
    assert same(second[0], expected[0])
    loaded = list(second.loader(first=2, workers=0, pin_memory=False))
    assert same(loaded[1], expected[3])
    assert len(loaded) == len(first) - 2
    other = EpochBatches(train, 16, augmentation, seed=3, epoch=6)
    assert not same(other[0], expected[0])


def test_loader_processes_do_not_change_the_batches(train: Split) -> None:
    batches = EpochBatches(train, 64, "autoaugment", seed=0, epoch=0)
    alone = list(batches.loader(first=17, workers=0, pin_memory=False))
    helped = list(batches.loader(first=17, workers=2, pin_memory=False))
    assert all(same(a, b) for a, b in zip(alone, helped, strict=True))


@settings(max_examples=30)
@given(st.integers(1, 60), st.integers(1, 70), st.integers(0, 9999), st.integers(0, 200))
def test_an_epoch_shows_each_image_at_most_once(
    count: int, batch_size: int, seed: int, epoch: int
) -> None:
    numbered = Split(torch.zeros(count, 3, 8, 8, dtype=torch.uint8), torch.arange(count))
    batches = EpochBatches(numbered, batch_size, "none", seed, epoch)
    shown = torch.cat([batches[k][1] for k in range(len(batches))])
    assert len(shown.unique()) == len(shown)
    assert len(shown) == (count // batch_size * batch_size or count)


def test_several_processes_share_each_batch(train: Split) -> None:
    whole = EpochBatches(train, 16, "none", seed=1, epoch=2)[5][1]
    shares = [EpochBatches(train, 16, "none", 1, 2, rank, 2)[5][1] for rank in (0, 1)]
    assert torch.equal(torch.stack(shares, dim=1).flatten(), whole)


def test_a_crop_moves_each_image_by_its_own_amount() -> None:
    torch.manual_seed(0)
    images = torch.zeros(200, 3, 32, 32, dtype=torch.uint8)
    images[:, :, 16, 16] = 255
    moved = random_crop(images).float().sum(1)
    rows, columns = moved.sum(2).argmax(1), moved.sum(1).argmax(1)
    for places in (rows, columns):
        assert set((places - 16).tolist()) == set(range(-PADDING, PADDING + 1))
    assert not torch.equal(rows, columns)


def test_flips_mirror_about_half_of_the_images() -> None:
    torch.manual_seed(0)
    images = torch.zeros(400, 3, 32, 32, dtype=torch.uint8)
    images[:, :, :, 24:] = 255
    left_is_bright = augment(images, "crop-flip")[:, 0, 16, 4].float().mean() / 255
    assert 0.35 < left_is_bright < 0.65


def test_none_changes_nothing_and_autoaugment_changes_most(train: Split) -> None:
    images = train.images[:50]
    assert torch.equal(augment(images, "none"), images)
    changed = augment(images, "autoaugment")
    assert changed.dtype == torch.uint8
    assert (changed != images).flatten(1).any(1).float().mean() > 0.9
