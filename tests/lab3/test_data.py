"""Data sets by name, from files of the published formats that the tests write."""

import pickle
from pathlib import Path

import pytest
import torch

from lab3.data import IMAGE_SIZE, DataError, load_data
from tests.making.datasets import write_cifar10, write_fashion_mnist


def test_digits_are_embedded_and_their_splits_do_not_overlap(tmp_path: Path) -> None:
    data = load_data("digits", tmp_path)
    assert (len(data.train), len(data.validation), len(data.test)) == (1295, 143, 359)
    seen = [image.numpy().tobytes() for image in torch.cat([data.train.images, data.test.images])]
    assert data.train.images.shape[1:] == (3, IMAGE_SIZE, IMAGE_SIZE)
    assert data.train.images.dtype == torch.uint8
    held_out = {image.numpy().tobytes() for image in data.validation.images}
    assert not held_out & set(seen)
    assert load_data("digits", tmp_path).fingerprint == data.fingerprint


def test_normalised_images_have_mean_0_and_deviation_1(tmp_path: Path) -> None:
    data = load_data("digits", tmp_path)
    images = data.normalise(data.train.images)
    assert abs(images.mean().item()) < 0.01
    assert abs(images.std().item() - 1) < 0.01
    assert images.is_contiguous(memory_format=torch.channels_last)


def test_cifar10_is_read_as_published(tmp_path: Path) -> None:
    write_cifar10(tmp_path)
    data = load_data("cifar10", tmp_path)
    assert (len(data.train), len(data.validation), len(data.test)) == (36, 4, 8)
    batch = pickle.loads((tmp_path / "cifar-10-batches-py" / "test_batch").read_bytes())
    expected = torch.from_numpy(batch["data"][3].reshape(3, 32, 32))
    assert torch.equal(data.test.images[3], expected)
    assert data.test.labels.tolist() == batch["labels"]
    assert data.classes[9] == "class 9"


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("where", ["FashionMNIST/raw", "."])
def test_fashion_mnist_is_read_plain_or_zipped_from_both_layouts(
    tmp_path: Path, where: str, zipped: bool
) -> None:
    write_fashion_mnist(tmp_path / "data" / where, zipped=zipped)
    data = load_data("fashion-mnist", tmp_path / "data")
    assert (len(data.train), len(data.validation), len(data.test)) == (18, 2, 20)
    assert data.test.labels[:12].tolist() == [*range(10), 0, 1]
    image = data.test.images[0]
    assert torch.equal(image[0], image[2])
    assert image[:, :2].sum() == image[:, :, -2:].sum() == 0
    assert image[:, 2:30, 2:30].sum() > 0


def test_the_fingerprint_tells_one_changed_pixel(tmp_path: Path) -> None:
    write_fashion_mnist(tmp_path / "a")
    write_fashion_mnist(tmp_path / "b")
    path = tmp_path / "b" / "train-images-idx3-ubyte"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    first, second = (load_data("fashion-mnist", tmp_path / name) for name in "ab")
    assert first.fingerprint != second.fingerprint


def test_missing_data_says_how_to_get_it_and_offers_digits(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cifar10 is not in .*--download.*--data-dir.*digits"):
        load_data("cifar10", tmp_path)
    with pytest.raises(DataError, match=r"'mnist': choose from digits, fashion-mnist, cifar10"):
        load_data("mnist", tmp_path)


@pytest.mark.parametrize("damage", [b"", b"not a pickle", pickle.dumps({"data": 1})])
def test_a_damaged_file_is_reported_with_the_remedy(tmp_path: Path, damage: bytes) -> None:
    write_cifar10(tmp_path)
    (tmp_path / "cifar-10-batches-py" / "data_batch_3").write_bytes(damage)
    with pytest.raises(DataError, match=r"cifar10 can't be read .*--download"):
        load_data("cifar10", tmp_path)


def test_a_cut_off_idx_file_is_reported_with_the_remedy(tmp_path: Path) -> None:
    write_fashion_mnist(tmp_path / "data")
    path = tmp_path / "data" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"fashion-mnist can't be read .*--download"):
        load_data("fashion-mnist", tmp_path / "data")
