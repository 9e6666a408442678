"""Where to train, by what a computer has."""

import pytest
import torch

from tools.running.devices import choice, for_quantization
from tools.shared.console import UserError


def computer(patch: pytest.MonkeyPatch, *devices: str) -> None:
    """Let PyTorch see some devices and no others."""
    patch.setattr(torch.cuda, "is_available", lambda: "cuda" in devices)
    patch.setattr(torch.backends.mps, "is_available", lambda: "mps" in devices)


@pytest.mark.parametrize(
    ("here", "training", "quantization"),
    [(("cuda",), "cuda", "auto"), (("mps",), "mps", "cpu"), ((), "cpu", "auto")],
)
def test_qat_stays_on_the_processor_of_apple_silicon(
    here: tuple[str, ...], training: str, quantization: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    computer(monkeypatch, *here)
    assert (choice("auto"), for_quantization("auto")) == (training, quantization)
    assert choice("cpu") == "cpu"


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_here_is_refused(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    computer(monkeypatch)
    with pytest.raises(UserError, match=f"--device {device}: PyTorch sees no GPU here"):
        choice(device)
