"""What was handed in beside the code: run logs and checkpoints, and what they are measured with."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from autograder.expected import checkpoints, reference
from autograder.expected.sequential import SequentialTest, refutes_at_least, refutes_at_most
from autograder.host.client import Checkpoint, Client, NoAnswerError
from autograder.rubric import Thresholds
from autograder.submissions.reading import Run
from lab3.data import ImageData, load_data
from lab3.engines import use_fastest_engine
from lab3.errors import LabError
from lab3.log.records import TITLES, RunKind
from lab3.log.runlog import LOG_NAME, RunLog, read_log
from lab3.selection import select

THREADS = torch.get_num_threads()  # as many as PyTorch takes by itself
SLACK = Fraction(1, 500)  # of all images: other processors round FP32 differently


class NeedsStaffError(Exception):
    """A check can't be done here, and not by the student's fault."""


@dataclass
class Material:
    """The runs of a submission that count, found and read when a check asks for them."""

    runs: Mapping[str, Run] = field(default_factory=dict)
    thresholds: Mapping[str, Thresholds] = field(default_factory=dict)
    data_dir: Path = Path("data")
    is_exact: bool = False
    order_seed: int = 0
    error: float = 1e-6
    unverified: float = 0.0
    on_images: Callable[[str, int, int], None] = lambda _title, _done, _total: None

    @cached_property
    def logs(self) -> dict[str, RunLog | str]:
        """Every run's log, or why it can't be read."""
        found: dict[str, RunLog | str] = {}
        for name, run in sorted(self.runs.items()):
            if run.log is None:
                continue
            with tempfile.TemporaryDirectory() as folder:
                (Path(folder) / LOG_NAME).write_bytes(run.log)
                try:
                    found[name] = read_log(Path(folder))
                except LabError as error:
                    found[name] = str(error).replace(f"{folder}/", f"runs/{name}/")
        return found

    @cached_property
    def chosen(self) -> dict[RunKind, str]:
        """The names of the runs that count, as far as there are any: see ``lab3.selection``."""
        complete = {
            name: log
            for name, log in self.logs.items()
            if isinstance(log, RunLog) and log.end and log.start.data.name in self.thresholds
        }
        chosen = select(list(complete.values()), list(self.thresholds))
        kinds: dict[RunKind, RunLog | None] = {
            "train": chosen.fp32, "ptq": chosen.ptq, "qat": chosen.qat
        }  # fmt: skip
        return {
            kind: name
            for kind, log in kinds.items()
            for name, other in complete.items()
            if log is other
        }

    @property
    def data_set(self) -> str | None:
        """The data set of the runs that count."""
        return self.log("train").start.data.name if "train" in self.chosen else None

    def log(self, kind: RunKind) -> RunLog:
        """Return the log of a run that counts; raise NoAnswerError when there is none."""
        if kind not in self.chosen:
            raise NoAnswerError("failed", self.why_none(kind))
        log = self.logs[self.chosen[kind]]
        assert isinstance(log, RunLog)
        return log

    def why_none(self, kind: RunKind) -> str:
        """Say why there is no run of a kind that counts."""
        wanted = f"no complete {TITLES[kind]} run on {' or '.join(self.thresholds)}"
        if kind != "train" and "train" in self.chosen:
            wanted += f" that continues runs/{self.chosen['train']}"
        if not self.logs:
            return f"{wanted}: runs/ holds no run log"
        there = [
            f"{name} ({log if isinstance(log, str) else describe(log)})"
            for name, log in list(self.logs.items())[:8]
        ]
        return f"{wanted}; there are: {', '.join(there)}"

    def checkpoint_path(self, kind: RunKind) -> Path:
        """Return the checkpoint's private copy; raise NoAnswerError when none was handed in."""
        self.log(kind)
        path = self.runs[self.chosen[kind]].checkpoint
        if path is None:
            raise NoAnswerError(
                "failed",
                f"runs/{self.chosen[kind]}/model.pt was not handed in: nothing proves {LOG_NAME}",
            )
        return path

    def network(
        self, kind: RunKind, client: Client
    ) -> tuple[Callable[[], nn.Module], dict[str, float]]:
        """Return how to build the reference network with a checkpoint's numbers, and its scales.

        Raises NoAnswerError when the checkpoint doesn't fit.
        """
        key = f"{kind} network"
        if key not in self._kept:
            log, path = self.log(kind), self.checkpoint_path(kind)
            try:
                self._kept[key] = restore(log, *client.checkpoint(path))
            except NoAnswerError as error:
                raise NoAnswerError("failed", f"the checkpoint can't be read: {error}") from None
        return self._kept[key]  # type: ignore[return-value]

    @cached_property
    def _kept(self) -> dict[str, object]:
        return {}

    @cached_property
    def images(self) -> ImageData:
        """The data set, of this computer; raise NeedsStaffError when it isn't here."""
        assert self.data_set is not None
        try:
            data = load_data(self.data_set, self.data_dir)
        except LabError as error:
            raise NeedsStaffError(str(error)) from None
        return data

    def answers(self, kind: RunKind, client: Client) -> "Answers":
        """Return which test images a run's checkpoint gets right, found out as needed."""
        key = f"{kind} answers"
        if key not in self._kept:
            build, _ = self.network(kind, client)
            self._kept[key] = Answers(TITLES[kind], kind != "train", build, self)
        return self._kept[key]  # type: ignore[return-value]

    @cached_property
    def order(self) -> Tensor:
        """The order in which test images are looked at."""
        drawn = torch.Generator().manual_seed(self.order_seed)
        return torch.randperm(len(self.images.test), generator=drawn)

    def tiers_reached(self, kind: RunKind, client: Client, tiers: list[int]) -> SequentialTest:
        """Return a test that has decided which of these counts of right images are reached."""
        images = len(self.images.test)
        test = SequentialTest(images, tiers, self.error, images if self.is_exact else 64)
        answers = self.answers(kind, client)
        while (look := test.next_look) is not None:
            test.update(look, int(answers.first(look).sum()))
        return test

    def drop_tier(self, kind: RunKind, client: Client, tiers: list[int]) -> "Drop":
        """Decide which is the smallest of these numbers of images that is not exceeded by the loss.

        ``tiers`` ascend. The images that only FP32 gets right and those that only INT8 gets right
        are bounded by exact hypergeometric tails at each look; four tails share the error.
        """
        images = len(self.images.test)
        looks = SequentialTest(images, [], self.error, images if self.is_exact else 64).looks
        level = Fraction(self.error) / (4 * len(looks))
        fp32, int8 = self.answers("train", client), self.answers(kind, client)
        for look in looks:
            a, b = fp32.first(look), int8.first(look)
            lost = bounds(images, look, int((a & ~b).sum()), level)
            won = bounds(images, look, int((~a & b).sum()), level)
            low, high = lost[0] - won[1], lost[1] - won[0]
            verdicts = [True if high <= t else False if low > t else None for t in tiers]
            if None not in verdicts:
                reached = next((i for i, v in enumerate(verdicts) if v), None)
                return Drop(look, int(a.sum()), int(b.sum()), reached)
        raise AssertionError("all images decide every tier")


