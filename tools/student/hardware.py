"""``lab3 hardware``: proves that a network needs integers and shifts alone, and exports it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

from lab3.log.certificate import Certificate, EngineProof, IntegerLayer, Reason
from tools.report.facts.hardware import alike, head_room, layers_by_reason, totals, verdict
from tools.running import workspace
from tools.running.datasets import data_of
from tools.running.proving import certificate_of, keep, proof_of, write_export
from tools.shared.console import UserError, out, print_table, say
from tools.shared.options import Code, DataDir, Json, NoLog, Runs
from tools.shared.table import Table

REASONS: dict[Reason | Literal["unknown"], str] = {
    "ties": "the engine rounds the halves of additions the other way",
    "zero_point": "the engine rounds after adding the zero point, and an odd one moves the halves",
    "bias": "the layer's bias is no whole number on the int32 grid",
    "saturation": "without VNNI instructions the engine adds pairs of products in 16 bits",
    "unknown": "none of the known reasons explains it",
}


def hardware(
    run: Annotated[
        str, Argument(metavar="RUN", help="A run of lab3 ptq or lab3 qat, by name or folder.")
    ],
    images: Annotated[
        int | None, Option("--images", min=1, help="Use the first test images only.")
    ] = None,
    export: Annotated[
        Path | None,
        Option(
            "--export",
            metavar="DIR",
            help="When identical, write weights, biases and shifts there, and a C program.",
        ),
    ] = None,
    no_log: NoLog = False,
    as_json: Json = False,
    code: Code = None,
    runs: Runs = Path("runs"),
    data_dir: DataDir = Path("data"),
) -> None:
    """Compute an INT8 network on integers and shifts alone, and prove it.

    Every value of every layer is compared with PyTorch's INT8 kernels, on the test images and
    on each engine of this CPU. The certificate says "identical" when all are equal on the engine
    that computes exactly; it is written to the run's log, and so gets into the report. A network
    that needs more than shifts is refused, with the layer and the reason.

    Examples, after ``lab3 ptq``:

        lab3 hardware ptq

        lab3 hardware runs/ptq --images 100 --json

        lab3 hardware ptq --export build/hardware

    In a checkout of the kit, with the reference solution:

        lab3 hardware ptq --code solution --runs build/try
    """
    workspace.use_any_code(code)
    folder, log = workspace.complete_run(runs, run)
    if log.start.kind == "train":
        raise UserError(f"run {log.name!r} computes in FP32: name one of lab3 ptq or lab3 qat")
    data = data_of(log, data_dir)
    proof = proof_of(folder, log, data, images)
    certificate = certificate_of(log, proof)
    if as_json:
        out.print_json(json.dumps(as_document(certificate)))
    else:
        print_certificate(log.name, certificate)
    if not no_log:
        keep(folder, certificate)
    if not certificate.is_identical:
        sys.exit(1)
    if export:
        for path in write_export(proof.program, data, export, log.name):
            say(f"wrote {path}")


def as_document(certificate: Certificate) -> dict[str, object]:
    """Return a certificate as JSON, with its verdict and totals."""
    return {
        "is_identical": certificate.is_identical,
        "totals": asdict(totals(certificate)),
        **certificate.model_dump(mode="json", exclude={"event"}),
    }


def print_certificate(name: str, certificate: Certificate) -> None:
    """Print the table of layers, the verdict, and what other engines compute."""
    print_table(f"{name} on integers and shifts alone", layer_table(certificate))
    differing = [proof for proof in certificate.proofs if proof.different]
    if differing:
        print_table("Where engines compute something else", difference_table(differing))
    for line in (verdict(certificate), *notes(certificate)):
        out.print(line, markup=False)


def layer_table(certificate: Certificate) -> Table:
    """Shifts, accumulator bits, clipped values and noise of each layer."""
    headers = ("Layer", "Shift", "Clamped", "Bits", "Seen", "Room", "Clipped %", "SQNR dB")
    return Table(headers, [layer_row(layer, certificate.images) for layer in certificate.layers])


def layer_row(layer: IntegerLayer, images: int) -> tuple[str, ...]:
    bits = layer.accumulator_bits
    return (
        layer.layer,
        "" if layer.shift is None else f">> {layer.shift}",
        ", ".join(layer.clamped),
        "" if bits is None else str(bits),
        "" if layer.seen_bits is None else str(layer.seen_bits),
        "" if bits is None else str(head_room(bits)),
        f"{100 * (layer.below + layer.above) / (layer.values * images):.2f}",
        "" if layer.sqnr_db is None else f"{layer.sqnr_db:.1f}",
    )


def difference_table(proofs: list[EngineProof]) -> Table:
    """The layers in which engines differ from the integer steps, and why."""
    headers = ("Engine", "Layer", "Why", "Different", "Largest step")
    rows: list[tuple[str, ...]] = [
        (
            ", ".join(engines),
            layer.layer,
            layer.reason or "unknown",
            f"{layer.different:,}",
            str(layer.largest_step),
        )
        for proof, engines in alike(proofs)
        for layer in proof.differences
    ]
    return Table(headers, rows, left=3)


def notes(certificate: Certificate) -> list[str]:
    """Say how values are rounded, what is saved, and how the other engines compare."""
    sums = totals(certificate)
    ties = {"even": "in additions too", "away": "in additions away from zero"}[certificate.ties]
    lines = [
        f"rounding: to nearest, halves to even, {ties}, as {certificate.engine} does",
        f"saved: {sums.saved:,} rescaling multiplications an image, beside "
        f"{sums.multiplications:,} INT8 products",
    ]
    for proof, engines in alike(certificate.proofs[1:]):
        comparison = "identical"
        if proof.different:
            comparison = (
                f"{proof.different:,} values differ; {proof.changed_classes} of {proof.images:,} "
                "images get another class"
            )
        lines.append(f"{', '.join(engines)}: {comparison}")
    reasons = {reason for proof in certificate.proofs for reason in layers_by_reason(proof)}
    return lines + [f"{reason}: {text}" for reason, text in REASONS.items() if reason in reasons]
