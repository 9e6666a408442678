"""Private test sets: what is read, what is refused, and what they change in a grade."""

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograder.expected.private_images import PrivateImagesError, read_private_images
from autograder.host.sandbox import Sandbox
from autograder.measuring import Counting
from lab3.data import ImageData, load_data
from tests.conftest import ROOT, Command
from tests.making.datasets import write_fashion_mnist
from tests.making.graded_runs import Grader, failing, grade_with_code

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)
LABELS = np.arange(12) % 10


def written(path: Path, **arrays: Any) -> Path:
    np.savez(path, **({"images": IMAGES, "labels": LABELS} | arrays))
    return path


@pytest.mark.parametrize("labels", [LABELS, LABELS.astype(np.uint8), LABELS.astype(np.int32)])
def test_both_orders_of_axes_are_the_same_images(
    labels: Any, digits: ImageData, tmp_path: Path
) -> None:
    last = read_private_images(written(tmp_path / "last.npz", labels=labels), digits)
    first = IMAGES.transpose(0, 3, 1, 2)
    other = read_private_images(written(tmp_path / "first.npz", images=first), digits)
    assert (last.images == other.images).all()
    assert np.array_equal(last.images.numpy(), first)
    assert last.labels.tolist() == other.labels.tolist() == LABELS.tolist()
    assert digits.normalise(last.images).shape == (12, 3, 32, 32)


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.path,)


def trap(path: Path) -> None:
    written(path, labels=np.array([Trap(path.with_name("sprung"))] * 12, dtype=object))


def bare_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(Trap(path.with_name("sprung"))))


def single(path: Path) -> None:
    content = io.BytesIO()
    np.save(content, IMAGES)
    path.write_bytes(content.getvalue())


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "pickled labels": (trap, "can't be read"),
    "a pickle": (bare_pickle, "can't be read"),
    "text": (lambda path: path.write_text("labels"), "can't be read"),
    "nothing": (lambda path: path.write_bytes(b""), "can't be read"),
    "a single array": (single, "can't be read"),
    "no labels": (lambda path: np.savez(path, images=IMAGES), "labels"),
    "floats": (lambda path: written(path, images=IMAGES / 255), "images are float64"),
    "other size": (lambda path: written(path, images=IMAGES[:, :28, :28]), "make them uint8"),
    "grey": (lambda path: written(path, images=IMAGES[..., 0]), "make them uint8"),
    "no image": (lambda path: written(path, images=IMAGES[:0], labels=LABELS[:0]), "(0, 32, 32"),
    "too few labels": (lambda path: written(path, labels=LABELS[:11]), "each of the 12 images"),
    "float labels": (lambda path: written(path, labels=LABELS / 2), "labels are float64"),
    "a class too many": (lambda path: written(path, labels=LABELS + 1), "classes 0 to 9"),
    "a negative class": (lambda path: written(path, labels=LABELS - 1), "classes 0 to 9"),
    "a folder without files": (lambda path: path.mkdir(), "holds no files of digits"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_test_set_is_named(name: str, digits: ImageData, tmp_path: Path) -> None:
    write, text = REFUSED[name]
    path = tmp_path / "private.npz"
    write(path)
    with pytest.raises(PrivateImagesError) as raised:
        read_private_images(path, digits)
    assert str(raised.value).startswith(str(path))
    assert text in str(raised.value)
    assert not (tmp_path / "sprung").exists()


def test_a_folder_holds_a_data_sets_own_files(tmp_path: Path) -> None:
    public, private = tmp_path / "public", tmp_path / "private"
    write_fashion_mnist(public)
    write_fashion_mnist(private, count=30)
    data = load_data("fashion-mnist", public)
    assert len(read_private_images(private, data)) == 30
    (tmp_path / "empty").mkdir()
    with pytest.raises(PrivateImagesError, match="holds no files of fashion-mnist"):
        read_private_images(tmp_path / "empty", data)


def of_digits(digits: ImageData, path: Path, count: int, turn: int = 0) -> Path:
    """The data set's own test images as if they were private ones."""
    labels = (digits.test.labels[:count].numpy() + turn) % 10
    return written(path, images=digits.test.images[:count].numpy(), labels=labels)


def test_private_images_decide_and_the_logs_claims_stay_about_published_ones(
    honest: Path, digits: ImageData, sandbox: Sandbox, tmp_path: Path
) -> None:
    alike = of_digits(digits, tmp_path / "alike.npz", 200)
    grade = grade_with_code(sandbox, honest, Counting(tmp_path, is_exact=True, test_set=alike))
    assert grade.earned == grade.points
    results = {result.check: result for result in grade.results}
    assert "of 200 looked at" in results["accuracy.fp32"].observations[0].got
    assert "of 359 looked at" in results["accuracy.claims"].observations[0].got
    (note,) = grade.notes
    assert note.startswith("accuracies were counted on the 200 images of alike.npz, sha256 ")

    other = of_digits(digits, tmp_path / "other.npz", 200, turn=1)
    grade = grade_with_code(sandbox, honest, Counting(tmp_path, test_set=other))
    lost = {result.check for result in grade.results if result.outcome != "passed"}
    assert "accuracy.fp32" in lost
    assert "accuracy.claims" not in lost
    flagged = [note for note in grade.notes if "private test images" in note]
    assert [note.split()[0] for note in flagged] == ["runs/fp32", "runs/qat"]


def test_a_test_set_that_cannot_be_read_takes_no_points(
    honest: Path, grade_runs: Grader, tmp_path: Path
) -> None:
    path = tmp_path / "private.npz"
    path.write_text("labels")
    results = grade_runs(honest, test_set=path)
    assert failing(results) == {"accuracy.fp32", "accuracy.ptq_drop", "accuracy.qat_drop"}
    for check in failing(results):
        assert results[check].outcome == "grader_error"
        assert str(path) in results[check].said


def test_a_test_set_that_is_not_there_is_named_at_once(lab3: Command) -> None:
    done = lab3("grade", ROOT / "assignment", "--test-set", "private.npz", fails=1)
    assert "--test-set private.npz: there is no such file" in done.stderr
