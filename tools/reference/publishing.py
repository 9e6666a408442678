"""What is published of a plan's runs: derived from their logs, whenever it is asked for."""

from __future__ import annotations

import json
import shutil
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab3.log.records import Record, Resume
from lab3.log.runlog import CHECKPOINT_NAME, LOG_NAME, RunLog, read_log, write_atomically
from tools.reference import tables
from tools.reference.figures import save_figures
from tools.reference.items import items_of
from tools.reference.plan import Plan
from tools.reference.provenance import provenance_of
from tools.reference.results import logs_below, read_logs, results_of
from tools.report.sources import collect
from tools.report.writing import FIGURES, Written, write_report
from tools.shared.console import UserError

RESULTS, PROVENANCE, TABLES = "results.json", "provenance.json", "tables.md"
REPORT, ANSWERS = "report.md", "answers.toml"
CHECKPOINT_BYTES = 1_000_000  # a larger checkpoint isn't published: repositories keep every version
# What differs when a run is done again on the same machine; elsewhere, its environment does too.
# The kit's code may have changed since: what its runs reach has not, if all else is the same.
TIMES = {"time", "duration_s", "images_per_s", "latency", "speedup", "environment"}
CODE = {"given_sha256", "functions"}


def documents(plan: Plan, folder: Path) -> dict[str, str]:
    """Return the texts that are derived from the logs alone, by file name."""
    logs = read_logs(plan, folder)
    results, provenance = results_of(plan, logs), provenance_of(folder, logs)
    return {
        RESULTS: as_text(results),
        PROVENANCE: as_text(provenance),
        TABLES: tables.page(plan, results, provenance),
    }


def as_text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def write_summary(plan: Plan, folder: Path, home: Path) -> list[Path]:
    """Write results, provenance, tables, figures and the report of the runs in a folder.

    ``home`` is that of the profile, which holds the answers of staff.
    """
    written = []
    texts = documents(plan, folder)
    for name, text in texts.items():
        write_bytes(folder / name, text.encode())
        written.append(folder / name)
    written += save_figures(folder / FIGURES, json.loads(texts[RESULTS]))
    if report := write_staff_report(plan, folder, home):
        written += [report.report, *report.figures]
    return written


def write_staff_report(plan: Plan, folder: Path, home: Path) -> Written | None:
    """Write the report of the first seed's runs, with the answers of staff; None without runs."""
    runs = folder / "runs" / f"seed-{plan.seeds[0]}"
    sources = collect(runs)
    if sources.fp32 is None:
        return None
    (folder / REPORT).unlink(missing_ok=True)  # its prose would stay, whatever the answers say now
    return write_report(folder / REPORT, sources, "en", answers_of(home))


def answers_of(home: Path) -> dict[str, str]:
    """Return what the report of a profile answers, by name of the question: its own words first."""
    answers: dict[str, str] = {}
    for path in (home.parent / ANSWERS, home / ANSWERS):
        if path.exists():
            answers |= tomllib.loads(path.read_text(encoding="utf-8"))
    return answers


@dataclass
class Publication:
    """What publishing did: logs that are as they were but for times, and those that are not."""

    equal: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    written: list[Path] = field(default_factory=list)


def publish(plan: Plan, folder: Path, home: Path) -> Publication:
    """Put the logs and the small checkpoints of complete runs into a profile's folder.

    A log that is as it was but for times stays as it is. Raises UserError when a run is missing.
    """
    items, logs = items_of(plan), read_logs(plan, folder)
    if missing := [item.name for item in items if item.name not in logs]:
        raise UserError(
            f"{len(missing)} of {len(items)} runs are still to be done, {missing[0]} for one: "
            "nothing was published"
        )
    publication = Publication()
    for stale in {path.parent for path in logs_below(home)} - {home / name for name in logs}:
        shutil.rmtree(stale)
    for name, log in logs.items():
        place = home / name
        kept = without_times(read_log(place)) if (place / LOG_NAME).exists() else None
        if kept == without_times(log):
            publication.equal.append(name)
            continue
        (publication.new if kept is None else publication.changed).append(name)
        write_bytes(place / LOG_NAME, log.path.read_bytes())
        checkpoint = folder / name / CHECKPOINT_NAME
        (place / CHECKPOINT_NAME).unlink(missing_ok=True)
        if is_published(name, checkpoint):
            write_bytes(place / CHECKPOINT_NAME, checkpoint.read_bytes())
    publication.written = write_summary(plan, home, home)
    return publication


def is_published(name: str, checkpoint: Path) -> bool:
    """Tell whether a checkpoint is small, and one of the runs that the lab asks for."""
    is_of_the_lab = name.startswith("runs/") and "/sweep/" not in name
    return is_of_the_lab and checkpoint.stat().st_size <= CHECKPOINT_BYTES


def write_bytes(path: Path, content: bytes) -> None:
    write_atomically(path, lambda file: file.write(content))


def without_times(log: RunLog) -> list[dict[str, Any]]:
    """Return the records of a log without what differs when it is done again."""
    return [timeless(record) for record in log.records if not isinstance(record, Resume)]


def timeless(record: Record) -> dict[str, Any]:
    return {name: value for name, value in record.model_dump().items() if name not in TIMES | CODE}
