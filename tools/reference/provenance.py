"""Where, when, with what and for how long the runs of a plan were done."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lab3.log.records import Resume
from lab3.log.runlog import RunLog
from tools.reference.plan import PLAN_NAME
from tools.reference.results import Logs


def provenance_of(folder: Path, logs: Logs) -> dict[str, Any]:
    """Return what the logs say of versions, machines, code and times, and what identifies them."""
    records = list(logs.values())
    return {
        "plan_sha256": file_sha256(folder / PLAN_NAME),
        "environments": different(log.start.environment.model_dump() for log in records),
        "engines": different(log.quantized.engine for log in records if log.quantized),
        "latency_engines": different(log.result.latency.engine for log in records if log.result),
        "code_sha256": different(log.start.code_sha256 for log in records),
        "given_sha256": different(log.start.given_sha256 for log in records),
        "first_start": min((log.start.time.isoformat() for log in records), default=None),
        "last_end": max((log.end.time.isoformat() for log in records if log.end), default=None),
        "training_s": round(sum(training_s(log) for log in records), 1),
        "runs": {name: of_run(log) for name, log in logs.items()},
    }


def of_run(log: RunLog) -> dict[str, Any]:
    """Return when a run was done, and the digest of its log."""
    return {
        "start": log.start.time.isoformat(),
        "training_s": round(training_s(log), 1),
        "interruptions": sum(isinstance(record, Resume) for record in log.records),
        "log_sha256": file_sha256(log.path),
    }


def training_s(log: RunLog) -> float:
    return sum(epoch.duration_s for epoch in log.epochs)


def file_sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def different(values: Iterable[Any]) -> list[Any]:
    """Return the values that differ from each other, in the order in which they come."""
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found