@dataclass(frozen=True)
class Drop:
    """How many of the images seen each network gets right; ``tier`` is the index reached."""

    seen: int
    fp32: int
    int8: int
    tier: int | None


def bounds(images: int, seen: int, count: int, level: Fraction) -> tuple[int, int]:
    """Return the least and the greatest number among all images that isn't refuted by a sample."""
    low, high = count, images - seen + count
    least, top = low, high
    while least < top:  # the least K that P(X >= count | K) doesn't refute
        middle = (least + top) // 2
        if refutes_at_most(images, middle, seen, count, level):
            least = middle + 1
        else:
            top = middle
    bottom, greatest = least, high
    while bottom < greatest:
        middle = (bottom + greatest + 1) // 2
        if refutes_at_least(images, middle, seen, count, level):
            greatest = middle - 1
        else:
            bottom = middle
    return least, greatest


class Answers:
    """Which test images a network gets right, in the secret order, as far as asked."""

    def __init__(
        self, title: str, is_int8: bool, build: Callable[[], nn.Module], material: Material
    ) -> None:
        self._title, self._material = title, material
        self._right: list[Tensor] = []
        self.seen = 0
        self._batch = 32 if is_int8 else 8  # FP32 batches above 16 spill the cache
        images = material.images.normalise(material.images.test.images[: self._batch])
        with all_threads():
            if is_int8:
                self._network, self._engine = use_fastest_engine(build, images)
            else:
                self._network, self._engine = build(), torch.backends.quantized.engine
                self._network.fuse_model()  # type: ignore[operator]
                self._network.to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def first(self, count: int) -> Tensor:
        """Return, for the first ``count`` images of the order, whether each is right."""
        data, order = self._material.images, self._material.order
        with all_threads():
            torch.backends.quantized.engine = self._engine
            while self.seen < count:
                part = order[self.seen : min(count, self.seen + self._batch)]
                logits = self._network(data.normalise(data.test.images[part]))
                self._right.append(logits.argmax(1) == data.test.labels[part])
                self.seen += len(part)
                self._material.on_images(self._title, self.seen, len(order))
        return torch.cat(self._right)[:count]


