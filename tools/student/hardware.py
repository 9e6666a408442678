"""``lab3 hardware``: proves that a network needs integers and shifts alone, and exports it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from lab3.certificate import Certificate, EngineProof, IntegerLayer
from lab3.runlog import RunLog, append, read_log
from tools.report.hardware import alike, head_room, layers_by_reason, totals
from tools.report.tables import Table
from tools.running import networks, workspace
from tools.running.datasets import data_of
from tools.shared.console import Bar, UserError, out, print_table, say, spinner
from tools.shared.options import Code, DataDir, Json, NoLog, Runs

if TYPE_CHECKING:
    from lab3.data import ImageData
    from tools.hardware.program import Program
    from tools.hardware.proof import Proof

EXPORTED_IMAGES = 100
REASONS = {
    "ties": "the engine rounds the halves of additions the other way",
    "zero_point": "the engine rounds after adding the zero point, and an odd one moves the halves",
    "bias": "the layer's bias is no whole number on the int32 grid",
    "saturation": "without VNNI instructions the engine adds pairs of products in 16 bits",
    "unknown": "none of the known reasons explains it",
}


def hardware(
    name: Annotated[str, Argument(metavar="RUN", help="A run of lab3 ptq or lab3 qat.")],
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

        lab3 hardware ptq --images 100 --json

        lab3 hardware ptq --export build/hardware

    In a checkout of the kit, with the reference solution:

        lab3 hardware ptq --code solution --runs build/try
    """
    workspace.use_code(code)
    folder, log = workspace.complete_run(runs, name)
    if log.start.kind == "train":
        raise UserError(f"run {name!r} computes in FP32: name one of lab3 ptq or lab3 qat")
    data = data_of(log, data_dir)
    proof = proof_of(folder, log, data, images)
    made = certificate_of(log, proof)
    if as_json:
        out.print_json(json.dumps(as_document(made)))
    else:
        print_certificate(name, made)
    if not no_log:
        keep(folder, made)
    if not made.is_identical:
        sys.exit(1)
    if export:
        for path in write_export(proof.program, data, export, name):
            say(f"wrote {path}")


def write_export(program: Program, data: ImageData, folder: Path, name: str) -> list[Path]:
    """Write what hardware needs, with sample images and the logits that it must reach."""
    from tools.hardware.export import export

    with spinner("writing the export"):
        return export(program, data, folder, min(EXPORTED_IMAGES, len(data.test)), name)


def proof_of(folder: Path, log: RunLog, data: ImageData, images: int | None = None) -> Proof:
    """Compare a run's network with the integer steps on test images, with a progress bar."""
    from tools.hardware.proof import BATCH_SIZE, Proof
    from tools.hardware.recording import NotShiftOnlyError

    shown = data.test.images[:images]
    engine = networks.use_exact_engine()
    try:
        proof = Proof(lambda: networks.load(folder, log.start), data.normalise(shown[:1]), engine)
    except NotShiftOnlyError as error:
        is_default = log.start.qconfig == "default"
        remedy = "\nIt was made with --qconfig default: lab3 ptq without it uses powers of two."
        raise NotShiftOnlyError(f"{log.name}: {error}{remedy if is_default else ''}") from None
    for unable in proof.unable:
        say(f"engine {unable} can't run this network, so it is left out")
    with Bar(f"{folder.name}: integers against {len(proof.engines)} engines", len(shown)) as bar:
        for batch in shown.split(BATCH_SIZE):
            proof.add(data.normalise(batch))
            bar.advance(len(batch))
    return proof


def certificate_of(log: RunLog, proof: Proof) -> Certificate:
    """Return the certificate of a run's proof."""
    from tools.hardware.certify import certificate

    assert log.end is not None  # complete_run() has seen to it
    return certificate(proof, log.end.checkpoint_sha256, log.analysis)


def keep(folder: Path, made: Certificate) -> None:
    """Write a certificate to the log of its run, unless one of more images stands there."""
    with workspace.locked(folder):
        log = read_log(folder)
        if log.end is None or log.end.checkpoint_sha256 != made.checkpoint_sha256:
            raise UserError(f"{folder} was repeated meanwhile: prove its new checkpoint")
        if log.certificate and log.certificate.images > made.images:
            say(f"the log keeps the certificate of {log.certificate.images:,} images")
        else:
            append(folder, made)


def as_document(made: Certificate) -> dict[str, object]:
    """Return a certificate as JSON, with its verdict and totals."""
    return {
        "is_identical": made.is_identical,
        "totals": asdict(totals(made)),
        **made.model_dump(mode="json", exclude={"event"}),
    }


def print_certificate(name: str, made: Certificate) -> None:
    """Print the table of layers, the verdict, and what other engines compute."""
    print_table(f"{name} on integers and shifts alone", layer_table(made))
    differing = [proof for proof in made.proofs if proof.different]
    if differing:
        print_table("Where engines compute something else", difference_table(differing))
    for line in (verdict(made), *notes(made)):
        out.print(line, markup=False)


def layer_table(made: Certificate) -> Table:
    """Shifts, accumulator bits, clipped values and noise of each layer."""
    headers = ("Layer", "Shift", "Clamped", "Bits", "Seen", "Room", "Clipped %", "SQNR dB")
    return Table(headers, [layer_row(layer, made.images) for layer in made.layers])


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


def verdict(made: Certificate) -> str:
    """Say in one sentence what was proved, or what was not."""
    first = made.proofs[0]
    where = f"{len(made.layers)} layers on {made.images:,} test images"
    if made.is_identical:
        return (
            f"identical: all {first.values:,} values of {where} equal those of PyTorch's "
            f"{made.engine} kernels bit for bit"
        )
    return (
        f"not identical: {first.different:,} of {first.values:,} values of {where} differ from "
        f"those of PyTorch's {made.engine} kernels"
    )


def notes(made: Certificate) -> list[str]:
    """Say how values are rounded, what is saved, and how the other engines compare."""
    sums = totals(made)
    ties = {"even": "in additions too", "away": "in additions away from zero"}[made.ties]
    lines = [
        f"rounding: to nearest, halves to even, {ties}, as {made.engine} does",
        f"saved: {sums.saved:,} rescaling multiplications an image, beside "
        f"{sums.multiplications:,} INT8 products",
    ]
    for proof, engines in alike(made.proofs[1:]):
        found = "identical"
        if proof.different:
            found = (
                f"{proof.different:,} values differ; {proof.changed_classes} of {proof.images:,} "
                "images get another class"
            )
        lines.append(f"{', '.join(engines)}: {found}")
    reasons = {reason for proof in made.proofs for reason in layers_by_reason(proof)}
    return lines + [f"{reason}: {text}" for reason, text in REASONS.items() if reason in reasons]
