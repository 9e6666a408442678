"""What ``lab3 hardware`` proved of a run's INT8 network: the last kind of a run log's records."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from lab3.log.records import Record, Role, Sha256

ACCUMULATOR_BITS = 32
Reason = Literal["ties", "zero_point", "bias", "saturation"]  # see Difference


class IntegerLayer(Record):
    """One step of a network that computes on integers alone.

    The output is ``accumulator >> shift``, rounded to nearest, plus the zero point, clipped to 0
    to 255; its scale is ``2**-scale_shift``, and a negative ``shift`` moves to the left. The two
    operands of an addition first move to the left by ``alignment``. ``accumulator_bits`` is what
    a two's complement accumulator needs whatever the image, with what rounding adds, and
    ``seen_bits`` what the sums of the proof's images needed; the input quantizer has neither, nor
    a shift. Per image: ``values`` of output, ``multiplications`` of INT8 operands, and ``saved``
    multiplications, which scales that are no powers of two would need. ``below`` and ``above``
    count output values of all images that were clipped; what a ReLU sets to zero is not counted.
    ``clamped`` and ``sqnr_db`` (of the output) are those of the log's analysis, where there is one.
    """

    layer: str = Field(max_length=200)
    operation: Literal["quantize", "convolution", "linear", "addition", "average", "relu"]
    scale_shift: int
    shift: int | None
    alignment: tuple[int, int] | None = None
    accumulator_bits: int | None
    seen_bits: int | None
    values: int
    multiplications: int
    saved: int
    below: int
    above: int
    clamped: tuple[Role, ...] = Field(max_length=3)
    sqnr_db: float | None


class Difference(Record):
    """A layer where an engine's values are not the integer executor's, given equal inputs.

    ``reason``: the engine rounds an addition's ties the other way (``ties``) or rounds after adding
    an odd zero point (``zero_point``), the bias is not on the int32 grid (``bias``), or the engine
    adds products in 16 bits on this CPU (``saturation``). Each but the last was confirmed:
    computed that way, the values are equal. None when no reason is known.
    """

    layer: str = Field(max_length=200)
    values: int
    different: int
    largest_step: int
    reason: Reason | None


class EngineProof(Record):
    """How one INT8 engine of PyTorch compares with the integer executor, value by value.

    ``changed_classes`` counts images that get another class than on the certificate's engine.
    """

    engine: str
    images: int
    values: int
    different: int
    changed_classes: int
    differences: tuple[Difference, ...] = Field(max_length=1_000)


class Certificate(Record):
    """The network of a run was computed on integers and shifts alone, and compared.

    ``ties``: additions round halves to even, or away from zero, as ``engine`` does; all else
    rounds halves to even. The first of ``proofs`` is that of ``engine``.
    """

    event: Literal["certificate"] = "certificate"
    time: datetime
    checkpoint_sha256: Sha256
    engine: str
    processor: str
    ties: Literal["even", "away"]
    images: int
    layers: tuple[IntegerLayer, ...] = Field(max_length=1_000)
    proofs: tuple[EngineProof, ...] = Field(min_length=1, max_length=10)

    @property
    def is_identical(self) -> bool:
        return self.proofs[0].different == 0
