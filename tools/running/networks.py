"""Networks from run folders, ready to be used on this CPU."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab3.log.records import Start
from lab3.log.runlog import CHECKPOINT_NAME, LOG_NAME
from tools.running import workspace
from tools.running.variants import empty_unfused
from tools.shared.console import Bar, UserError, say

if TYPE_CHECKING:
    from torch import Tensor, nn

    from lab3.data import ImageData, Split
    from lab3.resnet import QuantizableResNet

CLASSES = 1000  # more than any data set of the lab has


def load(folder: Path, start: Start) -> QuantizableResNet:
    """Return the network of a complete run, with its weights, in eval mode on the CPU."""
    from lab3.engines import ensure_engine
    from lab3.qconfig import CustomQConfig
    from lab3.quantize import empty_int8
    from lab3.resnet import build_network

    ensure_engine()
    state = weights(folder, start)
    network = build_network(start.arch, start.num_classes, start.width)
    if start.variant and not start.variant.is_fused:
        network = empty_unfused(network)
    elif start.kind != "train":
        is_default = start.qconfig == "default"
        network = empty_int8(network, CustomQConfig.DEFAULT if is_default else CustomQConfig.PTQ)
    network.load_state_dict(state)
    return network.eval()


def weights(folder: Path, start: Start) -> dict[str, Any]:
    """Return what a run's checkpoint holds, before a network of that size is built.

    Raises UserError for a file that is no checkpoint, or is not of the network that the log names:
    the run may be anybody's.
    """
    import torch

    from autograder.expected.reference import ARCHITECTURES

    path = folder / CHECKPOINT_NAME
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        width = state["conv1.weight"].shape[0]
    except Exception as error:  # damaged files make PyTorch raise nearly anything
        raise UserError(f"{path} is no checkpoint of the lab ({type(error).__name__})") from None
    is_known = start.arch in ARCHITECTURES and 2 <= start.num_classes <= CLASSES
    if not is_known or width != start.width:
        raise UserError(f"{path} is of another network than {folder / LOG_NAME} names")
    return state


def builder(folder: Path, start: Start) -> Callable[[], nn.Module]:
    """Return what builds the network of a complete run for being measured, as often as needed.

    The student's code does, once its stubs are solved. The kit's own network has the same layers,
    so that otherwise a checkpoint and its log are enough.
    """
    stubs = workspace.open_stubs()
    if not stubs:
        return partial(load, folder, start)
    say(f"{folder.name}: the kit's own network computes it ({stubs[0]} is still a stub here)")
    return partial(load_into_own, folder, start)


def load_into_own(folder: Path, start: Start) -> nn.Module:
    """Return the kit's own network with the weights of a complete run, in eval mode on the CPU.

    Raises UserError when they don't fit.
    """
    from autograder.expected import reference
    from lab3 import eager
    from lab3.engines import ensure_engine

    ensure_engine()
    state = weights(folder, start)
    layers = reference.ARCHITECTURES[start.arch]
    network = reference.build(layers, start.num_classes, start.width)
    if start.kind != "train":
        network.fuse_model()
        is_default = start.qconfig == "default"
        network.qconfig = (
            eager.default_per_channel_qconfig if is_default else eager.per_tensor_qconfig
        )
        with warnings.catch_warnings():  # that the observers have seen nothing is meant here
            warnings.filterwarnings("ignore", message="must run observer before")
            eager.convert(eager.prepare(network, inplace=True), inplace=True)
    try:
        network.load_state_dict(state)
    except (AttributeError, KeyError, RuntimeError, TypeError):
        raise UserError(
            f"{folder / CHECKPOINT_NAME} doesn't fit the kit's own {start.arch}: name the code "
            "that made it with --code DIR"
        ) from None
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