@contextmanager
def all_threads() -> Iterator[None]:
    """Use PyTorch's own number of threads for whole test sets; small networks are faster on one."""
    before, engine = torch.get_num_threads(), torch.backends.quantized.engine
    torch.set_num_threads(THREADS)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.backends.quantized.engine = engine


def describe(log: RunLog) -> str:
    state = "complete" if log.end else "not complete"
    return f"{log.start.kind} on {log.start.data.name}, {state}"


def restore(
    log: RunLog, checkpoint: Checkpoint, tensors: Mapping[str, Tensor]
) -> tuple[Callable[[], nn.Module], dict[str, float]]:
    """Return how to build the reference network of a run with these numbers, and all scales."""
    start = log.start
    layers = reference.ARCHITECTURES.get(start.arch)
    if layers is None or not 4 <= start.width <= 64 or not 2 <= start.num_classes <= 1000:
        raise NoAnswerError(
            "failed",
            f"the log names no network of the lab: {start.arch[:40]!r}, width {start.width}, "
            f"{start.num_classes} classes",
        )
    shape = (layers, start.num_classes, start.width)
    if start.kind == "train":
        network = reference.build(*shape)
        check_keys(network.state_dict(), tensors)

        def build_fp32() -> Any:
            network = reference.build(*shape)
            network.load_state_dict(dict(tensors))
            return network.eval()

        return build_fp32, {}
    numbers = checkpoints.Int8Numbers.read(checkpoint.entries, tensors)

    def build_int8() -> Any:
        return checkpoints.from_numbers(*shape, numbers)

    try:
        build_int8()
    except (KeyError, RuntimeError, ValueError) as error:
        raise NoAnswerError(
            "failed", f"the checkpoint doesn't fit an INT8 {start.arch}: {str(error)[:200]}"
        ) from None
    return build_int8, numbers.scales()


def check_keys(expected: Mapping[str, Tensor], got: Mapping[str, Tensor]) -> None:
    """Raise NoAnswerError unless a checkpoint has exactly the tensors of a network."""
    for name, value in expected.items():
        if name not in got:
            raise NoAnswerError("failed", f"the checkpoint lacks {name}")
        if got[name].shape != value.shape or got[name].dtype != value.dtype:
            raise NoAnswerError(
                "failed",
                f"{name} has the shape {tuple(got[name].shape)} in the checkpoint, and "
                f"{tuple(value.shape)} in the network that the log names",
            )
    if extra := sorted(set(got) - set(expected)):
        raise NoAnswerError("failed", f"the checkpoint has {extra[0][:60]!r}, which no network has")
