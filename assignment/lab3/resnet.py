"""ResNet for 32x32 images, written so that it can be quantized (lab handout, parts 1 and 2).

The blocks are the bottlenecks of He et al., "Deep Residual Learning for Image Recognition"
(2015), with the stride in the 3x3 convolution. Unlike the ImageNet network, the stem is one
3x3 convolution of stride 1 without max pooling: a 32x32 image is too small to shrink at once.
"""

import torch
import torch.ao.quantization as tq
from torch import Tensor, nn
from torch.ao.nn.quantized import FloatFunctional


class QuantizableBottleneck(nn.Module):
    """A residual block: 1x1, 3x3 and 1x1 convolutions beside a shortcut, then one addition."""

    expansion = 4  # output channels = expansion * channels

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        out_channels = channels * self.expansion
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu2 = nn.ReLU()
        self.conv3 = nn.Conv2d(channels, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.downsample: nn.Sequential | None = None  # the shortcut's own convolution, if any
        if stride != 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )
        self.skip_add_relu = FloatFunctional()

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output.

        - The main path is conv1-bn1-relu1, conv2-bn2-relu2, conv3-bn3.
        - The shortcut is ``x``, sent through ``downsample`` when the block has one.
        - The two meet in ``self.add_relu(out, identity)``.

        Shapes: (B, C, H, W) to (B, 4*channels, H/stride, W/stride).
        """
        raise NotImplementedError("QuantizableBottleneck.forward: part 1 of the handout")

    def add_relu(self, out: Tensor, identity: Tensor) -> Tensor:
        """Return ``relu(out + identity)``.

        - The addition and its ReLU are one operation of ``self.skip_add_relu``: a plain ``+``
          has no observer, so it can't be quantized.
        """
        raise NotImplementedError("QuantizableBottleneck.add_relu: part 1 of the handout")

    def fuse_model(self, is_qat: bool = False) -> None:
        """Fuse this block's layers in place.

        - Every Conv2d is fused with the BatchNorm2d that directly follows it.
        - ReLUs are fused where they directly follow; none is lost and none added.
        - The shortcut's convolution is fused with its BatchNorm2d.
        - PTQ fuses in eval mode (``tq.fuse_modules``), QAT in train mode (``tq.fuse_modules_qat``).
        - With ``is_qat`` the same layers are fused, and their BatchNorm learns until conversion.
        - The output does not change.
        """
        raise NotImplementedError("QuantizableBottleneck.fuse_model: part 2 of the handout")


class QuantizableResNet(nn.Module):
    """The network: a stem, four stages of bottlenecks, average pooling and a classifier.

    ``layers`` counts the blocks of each stage. ``width`` is the number of channels of the stem
    and of the first stage's inner convolutions; each further stage doubles it.
    """

    def __init__(self, layers: tuple[int, ...], num_classes: int = 10, width: int = 64) -> None:
        super().__init__()
        self.quant = tq.QuantStub()
        self.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.in_channels = width
        self.layer1 = self._make_stage(width, layers[0], stride=1)
        self.layer2 = self._make_stage(2 * width, layers[1], stride=2)
        self.layer3 = self._make_stage(4 * width, layers[2], stride=2)
        self.layer4 = self._make_stage(8 * width, layers[3], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(self.in_channels, num_classes)
        self.dequant = tq.DeQuantStub()
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def _make_stage(self, channels: int, blocks: int, stride: int) -> nn.Sequential:
        stage = []
        for index in range(blocks):
            first_stride = stride if index == 0 else 1
            stage.append(QuantizableBottleneck(self.in_channels, channels, first_stride))
            self.in_channels = channels * QuantizableBottleneck.expansion
        return nn.Sequential(*stage)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits.

        - ``quant`` comes first and ``dequant`` last: between them a converted network computes
          on integers.
        - Between the stubs come conv1-bn1-relu, layer1 to layer4, avgpool, flatten and fc.

        Shapes: (B, 3, 32, 32) to (B, num_classes).
        """
        raise NotImplementedError("QuantizableResNet.forward: part 1 of the handout")

    def fuse_model(self, is_qat: bool = False) -> None:
        """Fuse the whole network in place.

        - The stem's conv1, bn1 and relu become one module.
        - Every block is fused by its own ``fuse_model``, with the same ``is_qat``.
        - The output does not change.
        """
        raise NotImplementedError("QuantizableResNet.fuse_model: part 2 of the handout")


ARCHITECTURES = {"resnet50": (3, 4, 6, 3), "resnet14": (1, 1, 1, 1)}  # blocks of each stage


def build_network(arch: str, num_classes: int = 10, width: int = 64) -> QuantizableResNet:
    """Return a freshly initialised network by name: ``resnet50`` or ``resnet14``."""
    if arch not in ARCHITECTURES:
        raise ValueError(f"unknown architecture {arch!r}: choose from {', '.join(ARCHITECTURES)}")
    return QuantizableResNet(ARCHITECTURES[arch], num_classes, width)
