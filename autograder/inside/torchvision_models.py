"""torchvision's quantizable ResNet, imported without the compiler that nothing here needs.

One function of torchvision, for other networks, asks torch._dynamo what it can compile. Importing
that takes longer than all the rest together, and students wait for it at every ``lab3 check``.
"""

import sys
from types import ModuleType

COMPILER = "torch._dynamo.utils"


def is_compile_supported(device_type: str) -> bool:
    """Ask the real function, should it ever be needed."""
    from torch._dynamo.utils import is_compile_supported as ask

    return bool(ask(device_type))


def import_resnet() -> ModuleType:
    """Return torchvision.models.quantization.resnet, imported beside a stand-in compiler."""
    import importlib

    name = "torchvision.models.quantization.resnet"
    if COMPILER in sys.modules:
        return importlib.import_module(name)
    stand_in = ModuleType(COMPILER)
    stand_in.is_compile_supported = is_compile_supported  # type: ignore[attr-defined]
    sys.modules[COMPILER] = stand_in
    try:
        return importlib.import_module(name)
    finally:
        if sys.modules.get(COMPILER) is stand_in:
            del sys.modules[COMPILER]


_resnet = import_resnet()
QuantizableBottleneck, QuantizableResNet = _resnet.QuantizableBottleneck, _resnet.QuantizableResNet
