"""The INT8 engines of this CPU: which are exact, and which is the fastest."""

from collections.abc import Callable

import torch
import torch.ao.nn.quantized as nnq
from torch import Tensor, nn

from lab3.errors import LabError
from lab3.evaluation import measure_latency


def is_exact(engine: str) -> bool:
    """Tell whether an engine adds products without saturating in between.

    CPUs without VNNI instructions add pairs of products in 16 bits: 2 * 255 * 127 does not fit.
    """
    previous, torch.backends.quantized.engine = torch.backends.quantized.engine, engine
    try:
        layer = nnq.Conv2d(64, 8, 1)
        weight = torch.quantize_per_tensor(torch.full((8, 64, 1, 1), 127.0), 1.0, 0, torch.qint8)
        layer.set_weight_bias(weight, torch.zeros(8))
        layer.scale, layer.zero_point = 2.0**14, 0
        images = torch.quantize_per_tensor(torch.full((1, 64, 4, 4), 255.0), 1.0, 0, torch.quint8)
        expected = round(64 * 127 * 255 / 2**14)
        return bool((layer(images).int_repr() == expected).all())
    finally:
        torch.backends.quantized.engine = previous


def exact_engines() -> list[str]:
    """Return engines of this CPU that compute exactly and agree to the bit, fastest first.

    qnnpack rounds half of an addition's ties the other way, so it only serves where it is alone:
    a network's accuracy must not depend on which engine was faster today. Raises LabError when
    there is none.
    """
    usual = ("onednn", "x86", "fbgemm")
    here = [e for e in torch.backends.quantized.supported_engines if e != "none" and is_exact(e)]
    if not here:
        raise LabError("no INT8 engine of this CPU computes exactly: use another computer")
    return [engine for engine in usual if engine in here] or here


@torch.inference_mode()
def use_fastest_engine(build: Callable[[], nn.Module], images: Tensor) -> tuple[nn.Module, str]:
    """Return an INT8 network on the engine that is fastest for ``images``, and its name.

    ``build`` makes the network anew for each engine, because engines pack weights differently.
    The engine stays set in ``torch.backends.quantized.engine``.
    """
    best: tuple[float, str, nn.Module] | None = None
    for engine in exact_engines():
        torch.backends.quantized.engine = engine
        network = build().eval()
        # The lower quartile: another program's work makes passes slower, never faster.
        seconds = measure_latency(network, images, engine, runs=30).lower_quartile_s
        if best is None or seconds < best[0]:
            best = seconds, engine, network
    assert best is not None  # exact_engines() names one at least
    torch.backends.quantized.engine = best[1]
    return best[2], best[1]
