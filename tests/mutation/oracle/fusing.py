"""``fuse_model`` of blocks and of the network."""

import copy
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.mutation import reference
from tests.mutation.oracle.bullets import FUSE_BLOCK, FUSE_NETWORK, bullet, demand, judged, student
from tests.mutation.oracle.demands import demand_equal
from tests.mutation.oracle.subjects import (
    PLAIN_BLOCKS,
    SHAPES,
    SHORTCUT_BLOCKS,
    block,
    network,
    replaced,
)

FUSED_SHAPES = SHAPES[1:]
Names = tuple[str, str, str]  # convolution, BatchNorm and ReLU, or no ReLU
MAIN: tuple[Names, ...] = (
    ("conv1", "bn1", "relu1"),
    ("conv2", "bn2", "relu2"),
    ("conv3", "bn3", ""),
)
SHORTCUT: Names = ("downsample.0", "downsample.1", "")
STEM: Names = ("conv1", "bn1", "relu")


def pairs_of(module: Any) -> tuple[Names, ...]:
    """Return what has to be fused in a block."""
    return MAIN if module.downsample is None else (*MAIN, SHORTCUT)


@torch.no_grad()
def front_and_rest(module: nn.Module, before: nn.Module, names: Names) -> tuple[str, str]:
    """Tell what a convolution's module computes after fusing, and what is left behind it."""
    conv, bn, relu = names
    module = copy.deepcopy(module).train(before.training)  # the mode is another bullet
    old_conv, old_bn = before.get_submodule(conv), copy.deepcopy(before.get_submodule(bn))
    x = reference.images(61, 3, old_conv.weight.shape[1], 6, 6)
    plain = copy.deepcopy(old_conv)(x)
    normal = old_bn(plain)
    front = module.get_submodule(conv)(x)
    y = reference.images(62, 3, plain.shape[1], 6, 6)
    rest = module.get_submodule(bn)(y.clone())
    if relu:
        rest = module.get_submodule(relu)(rest)
    fronts = {
        "conv": plain,
        "conv bn": normal,
        "conv relu": F.relu(plain),
        "conv bn relu": F.relu(normal),
    }
    old = copy.deepcopy(before.get_submodule(bn))(y)
    rests = {"": y, "relu": F.relu(y), "bn": old, "bn relu": F.relu(old)}
    return matching(fronts, front), matching(rests, rest)


def matching(known: dict[str, Tensor], value: Tensor) -> str:
    return next((n for n, v in known.items() if torch.allclose(v, value, 1e-3, 1e-3)), "else")


@cache
def fused_blocks() -> list[tuple[Any, Any, bool]]:
    """Return blocks before and after fusing, in eval mode for PTQ and in train mode for QAT."""
    fused = []
    for shape in (*PLAIN_BLOCKS[:1], *SHORTCUT_BLOCKS):
        for is_qat in (False, True):
            before = block(shape).train(is_qat)
            after = copy.deepcopy(before)
            fuse(after, is_qat)
            fused.append((before, after, is_qat))
    return fused


def fuse(module: Any, is_qat: bool) -> None:
    if is_qat:
        module.fuse_model(is_qat=True)
    else:
        module.fuse_model()


@bullet("fuse_block.runs", FUSE_BLOCK)
def fuse_block_runs() -> None:
    """Blocks can be fused, with a shortcut and without, for PTQ and for QAT."""
    fused_blocks()


@bullet("fuse_block.convolutions", FUSE_BLOCK)
def fuse_block_convolutions() -> None:
    """Every Conv2d is fused with the BatchNorm2d that directly follows it."""
    for before, after, _ in judged(fused_blocks):
        for names in MAIN:
            demand_batchnorm_inside(after, before, names)


def demand_batchnorm_inside(after: Any, before: Any, names: Names) -> None:
    front, rest = front_and_rest(after, before, names)
    is_inside = front.startswith("conv bn") and rest in ("", "relu")
    demand(is_inside, f"{names[0]} is {front!r}, behind it {rest!r}")


@bullet("fuse_block.relus", FUSE_BLOCK)
def fuse_block_relus() -> None:
    """Every Conv2d is fused with the ReLU that directly follows its BatchNorm2d, and no other."""
    for before, after, _ in judged(fused_blocks):
        for names in pairs_of(before):
            front, rest = front_and_rest(after, before, names)
            has_relu = front.endswith("relu") and "relu" not in rest
            holds = has_relu if names[2] else "relu" not in front + rest
            demand(holds, f"{names[0]} is {front!r}, behind it {rest!r}")


@bullet("fuse_block.shortcut", FUSE_BLOCK)
def fuse_block_shortcut() -> None:
    """The shortcut's convolution is fused with its BatchNorm2d."""
    for before, after, _ in judged(fused_blocks):
        if before.downsample is not None:
            demand_batchnorm_inside(after, before, SHORTCUT)


@bullet("fuse_block.kind", FUSE_BLOCK)
def fuse_block_kind() -> None:
    """PTQ folds every BatchNorm2d for good, QAT keeps it trainable."""
    for before, after, is_qat in judged(fused_blocks):
        demand_kind(after, len(pairs_of(before)), is_qat)


