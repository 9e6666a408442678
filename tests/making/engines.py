"""The INT8 engines of other computers."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

NONE, QNNPACK = 0, 2  # how PyTorch numbers engines


@contextmanager
def on_a_mac() -> Iterator[None]:
    """Let PyTorch have qnnpack alone, which is not set, and no way to unset an engine."""
    before, state = torch.backends.quantized.engine, [NONE]
    choose = torch._C._set_qengine

    def take(number: int) -> None:
        if number != QNNPACK:
            raise RuntimeError("quantized engine is not supported")
        state[0] = number
        choose(number)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch._C, "_set_qengine", take)
        patch.setattr(torch._C, "_get_qengine", lambda: state[0])
        patch.setattr(torch._C, "_supported_qengines", lambda: [QNNPACK])
        yield
    torch.backends.quantized.engine = before
