"""What several runs were made with, and in what they differ."""

from collections.abc import Sequence

from lab3.log.records import TITLES
from lab3.log.runlog import RunLog
from lab3.units import percent

MISSING = "-"


def settings(log: RunLog) -> dict[str, str]:
    """Return all that was chosen for a run, by the names that options have."""
    start = log.start
    hyper = start.hyperparameters.model_dump() if start.hyperparameters else {}
    chosen: dict[str, object] = {
        "kind": TITLES[start.kind],
        "data set": start.data.name,
        "network": f"{start.arch} of width {start.width}",
        "baseline": start.baseline.name if start.baseline else None,
        "calibration images": start.calibration_images,
        "qconfig": start.qconfig,
        **{name.replace("_", " "): value for name, value in hyper.items()},
        "code": start.code_sha256[:8],
        "torch": start.environment.torch,
        "device": start.environment.device,
    }
    return {name: MISSING if value is None else str(value) for name, value in chosen.items()}


def differing(logs: Sequence[RunLog]) -> tuple[list[tuple[str, ...]], dict[str, str]]:
    """Return a row for each setting in which runs differ, and the settings that all share."""
    chosen = [settings(log) for log in logs]
    names = dict.fromkeys(name for one in chosen for name in one)
    rows: list[tuple[str, ...]] = []
    shared: dict[str, str] = {}
    for name in names:
        values = [one.get(name, MISSING) for one in chosen]
        if len(set(values)) > 1:
            rows.append((name, *values))
        elif values[0] != MISSING:
            shared[name] = values[0]
    return rows, shared


def outcomes(logs: Sequence[RunLog]) -> list[tuple[str, ...]]:
    """Return a row for each thing that runs reached."""
    rows: list[tuple[str, ...]] = [
        ("epochs done", *(str(len(log.epochs)) for log in logs)),
        (
            "best epoch",
            *(str((log.end and log.end.best_epoch) or MISSING) for log in logs),
        ),
        (
            "validation accuracy",
            *(percent(log.end.validation_accuracy) if log.end else MISSING for log in logs),
        ),
        (
            "test accuracy",
            *(percent(log.result.accuracy) if log.result else MISSING for log in logs),
        ),
    ]
    return [row for row in rows if set(row[1:]) != {MISSING}]