def demand_kind(after: nn.Module, convolutions: int, is_qat: bool) -> None:
    batchnorms = [m for m in after.modules() if isinstance(m, nn.BatchNorm2d)]
    expected = convolutions if is_qat else 0
    demand(len(batchnorms) == expected, f"{len(batchnorms)} BatchNorm2d with is_qat={is_qat}")
    if is_qat:
        frozen = [name for name, p in after.named_parameters() if not p.requires_grad]
        demand(not frozen, f"{frozen} can't be trained")


@bullet("fuse_block.mode", FUSE_BLOCK)
def fuse_block_mode() -> None:
    """QAT fuses in train mode, and leaves the block in it."""
    for _, after, is_qat in judged(fused_blocks):
        if is_qat:
            demand_train_mode(after)


def demand_train_mode(module: nn.Module) -> None:
    """Demand the mode of all but fused modules, which PyTorch makes in train mode.

    PyTorch itself refuses to fuse for PTQ in train mode, and nothing behind that depends on one.
    """
    for name, m in module.named_modules():
        is_own = not type(m).__module__.startswith("torch") or isinstance(m, nn.BatchNorm2d)
        demand(m.training or not is_own, f"{name or 'the module'} is in eval mode")


@bullet("fuse_block.output", FUSE_BLOCK)
def fuse_block_output() -> None:
    """The output does not change."""
    for before, after, _ in judged(fused_blocks):
        images = reference.images(67, 3, before.conv1.in_channels, 6, 6)
        demand_same_output(before, after, images, reference.run_block)


@torch.no_grad()
def demand_same_output(
    before: Any, after: Any, images: Tensor, run: Callable[[Any, Tensor], Tensor]
) -> None:
    """Demand the same output, in the mode of fusing and, after a step of statistics, in eval."""
    for is_training in (before.training, False):
        expected = run(before.train(is_training), images)
        mode = "train" if is_training else "eval"
        demand_equal(run(after.train(is_training), images), expected, f"output in {mode} mode")


@cache
def fused_networks() -> list[tuple[Any, Any, bool, list[tuple[Any, bool]]]]:
    """Return networks before and after fusing, and which blocks they had fused, and how."""
    fused = []
    for layers in FUSED_SHAPES:
        for is_qat in (False, True):
            before = network(layers, has_own_blocks=True).train(is_qat)
            after = copy.deepcopy(before)
            calls: list[tuple[Any, bool]] = []

            def right_fuse_model(
                self: Any, is_qat: bool = False, noted: list[tuple[Any, bool]] = calls
            ) -> None:
                noted.append((self, is_qat))
                reference.fuse_block(self, is_qat)

            own = student("resnet", "QuantizableBottleneck")
            with replaced(own, "fuse_model", right_fuse_model):
                fuse(after, is_qat)
            fused.append((before, after, is_qat, calls))
    return fused


@bullet("fuse_network.runs", FUSE_NETWORK)
def fuse_network_runs() -> None:
    """The network can be fused, for PTQ and for QAT."""
    fused_networks()


@bullet("fuse_network.stem", FUSE_NETWORK)
def fuse_network_stem() -> None:
    """The stem's conv1, bn1 and relu become one module."""
    for before, after, *_ in judged(fused_networks):
        front, rest = front_and_rest(after, before, STEM)
        demand((front, rest) == ("conv bn relu", ""), f"it is {front!r}, behind it {rest!r}")


@bullet("fuse_network.blocks", FUSE_NETWORK)
def fuse_network_blocks() -> None:
    """Every block is fused by its own fuse_model, with the same is_qat."""
    for _, after, is_qat, calls in judged(fused_networks):
        blocks = list(reference.blocks_of(after))
        fused = [id(block) for block, _ in calls]
        holds = sorted(fused) == sorted(map(id, blocks))
        demand(holds, f"{len(fused)} of {len(blocks)} blocks were fused")
        others = [given for _, given in calls if bool(given) != is_qat]
        demand(not others, f"is_qat={is_qat} became {others}")


@bullet("fuse_network.kind", FUSE_NETWORK)
def fuse_network_kind() -> None:
    """PTQ folds the stem's BatchNorm2d for good, QAT keeps it trainable."""
    for _, after, is_qat, _ in judged(fused_networks):
        demand_kind(after.conv1, 1, is_qat)
        demand(not isinstance(after.bn1, nn.BatchNorm2d), "bn1 is still there")
        frozen = [name for name, p in after.named_parameters() if not p.requires_grad]
        demand(not frozen or not is_qat, f"{frozen} can't be trained")


@bullet("fuse_network.mode", FUSE_NETWORK)
def fuse_network_mode() -> None:
    """The network that was fused for QAT stays in train mode."""
    for _, after, is_qat, _ in judged(fused_networks):
        if is_qat:
            demand_train_mode(after)


@bullet("fuse_network.output", FUSE_NETWORK)
def fuse_network_output() -> None:
    """The output does not change."""
    for before, after, *_ in judged(fused_networks):
        images = reference.images(71, 3, 3, 32, 32)
        demand_same_output(before, after, images, reference.run_network)
