"""What checks find out about the runs that count: each checkpoint is read, and counted, once."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from autograder.expected import origins
from autograder.expected.accuracy import (
    FP32_BATCH,
    Answers,
    CountedImages,
    OnImages,
    all_threads,
    is_far_above,
    order_of,
)
from autograder.expected.checkpoints import Int8Numbers, Restored, restore
from autograder.expected.private_images import read_private_images
from autograder.host.answers import NoAnswerError
from autograder.host.client import Client
from autograder.rubric import Document, Thresholds
from autograder.submissions.runs import Runs
from lab3.data import ImageData, Split, load_data
from lab3.errors import LabError
from lab3.log.records import TITLES, RunKind
from lab3.units import percent

# Which images: those that decide, those that everybody has, those that chose the best epoch.
Part = Literal["test", "published", "validation"]
VALIDATED = 2_000  # images; more would show smaller differences than matter


class NeedsStaffError(Exception):
    """A check can't be done here, and not by the student's fault."""


@dataclass(frozen=True)
class Counting:
    """How images are counted: which lie here, and whether all of them are looked at.

    A ``test_set`` takes the place of the data set's own test images, which everybody has.
    """

    data_dir: Path = Path("data")
    is_exact: bool = False
    on_images: OnImages = lambda _title, _seen, _images: None
    test_set: Path | None = None


class Measurements:
    """Networks and answers of the runs that count, found out when a check asks for them.

    ``draw`` is the secret that orders the images; without one, all of them are looked at.
    """

    def __init__(
        self, runs: Runs, client: Client, document: Document, counting: Counting, draw: bytes
    ) -> None:
        self.runs, self._client = runs, client
        self._document, self._counting, self._draw = document, counting, draw
        self._networks: dict[RunKind, Restored | NoAnswerError] = {}
        self._images: dict[Part, CountedImages] = {}
        self._answers: dict[tuple[RunKind, Part], Answers] = {}
        self._origins: dict[RunKind, list[origins.Fact]] = {}

    @property
    def thresholds(self) -> Thresholds:
        """What the rubric asks for on the data set of the runs that count."""
        return self._document.thresholds[self.runs.log("train").start.data.name]

    @property
    def unverified(self) -> float:
        """The share of the points for a result that only a log claims."""
        return self._document.unverified

    @property
    def error(self) -> float:
        """The probability, at most, that a verdict on a threshold is wrong."""
        return self._document.accuracy_error

    def network(self, kind: RunKind) -> Restored:
        """Return the network of a checkpoint; raise NoAnswerError when it doesn't fit its log."""
        if kind not in self._networks:
            log, path = self.runs.log(kind), self.runs.checkpoint(kind)
            try:
                self._networks[kind] = restore(log.start, self._client.checkpoint(path))
            except NoAnswerError as error:
                said = f"the checkpoint can't be read: {error}"
                self._networks[kind] = NoAnswerError("failed", said)
        network = self._networks[kind]
        if isinstance(network, NoAnswerError):  # found out once, however long it took
            raise network
        return network

    def answers(self, kind: RunKind, part: Part = "test") -> Answers:
        """Return which images a run's checkpoint gets right, found out as needed."""
        images = self.images(part)
        key = kind, self._same(part)
        if key not in self._answers:
            self._answers[key] = Answers(self.network(kind), images)
        return self._answers[key]

    def images(self, part: Part = "test") -> CountedImages:
        """Return images of this computer; raise NeedsStaffError when they aren't here."""
        part = self._same(part)
        if part not in self._images:
            split = self._split(part)
            order = order_of(len(split), self._draw)
            if part == "validation":
                order = order[:VALIDATED]
            self._images[part] = CountedImages(
                self.data,
                split,
                order,
                self._document.accuracy_error,
                self._counting.is_exact or not self._draw,
                self._counting.on_images,
            )
        return self._images[part]

    def _same(self, part: Part) -> Part:
        """Return the one name of images that have two: without others, the published ones count."""
        return "published" if part == "test" and self._counting.test_set is None else part

    def _split(self, part: Part) -> Split:
        if part == "validation":
            return self.data.validation
        if part == "published" or self._counting.test_set is None:
            return self.data.test
        try:
            return read_private_images(self._counting.test_set, self.data)
        except LabError as error:
            raise NeedsStaffError(str(error)) from None

    @cached_property
    def data(self) -> ImageData:
        """The data set of the runs that count; raise NeedsStaffError when it isn't here."""
        name = self.runs.log("train").start.data.name
        try:
            return load_data(name, self._counting.data_dir)
        except LabError as error:
            raise NeedsStaffError(str(error)) from None

    def origin(self, kind: RunKind) -> list[origins.Fact]:
        """Return what an INT8 checkpoint says of the FP32 checkpoint that it was made from."""
        if kind not in self._origins:
            fused, numbers = self.network("train").network, self._numbers(kind)
            steps = self.network(kind).input_scales
            if kind == "ptq":
                self._origins[kind] = origins.ptq_facts(fused, numbers, steps)
            else:
                ptq = self._ptq_numbers()
                self._origins[kind] = origins.qat_facts(fused, numbers, ptq, steps)
        return self._origins[kind]

    def _numbers(self, kind: RunKind) -> Int8Numbers:
        numbers = self.network(kind).numbers
        assert numbers is not None
        return numbers

    def _ptq_numbers(self) -> Int8Numbers | None:
        """Return the numbers that QAT must not have, as far as there is a PTQ checkpoint."""
        try:
            return self._numbers("ptq")
        except (LabError, NoAnswerError):
            return None

    def calibrated(self) -> tuple[int, list[origins.Fact]]:
        """Return with how many images the PTQ run was calibrated, and what its scales should be.

        Raises NeedsStaffError when the images aren't here.
        """
        asked = self.runs.log("ptq").start.calibration_images or 0
        if asked < 1:
            return asked, [origins.Fact("calibration images", "some", str(asked), holds=False)]
        fused, numbers = self.network("train").network, self._numbers("ptq")
        images = self.data.train.images[: min(asked, origins.CALIBRATED)]
        batches = (images[n : n + FP32_BATCH] for n in range(0, len(images), FP32_BATCH))
        with all_threads():
            largest = origins.largest_values(
                fused, origins.outputs(numbers), map(self.data.normalise, batches)
            )
        return asked, list(origins.scale_facts(fused, numbers, largest, asked))

    def notes(self) -> tuple[str, ...]:
        """Return what staff should look at, of the runs that count; nothing of it takes points."""
        return (*self._notes_on_code(), *self._notes_on_data(), *self._notes_on_accuracies())

    def _notes_on_code(self) -> Iterator[str]:
        for kind, name in self.runs.names.items():
            if self.runs.log(kind).start.code_sha256 != self.runs.code_sha256:
                yield (
                    f"runs/{name} was made by other code than was handed in: by an earlier version "
                    "of it, or by somebody else's"
                )

    def _notes_on_data(self) -> Iterator[str]:
        if "data" not in vars(self):
            return
        log = self.runs.log("train")
        if log.start.data.fingerprint != self.data.fingerprint:
            yield f"runs/{log.name} names another content of {self.data.name} than lies here"
        if self._counting.test_set is not None and "test" in self._images:
            split = self._images["test"].split
            digest = hashlib.sha256(split.images.numpy().tobytes() + split.labels.numpy().tobytes())
            yield (
                f"accuracies were counted on the {len(split):,} images of "
                f"{self._counting.test_set.name}, sha256 {digest.hexdigest()}"
            )

    def _notes_on_accuracies(self) -> Iterator[str]:
        """Compare the test images that everybody has with images that nobody could fit to."""
        for kind in TITLES:
            published = self._answers.get((kind, "published"))
            # PTQ's numbers follow from those of FP32.
            if published is None or kind == "ptq":
                continue
            others: dict[str, Answers] = {"validation": self.answers(kind, "validation")}
            if private := self._answers.get((kind, "test")):
                others["private test"] = private
            for what, answers in others.items():
                right = published.first(published.seen)
                beside = answers.first(answers.seen or len(answers.images.order))
                if is_far_above(right, beside):
                    yield (
                        f"runs/{self.runs.names[kind]} gets {percent(float(right.double().mean()))}"
                        f" of {len(right):,} published test images right, and "
                        f"{percent(float(beside.double().mean()))} of {len(beside):,} {what} "
                        "images: more than chance explains; was it trained on test images?"
                    )
