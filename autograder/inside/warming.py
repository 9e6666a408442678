"""Every kind of operation once, before children are forked: what PyTorch sets up is there then.

The network is torchvision's and the numbers are no experiment's: nothing is learned of anything.
"""

from typing import Any

import torch.nn.functional as F
from safetensors.torch import save
from torch import nn

from autograder.inside import experiments
from autograder.inside.torchvision_models import QuantizableBottleneck
from lab3 import eager

IN_CHANNELS, CHANNELS, SEED = 16, 4, 0


def warm_up() -> None:
    """Train a block for QAT and convert it, in one thread: a second one would stop every child."""
    with experiments.same_engine():
        images = experiments.images(SEED, 2, IN_CHANNELS, 8, 8)
        trained = network()
        block(trained).fuse_model(is_qat=True)
        experiments.prepare_qat_weights(trained)
        F.cross_entropy(trained(images), experiments.labels(2, 2)).backward()
        trained.double()(images.double()).sum().backward()
        quantized = network().eval()
        quantized(images)
        block(quantized).fuse_model()
        experiments.prepare_at(quantized, [])
        logits = eager.convert(quantized, inplace=True)(images)
        save({"logits": logits, "integers": experiments.integers(images).int_repr()})


def block(module: nn.Sequential) -> Any:
    """Return the block of a network."""
    return module[1]


def network() -> nn.Sequential:
    """Return a block of torchvision's, and a classifier, between stubs, filled."""
    out_channels = 4 * CHANNELS
    downsample = nn.Sequential(
        nn.Conv2d(IN_CHANNELS, out_channels, 1, 2, bias=False), nn.BatchNorm2d(out_channels)
    )
    bottleneck = QuantizableBottleneck(IN_CHANNELS, CHANNELS, 2, downsample)
    behind = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(out_channels, 2)
    module = nn.Sequential(eager.QuantStub(), bottleneck, *behind, eager.DeQuantStub())
    experiments.fill(module, SEED)
    return module.train()
