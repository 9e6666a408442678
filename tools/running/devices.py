"""Where to train: the CPU, a GPU, or several processes started by torchrun."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from tools.shared.console import IS_FIRST_PROCESS, UserError

if TYPE_CHECKING:
    import torch

T = TypeVar("T")


@contextmanager
def joined(device: str) -> Iterator[tuple[torch.device, int]]:
    """Yield this process's device and the number of processes, joined when there are several."""
    import torch
    import torch.distributed as dist

    where = torch.device(choice(device))
    # A run that goes on must equal an unbroken one, so GPUs may not pick kernels by timing.
    torch.backends.cudnn.deterministic = True
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if processes == 1:
        yield where, 1
        return
    if where.type == "cuda":
        where = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(where)
    dist.init_process_group("nccl" if where.type == "cuda" else "gloo")
    try:
        yield where, processes
    finally:
        dist.destroy_process_group()


def choice(device: str) -> str:
    """Return the type of device that is meant; raise UserError for one that isn't here."""
    import torch

    here = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if device == "auto":
        return next(name for name, is_here in here.items() if is_here)
    if not here[device]:
        raise UserError(
            f"--device {device}: PyTorch sees no GPU here; use --device cpu, or see lab3 doctor"
        )
    return device


def for_quantization(device: str) -> str:
    """Return where QAT can train: the GPU of Apple silicon can't compute with FakeQuantize."""
    return "cpu" if choice(device) == "mps" else device


def from_first(compute: Callable[[], T]) -> T:
    """Return what the first process computes, to every process."""
    import torch.distributed as dist

    if not dist.is_initialized():
        return compute()
    box = [compute() if IS_FIRST_PROCESS else None]
    dist.broadcast_object_list(box)
    return box[0]  # type: ignore[return-value]  # the list has been filled by the first process


def name(where: torch.device) -> str:
    """Return a device's name as people know it."""
    import torch

    return torch.cuda.get_device_name(where) if where.type == "cuda" else where.type


def loader_workers(where: torch.device) -> int | None:
    """Return how many loader processes serve a device well; None where it makes its own batches.

    A CPU would give them cores that it trains with.
    """
    return None if where.type == "cuda" else 0


def mixed_precision(where: torch.device) -> torch.dtype | None:
    """Return what a GPU multiplies fastest, as exactly as float32 is needed; None on a CPU."""
    import torch

    if where.type != "cuda":
        return None
    has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if has_bfloat16 else torch.float16
