"""The student's network and blocks, filled from a seed, and what they are tried with."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from autograder.inside import experiments, questions
from autograder.inside.telling import stage

SMALL_STAGES = (1, 1, 1, 1)  # replaced by plain convolutions before anything runs


def build(
    layers: Sequence[int],
    num_classes: int,
    width: int,
    seed: int,
    stages: Mapping[str, nn.Module] | None = None,
) -> Any:
    """Return the student's network, perhaps with other stages, filled from the seed."""
    from lab3.resnet import QuantizableResNet

    with stage("build"):
        with experiments.without_initialisation():
            network = QuantizableResNet(tuple(layers), num_classes, width)
        for name, module in (stages or {}).items():
            setattr(network, name, module)
        experiments.fill(network, seed)
        return network.eval()


def bottleneck(
    question: questions.Block | questions.Gradients | questions.Int8Block | questions.BlockFusion,
) -> Any:
    """Return one block of the student in eval mode, filled from the seed."""
    from lab3.resnet import QuantizableBottleneck

    with stage("build"):
        block = QuantizableBottleneck(question.in_channels, question.channels, question.stride)
        experiments.fill(block, question.seed)
        return block.eval()


def plain(
    question: questions.Network | questions.NetworkGradients | questions.Int8Network,
) -> Any:
    """Return the student's network with two plain convolutions of ours for each stage."""
    stages = experiments.plain_stages(question.width)
    return build(SMALL_STAGES, question.num_classes, question.width, question.seed, stages)


def network_images(seed: int, batch: int = 2) -> Tensor:
    """Return the images that a network is tried with, (batch, 3, 32, 32)."""
    return experiments.input_of(seed, batch, 3, 32, 32)


def blank_block() -> nn.Module:
    """Return a block of the student's class that has nothing to fuse, and says so."""
    from lab3.resnet import QuantizableBottleneck

    class Blank(QuantizableBottleneck):
        def __init__(self) -> None:
            nn.Module.__init__(self)

        def fuse_model(self, is_qat: bool = False) -> None:
            """Leave everything as it is: there is nothing."""

    return Blank()
