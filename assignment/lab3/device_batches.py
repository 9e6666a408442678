"""Training batches made where the images lie: on a GPU, many batches are augmented at once.

What is random is drawn on the CPU from seed, epoch and number, as in ``lab3.batches``, and takes
the same distributions; the draws are others, so a run on a GPU is another run than one on a CPU.
"""

from collections.abc import Iterator

import torch
from torch import Generator, Tensor
from torchvision.transforms import AutoAugmentPolicy, v2

from lab3.batches import EpochBatches, random_crop
from lab3.data import Split

CHUNK = 16  # batches: each kind of change is a few kernels, whatever the number of images


def device_batches(
    batches: EpochBatches, split: Split, first: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the batches of an epoch from number ``first`` on, on the device of ``split``.

    ``split`` holds the images of ``batches``; only their order is taken from there.
    """
    for begin in range(first // CHUNK * CHUNK, len(batches), CHUNK):
        numbers = range(begin, min(begin + CHUNK, len(batches)))
        shares = [batches.chosen(k) for k in numbers]
        mine = split.take(torch.cat(shares).to(split.labels.device))
        generator = Generator().manual_seed(batches.seed_of(begin))
        images = augment_on_device(mine.images, batches.augmentation, generator)
        sizes = [len(share) for share in shares]
        made = zip(images.split(sizes), mine.labels.split(sizes), strict=True)
        yield from (batch for k, batch in zip(numbers, made, strict=True) if k >= first)


def augment_on_device(images: Tensor, augmentation: str, generator: Generator) -> Tensor:
    """Return what ``lab3.batches.augment`` returns in distribution, (B, 3, H, W) uint8."""
    if augmentation != "none":
        images = random_crop(images, generator)
    if augmentation in ("crop-flip", "autoaugment"):
        mirrored = (torch.rand(len(images), generator=generator) < 0.5).to(images.device)
        images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
    return auto_augment(images, generator) if augmentation == "autoaugment" else images


def auto_augment(images: Tensor, generator: Generator) -> Tensor:
    """Apply torchvision's CIFAR-10 policy of AutoAugment, all images of one change at once.

    Each image draws one of 25 pairs of changes; each change happens with its own probability, and
    half of those that have a direction are turned round.
    """
    policy = v2.AutoAugment(AutoAugmentPolicy.CIFAR10)
    pairs, space = policy._policies, policy._AUGMENTATION_SPACE
    drawn = torch.randint(len(pairs), (len(images),), generator=generator).tolist()
    height, width = images.shape[-2:]
    images = images.clone()
    for place in (0, 1):
        happens = torch.rand(len(images), generator=generator).tolist()
        turned = (torch.rand(len(images), generator=generator) <= 0.5).tolist()
        alike: dict[tuple[str, float], list[int]] = {}
        for index, pair in enumerate(drawn):
            change, probability, level = pairs[pair][place]
            if happens[index] > probability:
                continue
            levels, has_direction = space[change]
            strengths = levels(10, height, width)
            strength = 0.0 if strengths is None else float(strengths[level])
            sign = -1 if has_direction and turned[index] else 1
            alike.setdefault((change, sign * strength), []).append(index)
        for (change, strength), indices in alike.items():
            here = torch.tensor(indices, device=images.device)
            images[here] = policy._apply_image_or_video_transform(
                images[here], change, strength, policy.interpolation, policy._fill
            )
    return images
