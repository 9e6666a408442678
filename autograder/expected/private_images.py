"""Private test sets: labelled images of the course that no student has."""

import zipfile
from pathlib import Path

import numpy as np
import torch

from lab3.data import IMAGE_SIZE, ImageData, Split, find_files, load_data
from lab3.errors import LabError

SHAPE = (3, IMAGE_SIZE, IMAGE_SIZE)
DAMAGED = (OSError, EOFError, KeyError, TypeError, ValueError, AttributeError, zipfile.BadZipFile)


class PrivateImagesError(LabError):
    """A private test set can't be used; the text names it and says what to do."""


def read_private_images(path: Path, data: ImageData) -> Split:
    """Return the images of a private test set for a data set, and their labels.

    A folder holds all files of the data set, whose test images count. A file is an ``.npz`` of two
    arrays: ``images``, uint8 of shape (N, 32, 32, 3) or (N, 3, 32, 32), and ``labels``, integers of
    shape (N,). Raises PrivateImagesError for anything else.
    """
    return of_folder(path, data) if path.is_dir() else of_file(path, data)


def of_folder(path: Path, data: ImageData) -> Split:
    """Return the test images of the data set's own files in a folder."""
    # Without files there, the data set's own test images would be found elsewhere.
    found = None if data.name == "digits" else find_files(data.name, path)
    if found is None or not found.is_relative_to(path):
        raise PrivateImagesError(
            f"{path} holds no files of {data.name}: name a folder with all of them, or an .npz "
            "of images and labels"
        )
    return load_data(data.name, path).test


def of_file(path: Path, data: ImageData) -> Split:
    """Return what an ``.npz`` file holds; nothing in it is unpickled."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            images, labels = arrays["images"], arrays["labels"]
    except DAMAGED as error:
        raise PrivateImagesError(
            f"{path} can't be read ({type(error).__name__}: {str(error)[:100]}): make it with "
            "numpy.savez(FILE, images=..., labels=...)"
        ) from None
    shape = images.shape[1:]
    if images.dtype != np.uint8 or shape not in (SHAPE, (*SHAPE[1:], SHAPE[0])) or not len(images):
        raise PrivateImagesError(
            f"{path}: images are {images.dtype} of shape {images.shape}: make them uint8 of shape "
            f"(N, {IMAGE_SIZE}, {IMAGE_SIZE}, 3)"
        )
    classes = len(data.classes)
    if labels.shape != images.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
        raise PrivateImagesError(
            f"{path}: labels are {labels.dtype} of shape {labels.shape}: make them one integer for "
            f"each of the {len(images):,} images"
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise PrivateImagesError(
            f"{path}: labels reach from {labels.min()} to {labels.max()}: {data.name} has the "
            f"classes 0 to {classes - 1}"
        )
    if shape != SHAPE:
        images = images.transpose(0, 3, 1, 2)
    return Split(
        torch.from_numpy(np.ascontiguousarray(images)),
        torch.from_numpy(labels.astype(np.int64)),
    )
