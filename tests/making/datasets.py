"""Small data sets in the files of real ones."""

import gzip
import pickle
import struct
from pathlib import Path

import numpy as np


def write_cifar10(data_dir: Path, per_batch: int = 8) -> None:
    """Write a folder of CIFAR-10's format: five training batches, one test batch, the classes."""
    folder = data_dir / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        labels = [i % 10 for i in range(per_batch)]
        pixels = random.integers(0, 256, (per_batch, 3072), dtype=np.uint8)
        (folder / name).write_bytes(pickle.dumps({"data": pixels, "labels": labels}))
    (folder / "batches.meta").write_bytes(
        pickle.dumps({"label_names": [f"class {i}" for i in range(10)]})
    )


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
