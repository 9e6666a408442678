"""The estimate of the memory that a training run needs."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from lab3.log.records import Hyperparameters
from lab3.resnet import build_network
from tests.conftest import ROOT, change, run_lab3
from tests.making.datasets import write_fashion_mnist
from tools.running import memory

STEP = """
import re, sys, torch
from tools.running.workspace import use_code
from pathlib import Path
use_code(Path(sys.argv[1]))
from lab3.resnet import build_network
torch.set_num_threads(1)
network = build_network("resnet14", width=32).to(memory_format=torch.channels_last).train()
optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9)
def peak():  # ru_maxrss would begin with the peak of the process that started this one
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
network(torch.zeros(1, 3, 32, 32)).sum().backward()
before = peak()
images = torch.zeros(128, 3, 32, 32).contiguous(memory_format=torch.channels_last)
network(images).sum().backward()
optimizer.step()
print(peak() - before)
"""


def test_the_estimate_of_a_batch_is_near_what_a_step_takes() -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("the peak is read from /proc")
    root = ROOT
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", STEP, "solution"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    measured = int(done.stdout)
    hyper = Hyperparameters(batch_size=128)
    network = build_network("resnet14", width=32)
    estimated = memory.estimate(network, hyper, torch.empty(128, 3, 32, 32)).activations
    # Gradients of activations and convolution buffers come on top, freed inputs go off.
    assert 0.5 * measured < estimated < 1.5 * measured


def test_the_estimate_grows_with_the_batch_and_the_image() -> None:
    network = build_network("resnet14", width=8)
    sizes = [(16, 32), (32, 32), (16, 64)]
    small, batch, image = (
        memory.estimate(network, Hyperparameters(), torch.empty(n, 3, s, s)) for n, s in sizes
    )
    assert batch.activations == pytest.approx(2 * small.activations, rel=0.01)
    assert image.activations == pytest.approx(4 * small.activations, rel=0.01)
    assert batch.weights == small.weights == 4 * 4 * sum(p.numel() for p in network.parameters())


def test_a_run_that_cannot_fit_is_warned_of_with_a_batch_size_that_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    network, images = build_network("resnet14", width=8), torch.empty(128, 3, 32, 32)
    need = memory.estimate(network, Hyperparameters(), images)
    free = need.weights + need.activations // 3
    monkeypatch.setattr(memory, "available_bytes", lambda _device: free)
    memory.advise(network, Hyperparameters(), images, torch.device("cpu"), False)
    said = capsys.readouterr().err
    assert "run out of memory" in said
    assert "--batch-size 32 would fit" in said


@pytest.mark.slow
def test_images_of_224_pixels_are_warned_of(student: Path) -> None:
    write_fashion_mnist(student / "files")
    larger = "F.interpolate(images.view(-1, 1, 28, 28), size=224)"
    change(student / "lab3" / "data.py", "F.pad(images.view(-1, 1, 28, 28), [2] * 4)", larger)
    data = ("--dataset", "fashion-mnist", "--data-dir", "files")
    small = ("--arch", "resnet14", "--width", 4, "--epochs", 1, "--batch-size", 2)
    done = run_lab3("train", *data, *small, cwd=student, fresh=True)
    assert done.returncode == 0, done.stderr
    assert "the images are 224x224" in done.stderr
    assert "49 times the memory" in done.stderr
