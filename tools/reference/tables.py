"""The published tables: mean and spread over seeds, and how many images a difference is."""

from __future__ import annotations

from typing import Any

from tools.reference.plan import Plan
from tools.reference.results import Summary
from tools.shared.table import Table

NOT_RUN = "not run"


def tables_of(plan: Plan, results: Summary) -> dict[str, Table]:
    """Return the tables that have rows, by their titles."""
    tables = {
        "FP32, PTQ and QAT on the test images": compared(plan, results),
        "What the limit of the shift costs (PTQ)": limited(results["limited"]),
        "What calibration images are worth (PTQ)": calibrated(results["calibrated"]),
        "Ablation, on the validation images": ablation(results["ablation"]),
        "Computed again on integers and shifts alone": proofs(results["runs"]),
    }
    return {title: table for title, table in tables.items() if table.rows}


def compared(plan: Plan, results: Summary) -> Table:
    """Accuracy, its loss against FP32 and the file; published figures beside them, as theirs."""
    headers = ("Network", "Seeds", "Accuracy %", "Drop points", "Images lost", "Size MB", "From")
    rows: list[tuple[str, ...]] = [
        (
            row["title"],
            seeds(row["accuracy"]),
            in_percent(row["accuracy"]),
            drop(row),
            images(row["lost_images"], row["images"]),
            f"{row['bytes']['mean'] / 1e6:.2f}",
            "this plan",
        )
        for row in results["compared"]
    ]
    if not rows:
        rows = [(kind, "", *[NOT_RUN] * 4, "this plan") for kind in ("FP32", "PTQ", "QAT")]
    for figure in plan.published:
        size = "" if figure.size_mb is None else f"{figure.size_mb:.2f}"
        rows.append((figure.network, "", f"{figure.accuracy:.2f}", "", "", size, figure.source))
    return Table(headers, rows) if plan.published else Table(headers[:-1], [r[:-1] for r in rows])


def measured(row: Summary) -> tuple[str, ...]:
    """Return what a variant is called, what it reached, and what it lost."""
    lost = images(row["lost_images"], row["images"])
    return row["title"], in_percent(row["accuracy"]), drop(row), lost


def limited(rows: list[Summary]) -> Table:
    """One row a limit; how many tensors it clamps tells what the loss comes from."""
    headers = ("Largest shift", "Accuracy %", "Drop points", "Images lost", "Tensors clamped")
    return Table(headers, [(*measured(row), plain(row["clamped"])) for row in rows])


def calibrated(rows: list[Summary]) -> Table:
    headers = ("Calibration images", "Accuracy %", "Drop points", "Images lost")
    return Table(headers, [measured(row) for row in rows])


def ablation(rows: list[Summary]) -> Table:
    headers = ("Setting", "Seeds", "Validation accuracy %", "Images gained")
    return Table(
        headers,
        [
            (
                row["title"],
                str(row["seeds"]),
                in_percent(row["validation_accuracy"]),
                images(row["gained_images"], row["images"]),
            )
            for row in rows
        ],
    )


def proofs(runs: dict[str, Any]) -> Table:
    headers = ("Run", "Verdict", "Engine", "Images", "Values compared")
    return Table(
        headers,
        [
            (
                name.removeprefix("runs/"),
                "identical" if proof["is_identical"] else "not identical",
                proof["engine"],
                f"{proof['images']:,}",
                f"{proof['values']:,}",
            )
            for name, run in runs.items()
            if (proof := run.get("certificate"))
        ],
        left=3,
    )


def seeds(values: Summary) -> str:
    return str(len(values["values"]))


def in_percent(values: Summary) -> str:
    """Return a mean in percent with its standard deviation in points."""
    return with_deviation(values, 100, "{:.2f}")


def drop(row: Summary) -> str:
    """Return the mean loss in percentage points."""
    return with_deviation(row["lost_images"], 100 / row["images"], "{:.2f}")


def images(values: Summary, of: int) -> str:
    return f"{tidy(values['mean'], '{:.1f}')} of {of:,}"


def plain(values: Summary) -> str:
    return with_deviation(values, 1, "{:.1f}")


def with_deviation(values: Summary, factor: float, form: str) -> str:
    mean, deviation = values["mean"], values["deviation"]
    text = tidy(factor * mean, form)
    return text if deviation is None else f"{text} ± {form.format(factor * deviation)}"


def tidy(value: float, form: str) -> str:
    """Return a number without the sign of a zero."""
    text = form.format(value)
    return text.removeprefix("-") if float(text) == 0 else text


def page(plan: Plan, results: Summary, provenance: Summary) -> str:
    """Return the tables as a page of Markdown, with what they were made by."""
    lines = [f"# Reference results: {plan.dataset}, {plan.arch} of width {plan.width}", ""]
    lines += about(plan, results, provenance)
    for title, table in tables_of(plan, results).items():
        lines += [f"## {title}", "", table.markdown(), ""]
    return "\n".join(lines)


def about(plan: Plan, results: Summary, provenance: Summary) -> list[str]:
    """Say what the numbers are: how many runs, where, and how to read a spread."""
    if not results["runs"]:
        lines = ["This plan has not been run."]
        if plan.published:
            lines.append("What others published stands below; none of it was measured here.")
        return [" ".join([*lines, *filter(None, [plan.remark])]), ""]
    places = [
        f"{e['processor']}, {e['device']}, {e['threads']} thread{'s'[: e['threads'] > 1]}, "
        f"PyTorch {e['torch']}, Python {e['python']}"
        for e in provenance["environments"]
    ]
    return [
        f"{len(results['runs'])} runs, {provenance['training_s'] / 60:.0f} minutes of training: "
        f"{'; '.join(dict.fromkeys(places))}.",
        "",
        f"Mean ± standard deviation over seeds {', '.join(map(str, plan.seeds))} where there are "
        "several. A drop is FP32 minus the network, in percentage points, against the FP32 network "
        "of the same seed; how many test images that is stands beside it.",
        "",
    ]
