"""How much memory a training run needs, before it begins."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import psutil

from lab3.units import megabytes
from tools.shared.console import UserError, say

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from lab3.log.records import Hyperparameters


@dataclass(frozen=True)
class Estimate:
    """Bytes that a training run needs at its peak, beside what the program itself takes."""

    weights: int  # weights, gradients, optimizer state and the best epoch's copy
    activations: int  # what the backward pass needs of one batch

    @property
    def total(self) -> int:
        return self.weights + self.activations


def estimate(
    network: nn.Module, hyper: Hyperparameters, images: Tensor, mixed_precision: bool = False
) -> Estimate:
    """Estimate a run's peak from a pass over tensors without storage (the meta device).

    ``images`` is a batch, (B, 3, H, W), of which only the shape counts.
    """
    import torch

    twin = copy.deepcopy(network).to("meta").train()
    storages: dict[int, int] = {}  # storage -> bytes

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        storages[storage._cdata] = storage.nbytes()
        held.append(storage)
        return tensor

    held: list[object] = []  # so that no storage's address is used twice
    batch = torch.empty(images.shape, dtype=torch.float32, device="meta")
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = twin(batch)
    check_logits(output, len(images), network)
    parameters = sum(p.numel() * p.element_size() for p in network.parameters())
    own = {p.untyped_storage()._cdata for p in (*twin.parameters(), *twin.buffers())}
    activations = sum(size for storage, size in storages.items() if storage not in own)
    del output
    copies = 4 if hyper.optimizer == "sgd" else 5
    return Estimate(copies * parameters, activations // (2 if mixed_precision else 1))


def check_logits(output: object, images: int, network: nn.Module) -> None:
    """Raise UserError when what a network returns are no logits of its classes."""
    import torch

    classes = cast("nn.Linear", network.get_submodule("fc")).out_features
    if not isinstance(output, torch.Tensor):
        raise TypeError(f"the network returned {type(output).__name__}, not a tensor")
    if output.shape != (images, classes):
        raise UserError(
            f"QuantizableResNet.forward returned the shape {tuple(output.shape)} for {images} "
            f"images: it should be {(images, classes)}, one logit for each of {classes} classes"
        )


def available_bytes(device: torch.device) -> int:
    """Return the memory that a run may take now: the GPU's, or this computer's."""
    import torch

    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    free = psutil.virtual_memory().available
    group = Path("/sys/fs/cgroup")  # a container may be allowed less than the computer has
    try:
        limit = int((group / "memory.max").read_text())
        return min(free, limit - int((group / "memory.current").read_text()))
    except (OSError, ValueError):
        return free


def advise(
    network: nn.Module,
    hyper: Hyperparameters,
    images: Tensor,
    device: torch.device,
    mixed_precision: bool,
    processes: int = 1,
) -> None:
    """Print the estimate, and a warning with the remedy when the run cannot fit.

    ``images`` is one process's share of a batch; on a CPU, processes share the memory.
    """
    need = estimate(network, hyper, images, mixed_precision)
    free = available_bytes(device) // (processes if device.type == "cpu" else 1)
    say(
        f"memory: about {megabytes(need.total)} needed ({megabytes(need.activations)} of it for "
        f"a batch of {len(images)}), {megabytes(free)} free"
    )
    height, width = images.shape[2:]
    if (height, width) != (32, 32):
        say(
            f"warning: the images are {height}x{width}. This network's stem has stride 1 and no "
            f"pooling, so they take {height * width / 1024:.0f} times the memory and time of "
            "32x32: let lab3/data.py make them 32x32"
        )
    if need.total > free:
        fitting = int((free - need.weights) / need.activations * len(images)) * processes
        remedy = (
            f"--batch-size {2 ** (fitting.bit_length() - 1)} would fit"
            if fitting > 0
            else "a smaller --width or --arch is needed"
        )
        say(f"warning: this run will probably run out of memory: {remedy}")
