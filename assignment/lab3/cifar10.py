"""CIFAR-10's published files, read as data: a pickle could run code, so nothing is unpickled.

The python version holds pickles of protocol 2 as Python 2 wrote them, of one shape; the binary
version holds bytes (https://www.cs.toronto.edu/~kriz/cifar.html).
"""

import hashlib
import struct
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOLDERS = {"cifar-10-batches-py": "batches.meta", "cifar-10-batches-bin": "batches.meta.txt"}
TRAINING = tuple(f"data_batch_{number}" for number in range(1, 6))
URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
ARCHIVE_MD5 = "c58f30108f718f92721af3b95e74349a"
PUBLISHED_IMAGES = 10_000  # in each file
PUBLISHED_MD5 = {  # of the python version's files
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
    "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
}
PIXELS = 3 * 32 * 32
Batch = tuple[NDArray[np.uint8], list[int]]  # images (N, 3, 32, 32) and labels


def download(data_dir: Path) -> None:
    """Fetch the python version, whose archive must be the published one."""
    from torchvision.datasets.utils import download_url

    download_url(URL, str(data_dir), md5=ARCHIVE_MD5)
    with tarfile.open(data_dir / URL.rsplit("/", 1)[1]) as archive:
        archive.extractall(data_dir, filter="data")


def read(folder: Path) -> tuple[tuple[str, ...], Batch, Batch]:
    """Return the classes, the training images and the test images of one of FOLDERS.

    Raises ValueError for a file of another format, and for one of the published size with other
    contents; smaller files are parts that somebody made for a purpose.
    """
    if folder.name == "cifar-10-batches-bin":
        names = (folder / "batches.meta.txt").read_text("ascii").split()
        batches = [read_binary(folder / f"{name}.bin") for name in (*TRAINING, "test_batch")]
    else:
        names = read_names(folder / "batches.meta")
        batches = [read_batch(folder / name) for name in (*TRAINING, "test_batch")]
    *training, test = batches
    images = np.concatenate([images for images, _ in training])
    return tuple(names), (images, [label for _, labels in training for label in labels]), test


def read_binary(path: Path) -> Batch:
    """Return what a file of the binary version holds; hashes of these were never published."""
    rows = np.frombuffer(path.read_bytes(), np.uint8)
    if len(rows) == 0 or len(rows) % (1 + PIXELS):
        raise ValueError(f"{path.name} has {len(rows):,} bytes, not {1 + PIXELS:,} an image")
    rows = rows.reshape(-1, 1 + PIXELS)
    return as_batch(path, rows[:, 1:], rows[:, 0].tolist())


def read_batch(path: Path) -> Batch:
    """Return what a file of the python version holds."""
    content = path.read_bytes()
    fields = read_fields(content)
    pixels, labels = fields.get(b"data"), fields.get(b"labels")
    if not isinstance(pixels, Array) or pixels.values is None or not isinstance(labels, list):
        raise ValueError(f"{path.name} lacks images or labels")
    require_published(path, content, len(labels))
    return as_batch(path, pixels.values, labels)


def read_names(path: Path) -> list[str]:
    """Return the names of the classes."""
    content = path.read_bytes()
    fields = read_fields(content)
    names = fields.get(b"label_names")
    if not isinstance(names, list) or not all(isinstance(name, bytes) for name in names):
        raise ValueError(f"{path.name} lacks the names of the classes")
    require_published(path, content, fields.get(b"num_cases_per_batch"))
    return [name.decode("ascii") for name in names]


def as_batch(path: Path, pixels: NDArray[np.uint8], labels: list[Any]) -> Batch:
    """Return images and labels that fit each other."""
    if pixels.shape != (len(labels), PIXELS):
        raise ValueError(f"{path.name} has {len(labels):,} labels for pixels of {pixels.shape}")
    if not all(type(label) is int and 0 <= label <= 9 for label in labels):
        raise ValueError(f"{path.name} has labels that are not 0 to 9")
    return pixels.reshape(-1, 3, 32, 32), labels


def require_published(path: Path, content: bytes, images: object) -> None:
    """Raise ValueError for a file that claims to be the published one, but differs."""
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    published = PUBLISHED_MD5[path.name]
    if images == PUBLISHED_IMAGES and md5 != published:
        raise ValueError(
            f"{path.name} has the size of the published file, but not its contents: md5 {md5} "
            f"instead of {published}"
        )


class Array:
    """A numpy array on its way out of a pickle."""

    values: NDArray[np.uint8] | None = None

    def build(self, state: Any) -> None:
        """Take shape and bytes, as numpy stores them."""
        _version, shape, kind, is_fortran, content = state
        if kind is not UINT8 or not isinstance(content, bytes):
            raise ValueError("holds an array of other numbers than bytes")
        rows, columns = shape
        flat = np.frombuffer(content, np.uint8)
        self.values = flat.reshape((rows, columns), order="F" if is_fortran else "C")


