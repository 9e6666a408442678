"""Runs that nobody trained: logs and checkpoints of drawn numbers, for what only compares them."""

import hashlib
import io
from typing import Any

import torch

from lab3.log.records import Baseline, Hyperparameters, Record
from tests.making.logs.records import end, epoch, latency, line, quantized, result, start
from tests.making.submissions import Files

SHAPES = {
    "conv1.weight": (16, 3, 3, 3),
    "layer1.0.conv1.weight": (16, 16, 3, 3),
    "layer1.0.bn1.weight": (300,),
    "layer1.0.bn1.bias": (300,),
    "layer1.0.conv2.weight": (32, 16, 3, 3),
    "layer2.0.conv1.weight": (32, 32, 1, 1),
    "layer2.0.conv2.weight": (32, 32, 3, 3),
    "fc.weight": (10, 64),
    "fc.bias": (10,),
}
EPOCHS = 6


def state(seed: int) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=generator) for name, shape in SHAPES.items()}


def int8_state(seed: int) -> dict[str, Any]:
    integers = {
        name: torch._make_per_tensor_quantized_tensor(
            (40 * value).round().clamp(-128, 127).to(torch.int8), 2.0**-5, 0
        )
        for name, value in state(seed).items()
        if value.dim() > 1
    }
    return {**integers, "quant.scale": torch.tensor([0.5]), "quant.zero_point": torch.tensor([128])}


def saved(network: dict[str, Any]) -> bytes:
    into = io.BytesIO()
    torch.save(network, into)
    return into.getvalue()


def drawn_runs(seed: int = 0) -> Files:
    """Return the files of an FP32, a PTQ and a QAT run; all follows from the seed but the times."""
    chance = torch.Generator().manual_seed(1000 + seed)

    def number(low: float, high: float) -> float:
        return low + (high - low) * torch.rand((), generator=chance, dtype=torch.float64).item()

    def epochs(count: int) -> list[Record]:
        found = []
        for n in range(1, count + 1):
            seconds = number(5, 6)
            found.append(
                epoch(
                    n,
                    train_loss=number(1, 2) / n,
                    validation_loss=number(1, 2) / n,
                    duration_s=seconds,
                    images_per_s=1200 / seconds,
                )
            )
        return found

    def timed(sha: str) -> Record:
        middle = number(0.003, 0.004)
        times = {"lower_quartile_s": middle * 0.9123, "upper_quartile_s": middle * 1.0837}
        return result(checkpoint_sha256=sha, latency=latency(median_s=middle, **times))

    hyper = Hyperparameters(epochs=EPOCHS, seed=seed)
    files = {"fp32": saved(state(seed)), "ptq": saved(int8_state(seed))}
    files["qat"] = saved(int8_state(seed + 500))
    sha = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    base = Baseline(name="fp32", checkpoint_sha256=sha["fp32"])
    kinds: dict[str, Any] = {"baseline": base}
    logs: dict[str, list[Record]] = {
        "fp32": [start(hyperparameters=hyper), *epochs(EPOCHS)],
        "ptq": [start(kind="ptq", name="ptq", hyperparameters=None, **kinds), quantized()],
        "qat": [
            start(kind="qat", name="qat", hyperparameters=Hyperparameters(seed=seed), **kinds),
            *epochs(2),
            quantized(),
        ],
    }
    runs: Files = {}
    for name, log in logs.items():
        log += [end(checkpoint_sha256=sha[name]), timed(sha[name])]
        runs[f"runs/{name}/run.jsonl"] = b"".join(map(line, log))
        runs[f"runs/{name}/model.pt"] = files[name]
    return runs
