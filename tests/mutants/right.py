"""Correct submissions that look different: no check may fail, and none may get a diagnosis.

Some are not as the handout tells (a ReLU in place, another mode while fusing), but right all the
same: they cost nothing.
"""

from tests.mutants.edits import (
    BLOCK,
    FUSE_BLOCK,
    FUSE_NETWORK,
    NETWORK,
    OBSERVER,
    RESNET,
    SCALE,
    Change,
    above,
    body,
    first,
    inside,
    text,
)
from tests.mutants.pieces import ROUND
from tests.mutants.right_forward import FORWARD_IDIOMS, QUICK_FORWARD
from tests.mutants.right_fuse import FUSE_IDIOMS, QUICK_FUSE
from tests.mutants.right_scale import QUICK_SCALE, SCALE_IDIOMS
from tests.mutants.right_settings import QUICK_SETTINGS, SETTINGS

RIGHT: dict[str, tuple[Change, ...]] = {
    "the solution": (),
    # what outsiders wrote, and what is like it
    "stages by index": (
        inside(
            NETWORK,
            "x = self.layer4(self.layer3(self.layer2(self.layer1(x))))",
            (
                "for stage in (self.layer1, self.layer2, self.layer3, self.layer4):\n"
                "            for i in range(len(stage)):\n"
                "                x = stage[i](x)"
            ),
        ),
    ),
    "stages unpacked": (
        inside(
            NETWORK,
            "x = self.layer4(self.layer3(self.layer2(self.layer1(x))))",
            (
                "for block in (*self.layer1, *self.layer2, *self.layer3, *self.layer4):\n"
                "            x = block(x)"
            ),
        ),
    ),
    "stages sliced": (
        inside(
            NETWORK,
            "x = self.layer4(self.layer3(self.layer2(self.layer1(x))))",
            (
                "for stage in (self.layer1, self.layer2, self.layer3, self.layer4):\n"
                "            x = stage[1:](stage[:1](x))"
            ),
        ),
    ),
    "children in a row": (
        inside(
            NETWORK,
            "x = self.layer4(self.layer3(self.layer2(self.layer1(x))))",
            (
                "for stage in (self.layer1, self.layer2, self.layer3, self.layer4):\n"
                "            for _, block in stage.named_children():\n"
                "                x = block(x)"
            ),
        ),
    ),
    "torchvision imported": (above(RESNET, "import torchvision\n"),),
    "torchvision's way to fuse": (
        above(RESNET, "from torchvision.models.quantization.utils import _fuse_modules\n"),
        body(
            FUSE_BLOCK,
            """
            lists = [["conv1", "bn1", "relu1"], ["conv2", "bn2", "relu2"], ["conv3", "bn3"]]
            _fuse_modules(self, lists, is_qat, inplace=True)
            if self.downsample:
                _fuse_modules(self.downsample, ["0", "1"], is_qat, inplace=True)
            """,
        ),
    ),
    "numpy": (
        above(OBSERVER, "import numpy as np\n"),
        inside(SCALE, ROUND, "int(np.rint(-np.log2(scale)))"),
    ),
    "numpy's number as result": (
        above(OBSERVER, "import numpy as np\n"),
        inside(SCALE, "return 2.0 ** -max(", "return np.float64(2.0) ** -max("),
    ),
    "nearest of all shifts": (
        inside(
            SCALE,
            ROUND,
            "min(range(-40, 1100), key=lambda s: abs(s + math.log2(scale)))",
        ),
    ),
    "clamp by sorting": (
        inside(
            SCALE,
            "max(0, min(shift, max_shift_amount))",
            "sorted((0, shift, max_shift_amount))[1]",
        ),
    ),
    "ldexp": (
        inside(
            SCALE,
            "return 2.0 ** -max(0, min(shift, max_shift_amount))",
            "return math.ldexp(1.0, -max(0, min(shift, max_shift_amount)))",
        ),
    ),
    "isfinite": (inside(SCALE, "math.isnan(scale) or scale <= 0.0", "not scale > 0"),),
    "everything in one expression": (
        body(
            SCALE,
            """
            if not 0 < scale < math.inf:
                scale = 1.0 if scale == math.inf else 5e-324
            return 2.0 ** -max(0, min(max_shift_amount, round(-math.log2(scale))))
            """,
        ),
    ),
    "block by a list of steps": (
        body(
            BLOCK,
            """
            out = x
            for name in ("conv1", "bn1", "relu1", "conv2", "bn2", "relu2", "conv3", "bn3"):
                out = getattr(self, name)(out)
            return self.add_relu(out, self.downsample(x) if self.downsample else x)
            """,
        ),
    ),
    "shortcut before the main path": (
        body(
            BLOCK,
            """
            identity = x
            if self.downsample is not None:
                identity = self.downsample(x)
            out = self.relu1(self.bn1(self.conv1(x)))
            out = self.relu2(self.bn2(self.conv2(out)))
            return self.add_relu(self.bn3(self.conv3(out)), identity)
            """,
        ),
    ),
    "forward of a subclass's helper": (
        body(BLOCK, "return self.add_relu(self._main(x), self._side(x))"),
        text(
            RESNET,
            "    def add_relu(self, out: Tensor, identity: Tensor) -> Tensor:",
            (
                "    def _main(self, x):\n"
                "        x = self.relu1(self.bn1(self.conv1(x)))\n"
                "        x = self.relu2(self.bn2(self.conv2(x)))\n"
                "        return self.bn3(self.conv3(x))\n\n"
                "    def _side(self, x):\n"
                "        return x if self.downsample is None else self.downsample(x)\n\n"
                "    def add_relu(self, out: Tensor, identity: Tensor) -> Tensor:"
            ),
        ),
    ),
    "mode asked and left alone": (
        first(BLOCK, "was = self.training\nassert self.training == was"),
    ),
    "checks of its own inputs": (
        first(NETWORK, "if x.dim() != 4 or x.shape[1] != 3:\n    raise ValueError(x.shape)"),
    ),
    "one list for the whole block": (
        body(
            FUSE_BLOCK,
            """
            fuse = tq.fuse_modules_qat if is_qat else tq.fuse_modules
            lists = [["conv1", "bn1", "relu1"], ["conv2", "bn2", "relu2"], ["conv3", "bn3"]]
            if self.downsample is not None:
                lists.append(["downsample.0", "downsample.1"])
            fuse(self, lists, inplace=True)
            """,
        ),
    ),
    "fused by what is found": (
        body(
            FUSE_BLOCK,
            """
            fuse = tq.fuse_modules_qat if is_qat else tq.fuse_modules
            for n in "123":
                names = [f"conv{n}", f"bn{n}"]
                if hasattr(self, f"relu{n}"):
                    names.append(f"relu{n}")
                fuse(self, names, inplace=True)
            if isinstance(self.downsample, nn.Sequential):
                fuse(self.downsample, ["0", "1"], inplace=True)
            """,
        ),
    ),
    "blocks by apply": (
        inside(
            FUSE_NETWORK,
            (
                "for block in self.modules():\n"
                "            if isinstance(block, QuantizableBottleneck):\n"
                "                block.fuse_model(is_qat)"
            ),
            (
                "self.apply(lambda m: m.fuse_model(is_qat)\n"
                "                   if isinstance(m, QuantizableBottleneck) else None)"
            ),
        ),
    ),
    "modes asserted": (
        first(FUSE_NETWORK, "assert self.training == is_qat"),
        first(FUSE_BLOCK, "assert self.training == is_qat"),
    ),
    "average by reshaping": (
        inside(
            NETWORK,
            "torch.flatten(self.avgpool(x), 1)",
            "self.avgpool(x).reshape(x.shape[0], -1)",
        ),
    ),
    "conditional import": (
        above(
            RESNET,
            "try:\n    import tensorboard\nexcept ImportError:\n    tensorboard = None\n",
        ),
    ),
}

RIGHT |= SCALE_IDIOMS | FORWARD_IDIOMS | FUSE_IDIOMS | SETTINGS
FULL_SIZE = (
    "the solution",
    "mean over rows, then over columns",
    "shortcut fused first",
    "ReLU in place",
    "x.view",
    "frexp",
)
# What is tried every time: a corpus of its own.
QUICK_RIGHT = QUICK_SCALE | QUICK_FORWARD | QUICK_FUSE | QUICK_SETTINGS | {
    "the solution", "tensor without dimensions", "frexp", "summands exchanged",
    "one ReLU under two names", "more threads", "modes set inside", "folded by hand",
    "helpers of its own", "given files imported", "forbidden words in comments",
    "Big5 without a cookie",
}  # fmt: skip
