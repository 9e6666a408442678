"""The data sets: 32x32 RGB images as uint8 tensors, with one fixed split."""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from lab3 import cifar10
from lab3.errors import LabError

IMAGE_SIZE = 32  # the stem has stride 1: larger images cost memory, not only time
SPLIT_SEED = 2024  # the same for every run: another split would leak validation images
DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
NORMALISATION = {  # per channel: mean and standard deviation of the training images
    "digits": ((0.306,) * 3, (0.324,) * 3),
    "fashion-mnist": ((0.219,) * 3, (0.332,) * 3),
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
}


class DataError(LabError):
    """A data set is missing or damaged; the text says what to do."""


@dataclass(frozen=True)
class Split:
    """Images (N, 3, 32, 32) uint8 and their labels (N,) int64."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: Tensor) -> "Split":
        return Split(self.images[indices].contiguous(), self.labels[indices])

    def to(self, device: torch.device) -> "Split":
        return Split(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True)
class ImageData:
    """A data set with its three splits; ``fingerprint`` identifies their content and order."""

    name: str
    classes: tuple[str, ...]
    train: Split
    validation: Split
    test: Split
    fingerprint: str

    def normalise(self, images: Tensor) -> Tensor:
        """Return uint8 images as floats of mean 0 and standard deviation 1, channels last."""
        mean, std = torch.tensor(NORMALISATION[self.name], device=images.device)[..., None, None]
        images = images.to(torch.float32, memory_format=torch.channels_last)
        return images.div_(255).sub_(mean).div_(std)


def load_data(name: str, data_dir: Path, download: bool = False) -> ImageData:
    """Return a data set by name: ``digits``, ``fashion-mnist`` or ``cifar10``.

    One training image in ten becomes a validation image; which ones depends on SPLIT_SEED alone.
    Raises DataError when files are missing or damaged.
    """
    loaders = {"digits": _digits, "fashion-mnist": _fashion_mnist, "cifar10": _cifar10}
    if name not in loaders:
        raise DataError(f"unknown data set {name!r}: choose from {', '.join(loaders)}")
    try:
        classes, labelled, test = loaders[name](data_dir, download)
    except DataError:
        raise
    except URLError as error:
        raise DataError(f"{name} could not be fetched: {error.reason}") from error
    except OSError as error:
        raise DataError(f"{error.filename or data_dir}: {error.strerror or error}") from error
    except Exception as error:  # damaged files and archives raise all kinds
        raise DataError(
            f"{name} can't be read ({type(error).__name__}: {error}): delete its files below "
            f"{data_dir} and get them again with --download"
        ) from error
    order = torch.randperm(len(labelled), generator=torch.Generator().manual_seed(SPLIT_SEED))
    held_out = max(1, len(labelled) // 10)
    splits = labelled.take(order[held_out:]), labelled.take(order[:held_out]), test
    digest = hashlib.sha256()
    for split in splits:
        digest.update(split.images.numpy().data)
        digest.update(split.labels.numpy().data)
    return ImageData(name, classes, *splits, digest.hexdigest())


def find_files(name: str, data_dir: Path) -> Path | None:
    """Return the folder that holds the files of ``fashion-mnist`` or ``cifar10``, if any."""
    if name == "cifar10":
        places = [(data_dir / folder, file) for folder, file in cifar10.FOLDERS.items()]
    else:
        folders = [data_dir / "FashionMNIST" / "raw", data_dir, DEBIAN_FASHION_MNIST]
        places = [(folder, "train-images-idx3-ubyte*") for folder in folders]
    return next((folder for folder, file in places if any(folder.glob(file))), None)


def _digits(data_dir: Path, download: bool) -> tuple[tuple[str, ...], Split, Split]:
    """The 1,797 digits of 8x8 pixels inside scikit-learn; a fixed fifth are test images."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = torch.from_numpy(digits.images).float()[:, None] * (255 / 16)
    images = F.interpolate(images, size=IMAGE_SIZE, mode="bilinear").round().to(torch.uint8)
    whole = Split(images.repeat(1, 3, 1, 1), torch.from_numpy(digits.target).long())
    order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(SPLIT_SEED))
    tests = len(whole) // 5
    return tuple("0123456789"), whole.take(order[tests:]), whole.take(order[:tests])


def _fashion_mnist(data_dir: Path, download: bool) -> tuple[tuple[str, ...], Split, Split]:
    """Fashion-MNIST (Xiao et al., arXiv:1708.07747): grey 28x28 images, padded to 32x32."""
    from torchvision.datasets import FashionMNIST

    if download:
        FashionMNIST(str(data_dir), download=True)
    folder = find_files("fashion-mnist", data_dir)
    if folder is None:
        raise DataError(
            f"fashion-mnist is neither in {data_dir} nor in {DEBIAN_FASHION_MNIST}: get it with "
            "--download (30 MB) or the Debian package dataset-fashion-mnist, name the folder that "
            "holds it with --data-dir, or use --dataset digits, which needs no files"
        )

    def read(part: str) -> Split:
        images = _read_idx(folder / f"{part}-images-idx3-ubyte", header_bytes=16)
        labels = _read_idx(folder / f"{part}-labels-idx1-ubyte", header_bytes=8)
        return Split(F.pad(images.view(-1, 1, 28, 28), [2] * 4).repeat(1, 3, 1, 1), labels.long())

    return tuple(FashionMNIST.classes), read("train"), read("t10k")


def _read_idx(path: Path, header_bytes: int) -> Tensor:
    """Return what follows the header of an IDX file, plain or gzipped, as a flat uint8 tensor."""
    zipped = path.with_name(f"{path.name}.gz")
    content = path.read_bytes() if path.exists() else gzip.decompress(zipped.read_bytes())
    return torch.from_numpy(np.frombuffer(content, np.uint8, offset=header_bytes).copy())


def _cifar10(data_dir: Path, download: bool) -> tuple[tuple[str, ...], Split, Split]:
    """CIFAR-10 (Krizhevsky, 2009), of the python or the binary version."""
    if download and find_files("cifar10", data_dir) is None:
        cifar10.download(data_dir)
    folder = find_files("cifar10", data_dir)
    if folder is None:
        raise DataError(
            f"cifar10 is not in {data_dir}: get it with --download (170 MB), name the folder that "
            "holds cifar-10-batches-py with --data-dir, or use --dataset digits, which needs no "
            "files"
        )
    classes, labelled, test = cifar10.read(folder)

    def split(images: NDArray[np.uint8], labels: list[int]) -> Split:
        return Split(torch.from_numpy(images.copy()), torch.tensor(labels))

    return classes, split(*labelled), split(*test)
