"""The lab's network once more, for the oracle: in PyTorch's functions, and in INT8."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
import torch.ao.quantization as tq
import torch.nn.functional as F
from torch import Tensor, nn
from torch.ao.nn.quantized import FloatFunctional

Numbers = dict[str, Tensor]  # parameters and buffers by name; training changes the buffers
MOMENTUM, EPSILON = 0.1, 1e-5
GROUPS = [["conv1", "bn1", "relu1"], ["conv2", "bn2", "relu2"], ["conv3", "bn3"]]


def part(numbers: Numbers, name: str) -> Numbers:
    """Return the numbers of a submodule."""
    return {key[len(name) + 1 :]: v for key, v in numbers.items() if key.startswith(f"{name}.")}


def normalised(numbers: Numbers, name: str, x: Tensor, is_training: bool) -> Tensor:
    of = partial("{}.{}".format, name)
    return F.batch_norm(
        x,
        numbers[of("running_mean")],
        numbers[of("running_var")],
        numbers[of("weight")],
        numbers[of("bias")],
        is_training,
        MOMENTUM,
        EPSILON,
    )


def block(numbers: Numbers, x: Tensor, stride: int, is_training: bool) -> Tensor:
    """Return what a bottleneck computes: (B, C, H, W) to (B, 4*channels, H/stride, W/stride)."""
    out = F.conv2d(x, numbers["conv1.weight"])
    out = F.relu(normalised(numbers, "bn1", out, is_training))
    out = F.conv2d(out, numbers["conv2.weight"], stride=stride, padding=1)
    out = F.relu(normalised(numbers, "bn2", out, is_training))
    out = F.conv2d(out, numbers["conv3.weight"])
    out = normalised(numbers, "bn3", out, is_training)
    if "downsample.0.weight" in numbers:
        x = F.conv2d(x, numbers["downsample.0.weight"], stride=stride)
        x = normalised(numbers, "downsample.1", x, is_training)
    return F.relu(out + x)


def network(numbers: Numbers, x: Tensor, layers: Sequence[int], is_training: bool) -> Tensor:
    """Return the logits: (B, 3, 32, 32) to (B, num_classes)."""
    x = F.conv2d(x, numbers["conv1.weight"], padding=1)
    x = F.relu(normalised(numbers, "bn1", x, is_training))
    for stage, blocks in enumerate(layers, start=1):
        for index in range(blocks):
            stride = 2 if stage > 1 and index == 0 else 1
            x = block(part(numbers, f"layer{stage}.{index}"), x, stride, is_training)
    return F.linear(x.mean((2, 3)), numbers["fc.weight"], numbers["fc.bias"])


class Bottleneck(nn.Module):
    """A block with the names of the lab's, for what needs modules."""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        wide = 4 * channels
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.conv3 = nn.Conv2d(channels, wide, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)
        self.bn3 = nn.BatchNorm2d(wide)
        self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()
        has_shortcut = stride != 1 or in_channels != wide
        shortcut = nn.Conv2d(in_channels, wide, 1, stride, bias=False)
        self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(wide)) if has_shortcut else None
        self.skip_add_relu = FloatFunctional()

    def forward(self, x: Tensor) -> Tensor:
        return run_block(self, x)


