"""Small data sets in the files of real ones."""

import gzip
import itertools
import struct
from pathlib import Path
from typing import Any

import numpy as np

TRAINING = [f"data_batch_{number}" for number in range(1, 6)]


def write_cifar10(data_dir: Path, per_batch: int = 8) -> None:
    """Write a folder of CIFAR-10's python version: five training batches, one for tests, names."""
    folder = data_dir / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for name, (pixels, labels) in cifar10_batches(per_batch).items():
        head = f"batch {name}".encode()
        fields = {b"batch_label": head, b"labels": labels, b"data": pixels, b"filenames": [head]}
        (folder / name).write_bytes(pickled(fields))
    names = [f"class {i}".encode() for i in range(10)]
    fields = {b"num_cases_per_batch": per_batch, b"label_names": names, b"num_vis": 3072}
    (folder / "batches.meta").write_bytes(pickled(fields))


def write_binary_cifar10(data_dir: Path, per_batch: int = 8) -> None:
    """Write the same images as a folder of CIFAR-10's binary version."""
    folder = data_dir / "cifar-10-batches-bin"
    folder.mkdir(parents=True)
    for name, (pixels, labels) in cifar10_batches(per_batch).items():
        rows = zip(labels, pixels, strict=True)
        content = b"".join(bytes([label]) + image.tobytes() for label, image in rows)
        (folder / f"{name}.bin").write_bytes(content)
    (folder / "batches.meta.txt").write_text("".join(f"class{i}\n" for i in range(10)) + "\n")


def cifar10_batches(per_batch: int = 8) -> dict[str, tuple[np.ndarray, list[int]]]:
    """Images as rows of 3072 bytes, and their labels, by the name of the file."""
    random = np.random.default_rng(0)
    return {
        name: (
            random.integers(0, 256, (per_batch, 3072), dtype=np.uint8),
            [i % 10 for i in range(per_batch)],
        )
        for name in (*TRAINING, "test_batch")
    }


def pickled(value: Any) -> bytes:
    """A value as Python 2 pickled it by protocol 2: strings are bytes, arrays are numpy's."""
    counter = itertools.count(1)

    def put() -> bytes:
        number = next(counter)
        form, code = ("<cB", b"q") if number < 256 else ("<cI", b"r")
        return struct.pack(form, code, number)

    def parts(value: Any) -> bytes:
        if isinstance(value, int):
            if 0 <= value < 1 << 16:
                form, code = ("<cB", b"K") if value < 256 else ("<cH", b"M")
                return struct.pack(form, code, value)
            return struct.pack("<ci", b"J", value)
        if isinstance(value, bytes):
            form, code = ("<cB", b"U") if len(value) < 256 else ("<ci", b"T")
            return struct.pack(form, code, len(value)) + value + put()
        if isinstance(value, list):
            return b"]" + put() + b"(" + b"".join(map(parts, value)) + b"e"
        if isinstance(value, dict):
            items = (parts(each) for pair in value.items() for each in pair)
            return b"}" + put() + b"(" + b"".join(items) + b"u"
        assert value.dtype == np.uint8
        shape = b"".join(map(parts, value.shape)) + b"\x86" + put()
        kind = b"cnumpy\ndtype\n" + put() + parts(b"u1") + b"K\0K\1\x87" + put() + b"R" + put()
        kind += b"(K\3" + parts(b"|") + b"NNN" + parts(-1) * 2 + b"K\0tb"
        array = b"cnumpy.core.multiarray\n_reconstruct\n" + put() + b"cnumpy\nndarray\n" + put()
        array += b"K\0\x85" + put() + parts(b"b") + b"\x87" + put() + b"R" + put()
        state = shape + kind + b"\x89" + parts(value.tobytes()) + b"t" + put() + b"b"
        return array + b"(K\1" + state

    return b"\x80\2" + parts(value) + b"."


def write_fashion_mnist(folder: Path, count: int = 20, zipped: bool = False) -> None:
    """Write the four IDX files of Fashion-MNIST, plain or gzipped."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for part in ("train", "t10k"):
        pixels = random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        contents = {
            f"{part}-images-idx3-ubyte": struct.pack(">4i", 2051, count, 28, 28) + pixels.tobytes(),
            f"{part}-labels-idx1-ubyte": struct.pack(">2i", 2049, count)
            + bytes(i % 10 for i in range(count)),
        }
        for name, content in contents.items():
            if zipped:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (folder / name).write_bytes(content)
