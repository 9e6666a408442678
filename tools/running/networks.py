"""Networks from run folders, ready to be used on this CPU."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lab3.log.records import Start
from lab3.log.runlog import CHECKPOINT_NAME
from tools.shared.console import Bar

if TYPE_CHECKING:
    from torch import Tensor, nn

    from lab3.data import ImageData, Split
    from lab3.resnet import QuantizableResNet


def load(folder: Path, start: Start) -> QuantizableResNet:
    """Return the network of a complete run, with its weights, in eval mode on the CPU."""
    import torch

    from lab3.engines import ensure_engine
    from lab3.qconfig import CustomQConfig
    from lab3.quantize import empty_int8
    from lab3.resnet import build_network

    ensure_engine()
    network = build_network(start.arch, start.num_classes, start.width)
    if start.kind != "train":
        is_default = start.qconfig == "default"
        network = empty_int8(network, CustomQConfig.DEFAULT if is_default else CustomQConfig.PTQ)
    network.load_state_dict(torch.load(folder / CHECKPOINT_NAME, map_location="cpu"))
    return network.eval()


def logits(network: nn.Module, data: ImageData, split: Split, title: str) -> Tensor:
    """Return the logits of a split's images, with a progress bar."""
    from lab3.evaluation import predict

    with Bar(title, len(split)) as bar:
        return predict(network, data, split, bar.advance)


def validation_accuracy(network: nn.Module, data: ImageData, title: str) -> float:
    """Return the fraction of validation images that a network gets right."""
    from lab3.evaluation import loss_and_accuracy

    split = data.validation
    return loss_and_accuracy(logits(network, data, split, title), split.labels)[1]
