"""The certificate of a network: per layer, what its integers need and what a shift saves."""

from __future__ import annotations

from datetime import datetime

from lab3.evaluation import processor_name
from lab3.log.certificate import Certificate, IntegerLayer
from lab3.log.records import Analysis
from tools.hardware.arithmetic import bits_needed
from tools.hardware.program import Addition, Shifted, Step, Tally
from tools.hardware.proof import Proof


def certificate(
    proof: Proof, checkpoint_sha256: str, analysis: Analysis | None, time: datetime
) -> Certificate:
    """Return what a proof has found; ``analysis`` is that of the run's log."""
    pairs = zip(proof.program.steps, proof.tallies, strict=True)
    return Certificate(
        time=time,
        checkpoint_sha256=checkpoint_sha256,
        engine=proof.engines[0].name,
        processor=processor_name(),
        ties=proof.program.ties,
        images=proof.images,
        layers=tuple(layer(step, tally, analysis) for step, tally in pairs),
        proofs=tuple(proof.proofs()),
    )


def layer(step: Step, tally: Tally, analysis: Analysis | None) -> IntegerLayer:
    """Return the certificate's line about one step."""
    tensors = [t for t in analysis.tensors if t.layer == step.layer] if analysis else []
    ratios = [t.sqnr_db for t in tensors if t.role != "weight"]
    shifted = step if isinstance(step, Shifted) else None
    return IntegerLayer(
        layer=step.layer,
        operation=step.operation,
        scale_shift=step.grid.shift,
        shift=shifted.shift if shifted else None,
        alignment=step.alignment if isinstance(step, Addition) else None,
        accumulator_bits=bits_needed(shifted.largest) if shifted else None,
        seen_bits=bits_needed(tally.largest) if shifted else None,
        values=step.values,
        multiplications=step.multiplications,
        saved=step.saved,
        below=tally.below,
        above=tally.above,
        clamped=tuple(t.role for t in tensors if t.clamped),
        sqnr_db=ratios[0] if ratios else None,
    )
