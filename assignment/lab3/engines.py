"""The INT8 engines of this CPU: which are exact, and which is the fastest."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from lab3.eager import QINT8, QUINT8, QuantizedConv2d, quantize_per_tensor
from lab3.errors import LabError
from lab3.evaluation import measure_latency


def listed_engines() -> list[str]:
    """Return the engines that PyTorch lists on this computer; some may not work."""
    return [name for name in torch.backends.quantized.supported_engines if name != "none"]


@contextmanager
def engine(name: str) -> Iterator[None]:
    """Let PyTorch compute with an engine, and afterwards with the one that it had before."""
    ensure_engine()
    previous = torch.backends.quantized.engine
    torch.backends.quantized.engine = name
    try:
        yield
    finally:
        torch.backends.quantized.engine = previous


def ensure_engine() -> None:
    """Set qnnpack where PyTorch has set no engine, as on a Mac: no INT8 layer could be made."""
    if torch.backends.quantized.engine == "none" and "qnnpack" in listed_engines():
        torch.backends.quantized.engine = "qnnpack"


def fault(name: str) -> str | None:
    """Return why an engine does not compute exactly here, or None when it does.

    CPUs without VNNI instructions add pairs of products in 16 bits: 2 * 255 * 127 does not fit.
    An engine that throws, although PyTorch lists it, is not here.
    """
    try:
        with engine(name):
            layer = QuantizedConv2d(64, 8, 1)
            weight = quantize_per_tensor(torch.full((8, 64, 1, 1), 127.0), 1.0, 0, QINT8)
            layer.set_weight_bias(weight, torch.zeros(8))
            layer.scale, layer.zero_point = 2.0**14, 0
            images = quantize_per_tensor(torch.full((1, 64, 4, 4), 255.0), 1.0, 0, QUINT8)
            sums = layer(images).int_repr()  # (1, 8, 4, 4)
    except Exception as error:
        lines = str(error).splitlines() or [type(error).__name__]
        return f"not here: {lines[0]}"
    expected = round(64 * 127 * 255 / 2**14)
    return None if bool((sums == expected).all()) else "saturates on this CPU: not used"


def is_exact(name: str) -> bool:
    """Tell whether an engine works here and adds products without saturating in between."""
    return fault(name) is None


def exact_engines() -> list[str]:
    """Return engines of this CPU that add exactly; what is counted is counted with the first.

    A network's accuracy must not depend on which engine was faster today. They agree to the bit
    where every scale is a power of two; where none is, as in PyTorch's default configuration, one
    may round a rescaled sum the other way. qnnpack also rounds half of an addition's ties the other
    way, so it only serves where it is alone. Raises LabError when there is none.
    """
    usual = ("onednn", "x86", "fbgemm")
    here = [name for name in listed_engines() if is_exact(name)]
    if not here:
        raise LabError("no INT8 engine of this CPU computes exactly: use another computer")
    return [name for name in usual if name in here] or here


@torch.inference_mode()
def use_fastest_engine(build: Callable[[], nn.Module], images: Tensor) -> tuple[nn.Module, str]:
    """Return an INT8 network on the engine that is fastest for ``images``, and its name.

    It is for measuring latency: results are counted with the first of ``exact_engines()``.
    ``build`` makes the network anew for each engine, because engines pack weights differently.
    The engine stays set in ``torch.backends.quantized.engine``.
    """
    best: tuple[float, str, nn.Module] | None = None
    for name in exact_engines():
        torch.backends.quantized.engine = name
        network = build().eval()
        # The lower quartile: another program's work makes passes slower, never faster.
        seconds = measure_latency(network, images, name, runs=30).lower_quartile_s
        if best is None or seconds < best[0]:
            best = seconds, name, network
    assert best is not None  # exact_engines() names one at least
    torch.backends.quantized.engine = best[1]
    return best[2], best[1]


@torch.inference_mode()
def time_in_turn(
    networks: Sequence[tuple[nn.Module, str]], images: Tensor, rounds: int = 50
) -> list[list[float]]:
    """Return the seconds of each network's passes of one batch, one pass of each in a round.

    What else this computer does then slows all of them alike. Networks come with their engines;
    ``float32`` needs none. A fifth more rounds come first and don't count.
    """
    before = torch.backends.quantized.engine
    warmup_rounds = max(3, rounds // 5)
    seconds: list[list[float]] = [[] for _ in networks]
    try:
        for number in range(warmup_rounds + rounds):
            for (network, name), own in zip(networks, seconds, strict=True):
                if name in torch.backends.quantized.supported_engines:
                    torch.backends.quantized.engine = name
                network.eval()
                begin = time.perf_counter()
                network(images)
                if number >= warmup_rounds:
                    own.append(time.perf_counter() - begin)
    finally:
        torch.backends.quantized.engine = before
    return seconds
