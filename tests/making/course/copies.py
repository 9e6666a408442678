"""Runs that are somebody's own, honestly the same as others', or copied and made up."""

import hashlib
import io
import json
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from lab3 import STUDENT_FILES
from tests.making.submissions import Files

Record = dict[str, Any]
State = dict[str, Any]
FIRST = datetime.fromisoformat("2026-03-02T08:00:00+00:00")  # when the first run began


def code_sha256(files: Files) -> str:
    """Return what a log says of code."""
    digest = hashlib.sha256()
    for name in STUDENT_FILES:
        digest.update(name.encode() + b"\0" + files[f"lab3/{name}"] + b"\0")
    return digest.hexdigest()


def own_runs(runs: Files, code: Files, name: str, seed: int | None = None) -> Files:
    """Return the same runs as somebody else makes them by the same seed: on a clock of their own.

    Another ``seed`` is only claimed.
    """
    chance = random.Random(f"runs of {name}")
    begin = FIRST + timedelta(seconds=chance.randint(0, 10**6))
    return {
        path: changed_log(content, lambda log: on_clock(log, begin, chance, code, seed))
        if path.endswith("run.jsonl")
        else content
        for path, content in runs.items()
    }


def changed_log(content: bytes, change: Callable[[list[Record]], object]) -> bytes:
    log = [json.loads(line) for line in content.splitlines()]
    change(log)
    return "".join(json.dumps(record) + "\n" for record in log).encode()


def on_clock(
    log: list[Record], begin: datetime, chance: random.Random, code: Files, seed: int | None
) -> None:
    """Give a log measured times of its own, and code and seed."""
    now = begin
    for record in log:
        if record["event"] == "epoch":
            images = record["duration_s"] * record["images_per_s"]
            record["duration_s"] *= chance.uniform(0.8, 1.4)
            record["images_per_s"] = images / record["duration_s"]
            now += timedelta(seconds=record["duration_s"] + 1)
        if record["event"] == "result":
            for key in ("median_s", "lower_quartile_s", "upper_quartile_s"):
                record["latency"][key] *= chance.uniform(0.8, 1.4)
        if "time" in record:
            now += timedelta(seconds=1)
            record["time"] = now.replace(microsecond=0).isoformat()
    log[0]["code_sha256"] = code_sha256(code)
    if seed is not None and log[0]["hyperparameters"]:
        log[0]["hyperparameters"]["seed"] = seed


def with_checkpoints(runs: Files, change: Callable[[str, State], State]) -> Files:
    """Return runs whose checkpoints were changed and saved anew, with the hashes of these."""
    import torch

    files, hashes = dict(runs), dict[str, tuple[str, int]]()
    for path in [path for path in runs if path.endswith("model.pt")]:
        state = torch.load(io.BytesIO(runs[path]), weights_only=True)
        into = io.BytesIO()
        torch.save(change(path.split("/")[1], state), into)
        files[path] = into.getvalue()
        old, new = (hashlib.sha256(f[path]).hexdigest() for f in (runs, files))
        hashes[old] = new, len(files[path])

    def rename(log: list[Record]) -> None:
        for record in (*log, *([log[0]["baseline"]] if log[0]["baseline"] else [])):
            if (known := hashes.get(record.get("checkpoint_sha256", ""))) is not None:
                record["checkpoint_sha256"] = known[0]
                if "checkpoint_bytes" in record:
                    record["checkpoint_bytes"] = known[1]

    return {
        path: changed_log(content, rename) if path.endswith("run.jsonl") else content
        for path, content in files.items()
    }


def resaved(runs: Files) -> Files:
    """Save the same weights in another order."""
    return with_checkpoints(runs, lambda _, state: dict(reversed(state.items())))


def perturbed(runs: Files, share: float = 1e-3) -> Files:
    """Add noise to the FP32 weights, of so much of their spread."""
    import torch

    generator = torch.Generator().manual_seed(5)

    def change(_run: str, state: State) -> State:
        return {
            name: value + share * value.std() * torch.randn(value.shape, generator=generator)
            if isinstance(value, torch.Tensor) and value.is_floating_point() and value.dim() > 1
            else value
            for name, value in state.items()
        }

    return with_checkpoints(runs, change)


def renamed(runs: Files) -> Files:
    """Give runs other names, and their checkpoints another order; the logs stay as they were."""
    names = {"fp32": "base", "ptq": "int8", "qat": "int8-tuned"}
    there = {path.split("/")[1] for path in runs}
    new = {name: names.get(name, f"my-{name}") for name in there}

    def change(log: list[Record]) -> None:
        log[0]["name"] = new.get(log[0]["name"], log[0]["name"])

    moved = {"/".join(("runs", new[p.split("/")[1]], p.split("/")[2])): c for p, c in runs.items()}
    return {
        path: changed_log(content, change) if path.endswith("run.jsonl") else content
        for path, content in resaved(moved).items()
    }


def other_network(runs: Files, seed: int) -> Files:
    """Return runs of a network that began with another seed and was never trained."""
    import torch

    generator = torch.Generator().manual_seed(seed)

    def change(_run: str, state: State) -> State:
        return {name: drawn(value, generator) for name, value in state.items()}

    def learn(log: list[Record]) -> None:
        chance = random.Random(seed)
        for record in log:
            if record["event"] == "epoch":
                record["train_loss"] *= chance.uniform(0.8, 1.2)
                record["validation_loss"] *= chance.uniform(0.8, 1.2)

    return {
        path: changed_log(content, learn) if path.endswith("run.jsonl") else content
        for path, content in with_checkpoints(runs, change).items()
    }


def drawn(value: Any, generator: Any) -> Any:
    """Return numbers of the same kind and shape that were drawn anew."""
    import torch

    if isinstance(value, tuple):
        return tuple(drawn(part, generator) for part in value)
    if not isinstance(value, torch.Tensor) or value.dim() == 0 or value.numel() == 1:
        return value
    if value.is_quantized:
        integers = torch.randint(-128, 128, value.shape, dtype=torch.int8, generator=generator)
        return torch._make_per_tensor_quantized_tensor(
            integers, value.q_scale(), value.q_zero_point()
        )
    if not value.is_floating_point():
        return value
    return torch.randn(value.shape, generator=generator) * value.std() + value.mean()
