"""Training that can be stopped at any moment and continued to the identical result."""

import math
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from lab3.batches import EpochBatches
from lab3.data import ImageData, Split
from lab3.device_batches import device_batches
from lab3.eager import disable_observer
from lab3.errors import LabError
from lab3.evaluation import predict
from lab3.log.records import Epoch, Hyperparameters
from lab3.log.runlog import write_atomically
from lab3.schedule import learning_rate
from lab3.selection import DataName

RECIPES: dict[
    DataName, Hyperparameters
] = {  # what ``lab3 train`` starts from; each value has an option
    "cifar10": Hyperparameters(),
    "fashion-mnist": Hyperparameters(epochs=20, augmentation="crop-flip"),
    "digits": Hyperparameters(epochs=12, batch_size=16, learning_rate=0.05, augmentation="none"),
}


class NonFiniteLossError(LabError):
    """The loss became nan or infinite; the text says where and what to try."""


def build_optimizer(network: nn.Module, hyper: Hyperparameters) -> torch.optim.Optimizer:
    """Return the optimizer that the hyperparameters name."""
    parameters, decay = network.parameters(), hyper.weight_decay
    if hyper.optimizer == "adamw":
        betas = (hyper.momentum, 0.999)
        return torch.optim.AdamW(parameters, hyper.learning_rate, betas, weight_decay=decay)
    return torch.optim.SGD(parameters, hyper.learning_rate, hyper.momentum, weight_decay=decay)


