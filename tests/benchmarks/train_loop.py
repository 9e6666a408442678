"""Images per second of ``lab3 train`` beside a minimal hand-written PyTorch loop.

Both train the same network on the same images with the same number of threads, in turn, so that
a computer whose speed drifts is fair to both. Run it with ``make bench``.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from tools.running.workspace import use_code

use_code(Path(__file__).parents[2] / "solution")

from lab3.batches import AUGMENTATIONS
from lab3.data import ImageData, Split, load_data
from lab3.resnet import build_network
from lab3.training import RECIPES, Trainer


class Images(Dataset[tuple[torch.Tensor, int]]):
    """One image at a time, augmented and normalised by torchvision, as tutorials do it."""

    def __init__(self, data: ImageData, augmentation: str) -> None:
        changes: list[torch.nn.Module] = []
        if augmentation != "none":
            changes.append(v2.RandomCrop(32, padding=4))
        if augmentation in ("crop-flip", "autoaugment"):
            changes.append(v2.RandomHorizontalFlip())
        if augmentation == "autoaugment":
            changes.append(v2.AutoAugment(v2.AutoAugmentPolicy.CIFAR10))
        self.split: Split = data.train
        scale = [v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.3] * 3, [0.3] * 3)]
        self.transform = v2.Compose([*changes, *scale])

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(self.split.images[index]), int(self.split.labels[index])


def plain_loop(arch: str, width: int, data: ImageData, batch_size: int, augmentation: str) -> float:
    """Return the images per second of one epoch of the loop that everybody writes."""
    torch.manual_seed(0)
    network = build_network(arch, len(data.classes), width).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    loader = DataLoader(Images(data, augmentation), batch_size, shuffle=True, drop_last=True)
    images_seen, running_loss, begin = 0, 0.0, time.perf_counter()
    for images, labels in loader:
        loss = F.cross_entropy(network(images), labels, label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
        images_seen += len(labels)
    return images_seen / (time.perf_counter() - begin)


def ours(arch: str, width: int, data: ImageData, batch_size: int, augmentation: str) -> float:
    """Return the images per second of one epoch as ``lab3 train`` logs them."""
    torch.manual_seed(0)
    network = build_network(arch, len(data.classes), width)
    hyper = RECIPES[data.name].model_copy(
        update={"epochs": 1, "batch_size": batch_size, "augmentation": augmentation}
    )
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(network, data, hyper, torch.device("cpu"), Path(folder) / "state.pt")
        trainer.run(lambda _trainer: None, lambda _record: None)
    return trainer.epochs[0].images_per_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arch", default="resnet14")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--images", type=int, default=640)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--augmentation", choices=AUGMENTATIONS)
    options = parser.parse_args()
    whole = load_data("digits", Path("data"))
    some = whole.train.take(torch.arange(options.images))
    few = whole.validation.take(torch.arange(8))
    data = ImageData("digits", whole.classes, some, few, few, whole.fingerprint)
    for augmentation in [options.augmentation] if options.augmentation else AUGMENTATIONS:
        setting = (options.arch, options.width, data, options.batch_size, augmentation)
        pairs = [(ours(*setting), plain_loop(*setting)) for _ in range(options.rounds + 1)][1:]
        speeds = [statistics.median(column) for column in zip(*pairs, strict=True)]
        ratios = sorted(mine / plain for mine, plain in pairs)
        print(
            f"{options.arch} width {options.width}, batch {options.batch_size}, "
            f"{torch.get_num_threads()} threads, augmentation {augmentation}: "
            f"lab3 {speeds[0]:.0f} images/s, plain loop {speeds[1]:.0f} images/s, "
            f"ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        )


if __name__ == "__main__":
    main()
