"""What checks find out about the runs that count: each checkpoint is read, and counted, once."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from autograder.expected.accuracy import Answers, CountedImages, OnImages
from autograder.expected.checkpoints import Restored, restore
from autograder.host.answers import NoAnswerError
from autograder.host.client import Client
from autograder.rubric import Document, Thresholds
from autograder.submissions.runs import Runs
from lab3.data import ImageData, load_data
from lab3.errors import LabError
from lab3.log.records import RunKind


class NeedsStaffError(Exception):
    """A check can't be done here, and not by the student's fault."""


@dataclass(frozen=True)
class Counting:
    """How images are counted: which lie here, and whether all of them are looked at."""

    data_dir: Path = Path("data")
    is_exact: bool = False
    on_images: OnImages = lambda _title, _seen, _images: None


class Measurements:
    """Networks and answers of the runs that count, found out when a check asks for them."""

    def __init__(
        self, runs: Runs, client: Client, document: Document, counting: Counting, order_seed: int
    ) -> None:
        self.runs, self._client = runs, client
        self._document, self._counting, self._order_seed = document, counting, order_seed
        self._networks: dict[RunKind, Restored] = {}
        self._answers: dict[RunKind, Answers] = {}

    @property
    def thresholds(self) -> Thresholds:
        """What the rubric asks for on the data set of the runs that count."""
        return self._document.thresholds[self.runs.log("train").start.data.name]

    @property
    def unverified(self) -> float:
        """The share of the points for a result that only a log claims."""
        return self._document.unverified

    def network(self, kind: RunKind) -> Restored:
        """Return the network of a checkpoint; raise NoAnswerError when it doesn't fit its log."""
        if kind not in self._networks:
            log, path = self.runs.log(kind), self.runs.checkpoint(kind)
            try:
                self._networks[kind] = restore(log.start, self._client.checkpoint(path))
            except NoAnswerError as error:
                raise NoAnswerError("failed", f"the checkpoint can't be read: {error}") from None
        return self._networks[kind]

    def answers(self, kind: RunKind) -> Answers:
        """Return which test images a run's checkpoint gets right, found out as needed."""
        if kind not in self._answers:
            self._answers[kind] = Answers(self.network(kind), self.images)
        return self._answers[kind]

    @cached_property
    def images(self) -> CountedImages:
        """The test images, of this computer; raise NeedsStaffError when they aren't here."""
        data = self._data()
        drawn = torch.Generator().manual_seed(self._order_seed % (1 << 63))
        order = torch.randperm(len(data.test), generator=drawn)
        error, counting = self._document.accuracy_error, self._counting
        return CountedImages(data, order, error, counting.is_exact, counting.on_images)

    def _data(self) -> ImageData:
        assert self.runs.data_set is not None
        try:
            return load_data(self.runs.data_set, self._counting.data_dir)
        except LabError as error:
            raise NeedsStaffError(str(error)) from None
