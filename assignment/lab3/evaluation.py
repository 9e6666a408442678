"""Accuracy, confusion and latency of a network."""

import math
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lab3.data import ImageData, Split
from lab3.log.records import Latency


@torch.inference_mode()
def predict(
    network: nn.Module,
    data: ImageData,
    split: Split,
    on_batch: Callable[[int], None] = lambda _: None,
) -> Tensor:
    """Return the logits of all images of a split, (N, classes), on the CPU.

    The network is left in eval mode. ``on_batch`` is told the number of images of each batch.
    """
    network.eval()
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    batch_size = 256 if device.type == "cuda" else 32  # on a CPU, more spills the cache
    logits = []
    for images in split.images.split(batch_size):
        logits.append(network(data.normalise(images.to(device))).float().cpu())
        on_batch(len(images))
    return torch.cat(logits)


def loss_and_accuracy(logits: Tensor, labels: Tensor) -> tuple[float, float]:
    """Return the mean cross entropy and the fraction of images whose largest logit is right.

    Among equal logits, which INT8 networks often have, the lowest class counts.
    """
    correct = (logits.argmax(1) == labels).sum().item()
    return F.cross_entropy(logits, labels).item(), correct / len(labels)


def confusion_matrix(logits: Tensor, labels: Tensor) -> Tensor:
    """Return how often class i (row) was taken for class j (column), (classes, classes)."""
    classes = logits.shape[1]
    cells = labels * classes + logits.argmax(1)
    return cells.bincount(minlength=classes**2).view(classes, classes)


def processor_name() -> str:
    """Return the CPU's name as the operating system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


@torch.inference_mode()
def measure_latency(network: nn.Module, images: Tensor, engine: str, runs: int = 50) -> Latency:
    """Time forward passes of one batch of normalised images on the CPU.

    A fifth of ``runs`` more passes come first and don't count: they allocate and warm caches.
    """
    network.eval()
    seconds = []
    for _ in range(max(3, runs // 5) + runs):
        begin = time.perf_counter()
        network(images)
        seconds.append(time.perf_counter() - begin)
    return latency_of(seconds[-runs:], images, engine)


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of the median, whatever the values' distribution.

    Its ends are order statistics, of ranks ``(n -+ 1.96 * sqrt(n)) / 2`` (Conover, "Practical
    Nonparametric Statistics", section 3.2).
    """
    ordered = sorted(values)
    rank = max(0, math.floor((len(ordered) - 1.96 * math.sqrt(len(ordered))) / 2) - 1)
    return ordered[rank], ordered[-1 - rank]


def latency_of(seconds: Sequence[float], images: Tensor, engine: str) -> Latency:
    """Return the median and quartiles of the times of passes."""
    low, median, high = statistics.quantiles(seconds, n=4)
    runs = len(seconds)
    return Latency(
        batch_size=len(images),
        threads=torch.get_num_threads(),
        engine=engine,
        processor=processor_name(),
        warmup_runs=max(3, runs // 5),
        runs=runs,
        median_s=median,
        lower_quartile_s=low,
        upper_quartile_s=high,
    )
