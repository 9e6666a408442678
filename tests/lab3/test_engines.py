"""The engines of a computer: one that throws, and none that is set."""

from collections.abc import Iterator

import pytest
import torch

from lab3 import engines
from lab3.eager import QuantizedConv2d
from lab3.engines import engine, ensure_engine, exact_engines, fault, is_exact, listed_engines
from tests.making.engines import on_a_mac


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
    with on_a_mac():
        yield


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
