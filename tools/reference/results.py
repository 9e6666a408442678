"""What the logs of a plan's runs say, as data: the source of every published number."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab3.log.records import Result
from lab3.log.runlog import LOG_NAME, RunLog, read_log
from tools.reference.doing import is_done
from tools.reference.items import CALIBRATION_IMAGES, MAX_SHIFT_AMOUNT, Item, items_of
from tools.reference.plan import Plan

Logs = Mapping[str, RunLog]  # by the name of the item
Summary = dict[str, Any]


@dataclass(frozen=True)
class Network:
    """One row of a table: the same run for several seeds, by its name below a seed's folder."""

    title: str
    home: str
    run: str
    seeds: tuple[int, ...]

    def item(self, seed: int) -> str:
        return f"{self.home}/seed-{seed}/{self.run}"


def read_logs(plan: Plan, folder: Path) -> Logs:
    """Return the logs of the runs that are done."""
    return {
        item.name: read_log(folder / item.name) for item in items_of(plan) if is_done(item, folder)
    }


def networks_of(plan: Plan) -> dict[str, list[Network]]:
    """Return the rows of each table on the test images."""
    variants, seeds = plan.variants, plan.variants.seeds

    def of_the_lab(title: str, run: str, seeds: tuple[int, ...] = plan.seeds) -> Network:
        return Network(title, "runs", run, seeds)

    compared = [of_the_lab("FP32", "fp32"), of_the_lab("PTQ", "ptq"), of_the_lab("QAT", "qat")]
    compared += [
        Network(f"{kind.upper()}, default per-channel", "variants", f"{kind}-per-channel", chosen)
        for kind, chosen in (("ptq", plan.per_channel.ptq), ("qat", plan.per_channel.qat))
        if chosen
    ]
    if variants.not_fused:
        compared.append(Network("PTQ, nothing fused", "variants", "ptq-not-fused", seeds))
    limited = [
        of_the_lab(str(limit), "ptq", seeds)
        if limit == MAX_SHIFT_AMOUNT
        else Network(str(limit), "variants", f"ptq-shift-{limit}", seeds)
        for limit in variants.max_shift_amount
    ]
    calibrated = [
        of_the_lab(f"{images:,}", "ptq", seeds)
        if images == CALIBRATION_IMAGES
        else Network(f"{images:,}", "variants", f"ptq-images-{images}", seeds)
        for images in variants.calibration_images
    ]
    return {"compared": compared, "limited": limited, "calibrated": calibrated}


def results_of(plan: Plan, logs: Logs) -> Summary:
    """Return everything that is published but times and places."""
    tables = {
        name: [row for network in rows if (row := summary(network, logs))]
        for name, rows in networks_of(plan).items()
    }
    for row in tables["limited"]:
        row["clamped"] = spread(clamped_tensors(logs, plan.variants.seeds, int(row["title"])))
    return {
        "dataset": plan.dataset,
        "arch": plan.arch,
        "width": plan.width,
        "seeds": list(plan.seeds),
        "data": next((log.start.data.model_dump() for log in logs.values()), None),
        "runs": {
            item.name: run(item, logs[item.name]) for item in items_of(plan) if item.name in logs
        },
        **tables,
        "ablation": ablation(plan, logs),
    }


def run(item: Item, log: RunLog) -> Summary:
    """Return the numbers of one run."""
    assert log.end is not None  # read_logs() hands over complete runs
    certificate = log.certificate
    numbers: Summary = {
        "kind": item.kind,
        "seed": item.seed,
        "parameters": log.start.parameters,
        "best_epoch": log.end.best_epoch,
        "validation_accuracy": log.end.validation_accuracy,
        "checkpoint_bytes": log.end.checkpoint_bytes,
        "checkpoint_sha256": log.end.checkpoint_sha256,
    }
    if log.quantized:
        numbers["accuracy_with_float_biases"] = log.quantized.accuracy_with_float_biases
    if result := log.result:
        numbers |= {
            "scheme": result.scheme,
            "test_images": result.images,
            "test_right": right(result),
            "test_accuracy": result.accuracy,
            "test_loss": result.loss,
        }
    if certificate:
        numbers["certificate"] = {
            "is_identical": certificate.is_identical,
            "engine": certificate.engine,
            "images": certificate.images,
            "values": certificate.proofs[0].values,
            "layers": len(certificate.layers),
        }
    return numbers


def right(result: Result) -> int:
    """Return how many test images were right."""
    return sum(row[i] for i, row in enumerate(result.confusion))


def summary(network: Network, logs: Logs) -> Summary | None:
    """Return a network over its seeds, each against the FP32 network of the same seed.

    ``lost_images`` is FP32 minus this network, positive when images were lost. None where a seed
    was not run.
    """
    pairs = []
    for seed in network.seeds:
        baseline, log = logs.get(f"runs/seed-{seed}/fp32"), logs.get(network.item(seed))
        if not (baseline and baseline.result and log and log.result):
            return None
        pairs.append((baseline.result, log.result))
    if not pairs:
        return None
    lost = [right(baseline) - right(result) for baseline, result in pairs]
    return {
        "title": network.title,
        "runs": [network.item(seed) for seed in network.seeds],
        "scheme": pairs[0][1].scheme,
        "images": pairs[0][1].images,
        "accuracy": spread([right(result) / result.images for _, result in pairs]),
        "lost_images": spread(lost),
        "bytes": spread([result.checkpoint_bytes for _, result in pairs]),
    }


def spread(values: Sequence[float]) -> Summary:
    """Return values with their mean and their standard deviation, None for a single one."""
    return {
        "values": list(values),
        "mean": statistics.fmean(values) if values else None,
        "deviation": statistics.stdev(values) if len(values) > 1 else None,
    }


def clamped_tensors(logs: Logs, seeds: Iterable[int], limit: int) -> list[int]:
    """Return for each seed how many tensors would need a larger shift than ``limit``."""
    counts = []
    for seed in seeds:
        analysis = logs[f"runs/seed-{seed}/ptq"].analysis
        scales = [tensor.scale_before for tensor in analysis.tensors] if analysis else []
        counts.append(sum(s <= 0 or round(-math.log2(s)) > limit for s in scales))
    return counts


def ablation(plan: Plan, logs: Logs) -> list[Summary]:
    """Return the settings of the ablation over its seeds, on the validation images."""
    rows: dict[str, list[RunLog]] = {}
    for item in items_of(plan):
        if "/sweep/" in item.name and item.name in logs:
            rows.setdefault(item.name.rsplit("/", 1)[1], []).append(logs[item.name])
    base = rows.get("base", [])
    return [
        {
            "title": title,
            "seeds": len(settings),
            "images": settings[0].start.data.validation,
            "validation_accuracy": spread([accuracy(log) for log in settings]),
            "gained_images": spread(
                [
                    round((accuracy(log) - accuracy(other)) * log.start.data.validation)
                    for log, other in zip(settings, base, strict=False)
                ]
            ),
        }
        for title, settings in rows.items()
        if len(settings) == len(plan.ablation.seeds) == len(base)
    ]


def accuracy(log: RunLog) -> float:
    return log.end.validation_accuracy if log.end else 0.0


def logs_below(folder: Path) -> list[Path]:
    """Return every log of a profile's folder."""
    return sorted([*folder.glob(f"runs/**/{LOG_NAME}"), *folder.glob(f"variants/**/{LOG_NAME}")])
