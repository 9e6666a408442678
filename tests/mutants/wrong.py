"""Submissions with a fault, and exactly the checks that each has to fail.

A fault costs the points of its own claims: what is listed for one is what it breaks, and nothing
else. The order is that of the checks.
"""

from tests.mutants.faults import CHECKS, Wrong, names
from tests.mutants.wrong_branches import BRANCHES, QUICK_BRANCHES
from tests.mutants.wrong_forward import FORWARD_FAULTS
from tests.mutants.wrong_fusion import FUSION_FAULTS
from tests.mutants.wrong_observer import OBSERVER_FAULTS
from tests.mutants.wrong_outside import OUTSIDE_FAULTS

__all__ = ["CHECKS", "QUICK_WRONG", "WRONG", "Wrong", "names"]

WRONG = OBSERVER_FAULTS | FORWARD_FAULTS | FUSION_FAULTS | OUTSIDE_FAULTS | BRANCHES
# What is tried every time: a corpus of its own, in which every check goes red.
QUICK_WRONG = QUICK_BRANCHES | {
    "no clamp", "limit always 8", "scale clamped at 2**-8", "quarter powers", "the scale itself",
    "sign turned", "logarithm to base 10", "raises for nan", "inf for inf", "only the first call",
    "returns None", "endless loop at inf", "kills the process", "zero point 1 for weights",
    "PyTorch's qparams", "no relu1", "functional ReLU behind bn3", "shortcut without BatchNorm",
    "forward gives None", "plain +", "add, then ReLU", "no_grad", "neither quant nor dequant",
    "stubs exchanged", "no flatten", "layer3 skipped", "softmax before dequant",
    "only the first image", "nothing fused", "shortcut not fused", "relu2 not fused",
    "blocks not fused", "stem's BatchNorm dropped", "always fuse_modules", "is_qat not passed on",
    "conv1 in two lists", "one ReLU for both", "ReLU behind the shortcut",
    "shortcut taken for granted", "weights changed", "returns a fused copy", "stub add_relu",
    "stub network fuse_model", "only part 1", "no resnet.py", "missing module in observer.py",
    "block class renamed", "too much memory", "max_shift_amount renamed", "exit at import",
}  # fmt: skip
