"""What PyTorch says when quantization goes wrong, by what has happened.

Only the patterns: what they mean to a student and what helps is told by those who show it.
"""

import re
from collections.abc import Iterable


def compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.DOTALL)


FUSED_IN_TRAIN_MODE = compiled(r"Fusion only for eval!|fuse_modules.*eval")
FUSED_FOR_QAT_IN_EVAL_MODE = compiled(r"fuse_modules_qat.*train|[Ff]usion only for train")
NOT_FUSIBLE = compiled(r"did not find fuser method for")
PREPARED_FOR_QAT_IN_EVAL_MODE = compiled(r"prepare_qat only works on models in training mode")
PLAIN_ADDITION = compiled(r"Could not run 'aten::add(\.out|\.Tensor|_\.Tensor)?' .*Quantized")
PLAIN_ARITHMETIC = compiled(
    r"promoteTypes with quantized numbers|empty_strided not supported on quantized"
)
FLOATS_INTO_INT8_LAYER = compiled(
    r"Could not run 'quantized::\S+' with arguments from the '(CPU|CUDA)' backend"
)
FLOAT_CONVOLUTION = compiled(r"Could not run 'aten::\S*conv\S*' .*Quantized")
NO_INT8_VERSION = compiled(r"Could not run 'aten::\S+' .*Quantized")
INTEGERS_RETURNED = compiled(r"Creation of quantized tensor requires quantized dtype")
NO_FINITE_SCALE = compiled(
    r"cannot convert float (infinity|NaN) to integer|math (domain|range) error"
)
TWO_DEVICES = compiled(r"Expected all tensors to be on the same device")
OUT_OF_MEMORY = compiled(r"out of memory|can't allocate memory|not enough memory")
OTHER_STATE_DICT = compiled(r"Error\(s\) in loading state_dict")


def meaning(message: str, meanings: Iterable[tuple[re.Pattern[str], str]]) -> str | None:
    """Return what the first pattern that a message shows stands for, or None when none does."""
    return next((text for pattern, text in meanings if pattern.search(message)), None)
