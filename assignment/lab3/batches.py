"""The batches of an epoch: their order and augmentation depend on seed, epoch and number alone.

So a run that was stopped in the middle of an epoch can go on exactly where it was, and the
number of loader processes or GPUs does not change which images a step sees.
"""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import AutoAugmentPolicy, v2

from lab3.data import Split

AUGMENTATIONS = ("none", "crop", "crop-flip", "autoaugment")
PADDING = 4  # pixels: how far RandomCrop may move an image


class EpochBatches(Dataset[tuple[Tensor, Tensor]]):
    """The training batches of one epoch, as (images, labels); item ``k`` is the k-th batch.

    Images left over at the end are dropped, unless they are all there is. Of ``world_size``
    processes, each gets its share of every batch.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        augmentation: str,
        seed: int,
        epoch: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.split, self.batch_size, self.augmentation = split, batch_size, augmentation
        self.seed, self.rank, self.world_size = (seed * 1_000 + epoch) * 100_000, rank, world_size
        self.order = torch.randperm(len(split), generator=torch.Generator().manual_seed(self.seed))

    def __len__(self) -> int:
        return max(1, len(self.split) // self.batch_size)

    def __getitem__(self, k: int) -> tuple[Tensor, Tensor]:
        mine = self.split.take(self.chosen(k))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed_of(k))
            return augment(mine.images, self.augmentation), mine.labels

    def chosen(self, k: int) -> Tensor:
        """Return which images this process gets of the k-th batch."""
        whole = self.order[k * self.batch_size : (k + 1) * self.batch_size]
        return whole[self.rank :: self.world_size]

    def seed_of(self, k: int) -> int:
        """Return what the k-th batch draws its changes from."""
        return self.seed + k * self.world_size + self.rank + 1

    def loader(
        self, first: int, workers: int, pin_memory: bool
    ) -> DataLoader[tuple[Tensor, Tensor]]:
        """Return a loader of the batches from number ``first`` on."""
        return DataLoader(
            self,
            batch_size=None,
            sampler=range(first, len(self)),
            num_workers=workers,
            pin_memory=pin_memory,
        )


def augment(images: Tensor, augmentation: str) -> Tensor:
    """Return randomly changed images, (B, 3, H, W) uint8; each image draws its own change.

    ``crop`` pads by 4 pixels and crops back; ``crop-flip`` also mirrors half of the images;
    ``autoaugment`` adds the CIFAR-10 policy of Cubuk et al. (arXiv:1805.09501).
    """
    if augmentation != "none":
        images = random_crop(images)
    if augmentation in ("crop-flip", "autoaugment"):
        mirrored = torch.rand(len(images)) < 0.5
        images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
    if augmentation == "autoaugment":
        policy = v2.AutoAugment(AutoAugmentPolicy.CIFAR10)
        images = torch.stack([policy(image) for image in images])
    return images


def random_crop(images: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Return each image moved by up to PADDING pixels in each direction, zeros moving in."""
    count, channels, height, width = images.shape
    device = images.device
    padded = F.pad(images, [PADDING] * 4)
    moves = torch.randint(0, 2 * PADDING + 1, (2, count, 1), generator=generator)
    top, left = moves.to(device)
    rows = top + torch.arange(height, device=device)
    columns = left + torch.arange(width, device=device)
    return padded[
        torch.arange(count, device=device)[:, None, None, None],
        torch.arange(channels, device=device)[None, :, None, None],
        rows[:, None, :, None],
        columns[:, None, None, :],
    ]