class Named:
    """What a pickle names and we know."""


RECONSTRUCT, NDARRAY, DTYPE, UINT8 = Named(), Named(), Named(), Named()
NAMES = {
    b"numpy.core.multiarray _reconstruct": RECONSTRUCT,
    b"numpy ndarray": NDARRAY,
    b"numpy dtype": DTYPE,
}
CONSTANTS = {b"N": None, b"\x88": True, b"\x89": False}
NUMBERS = {b"K": "<B", b"M": "<H", b"J": "<i"}
MEMO = {b"q": "<B", b"r": "<I", b"h": "<B", b"j": "<I"}  # the first two put, the others get
TEXTS = {b"U": "<B", b"T": "<i"}
TUPLES = {b"\x85": 1, b"\x86": 2, b"\x87": 3}


def read_fields(content: bytes) -> dict[bytes, Any]:
    """Return the dictionary that a pickle of the published kind describes.

    Of pickle's instructions those are known that these files consist of; calls are a numpy array
    of bytes, or refused. Strings stay bytes. Raises ValueError for everything else.
    """
    try:
        fields = Pickle(content).value()
    except (IndexError, KeyError, TypeError, struct.error) as error:
        raise ValueError(f"is no file of CIFAR-10's format ({error!r:.80})") from None
    if not isinstance(fields, dict):
        raise ValueError("is no file of CIFAR-10's format (no dictionary)")
    return fields


class Pickle:
    """The machine that pickle's instructions are for, as far as these files use it."""

    def __init__(self, content: bytes) -> None:
        self.content, self.position = content, 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def value(self) -> Any:
        """Follow all instructions; return what they leave."""
        if self.take(2) != b"\x80\2":
            raise ValueError("is no pickle of protocol 2")
        while (code := self.take(1)) != b".":
            self.follow(code)
        (value,) = self.stack
        return value

    def take(self, size: int) -> bytes:
        """Return the next bytes."""
        if not 0 <= size <= len(self.content) - self.position:
            raise ValueError("is cut short")
        self.position += size
        return self.content[self.position - size : self.position]

    def number(self, form: str) -> int:
        (number,) = struct.unpack(form, self.take(struct.calcsize(form)))
        return int(number)

    def line(self) -> bytes:
        return self.take(self.content.index(b"\n", self.position) - self.position + 1)[:-1]

    def since_mark(self) -> list[Any]:
        """Take from the stack what came after the last mark."""
        mark = self.marks.pop()
        values = self.stack[mark:]
        del self.stack[mark:]
        return values

    def follow(self, code: bytes) -> None:
        """Follow one instruction."""
        stack = self.stack
        if code in CONSTANTS:
            stack.append(CONSTANTS[code])
        elif code in NUMBERS:
            stack.append(self.number(NUMBERS[code]))
        elif code in TEXTS:
            stack.append(self.take(self.number(TEXTS[code])))
        elif code in (b"q", b"r"):
            self.memo[self.number(MEMO[code])] = stack[-1]
        elif code in (b"h", b"j"):
            stack.append(self.memo[self.number(MEMO[code])])
        elif code == b"c":
            stack.append(NAMES[self.line() + b" " + self.line()])
        elif code == b"(":
            self.marks.append(len(stack))
        elif code == b"]":
            stack.append([])
        elif code == b"}":
            stack.append({})
        elif code in TUPLES:
            stack[-TUPLES[code] :] = [tuple(stack[-TUPLES[code] :])]
        elif code == b"t":
            stack.append(tuple(self.since_mark()))
        elif code == b"a":
            self.extend([stack.pop()])
        elif code == b"e":
            self.extend(self.since_mark())
        elif code == b"s":
            self.update([stack.pop(-2), stack.pop()])
        elif code == b"u":
            self.update(self.since_mark())
        elif code == b"R":
            arguments = stack.pop()
            stack.append(called(stack.pop(), arguments))
        elif code == b"b":
            state = stack.pop()
            if isinstance(stack[-1], Array):
                stack[-1].build(state)
            elif stack[-1] is not UINT8:
                raise ValueError("sets up what is no array")
        else:
            raise ValueError(f"holds an instruction that these files don't have, {code!r}")

    def extend(self, values: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise ValueError("adds to what is no list")
        self.stack[-1].extend(values)

    def update(self, pairs: list[Any]) -> None:
        keys = pairs[::2]
        if not isinstance(self.stack[-1], dict) or not all(isinstance(k, bytes) for k in keys):
            raise ValueError("adds to what is no dictionary of texts")
        self.stack[-1].update(zip(keys, pairs[1::2], strict=True))


def called(function: Any, arguments: Any) -> Any:
    """Return what a call of the published files makes; there are two."""
    if function is RECONSTRUCT and arguments == (NDARRAY, (0,), b"b"):
        return Array()
    if function is DTYPE and arguments == (b"u1", 0, 1):
        return UINT8
    raise ValueError("holds a call that these files don't have")