class Network(nn.Module):
    """A network with the names of the lab's."""

    def __init__(self, layers: Sequence[int], classes: int, width: int) -> None:
        super().__init__()
        self.quant, self.dequant = tq.QuantStub(), tq.DeQuantStub()
        self.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.bn1, self.relu = nn.BatchNorm2d(width), nn.ReLU()
        self.layer1, self.layer2, self.layer3, self.layer4 = stages(Bottleneck, layers, width)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(32 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        return run_network(self, x)


def stages(block: Callable[[int, int, int], nn.Module], layers: Sequence[int], width: int) -> Any:
    """Yield the four stages, made of blocks of some class."""
    in_channels = width
    for stage, blocks in enumerate(layers):
        made, channels = [], width * 2**stage
        for index in range(blocks):
            made.append(block(in_channels, channels, 2 if stage > 0 and index == 0 else 1))
            in_channels = 4 * channels
        yield nn.Sequential(*made)


def run_block(block: Any, x: Tensor) -> Tensor:
    """Call a block's modules in the contract's order, whatever they were fused to."""
    out = block.relu1(block.bn1(block.conv1(x)))
    out = block.relu2(block.bn2(block.conv2(out)))
    out = block.bn3(block.conv3(out))
    identity = x if block.downsample is None else block.downsample(x)
    return block.skip_add_relu.add_relu(out, identity)


def run_network(network: Any, x: Tensor) -> Tensor:
    """Call a network's modules in the contract's order."""
    x = network.quant(x)
    x = network.relu(network.bn1(network.conv1(x)))
    for stage in (network.layer1, network.layer2, network.layer3, network.layer4):
        for block in stage:
            x = run_block(block, x)
    return network.dequant(network.fc(torch.flatten(network.avgpool(x), 1)))


def fuse_block(block: Any, is_qat: bool) -> None:
    """Fuse a block completely, in place."""
    fuse = tq.fuse_modules_qat if is_qat else tq.fuse_modules
    fuse(block, GROUPS, inplace=True)
    if block.downsample is not None:
        fuse(block.downsample, ["0", "1"], inplace=True)


def fuse_network(network: Any, is_qat: bool = False) -> None:
    """Fuse a network completely, in place."""
    fuse = tq.fuse_modules_qat if is_qat else tq.fuse_modules
    fuse(network, ["conv1", "bn1", "relu"], inplace=True)
    for block in blocks_of(network):
        fuse_block(block, is_qat)


def blocks_of(network: Any) -> Iterator[Any]:
    for stage in (network.layer1, network.layer2, network.layer3, network.layer4):
        yield from stage


class Given(tq.ObserverBase):
    """An observer that watches nothing: its scale and zero point are given."""

    qscheme = torch.per_tensor_symmetric

    def __init__(self, dtype: torch.dtype, scale: float, zero_point: int) -> None:
        super().__init__(dtype)
        self.given = torch.tensor([scale]), torch.tensor([zero_point])
        self.quant_min, self.quant_max = (-128, 127) if dtype == torch.qint8 else (0, 255)

    def forward(self, x: Tensor) -> Tensor:
        return x

    def calculate_qparams(self, **_: Any) -> tuple[Tensor, Tensor]:
        return self.given


Grid = tuple[float, int]  # scale and zero point


def watched() -> tq.QConfig:
    """Return a configuration of PyTorch's own observers, symmetric and per tensor."""
    kind = partial(tq.MinMaxObserver, qscheme=torch.per_tensor_symmetric)
    return tq.QConfig(partial(kind, dtype=torch.quint8), partial(kind, dtype=torch.qint8))


def grids(converted: nn.Module) -> tuple[dict[str, Grid], dict[str, Grid]]:
    """Return the grids of an INT8 network's outputs and weights by the names of its modules."""
    outputs, weights = {}, {}
    for name, module in converted.named_modules():
        if isinstance(scale := getattr(module, "scale", None), float | Tensor):
            outputs[name] = float(scale), int(module.zero_point)
        if callable(weight := getattr(module, "weight", None)):
            weights[name] = float(weight().q_scale()), int(weight().q_zero_point())
    return outputs, weights


def at_grids(
    fused: nn.Module, outputs: Mapping[str, Grid], weights: Mapping[str, Grid]
) -> nn.Module:
    """Convert a fused network in place; raise KeyError where it needs a grid that is missing."""
    fused.qconfig = watched()
    tq.prepare(fused, inplace=True)
    for name, module in fused.named_modules():
        if not isinstance(getattr(module, "activation_post_process", None), tq.ObserverBase):
            continue
        module.activation_post_process = Given(torch.quint8, *outputs[name])
        if name in weights:
            given = tq.QConfig(None, partial(Given, torch.qint8, *weights[name]))
            inner = module[0] if isinstance(module, nn.Sequential) else module
            module.qconfig = inner.qconfig = given
    return tq.convert(fused, inplace=True)


def fill(module: nn.Module, seed: int) -> None:
    """Draw all parameters and statistics, so that no BatchNorm and no bias is the identity."""
    random = torch.Generator().manual_seed(seed)
    drawn = {}
    for name, value in sorted(module.state_dict().items()):
        normal = torch.randn(value.shape, generator=random)
        if value.dim() > 1:
            drawn[name] = normal * (2 / value[0].numel()) ** 0.5
        elif name.endswith("running_var"):
            drawn[name] = 0.5 + normal.abs()
        elif name.endswith(("bias", "running_mean")):
            drawn[name] = 0.5 * normal
        elif name.endswith("weight"):
            drawn[name] = 1 + 0.2 * normal
        else:
            drawn[name] = value
    module.load_state_dict(drawn)


def numbers_of(module: nn.Module) -> Numbers:
    """Return a copy of a module's numbers; gradients are kept for the parameters."""
    copy = {name: v.detach().clone() for name, v in module.state_dict().items()}
    for name, _ in module.named_parameters():
        copy[name].requires_grad_()
    return copy


def images(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
