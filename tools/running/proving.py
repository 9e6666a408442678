"""Proving the network of a run on integers and shifts, and exporting it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lab3.log.certificate import Certificate
from lab3.log.runlog import RunLog, append, read_log
from tools.running import networks, workspace
from tools.shared.console import Bar, UserError, say, spinner

if TYPE_CHECKING:
    from lab3.data import ImageData
    from tools.hardware.program import Program
    from tools.hardware.proof import Proof


EXPORTED_IMAGES = 100


def write_export(program: Program, data: ImageData, folder: Path, name: str) -> list[Path]:
    """Write what hardware needs, with sample images and the logits that it must reach."""
    from tools.hardware.export import export

    with spinner("writing the export"):
        return export(program, data, folder, min(EXPORTED_IMAGES, len(data.test)), name)


def proof_of(folder: Path, log: RunLog, data: ImageData, images: int | None = None) -> Proof:
    """Compare a run's network with the integer steps on test images, with a progress bar."""
    from lab3.engines import exact_engines
    from tools.hardware.proof import BATCH_SIZE, Proof
    from tools.hardware.recording import NotShiftOnlyError

    test_images = data.test.images[:images]
    engine = exact_engines()[0]
    build = networks.builder(folder, log.start)
    try:
        proof = Proof(build, data.normalise(test_images[:1]), engine)
    except NotShiftOnlyError as error:
        is_default = log.start.qconfig == "default"
        remedy = "\nIt was made with --qconfig default: lab3 ptq without it uses powers of two."
        raise NotShiftOnlyError(f"{log.name}: {error}{remedy if is_default else ''}") from None
    for unable in proof.unable:
        say(f"engine {unable} can't run this network, so it is left out")
    with Bar(
        f"{folder.name}: integers against {len(proof.engines)} engines", len(test_images)
    ) as bar:
        for batch in test_images.split(BATCH_SIZE):
            proof.add(data.normalise(batch))
            bar.advance(len(batch))
    return proof


def certificate_of(log: RunLog, proof: Proof) -> Certificate:
    """Return the certificate of a run's proof."""
    from tools.hardware.certify import certificate

    assert log.end is not None  # complete_run() has seen to it
    return certificate(proof, log.end.checkpoint_sha256, log.analysis, workspace.now())


def keep(folder: Path, certificate: Certificate) -> None:
    """Write a certificate to the log of its run, unless one of more images stands there."""
    with workspace.locked(folder):
        log = read_log(folder)
        if log.end is None or log.end.checkpoint_sha256 != certificate.checkpoint_sha256:
            raise UserError(f"{folder} was repeated meanwhile: prove its new checkpoint")
        if log.certificate and log.certificate.images > certificate.images:
            say(f"the log keeps the certificate of {log.certificate.images:,} images")
        else:
            append(folder, certificate)
