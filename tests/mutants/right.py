"""Correct submissions that look different: no check may fail, and none may get a diagnosis.

Some are not as the handout tells (a ReLU in place, another mode while fusing), but right all the
same: they cost nothing.
"""

import codecs

from tests.mutants.edits import (
    ADD,
    BLOCK,
    FUSE_BLOCK,
    FUSE_NETWORK,
    NETWORK,
    OBSERVER,
    RESNET,
    SCALE,
    Change,
    above,
    below,
    body,
    first,
    inside,
    last,
    recoded,
    text,
)
from tests.mutants.right_forward import FORWARD_IDIOMS, QUICK_FORWARD
from tests.mutants.right_fuse import FUSE_IDIOMS, QUICK_FUSE
from tests.mutants.right_scale import QUICK_SCALE, SCALE_IDIOMS
from tests.mutants.right_settings import QUICK_SETTINGS, SETTINGS

ROUND = "round(-math.log2(scale))"
RESULT = "return 2.0 ** -max(0, min(shift, max_shift_amount))"
GUARD = "if math.isnan(scale) or scale <= 0.0:"


RIGHT: dict[str, tuple[Change, ...]] = {
    "the solution": (),
    # scale_approximate
    "int for large scales": (
        inside(
            SCALE, RESULT, f"result = {RESULT[7:]}\n        return 1 if result == 1 else result"
        ),
    ),
    "one-element tensor": (inside(SCALE, RESULT, f"return torch.tensor([{RESULT[7:]}])"),),
    "tensor without dimensions": (inside(SCALE, RESULT, f"return torch.tensor({RESULT[7:]})"),),
    "NumPy's number": (
        below(OBSERVER, "import numpy as np"),
        inside(SCALE, RESULT, f"return np.float32({RESULT[7:]})"),
    ),
    "NumPy's array": (
        below(OBSERVER, "import numpy"),
        inside(SCALE, RESULT, f"return numpy.array({RESULT[7:]})"),
    ),
    "logarithm to any base": (inside(SCALE, ROUND, "round(-math.log(scale, 2))"),),
    "quotient of logarithms": (inside(SCALE, ROUND, "round(-math.log(scale) / math.log(2))"),),
    "np.log2": (
        below(OBSERVER, "import numpy as np"),
        inside(SCALE, ROUND, "int(np.round(-np.log2(scale)))"),
    ),
    "torch.log2": (
        inside(SCALE, ROUND, "int(torch.round(-torch.log2(torch.tensor(scale))).item())"),
        inside(SCALE, GUARD, "if math.isnan(scale) or scale <= 1e-30:"),
        inside(SCALE, "math.isinf(scale)", "scale > 1e30"),
    ),
    "all in torch": (
        body(
            SCALE,
            """
            exact = -torch.log2(torch.tensor(float(scale), dtype=torch.float64))
            shift = torch.nan_to_num(exact, nan=0.0).round().clamp(0, max_shift_amount)
            return torch.pow(2.0, -shift)
            """,
        ),
    ),
    "floor of x + 0.5": (inside(SCALE, ROUND, "math.floor(-math.log2(scale) + 0.5)"),),
    "int of x + 0.5": (inside(SCALE, ROUND, "int(-math.log2(scale) + 0.5)"),),
    "rounded without its sign": (inside(SCALE, ROUND, "-round(math.log2(scale))"),),
    "clamped before it is rounded": (
        body(
            SCALE,
            """
            if not scale > 0:
                return 2.0**-max_shift_amount
            if scale == float("inf"):
                return 1.0
            exact = min(max(-math.log2(scale), 0.0), float(max_shift_amount))
            return 2.0 ** -round(exact)
            """,
        ),
    ),
    "frexp": (
        body(
            SCALE,
            """
            if not 0 < scale < math.inf:
                return 1.0
            mantissa, exponent = math.frexp(scale)
            shift = -exponent + (mantissa < math.sqrt(0.5))
            return math.ldexp(1.0, -min(max(shift, 0), max_shift_amount))
            """,
        ),
    ),
    "shifted one": (
        inside(SCALE, "return 2.0 ** -max", "return 1 / (1 << max"),
        inside(SCALE, "max_shift_amount))", "max_shift_amount)))"),
    ),
    "search": (
        body(
            SCALE,
            """
            if scale != scale or scale <= 0:
                return 1.0
            candidates = range(max_shift_amount + 1)
            nearest = min(candidates, key=lambda s: abs(s + math.log2(min(scale, 1e300))))
            return 2.0**-nearest
            """,
        ),
    ),
    "guarded by try": (
        body(
            SCALE,
            """
            try:
                shift = round(-math.log2(scale))
            except (ValueError, OverflowError):
                shift = max_shift_amount
            return 2.0 ** -max(0, min(shift, max_shift_amount))
            """,
        ),
    ),
    "lru_cache": (
        below(OBSERVER, "import functools"),
        text(
            OBSERVER,
            "    def scale_approximate",
            "    @functools.lru_cache(maxsize=None)\n    def scale_approximate",
        ),
    ),
    "static method": (
        text(
            OBSERVER,
            "    def scale_approximate(self, ",
            "    @staticmethod\n    def scale_approximate(",
        ),
    ),
    "dataclass as helper": (
        below(
            OBSERVER,
            """
            from dataclasses import dataclass


            @dataclass(frozen=True)
            class Shift:
                amount: int

                @property
                def scale(self) -> float:
                    return 2.0**-self.amount
            """,
        ),
        inside(SCALE, RESULT, "return Shift(max(0, min(shift, max_shift_amount))).scale"),
    ),
    "match": (
        body(
            SCALE,
            """
            match scale:
                case float() | int() if 0 < scale < math.inf:
                    shift = round(-math.log2(scale))
                case _:
                    shift = 0
            return 2.0 ** -max(0, min(shift, max_shift_amount))
            """,
        ),
    ),
    "walrus": (
        body(
            SCALE,
            """
            if not (is_usable := 0 < scale < math.inf) and not is_usable:
                return 1.0
            return 2.0 ** -(s if 0 <= (s := round(-math.log2(scale))) <= max_shift_amount
                            else 0 if s < 0 else max_shift_amount)
            """,
        ),
    ),
    "Decimal": (
        below(OBSERVER, "from decimal import Decimal"),
        inside(SCALE, RESULT, f"return Decimal({RESULT[7:]})"),
    ),
    "Fraction": (
        below(OBSERVER, "from fractions import Fraction"),
        inside(SCALE, RESULT, "return Fraction(1, 2 ** max(0, min(shift, max_shift_amount)))"),
    ),
    "calculate_qparams without its stops": (
        text(
            OBSERVER,
            "largest = max(abs(self.min_val.item()), abs(self.max_val.item()))",
            "largest = torch.max(-self.min_val, self.max_val).item()",
        ),
    ),
    # forward
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
    # fuse_model
    "one call for each list": (
        inside(
            FUSE_BLOCK,
            "fuse(self, groups, inplace=True)",
            "for group in reversed(groups):\n            fuse(self, group, inplace=True)",
        ),
    ),
    "shortcut fused first": (
        body(
            FUSE_BLOCK,
            """
            fuse = tq.fuse_modules_qat if is_qat else tq.fuse_modules
            if self.downsample is not None:
                fuse(self.downsample, [["0", "1"]], inplace=True)
            fuse(self, ["conv3", "bn3"], inplace=True)
            fuse(self, [["conv2", "bn2", "relu2"]], inplace=True)
            fuse(self, ["conv1", "bn1", "relu1"], inplace=True)
            """,
        ),
    ),
    "shortcut by its whole name": (
        inside(
            FUSE_BLOCK,
            'fuse(self.downsample, ["0", "1"], inplace=True)',
            'fuse(self, ["downsample.0", "downsample.1"], inplace=True)',
        ),
    ),
    "branches of their own": (
        body(
            FUSE_BLOCK,
            """
            lists = [["conv1", "bn1", "relu1"], ["conv2", "bn2", "relu2"], ["conv3", "bn3"]]
            if self.downsample:
                lists += [["downsample.0", "downsample.1"]]
            if is_qat:
                tq.fuse_modules_qat(self, lists, inplace=True)
            else:
                tq.fuse_modules(self, lists, inplace=True)
            """,
        ),
    ),
    "old namespace": (
        below(RESNET, "import torch.quantization"),
        inside(FUSE_BLOCK, "else tq.fuse_modules", "else torch.quantization.fuse_modules"),
        inside(FUSE_NETWORK, "else tq.fuse_modules", "else torch.quantization.fuse_modules"),
    ),
    "is_qat by its name": (
        inside(FUSE_NETWORK, "fuse_model(is_qat)", "fuse_model(is_qat=is_qat)"),
    ),
    "blocks first": (
        body(
            FUSE_NETWORK,
            """
            for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
                for block in stage:
                    block.fuse_model(is_qat)
            fuse = tq.fuse_modules_qat if is_qat else tq.fuse_modules
            fuse(self, [["conv1", "bn1", "relu"]], inplace=True)
            """,
        ),
    ),
    "blocks by their type's name": (
        inside(
            FUSE_NETWORK,
            (
                "for block in self.modules():\n"
                "            if isinstance(block, QuantizableBottleneck):"
            ),
            (
                "for _, block in list(self.named_modules()):\n"
                "            if type(block).__name__ == 'QuantizableBottleneck':"
            ),
        ),
    ),
    "blocks by their function": (
        inside(
            FUSE_NETWORK,
            (
                "for block in self.modules():\n"
                "            if isinstance(block, QuantizableBottleneck):"
            ),
            (
                "for block in self.modules():\n"
                "            if block is not self and hasattr(block, 'fuse_model'):"
            ),
        ),
    ),
    "children of children": (
        inside(
            FUSE_NETWORK,
            (
                "for block in self.modules():\n"
                "            if isinstance(block, QuantizableBottleneck):"
            ),
            (
                "for block in (b for stage in self.children() for b in stage.children()):\n"
                "            if isinstance(block, QuantizableBottleneck):"
            ),
        ),
    ),
    "modes set inside": (first(FUSE_NETWORK, "self.train(is_qat)"),),
    "mode kept": (
        first(
            FUSE_NETWORK, "was_training = self.training\nself.train() if is_qat else self.eval()"
        ),
        last(FUSE_NETWORK, "self.train(was_training)"),
    ),
    "QAT fused with fuse_modules_qat in eval mode": (
        first(FUSE_NETWORK, "self.eval()"),
        last(FUSE_NETWORK, "self.train(is_qat)"),
    ),
    "result assigned": (
        inside(
            FUSE_BLOCK,
            'fuse(self.downsample, ["0", "1"], inplace=True)',
            'self.downsample = fuse(self.downsample, ["0", "1"])',
        ),
    ),
    "fuse_model returns self": (last(FUSE_NETWORK, "return self"),),
    "fused a second time without harm": (
        first(FUSE_NETWORK, "if not isinstance(self.bn1, nn.BatchNorm2d):\n    return"),
    ),
    "folded by hand": (
        body(
            FUSE_BLOCK,
            """
            groups = [["conv1", "bn1", "relu1"], ["conv2", "bn2", "relu2"], ["conv3", "bn3"]]
            if is_qat:
                tq.fuse_modules_qat(self, groups, inplace=True)
            else:
                for conv, bn, *relu in groups:
                    pair = getattr(self, conv), getattr(self, bn)
                    folded = nn.utils.fusion.fuse_conv_bn_eval(*pair)
                    if relu:
                        folded = torch.ao.nn.intrinsic.ConvReLU2d(folded, getattr(self, relu[0]))
                        setattr(self, relu[0], nn.Identity())
                    setattr(self, conv, folded)
                    setattr(self, bn, nn.Identity())
            if self.downsample is not None:
                fuse = tq.fuse_modules_qat if is_qat else tq.fuse_modules
                fuse(self.downsample, ["0", "1"], inplace=True)
            """,
        ),
    ),
    # what was left over or added
    "stubs left under the answers": (
        *(
            inside(
                function,
                last,
                last + "\n        raise NotImplementedError('part 0 of the handout')",
            )
            for function, last in (
                (SCALE, RESULT),
                (BLOCK, "return self.add_relu(out, identity)"),
                (ADD, "return self.skip_add_relu.add_relu(out, identity)"),
                (NETWORK, "return self.dequant(x)"),
            )
        ),
        last(FUSE_BLOCK, "return None\nraise NotImplementedError"),
        last(FUSE_NETWORK, "return\nraise NotImplementedError('part 0 of the handout')"),
    ),
    "no type hints": (
        text(
            OBSERVER,
            "(self, scale: float, max_shift_amount: int = 8) -> float:",
            "(self, scale, max_shift_amount=8):",
        ),
        text(RESNET, "(self, x: Tensor) -> Tensor:", "(self, x):"),
        text(RESNET, "(self, out: Tensor, identity: Tensor) -> Tensor:", "(self, out, identity):"),
        text(RESNET, "(self, is_qat: bool = False) -> None:", "(self, is_qat=False):"),
    ),
    "helpers of its own": (
        below(
            RESNET,
            """
            PAIRS = (("conv1", "bn1", "relu1"), ("conv2", "bn2", "relu2"), ("conv3", "bn3"))


            class Helper:
                fusers = {True: tq.fuse_modules_qat, False: tq.fuse_modules}


            def fuser(is_qat):
                return Helper.fusers[bool(is_qat)]
            """,
        ),
        inside(
            FUSE_BLOCK,
            "fuse = tq.fuse_modules_qat if is_qat else tq.fuse_modules",
            "fuse = fuser(is_qat)",
        ),
        inside(
            FUSE_BLOCK,
            'groups = [["conv1", "bn1", "relu1"], ["conv2", "bn2", "relu2"], ["conv3", "bn3"]]',
            "groups = [list(pair) for pair in PAIRS]",
        ),
    ),
    "a test of its own": (
        text(
            RESNET,
            "\n\nARCHITECTURES",
            "\n\nif __name__ == '__main__':\n    raise SystemExit('not imported')\n\nARCHITECTURES",
        ),
    ),
    "resnet imports observer": (below(RESNET, "from lab3.observer import CusQuantObserver"),),
    "given files imported": (
        below(OBSERVER, "from lab3.errors import LabError\nimport lab3.engines"),
    ),
    "imports inside": (first(SCALE, "import math, os, sys, time, random, json"),),
    "random numbers": (
        below(RESNET, "import random\n\nrandom.seed(1)\ntorch.manual_seed(42)"),
        first(NETWORK, "torch.manual_seed(random.randrange(9))"),
    ),
    # how the files are written
    "forbidden words in comments": (
        above(
            OBSERVER, "# import os, subprocess; eval('1'); exec; open('/etc/passwd'); __import__\n"
        ),
        above(
            RESNET, "# torch.load, pickle.loads, NotImplementedError, os.system, socket, pytest\n"
        ),
    ),
    "Windows lines": (
        recoded(RESNET, lambda source: source.replace(b"\n", b"\r\n")),
        recoded(OBSERVER, lambda source: source.replace(b"\n", b"\r\n")),
    ),
    "old Mac lines": (recoded(OBSERVER, lambda source: source.replace(b"\n", b"\r")),),
    "byte order mark": (
        recoded(RESNET, lambda source: codecs.BOM_UTF8 + source),
        recoded(OBSERVER, lambda source: codecs.BOM_UTF8 + source),
    ),
    "tabs": (
        recoded(RESNET, lambda source: source.replace(b"    ", b"\t")),
        recoded(OBSERVER, lambda source: source.replace(b"    ", b"\t")),
    ),
    "Chinese comments": (
        inside(SCALE, RESULT, f"# 四捨五入到最接近的整數\n        說明 = '右移'\n        {RESULT}"),
    ),
    "Big5": (
        above(OBSERVER, "# -*- coding: big5 -*-\n# 觀察器\n"),
        recoded(OBSERVER, lambda source: source.decode().encode("big5")),
    ),
    "Latin-1": (
        above(RESNET, "# -*- coding: latin-1 -*-\n# Größe\n"),
        recoded(RESNET, lambda source: source.decode().encode("latin-1")),
    ),
    "stray bytes in a comment": (
        recoded(OBSERVER, lambda source: b"# \xb5\xe6\xff\n" + source),
        recoded(RESNET, lambda source: source + b"\n# \x80\xfe"),
    ),
    "Big5 without a cookie": (
        recoded(OBSERVER, lambda source: "# 觀察器\n".encode("big5") + source),
    ),
    "form feeds and blank ends": (
        recoded(RESNET, lambda source: source.replace(b"\n\n\n", b"\n\x0c\n  \n") + b"\n\n   \n\n"),
    ),
    "no newline at the end": (recoded(OBSERVER, bytes.rstrip),),
    "from __future__": (above(RESNET, '"""Mine."""\nfrom __future__ import annotations\n'),),
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
FULL_SIZE = ("the solution", "shortcut fused first", "ReLU in place", "x.view", "frexp")
# What is tried every time: a corpus of its own.
QUICK_RIGHT = QUICK_SCALE | QUICK_FORWARD | QUICK_FUSE | QUICK_SETTINGS | {
    "the solution", "tensor without dimensions", "frexp", "Decimal", "summands exchanged",
    "one ReLU under two names", "x.flatten", "more threads", "modes set inside", "folded by hand",
    "helpers of its own", "given files imported", "forbidden words in comments",
    "Big5 without a cookie",
}  # fmt: skip
