"""Data sets by name, from files of the published formats that the tests write."""

import contextlib
import hashlib
import pickle
import tarfile
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lab3.data import IMAGE_SIZE, DataError, cifar10, load_data
from tests.making.datasets import (
    cifar10_batches,
    pickled,
    write_binary_cifar10,
    write_cifar10,
    write_fashion_mnist,
)


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


@pytest.mark.parametrize("write", [write_cifar10, write_binary_cifar10])
def test_cifar10_is_read_as_published(write: Callable[[Path], None], tmp_path: Path) -> None:
    write(tmp_path)
    data = load_data("cifar10", tmp_path)
    assert (len(data.train), len(data.validation), len(data.test)) == (36, 4, 8)
    pixels, labels = cifar10_batches()["test_batch"]
    assert torch.equal(data.test.images[3], torch.from_numpy(pixels[3].reshape(3, 32, 32)))
    assert data.test.labels.tolist() == labels
    assert data.classes[9].replace(" ", "") == "class9"


def test_both_versions_of_cifar10_are_the_same_data(tmp_path: Path) -> None:
    write_cifar10(tmp_path / "a")
    write_binary_cifar10(tmp_path / "b")
    one, other = (load_data("cifar10", tmp_path / name) for name in "ab")
    assert one.fingerprint == other.fingerprint


def test_what_the_tests_write_is_what_pickle_reads() -> None:
    pixels, labels = cifar10_batches(300)["test_batch"]
    fields = {b"data": pixels, b"labels": labels, b"count": 10_000, b"low": -5, b"n": [b"x" * 300]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy has moved since
        there = pickle.loads(pickled(fields), encoding="bytes")
    assert (there.pop(b"data") == fields.pop(b"data")).all()
    assert there == fields


class Bomb:
    """Leaves a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", ["data_batch_1", "test_batch", "batches.meta"])
def test_no_code_in_a_data_set_runs(name: str, protocol: int, tmp_path: Path) -> None:
    write_cifar10(tmp_path)
    content = pickle.dumps({"data": Bomb(tmp_path / "ran")}, protocol)
    (tmp_path / "cifar-10-batches-py" / name).write_bytes(content)
    with pytest.raises(DataError, match="cifar10 can't be read"):
        load_data("cifar10", tmp_path)
    assert not (tmp_path / "ran").exists()


FIELD = b"\x80\2}q\1(U\4data"
ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n"


@pytest.mark.parametrize(
    "content",
    [
        FIELD + b"cos\nsystem\n(U\4exittRu.",
        FIELD + b"cnumpy\ndtype\n(U\1OK\0K\1tRu.",
        FIELD + ARRAY + b"J\xff\xff\xff\x7fU\1btRu.",
        FIELD + b"(K\1K\2tNbu.",
        b"\x80\2}q\1(]U\4datau.",
        b"\x80\2(((((.",
        b"\x80\2t.",
        b"\x80\2h\7.",
        b"\x80\2T\xff\xff\xff\x7f",
        b"\x80\2cnumpy",
        b"\x80\2K\1.",
    ],
)
def test_a_pickle_of_another_shape_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        cifar10.read_fields(content)


@given(st.data())
@settings(max_examples=200)
def test_damage_to_a_batch_raises_nothing_but_a_value_error(data: st.DataObject) -> None:
    pixels, labels = cifar10_batches(1)["test_batch"]
    content = bytearray(pickled({b"labels": labels, b"data": pixels[:, :8], b"names": [b"a"]}))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ValueError):
        assert isinstance(cifar10.read_fields(bytes(content)), dict)


def test_a_file_of_the_published_size_has_to_be_the_published_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_cifar10(tmp_path)
    monkeypatch.setattr(cifar10, "PUBLISHED_IMAGES", 8)
    said = r"batches.meta has the size of the published .* md5 \w{32} instead of 5ff9c5.*--download"
    with pytest.raises(DataError, match=said):
        load_data("cifar10", tmp_path)
    folder = tmp_path / "cifar-10-batches-py"
    md5 = {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    monkeypatch.setattr(cifar10, "PUBLISHED_MD5", md5)
    assert len(load_data("cifar10", tmp_path).test) == 8
    content = bytearray((folder / "test_batch").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "test_batch").write_bytes(content)
    with pytest.raises(DataError, match="test_batch has the size of the published file"):
        load_data("cifar10", tmp_path)


def test_a_cut_off_binary_batch_is_reported_with_the_remedy(tmp_path: Path) -> None:
    write_binary_cifar10(tmp_path)
    path = tmp_path / "cifar-10-batches-bin" / "data_batch_2.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"data_batch_2.bin has .* bytes.*--download"):
        load_data("cifar10", tmp_path)


def test_cifar10_is_fetched_when_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_cifar10(tmp_path / "there")
    fetched: list[tuple[str, str]] = []

    def download_url(url: str, root: str, md5: str) -> None:
        fetched.append((url, md5))
        with tarfile.open(Path(root) / url.rsplit("/", 1)[1], "w:gz") as archive:
            archive.add(tmp_path / "there" / "cifar-10-batches-py", "cifar-10-batches-py")

    monkeypatch.setattr("torchvision.datasets.utils.download_url", download_url)
    (tmp_path / "here").mkdir()
    for _ in range(2):
        assert len(load_data("cifar10", tmp_path / "here", download=True).test) == 8
    assert fetched == [(cifar10.URL, "c58f30108f718f92721af3b95e74349a")]


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
