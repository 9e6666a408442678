"""The right ``forward`` and ``add_relu`` in other idioms."""

from tests.mutants.edits import (
    ADD,
    BLOCK,
    FUSE_BLOCK,
    FUSE_NETWORK,
    NETWORK,
    RESNET,
    SCALE,
    Change,
    below,
    body,
    first,
    inside,
    text,
)
from tests.mutants.pieces import IDENTITY, STAGES, SUM

STEM = "self.relu(self.bn1(self.conv1(x)))"
POOLED = "torch.flatten(self.avgpool(x), 1)"

FORWARD_IDIOMS: dict[str, tuple[Change, ...]] = {
    "forward in single steps": (
        body(
            BLOCK,
            """
            residual = x
            y = self.conv1(x)
            y = self.bn1(y)
            y = self.relu1(y)
            y = self.conv2(y)
            y = self.bn2(y)
            y = self.relu2(y)
            y = self.conv3(y)
            y = self.bn3(y)
            if self.downsample is not None:
                residual = self.downsample(x)
            return self.add_relu(y, residual)
            """,
        ),
    ),
    "shortcut first": (
        body(
            BLOCK,
            """
            identity = self.downsample(x) if self.downsample is not None else x
            for n in (1, 2, 3):
                x = getattr(self, f"bn{n}")(getattr(self, f"conv{n}")(x))
                if n < 3:
                    x = getattr(self, f"relu{n}")(x)
            return self.add_relu(x, identity)
            """,
        ),
    ),
    "if self.downsample": (
        inside(
            BLOCK,
            "x if self.downsample is None else self.downsample(x)",
            "self.downsample(x) if self.downsample else x",
        ),
        inside(FUSE_BLOCK, "if self.downsample is not None:", "if self.downsample:"),
    ),
    "dequant.forward, and a sum twice": (
        inside(NETWORK, "self.dequant(x)", "self.dequant.forward(x)"),
        body(ADD, f"{SUM[7:]}\n{SUM}"),
    ),
    "summands exchanged": (inside(ADD, "add_relu(out, identity)", "add_relu(identity, out)"),),
    "add_relu called directly": (inside(BLOCK, "self.add_relu(", "self.skip_add_relu.add_relu("),),
    "relu1 serves twice": (inside(BLOCK, "self.relu2(", "self.relu1("),),
    "one ReLU under two names": (
        text(RESNET, "self.relu2 = nn.ReLU()", "self.relu2 = self.relu1"),
    ),
    "ReLU in place": (text(RESNET, "nn.ReLU()", "nn.ReLU(inplace=True)"),),
    "F.relu in the stem": (
        inside(
            NETWORK,
            "self.relu(self.bn1(self.conv1(x)))",
            "nn.functional.relu(self.bn1(self.conv1(x)))",
        ),
    ),
    "F.relu in blocks": (
        inside(BLOCK, "self.relu1(self", "torch.relu(self"),
        inside(BLOCK, "self.relu2(self", "nn.functional.relu(self"),
    ),
    "x.view": (
        inside(
            NETWORK,
            "x = self.fc(torch.flatten(self.avgpool(x), 1))",
            "x = self.avgpool(x)\n        x = self.fc(x.view(x.size(0), -1))",
        ),
    ),
    "reshape": (
        inside(
            NETWORK, "torch.flatten(self.avgpool(x), 1)", "self.avgpool(x).reshape(x.shape[0], -1)"
        ),
    ),
    "x.flatten": (
        inside(NETWORK, "torch.flatten(self.avgpool(x), 1)", "self.avgpool(x).flatten(1)"),
    ),
    "squeeze": (
        inside(
            NETWORK, "torch.flatten(self.avgpool(x), 1)", "self.avgpool(x).squeeze(3).squeeze(2)"
        ),
    ),
    "mean over rows, then over columns": (
        inside(NETWORK, "torch.flatten(self.avgpool(x), 1)", "x.mean(dim=3).mean(dim=2)"),
    ),
    "mean over columns, then over rows": (
        inside(NETWORK, "torch.flatten(self.avgpool(x), 1)", "x.mean(-2).mean(-1)"),
    ),
    "mean instead of avgpool": (
        inside(NETWORK, "torch.flatten(self.avgpool(x), 1)", "x.mean([2, 3])"),
    ),
    "stages in a loop": (
        inside(
            NETWORK,
            "x = self.layer4(self.layer3(self.layer2(self.layer1(x))))",
            (
                "for stage in (self.layer1, self.layer2, self.layer3, self.layer4):\n"
                "            x = stage(x)"
            ),
        ),
    ),
    "forward in two functions": (
        inside(
            NETWORK,
            "x = self.layer4(self.layer3(self.layer2(self.layer1(x))))",
            "x = self._features(x)",
        ),
        text(
            RESNET,
            "\n\nARCHITECTURES",
            (
                "\n"
                "    def _features(self, x):\n"
                "        for n in range(1, 5):\n"
                "            x = getattr(self, f'layer{n}')(x)\n"
                "        return x\n"
                "\n"
                "\n"
                "ARCHITECTURES"
            ),
        ),
    ),
    "warnings and prints": (
        below(RESNET, "import sys\nimport warnings"),
        first(
            NETWORK,
            (
                "print('shape', x.shape)\n"
                "print('to stderr', file=sys.stderr)\n"
                "warnings.warn('of my own')"
            ),
        ),
        first(SCALE, "print(scale)"),
    ),
    "more threads": (below(RESNET, "torch.set_num_threads(2)"),),
    "closed output": (
        below(RESNET, "import os"),
        first(NETWORK, "os.closerange(1, 3)"),
    ),
    "logging": (
        below(
            RESNET,
            (
                "import logging\n"
                "\n"
                "logging.basicConfig(level=logging.DEBUG)\n"
                "log = logging.getLogger(__name__)"
            ),
        ),
        first(FUSE_NETWORK, "log.warning('fusing %s', is_qat)"),
    ),
    "asserts on shapes": (first(NETWORK, "assert x.dim() == 4 and x.shape[1] == 3, x.shape"),),
    "summands by name": (
        inside(ADD, SUM, "return self.skip_add_relu.add_relu(x=out, y=identity)"),
    ),
    "second summand by name": (
        inside(ADD, SUM, "return self.skip_add_relu.add_relu(out, y=identity)"),
    ),
    "add_relu of its type": (
        body(
            ADD,
            """
            functional = self.skip_add_relu
            return type(functional).add_relu(functional, out, identity)
            """,
        ),
    ),
    "add_relu as a property": (
        text(
            RESNET,
            "    def add_relu(self, out: Tensor, identity: Tensor) -> Tensor:",
            "    @property\n    def add_relu(self):",
        ),
        body(ADD, "return self.skip_add_relu.add_relu"),
    ),
    "own add_relu by names": (
        inside(BLOCK, "self.add_relu(out, identity)", "self.add_relu(identity=identity, out=out)"),
    ),
    "Sequential made in forward": (
        body(
            BLOCK,
            """
            main = nn.Sequential(self.conv1, self.bn1, self.relu1, self.conv2, self.bn2, self.relu2)
            out = self.bn3(self.conv3(main(x)))
            return self.add_relu(out, x if self.downsample is None else self.downsample(x))
            """,
        ),
    ),
    "reduced": (
        below(RESNET, "from functools import reduce"),
        body(
            BLOCK,
            """
            layers = [self.conv1, self.bn1, self.relu1, self.conv2, self.bn2, self.relu2,
                      self.conv3, self.bn3]
            out = reduce(lambda value, layer: layer(value), layers, x)
            return self.add_relu(out, (self.downsample or (lambda value: value))(x))
            """,
        ),
    ),
    "the block's children by name": (
        body(
            BLOCK,
            """
            out, identity = x, x
            for name, layer in self.named_children():
                if name == "downsample":
                    identity = layer(x)
                elif name != "skip_add_relu":
                    out = layer(out)
            return self.add_relu(out, identity)
            """,
        ),
    ),
    "match on the shortcut": (
        body(
            BLOCK,
            """
            match self.downsample:
                case None:
                    identity = x
                case nn.Sequential() as shortcut:
                    identity = shortcut(x)
            out = self.relu1(self.bn1(self.conv1(x)))
            out = self.relu2(self.bn2(self.conv2(out)))
            return self.add_relu(out=self.bn3(self.conv3(out)), identity=identity)
            """,
        ),
    ),
    "shortcut where shapes differ": (
        inside(BLOCK, IDENTITY, "identity = x if x.shape == out.shape else self.downsample(x)"),
    ),
    "shortcut tried": (
        body(
            BLOCK,
            """
            out = self.relu2(self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x))))))
            try:
                identity = self.downsample(x)
            except TypeError:
                identity = x
            return self.add_relu(self.bn3(self.conv3(out)), identity)
            """,
        ),
    ),
    "Identity instead of None": (
        text(
            RESNET,
            (
                "self.downsample: nn.Sequential | None = None"
                "  # the shortcut's own convolution, if any"
            ),
            "self.downsample = nn.Identity()",
        ),
        inside(BLOCK, IDENTITY, "identity = self.downsample(x)"),
        inside(
            FUSE_BLOCK,
            "if self.downsample is not None:",
            "if isinstance(self.downsample, nn.Sequential):",
        ),
    ),
    "relu and clamp of tensors": (
        inside(BLOCK, "self.relu1(self.bn1(self.conv1(x)))", "self.bn1(self.conv1(x)).relu_()"),
        inside(
            BLOCK,
            "self.relu2(self.bn2(self.conv2(out)))",
            "self.bn2(self.conv2(out)).clamp(min=0)",
        ),
    ),
    "profiled": (
        inside(
            BLOCK,
            "out = self.bn3(self.conv3(out))",
            (
                'with torch.profiler.record_function("last"):\n'
                "            out = self.bn3(self.conv3(out))"
            ),
        ),
    ),
    "the network's children in a row": (
        body(
            NETWORK,
            """
            for layer in self.children():
                x = layer(x.flatten(1) if layer is self.fc else x)
            return x
            """,
        ),
    ),
    "channels last in forward": (
        first(NETWORK, "x = x.contiguous(memory_format=torch.channels_last)"),
    ),
    "channels last from the beginning": (
        text(
            RESNET,
            "        for module in self.modules():\n            if isinstance(module, nn.Conv2d):\n"
            "                nn.init",
            "        self.to(memory_format=torch.channels_last)\n"
            "        for module in self.modules():\n            if isinstance(module, nn.Conv2d):\n"
            "                nn.init",
        ),
        inside(NETWORK, "self.quant(x)", "self.quant(x.to(memory_format=torch.channels_last))"),
    ),
    "images as float32": (first(NETWORK, "x = x.float()"),),
    "images of bytes allowed": (
        first(NETWORK, "if x.dtype == torch.uint8:\n    x = x.float() / 255"),
    ),
    "an image without a batch allowed": (
        first(NETWORK, "if x.dim() == 3:\n    x = x.unsqueeze(0)"),
    ),
    "functional average": (
        inside(NETWORK, POOLED, "nn.functional.avg_pool2d(x, x.shape[-2:]).flatten(1)"),
    ),
    "average indexed": (inside(NETWORK, POOLED, "self.avgpool(x)[..., 0, 0]"),),
    "average squeezed": (inside(NETWORK, POOLED, "torch.squeeze(self.avgpool(x), (2, 3))"),),
    "Flatten as a module": (
        text(
            RESNET,
            "        self.fc = nn.Linear",
            "        self.flatten = nn.Flatten()\n        self.fc = nn.Linear",
        ),
        inside(NETWORK, POOLED, "self.flatten(self.avgpool(x))"),
    ),
    "without autocast": (
        inside(
            NETWORK,
            STAGES,
            f"with torch.autocast(x.device.type, enabled=False):\n            {STAGES}",
        ),
    ),
    "features kept": (
        inside(NETWORK, STAGES, f"{STAGES}\n        self.features = x.detach()"),
        first(NETWORK, "self.__dict__.setdefault('shapes', []).append(tuple(x.shape))"),
    ),
    "images asserted": (
        first(NETWORK, "assert x.shape[1:] == (3, 32, 32)\nassert torch.isfinite(x).all()"),
    ),
    "random state kept": (
        inside(
            NETWORK,
            STAGES,
            f"with torch.random.fork_rng(devices=[]):\n            {STAGES}",
        ),
    ),
    "a ReLU too many that changes nothing": (
        inside(NETWORK, STAGES, f"{STAGES}\n        x = self.relu(x)"),
    ),
    "stages as one Sequential": (
        inside(
            NETWORK,
            STAGES,
            "x = nn.Sequential(self.layer1, self.layer2, self.layer3, self.layer4)(x)",
        ),
    ),
    "a helper with nonlocal": (
        body(
            NETWORK,
            """
            def through(*layers):
                nonlocal x
                for layer in layers:
                    x = layer(x)

            through(self.quant, self.conv1, self.bn1, self.relu)
            through(self.layer1, self.layer2, self.layer3, self.layer4, self.avgpool)
            x = torch.flatten(x, start_dim=1)
            through(self.fc, self.dequant)
            return x
            """,
        ),
    ),
    "a dataclass of modules": (
        below(
            RESNET,
            """
            from dataclasses import dataclass


            @dataclass
            class Stem:
                network: nn.Module

                def __call__(self, x):
                    return self.network.relu(self.network.bn1(self.network.conv1(x)))
            """,
        ),
        inside(NETWORK, STEM, "Stem(self)(x)"),
    ),
    "a scripted helper": (
        below(RESNET, "@torch.jit.script\ndef flat(x):\n    return torch.flatten(x, 1)"),
        inside(NETWORK, POOLED, "flat(self.avgpool(x))"),
    ),
}

QUICK_FORWARD = {
    "dequant.forward, and a sum twice",
    "summands by name",
    "add_relu as a property",
    "Identity instead of None",
    "channels last from the beginning",
    "a scripted helper",
}
