"""Times that are taken in turn, and what can be said of their ratios."""

import statistics

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lab3.engines import time_in_turn
from lab3.evaluation import median_interval


def test_networks_are_timed_in_turn_and_the_engine_is_put_back() -> None:
    order: list[str] = []

    class Noted(nn.Module):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            order.append(f"{self.name} on {torch.backends.quantized.engine}")
            return x

    before = torch.backends.quantized.engine
    other = next(e for e in torch.backends.quantized.supported_engines if e not in ("none", before))
    networks = [(Noted("first"), before), (Noted("second"), other)]
    seconds = time_in_turn(networks, torch.zeros(1), rounds=4)
    assert [len(own) for own in seconds] == [4, 4]
    assert order == [f"first on {before}", f"second on {other}"] * 7
    assert torch.backends.quantized.engine == before


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=80))
def test_the_interval_of_a_median_holds_the_median(values: list[float]) -> None:
    low, high = median_interval(values)
    assert min(values) <= low <= statistics.median(values) <= high <= max(values)


def test_the_interval_covers_the_median_about_as_often_as_it_says() -> None:
    torch.manual_seed(0)
    samples = torch.randn(2000, 50).tolist()
    covered = sum(low <= 0 <= high for low, high in map(median_interval, samples))
    assert covered / 2000 == pytest.approx(0.96, abs=0.02)