class Trainer:
    """One training run: a network, its data and how far it has come.

    ``network`` is moved to ``device``. ``state`` is the file that holds everything needed to go
    on; when it exists, the trainer continues from it. With torch.distributed initialised, every
    process trains on its share of each batch and the gradients are averaged.

    ``workers`` processes load and augment the images; None keeps them on the device and augments
    them there, as suits a GPU. ``precision`` is that of the forward pass, if not float32.
    """

    def __init__(
        self,
        network: nn.Module,
        data: ImageData,
        hyper: Hyperparameters,
        device: torch.device,
        state: Path,
        workers: int | None = 0,
        precision: torch.dtype | None = None,
    ) -> None:
        self.rank = dist.get_rank() if dist.is_initialized() else 0
        self.world_size = dist.get_world_size() if dist.is_initialized() else 1
        self.network = network.to(device).to(memory_format=torch.channels_last)
        self.data, self.hyper, self.device, self.workers = data, hyper, device, workers
        self.kept = data.train.to(device) if workers is None else None
        self.optimizer = build_optimizer(self.network, hyper)
        self.precision = precision
        # Gradients in float16 would vanish; bfloat16 reaches as far as float32.
        self.scaler = torch.amp.GradScaler(device.type, enabled=precision == torch.float16)
        self.state = state
        self.epoch, self.step, self.steps = 0, 0, 0
        precise = torch.float32 if device.type == "mps" else torch.float64  # which MPS lacks
        self.totals = torch.zeros(3, dtype=precise, device=device)  # loss, correct, images
        self.seconds = 0.0
        self.epochs: list[Epoch] = []
        self.best_epoch = 0
        self.best_network: dict[str, Tensor] = {}
        if state.exists():
            self.load()

    def run(
        self,
        on_step: Callable[["Trainer"], None],
        on_epoch: Callable[[Epoch], None],
        before_epoch: Callable[[nn.Module, int], None] = lambda _network, _epoch: None,
    ) -> None:
        """Train to the end and leave the network with the best epoch's weights.

        ``on_step`` may call ``save`` and may raise to stop; ``on_epoch`` gets each new record
        after it has been saved; ``before_epoch`` may prepare the network.
        """
        forward: nn.Module = self.network
        if self.world_size > 1:
            devices = [self.device] if self.device.type == "cuda" else None
            forward = DistributedDataParallel(self.network, device_ids=devices)
        while self.epoch < self.hyper.epochs:
            self.network.train()
            before_epoch(self.network, self.epoch)
            self._train_epoch(forward, on_step)
            record = self._finish_epoch()
            self.save()
            on_epoch(record)
        self.network.load_state_dict(self.best_network)

    def _train_epoch(self, forward: nn.Module, on_step: Callable[["Trainer"], None]) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.hyper, self.epoch)
        batches = EpochBatches(
            self.data.train,
            self.hyper.batch_size,
            self.hyper.augmentation,
            self.hyper.seed,
            self.epoch,
            self.rank,
            self.world_size,
        )
        self.steps = len(batches)
        on_gpu = self.device.type == "cuda"
        look_every = 20 if on_gpu else 1  # looking at a number makes a GPU wait
        begin = time.perf_counter()
        made: Iterable[tuple[Tensor, Tensor]]
        if self.kept is None:
            made = batches.loader(self.step, self.workers or 0, pin_memory=on_gpu)
        else:
            made = device_batches(batches, self.kept, self.step)
        for images, labels in made:
            self._train_step(forward, images, labels)
            self.step += 1
            self.seconds, begin = self.seconds + time.perf_counter() - begin, time.perf_counter()
            if self.step % look_every == 0 or self.step == self.steps:
                self._check_loss(self.totals[0].item())
                on_step(self)

    def _train_step(self, forward: nn.Module, images: Tensor, labels: Tensor) -> None:
        images = self.data.normalise(images.to(self.device, non_blocking=True))
        labels = labels.to(self.device, non_blocking=True)
        with torch.autocast(self.device.type, self.precision, enabled=self.precision is not None):
            logits = forward(images)
            loss = F.cross_entropy(logits, labels, label_smoothing=self.hyper.label_smoothing)
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        correct = (logits.detach().argmax(1) == labels).sum()
        self.totals[0] += loss.detach() * len(labels)
        self.totals[1] += correct
        self.totals[2] += len(labels)

    def _check_loss(self, loss: float) -> None:
        if not math.isfinite(loss):
            raise NonFiniteLossError(
                f"the loss is not finite in epoch {self.epoch + 1}, step {self.step}, at learning "
                f"rate {learning_rate(self.hyper, self.epoch):.4g}"
            )

    @property
    def train_loss_and_accuracy(self) -> tuple[float, float]:
        """Mean loss and accuracy over this epoch's training images so far."""
        loss, correct, images = self.totals.tolist()
        return loss / max(1, images), correct / max(1, images)

    def _finish_epoch(self) -> Epoch:
        validation = self._validation_totals()
        self._check_loss(validation[0])
        if self.world_size > 1:
            dist.all_reduce(self.totals)
        train_loss, train_accuracy = self.train_loss_and_accuracy
        record = Epoch(
            epoch=self.epoch + 1,
            train_loss=train_loss,
            train_accuracy=train_accuracy,
            validation_loss=validation[0] / len(self.data.validation),
            validation_accuracy=validation[1] / len(self.data.validation),
            learning_rate=learning_rate(self.hyper, self.epoch),
            duration_s=self.seconds,
            images_per_s=self.totals[2].item() / self.seconds,
        )
        self.epochs.append(record)
        if record.validation_accuracy >= max(e.validation_accuracy for e in self.epochs):
            self.best_epoch = record.epoch
            self.best_network = {k: v.clone() for k, v in self.network.state_dict().items()}
        self.epoch, self.step, self.seconds = self.epoch + 1, 0, 0.0
        self.totals.zero_()
        return record

    def _validation_totals(self) -> list[float]:
        """Return the summed loss and the number of right answers on the validation images."""
        self.network.apply(disable_observer)  # QAT must not take its ranges from these images
        if self.world_size > 1:  # BatchNorm statistics differ: the first process's count
            for buffer in self.network.buffers():
                dist.broadcast(buffer, 0)
        share = torch.arange(self.rank, len(self.data.validation), self.world_size)
        split: Split = self.data.validation.take(share)
        logits = predict(self.network, self.data, split)
        smoothing = self.hyper.label_smoothing  # the training loss has it too
        loss = F.cross_entropy(logits, split.labels, label_smoothing=smoothing, reduction="sum")
        totals = torch.stack([loss, (logits.argmax(1) == split.labels).sum()])
        if self.world_size > 1:
            totals = totals.to(self.device)
            dist.all_reduce(totals)
        return totals.tolist()

    def save(self) -> None:
        """Write the state; a process that is not the first writes nothing."""
        content = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "progress": (self.epoch, self.step, self.seconds, self.totals.tolist()),
            "epochs": [epoch.model_dump() for epoch in self.epochs],
            "best": (self.best_epoch, self.best_network),
        }
        if self.rank == 0:
            write_atomically(self.state, lambda file: torch.save(content, file))

    def load(self) -> None:
        """Continue from the state file; raise LabError when it is damaged."""
        try:
            content: dict[str, Any] = torch.load(self.state, map_location=self.device)
        except Exception as error:  # damaged archives raise all kinds
            raise LabError(f"{self.state} is damaged: begin again with --restart") from error
        self.network.load_state_dict(content["network"])
        self.optimizer.load_state_dict(content["optimizer"])
        if content["scaler"]:  # empty when the run began without mixed precision
            self.scaler.load_state_dict(content["scaler"])
        self.epoch, self.step, self.seconds, totals = content["progress"]
        self.totals.copy_(torch.tensor(totals, dtype=self.totals.dtype))
        self.epochs = [Epoch(**epoch) for epoch in content["epochs"]]
        self.best_epoch, self.best_network = content["best"]
