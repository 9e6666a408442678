"""Certificates of networks on integers, for reports."""

from pathlib import Path
from typing import Any

from lab3.log.certificate import Certificate, Difference, EngineProof, IntegerLayer
from lab3.log.runlog import append
from tests.making.logs.folders import PTQ_SHA, QAT_SHA
from tests.making.logs.records import TIME

IMAGES = 40


def layer(name: str, **changes: Any) -> IntegerLayer:
    fields = {
        "layer": name,
        "operation": "convolution",
        "scale_shift": 4,
        "shift": 9,
        "accumulator_bits": 21,
        "seen_bits": 17,
        "values": 1024,
        "multiplications": 27_648,
        "saved": 1024,
        "below": 0,
        "above": 3,
        "clamped": (),
        "sqnr_db": 31.26,
    }
    return IntegerLayer.model_validate(fields | changes)


def addition(name: str, **changes: Any) -> IntegerLayer:
    return layer(name, operation="addition", seen_bits=10, multiplications=0, saved=2048, **changes)


def counted(bits: int | None, seen: int | None, values: int, products: int, saved: int) -> Any:
    return {
        "accumulator_bits": bits,
        "seen_bits": seen,
        "values": values,
        "multiplications": products,
        "saved": saved,
    }


QUANTIZED = {"shift": None, **counted(None, None, 768, 0, 0)}
AVERAGED = counted(13, 10, 64, 0, 64)
CLASSIFIED = counted(23, 16, 10, 640, 10)
LAYERS = (
    layer("quant", operation="quantize", scale_shift=6, below=7, above=0, **QUANTIZED),
    layer("conv1", clamped=("weight", "activation"), above=2_500),
    layer("layer1.conv2", shift=6, accumulator_bits=19, seen_bits=14, below=11),
    addition("layer1.add", shift=1, alignment=(0, 2), accumulator_bits=11),
    addition("layer2.add", shift=-1, alignment=(1, 0), accumulator_bits=10),
    layer("avgpool", operation="average", shift=4, sqnr_db=None, **AVERAGED),
    layer("fc", operation="linear", shift=7, **CLASSIFIED),
)


VALUES = IMAGES * (768 + 4 * 1024 + 64 + 10)


def proof(engine: str, *differences: Difference, **changes: Any) -> EngineProof:
    fields = {
        "engine": engine,
        "images": IMAGES,
        "values": VALUES,
        "changed_classes": 0,
        "different": sum(difference.different for difference in differences),
        "differences": differences,
    }
    return EngineProof.model_validate(fields | changes)


def difference(name: str, different: int, step: int, reason: str | None) -> Difference:
    fields = {"layer": name, "values": 9_999, "different": different, "largest_step": step}
    return Difference.model_validate({**fields, "reason": reason})


OTHER = proof(
    "onednn",
    difference("layer1.add", 1_200, 1, "ties"),
    difference("conv1", 34, 29, "saturation"),
    difference("layer2.add", 5, 1, "ties"),
    difference("fc", 1, 2, None),
    changed_classes=3,
)


def certificate(sha: str, **changes: Any) -> Certificate:
    fields = {
        "time": TIME,
        "checkpoint_sha256": sha,
        "engine": "qnnpack",
        "processor": "a CPU",
        "ties": "away",
        "images": IMAGES,
        "layers": LAYERS,
        "proofs": (proof("qnnpack"), proof("fbgemm"), OTHER),
    }
    return Certificate.model_validate(fields | changes)


def certify(runs: Path, **changes: Any) -> Path:
    """Add a certificate to the PTQ and the QAT run, as ``lab3 hardware`` does."""
    append(runs / "ptq", certificate(PTQ_SHA, **changes))
    append(runs / "qat", certificate(QAT_SHA, **changes))
    return runs
