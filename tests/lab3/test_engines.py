"""The engines of a computer: one that throws, and none that is set."""

from collections.abc import Iterator

import pytest
import torch

from lab3 import engines
from lab3.eager import QuantizedConv2d
from lab3.engines import engine, ensure_engine, exact_engines, fault, is_exact, listed_engines

NONE, QNNPACK = 0, 2  # how PyTorch numbers engines


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> str:
    """An engine that PyTorch lists, but whose kernels throw."""
    name = next(name for name in listed_engines() if is_exact(name))

    class Broken(QuantizedConv2d):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if torch.backends.quantized.engine == name:
                raise RuntimeError(f"{name} is not supported here\nsome frames of C++")
            return super().forward(x)

    monkeypatch.setattr(engines, "QuantizedConv2d", Broken)
    return name


@pytest.fixture
def mac() -> Iterator[None]:
    """PyTorch as on a Mac: qnnpack alone, which is not set, and nothing that unsets an engine."""
    before, state = torch.backends.quantized.engine, [NONE]
    with pytest.MonkeyPatch.context() as patch:
        choose = torch._C._set_qengine

        def take(number: int) -> None:
            if number != QNNPACK:
                raise RuntimeError("quantized engine is not supported")
            state[0] = number
            choose(number)

        patch.setattr(torch._C, "_set_qengine", take)
        patch.setattr(torch._C, "_get_qengine", lambda: state[0])
        patch.setattr(torch._C, "_supported_qengines", lambda: [QNNPACK])
        yield
    torch.backends.quantized.engine = before


def test_an_engine_that_throws_is_not_here(broken: str) -> None:
    assert fault(broken) == f"not here: {broken} is not supported here"
    assert not is_exact(broken)
    assert broken not in exact_engines()


def test_the_engine_is_as_before_whatever_happens() -> None:
    before = torch.backends.quantized.engine
    other = next(name for name in listed_engines() if name != before)
    seen = []

    def fail() -> None:
        with engine(other):
            seen.append(torch.backends.quantized.engine)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert seen == [other]
    assert torch.backends.quantized.engine == before
    assert fault("no engine of that name").startswith("not here: no engine of that name is not a")
    assert torch.backends.quantized.engine == before


@pytest.mark.usefixtures("mac")
def test_qnnpack_serves_where_no_engine_is_set() -> None:
    assert torch.backends.quantized.engine == "none"
    ensure_engine()
    assert torch.backends.quantized.engine == "qnnpack"


@pytest.mark.usefixtures("mac")
def test_engines_can_be_tried_where_none_is_set() -> None:
    assert exact_engines() == ["qnnpack"]
    with engine("qnnpack"):
        pass
    assert torch.backends.quantized.engine == "qnnpack"
