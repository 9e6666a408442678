"""What is tried: the mutant's blocks and networks, with right parts where others are tried."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor

from tests.mutation import reference
from tests.mutation.oracle.bullets import student

PLAIN_BLOCKS = ((16, 4, 1), (32, 8, 1))  # in_channels, channels, stride
SHORTCUT_BLOCKS = ((8, 4, 1), (8, 4, 2), (16, 4, 2))
SHAPES = ((1, 1, 1, 1), (2, 1, 1, 1), (1, 1, 1, 2))  # blocks of each stage
WIDTH = 4


def right_addition(self: Any, out: Tensor, identity: Tensor) -> Tensor:
    return self.skip_add_relu.add_relu(out, identity)


@contextlib.contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Let a class have another method for the time of a block."""
    before = vars(owner).get(name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if before is None:
            delattr(owner, name)
        else:
            setattr(owner, name, before)


def right_additions() -> contextlib.AbstractContextManager[None]:
    return replaced(student("resnet", "QuantizableBottleneck"), "add_relu", right_addition)


def block(shape: tuple[int, int, int], seed: int = 3) -> Any:
    made = student("resnet", "QuantizableBottleneck")(*shape)
    reference.fill(made, seed + sum(shape))
    return made


def network(layers: Sequence[int], classes: int = 10, has_own_blocks: bool = False) -> Any:
    """Return the mutant's network, its stages ours unless it ``has_own_blocks``."""
    made = student("resnet", "QuantizableResNet")(tuple(layers), classes, WIDTH)
    if not has_own_blocks:
        four = reference.stages(reference.Bottleneck, layers, WIDTH)
        made.layer1, made.layer2, made.layer3, made.layer4 = four
    reference.fill(made, 29 + sum(layers))
    return made
