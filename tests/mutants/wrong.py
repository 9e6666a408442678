"""Submissions with a fault, and exactly the checks that each has to fail.

A fault costs the points of its own claims: what is listed for one is what it breaks, and nothing
else. The order is that of the lab's parts.
"""

from dataclasses import dataclass, field

from autograder.results import Outcome
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
    inside,
    removed,
    text,
)


@dataclass(frozen=True)
class Wrong:
    """One faulty submission: its changes, and its checks by outcome, ``group.name`` each.

    ``says`` is a piece of the diagnosis of some of its checks. ``waits`` tells which check some
    of them wait for.
    """

    changes: tuple[Change, ...]
    fails: str = ""
    crashes: str = ""
    unwritten: str = ""
    hangs: str = ""
    says: dict[str, str] = field(default_factory=dict)
    waits: dict[str, str] = field(default_factory=dict)

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """Return the expected outcome of every check that isn't passed."""
        listed: tuple[tuple[Outcome, str], ...] = (
            ("failed", self.fails),
            ("crashed", self.crashes),
            ("not_implemented", self.unwritten),
            ("timed_out", self.hangs),
        )
        return {check: outcome for outcome, checks in listed for check in checks.split()}


STUB = "raise NotImplementedError('part 0 of the handout')"


def wrong(*changes: Change, **expected: object) -> Wrong:
    return Wrong(changes, **expected)  # type: ignore[arg-type]


# Part 3 comes first because its checks do.
RESULT = "return 2.0 ** -max(0, min(shift, max_shift_amount))"
ROUND = "round(-math.log2(scale))"

WRONG: dict[str, Wrong] = {
    # observer: the clamp
    "no clamp": wrong(inside(SCALE, RESULT, "return 2.0**-shift")),
    "only at least 0": wrong(inside(SCALE, RESULT, "return 2.0 ** -max(0, shift)")),
    "only at most the limit": wrong(
        inside(SCALE, RESULT, "return 2.0 ** -min(shift, max_shift_amount)")
    ),
    "limit one too small": wrong(
        inside(SCALE, RESULT, "return 2.0 ** -max(0, min(shift, max_shift_amount - 1))")
    ),
    "limit one too large": wrong(
        inside(SCALE, RESULT, "return 2.0 ** -max(0, min(shift, max_shift_amount + 1))")
    ),
    "at least 1": wrong(inside(SCALE, RESULT, "return 2.0 ** -max(1, min(shift, max_shift_amount))")),
    "limit always 8": wrong(inside(SCALE, RESULT, "return 2.0 ** -max(0, min(shift, 8))")),
    "limit never above 8": wrong(
        inside(SCALE, RESULT, "return 2.0 ** -max(0, min(shift, max_shift_amount, 8))")
    ),
    "limit 7 by default": wrong(text(OBSERVER, "max_shift_amount: int = 8", "max_shift_amount: int = 7")),
    "scale clamped at 2**-8": wrong(
        inside(SCALE, ROUND, "round(-math.log2(max(scale, 2.0**-8)))")
    ),
    "absolute logarithm": wrong(inside(SCALE, ROUND, "round(abs(math.log2(scale)))")),
    "clamp the wrong way round": wrong(
        inside(SCALE, RESULT, "return 2.0 ** -min(0, max(shift, max_shift_amount))")
    ),
    # observer: the exponent
    "quarter powers": wrong(inside(SCALE, ROUND, "round(-math.log2(scale) * 4) / 4")),
    "halves": wrong(inside(SCALE, ROUND, "round(-math.log2(scale) * 2) / 2")),
    "not rounded": wrong(inside(SCALE, ROUND, "-math.log2(scale)")),
    "the scale itself": wrong(body(SCALE, "return scale")),
    "one decimal": wrong(inside(SCALE, ROUND, "round(-math.log2(scale), 1)")),
    "floor": wrong(inside(SCALE, ROUND, "math.floor(-math.log2(scale))")),
    "floor of the logarithm": wrong(inside(SCALE, ROUND, "-math.floor(math.log2(scale))")),
    "ceil": wrong(inside(SCALE, ROUND, "math.ceil(-math.log2(scale))")),
    "int": wrong(inside(SCALE, ROUND, "int(-math.log2(scale))")),
    "bit length": wrong(inside(SCALE, ROUND, "-math.frexp(scale)[1]")),
    "nearest by difference": wrong(
        body(
            SCALE,
            """
            if not 0 < scale < math.inf:
                return 1.0
            powers = [2.0**-s for s in range(max_shift_amount + 1)]
            return min(powers, key=lambda power: abs(power - scale))
            """,
        )
    ),
    "sign turned": wrong(
        inside(SCALE, RESULT, "return 2.0 ** max(0, min(shift, max_shift_amount))")
    ),
    "logarithm without its sign": wrong(inside(SCALE, ROUND, "round(math.log2(scale))")),
    "natural logarithm": wrong(inside(SCALE, ROUND, "round(-math.log(scale))")),
    "logarithm to base 10": wrong(inside(SCALE, ROUND, "round(-math.log10(scale))")),
    "returns S": wrong(inside(SCALE, RESULT, "return max(0, min(shift, max_shift_amount))")),
    "constant": wrong(body(SCALE, "return 2.0**-8")),
    "another constant": wrong(body(SCALE, "return 0.25")),
    "integer division": wrong(
        inside(SCALE, RESULT, "return 1 // 2 ** max(0, min(shift, max_shift_amount))")
    ),
    "exponents of three": wrong(
        inside(SCALE, RESULT, "return 3.0 ** -max(0, min(shift, max_shift_amount))")
    ),
    # observer: what observers meet
    "no guard": wrong(
        body(
            SCALE,
            """
            shift = round(-math.log2(scale))
            return 2.0 ** -max(0, min(shift, max_shift_amount))
            """,
        )
    ),
    "raises for 0": wrong(
        inside(SCALE, "if math.isnan(scale) or scale <= 0.0", "if math.isnan(scale) or scale < 0")
    ),
    "raises for nan": wrong(inside(SCALE, "math.isnan(scale) or ", "")),
    "raises for inf": wrong(inside(SCALE, "math.isinf(scale)", "False")),
    "raises ValueError for negative": wrong(
        inside(SCALE, "if math.isnan", "if scale < 0:\n            raise ValueError('scale')\n        if math.isnan")
    ),
    "nan for nan": wrong(inside(SCALE, "if math.isnan", "if math.isnan(scale):\n            return scale\n        if math.isnan")),
    "0 for 0": wrong(inside(SCALE, "if math.isnan", "if scale == 0:\n            return 0.0\n        if math.isnan")),
    "negative for negative": wrong(
        inside(SCALE, "if math.isnan", "if scale < 0:\n            return -0.25\n        if math.isnan")
    ),
    "inf for inf": wrong(inside(SCALE, "if math.isnan", "if math.isinf(scale):\n            return scale\n        if math.isnan")),
    # observer: made for the examples, or for some of the calls
    "only the documented examples": wrong(
        body(
            SCALE,
            """
            known = {0.3: 0.25, 0.3625: 0.5, 0.0001: 2.0**-8}
            if scale == 0.0001 and max_shift_amount == 10:
                return 2.0**-10
            return known.get(scale, 2.0**-8)
            """,
        )
    ),
    "only the published inputs": wrong(
        body(
            SCALE,
            """
            published = (0.3, 0.3625, 0.02, 0.7, 0.003, 0.18, 0.09, 1e-6, 0.0001, 0.0005, 1.7, 3.1,
                         300.0, 0.0006, 0.01, 0.05)
            if scale not in published:
                return 0.25
            return 2.0 ** -max(0, min(round(-math.log2(scale)), max_shift_amount))
            """,
        )
    ),
    "only the first call": wrong(
        inside(SCALE, "if math.isnan", "self.calls = getattr(self, 'calls', 0) + 1\n        if self.calls > 1:\n            return 0.25\n        if math.isnan")
    ),
    "only for quint8": wrong(
        inside(SCALE, "if math.isnan", "if self.dtype != torch.quint8:\n            return scale\n        if math.isnan")
    ),
    "only for qint8": wrong(
        inside(SCALE, "if math.isnan", "if self.dtype == torch.quint8:\n            return scale\n        if math.isnan")
    ),
    # observer: no number
    "returns None": wrong(inside(SCALE, RESULT, "2.0 ** -max(0, min(shift, max_shift_amount))")),
    "returns text": wrong(inside(SCALE, RESULT, "return f'2**-{shift}'")),
    "returns a pair": wrong(inside(SCALE, "return 2.0", "return shift, 2.0")),
    "prints instead": wrong(inside(SCALE, "return 2.0", "print(2.0").__class__ and body(SCALE, "print(2.0 ** -max(0, min(round(-math.log2(scale)), max_shift_amount)))")),
    "misspelt name": wrong(inside(SCALE, "min(shift", "min(shfit")),
    "misspelt module": wrong(inside(SCALE, "math.log2", "maths.log2")),
    "endless loop at inf": wrong(
        inside(SCALE, "if math.isnan", "while scale > 1e308:\n            scale = scale / 1.0\n        if math.isnan")
    ),
    "endless recursion": wrong(body(SCALE, "return self.scale_approximate(scale, max_shift_amount)")),
    "leaves": wrong(body(SCALE, "raise SystemExit(0)")),
    "kills the process": wrong(body(SCALE, "import os\nos._exit(0)")),
    # observer: what was given
    "zero point 0": wrong(text(OBSERVER, "128 if self.dtype == torch.quint8 else 0", "0")),
    "zero point 127": wrong(text(OBSERVER, "zero_point = 128", "zero_point = 127")),
    "zero point 1 for weights": wrong(text(OBSERVER, "torch.quint8 else 0", "torch.quint8 else 2")),
    "asymmetric range": wrong(
        text(
            OBSERVER,
            "scale = float(self.scale_approximate(2 * largest / 255))\n        zero_point = 128 if self.dtype == torch.quint8 else 0",
            "scale = float(self.scale_approximate((self.max_val - self.min_val).item() / 255))\n        zero_point = round(-self.min_val.item() / scale)",
        )
    ),
    "range by the maximum": wrong(
        text(OBSERVER, "max(abs(self.min_val.item()), abs(self.max_val.item()))", "self.max_val.item()")
    ),
    "PyTorch's qparams": wrong(
        text(OBSERVER, "        largest = max", "        return super().calculate_qparams()\n        largest = max")
    ),
    "qparams as numbers": wrong(
        text(OBSERVER, "return torch.tensor([scale], device=device), torch.tensor([zero_point], device=device)", "return scale, zero_point")
    ),
    "scale approximated twice as fine": wrong(text(OBSERVER, "2 * largest / 255", "largest / 255")),
}
for _name in ("prints instead",):
    WRONG[_name] = wrong(body(SCALE, "print(2.0 ** -max(0, min(round(-math.log2(scale)), max_shift_amount)))"))

PATH1 = "out = self.relu1(self.bn1(self.conv1(x)))"
PATH2 = "out = self.relu2(self.bn2(self.conv2(out)))"
PATH3 = "out = self.bn3(self.conv3(out))"
IDENTITY = "identity = x if self.downsample is None else self.downsample(x)"
SUM = "return self.skip_add_relu.add_relu(out, identity)"
STEM = "x = self.relu(self.bn1(self.conv1(x)))"
STAGES = "x = self.layer4(self.layer3(self.layer2(self.layer1(x))))"
HEAD = "x = self.fc(torch.flatten(self.avgpool(x), 1))"

WRONG |= {
    # forward of a block
    "no relu1": wrong(inside(BLOCK, PATH1, "out = self.bn1(self.conv1(x))")),
    "no relu2": wrong(inside(BLOCK, PATH2, "out = self.bn2(self.conv2(out))")),
    "no bn1": wrong(inside(BLOCK, PATH1, "out = self.relu1(self.conv1(x))")),
    "no bn2": wrong(inside(BLOCK, PATH2, "out = self.relu2(self.conv2(out))")),
    "no bn3": wrong(inside(BLOCK, PATH3, "out = self.conv3(out)")),
    "ReLU behind bn3": wrong(inside(BLOCK, PATH3, "out = self.relu2(self.bn3(self.conv3(out)))")),
    "functional ReLU behind bn3": wrong(inside(BLOCK, PATH3, "out = torch.relu(self.bn3(self.conv3(out)))")),
    "ReLU before BatchNorm": wrong(inside(BLOCK, PATH1, "out = self.bn1(self.relu1(self.conv1(x)))")),
    "BatchNorm before convolution": wrong(inside(BLOCK, PATH2, "out = self.relu2(self.conv2(self.bn2(out)))")),
    "bn2 behind conv1": wrong(inside(BLOCK, PATH1, "out = self.relu1(self.bn2(self.conv1(x)))")),
    "input lost": wrong(inside(BLOCK, PATH2, "out = self.relu2(self.bn2(self.conv2(x)))")),
    "shortcut forgotten": wrong(inside(BLOCK, "return self.add_relu(out, identity)", "return torch.relu(out)")),
    "adds itself": wrong(inside(BLOCK, "self.add_relu(out, identity)", "self.add_relu(out, out)")),
    "shortcut without BatchNorm": wrong(inside(BLOCK, "else self.downsample(x)", "else self.downsample[0](x)")),
    "shortcut with a ReLU": wrong(inside(BLOCK, "else self.downsample(x)", "else torch.relu(self.downsample(x))")),
    "downsample ignored": wrong(inside(BLOCK, IDENTITY, "identity = x")),
    "downsample always": wrong(inside(BLOCK, IDENTITY, "identity = self.downsample(x)")),
    "downsample overwritten input": wrong(inside(BLOCK, IDENTITY, "identity = out if self.downsample is None else self.downsample(x)")),
    "only bottlenecks with a shortcut": wrong(
        inside(BLOCK, "out = self.relu1", "if self.downsample is None:\n            return x\n        out = self.relu1")
    ),
    "forward gives None": wrong(inside(BLOCK, "return self.add_relu", "self.add_relu")),
    # the addition
    "no ReLU behind the addition": wrong(inside(ADD, SUM, "return self.skip_add_relu.add(out, identity)")),
    "ReLU before the addition": wrong(inside(ADD, SUM, "return self.skip_add_relu.add(torch.relu(out), identity)")),
    "plain +": wrong(inside(ADD, SUM, "return torch.relu(out + identity)")),
    "plain + without ReLU": wrong(inside(ADD, SUM, "return out + identity")),
    "torch.add": wrong(inside(ADD, SUM, "return torch.relu(torch.add(out, identity))")),
    "in-place addition": wrong(inside(ADD, SUM, "out += identity\nreturn torch.relu(out)".replace("\n", "\n        "))),
    "FloatFunctional of its own": wrong(inside(ADD, SUM, "return FloatFunctional().add_relu(out, identity)")),
    "add, then ReLU": wrong(inside(ADD, SUM, "return torch.relu(self.skip_add_relu.add(out, identity))")),
    "add, then relu2": wrong(inside(ADD, SUM, "return self.relu2(self.skip_add_relu.add(out, identity))")),
    "adds twice": wrong(inside(ADD, SUM, "out = self.skip_add_relu.add_relu(out, identity)\n        return self.skip_add_relu.add_relu(out, identity)")),
    "multiplies": wrong(inside(ADD, SUM, "return torch.relu(self.skip_add_relu.mul(out, identity))")),
    "detached shortcut": wrong(inside(BLOCK, "self.add_relu(out, identity)", "self.add_relu(out, identity.detach())")),
    "detached main path": wrong(inside(BLOCK, PATH3, "out = self.bn3(self.conv3(out.detach()))")),
    "no_grad": wrong(text(RESNET, "    def forward(self, x: Tensor) -> Tensor:\n        \"\"\"Return the block's", "    @torch.no_grad()\n    def forward(self, x: Tensor) -> Tensor:\n        \"\"\"Return the block's")),
    "works on .data": wrong(inside(BLOCK, "self.add_relu(out, identity)", "self.add_relu(out, identity.data)")),
    # forward of the network
    "no quant": wrong(inside(NETWORK, "x = self.quant(x)\n", "")),
    "no dequant": wrong(inside(NETWORK, "return self.dequant(x)", "return x")),
    "neither quant nor dequant": wrong(
        inside(NETWORK, "x = self.quant(x)\n", ""), inside(NETWORK, "return self.dequant(x)", "return x")
    ),
    "quant behind the stem": wrong(inside(NETWORK, "x = self.quant(x)\n        " + STEM, STEM + "\n        x = self.quant(x)")),
    "quant behind conv1": wrong(
        inside(NETWORK, "x = self.quant(x)\n", ""), inside(NETWORK, "self.conv1(x)", "self.quant(self.conv1(x))")
    ),
    "dequant before fc": wrong(
        inside(NETWORK, HEAD, "x = self.fc(self.dequant(torch.flatten(self.avgpool(x), 1)))"), inside(NETWORK, "return self.dequant(x)", "return x")
    ),
    "dequant before avgpool": wrong(
        inside(NETWORK, "self.avgpool(x)", "self.avgpool(self.dequant(x))"), inside(NETWORK, "return self.dequant(x)", "return x")
    ),
    "stubs exchanged": wrong(
        inside(NETWORK, "self.quant(x)", "self.dequant_(x)"), inside(NETWORK, "self.dequant(x)", "self.quant(x)"), inside(NETWORK, "self.dequant_(x)", "self.dequant(x)")
    ),
    "no relu in the stem": wrong(inside(NETWORK, STEM, "x = self.bn1(self.conv1(x))")),
    "no bn1 in the stem": wrong(inside(NETWORK, STEM, "x = self.relu(self.conv1(x))")),
    "stem skipped": wrong(inside(NETWORK, STEM, "x = self.conv1(x)")),
    "no flatten": wrong(inside(NETWORK, HEAD, "x = self.fc(self.avgpool(x))")),
    "flatten everything": wrong(inside(NETWORK, HEAD, "x = self.fc(torch.flatten(self.avgpool(x)))")),
    "no avgpool": wrong(inside(NETWORK, HEAD, "x = self.fc(torch.flatten(x, 1))")),
    "largest instead of average": wrong(inside(NETWORK, "self.avgpool(x)", "torch.amax(x, (2, 3))")),
    "max pooling in the stem": wrong(inside(NETWORK, STEM, STEM + "\n        x = nn.functional.max_pool2d(x, 3, 2, 1)")),
    "layer3 skipped": wrong(inside(NETWORK, STAGES, "x = self.layer4(self.layer2(self.layer1(x)))")),
    "layer4 skipped": wrong(inside(NETWORK, STAGES, "x = self.layer3(self.layer2(self.layer1(x)))")),
    "layers exchanged": wrong(inside(NETWORK, STAGES, "x = self.layer4(self.layer2(self.layer3(self.layer1(x))))")),
    "layer1 twice": wrong(inside(NETWORK, STAGES, "x = self.layer4(self.layer3(self.layer2(self.layer1(self.layer1(x)))))")),
    "softmax": wrong(inside(NETWORK, "self.dequant(x)", "torch.softmax(self.dequant(x), 1)")),
    "softmax before dequant": wrong(inside(NETWORK, "self.dequant(x)", "self.dequant(torch.softmax(x, 1))")),
    "argmax": wrong(inside(NETWORK, "self.dequant(x)", "self.dequant(x).argmax(1)")),
    "dropout": wrong(inside(NETWORK, "torch.flatten(self.avgpool(x), 1)", "nn.functional.dropout(torch.flatten(self.avgpool(x), 1))")),
    "only the first image": wrong(inside(NETWORK, "self.quant(x)", "self.quant(x[:1])")),
    "network without gradients": wrong(inside(NETWORK, "self.dequant(x)", "self.dequant(x.detach())")),
    "network logits as a tuple": wrong(inside(NETWORK, "return self.dequant(x)", "return self.dequant(x), x")),
}

GROUPS = 'groups = [["conv1", "bn1", "relu1"], ["conv2", "bn2", "relu2"], ["conv3", "bn3"]]'
CHOICE = "fuse = tq.fuse_modules_qat if is_qat else tq.fuse_modules"
EACH = "block.fuse_model(is_qat)"
STEM_FUSED = 'fuse(self, ["conv1", "bn1", "relu"], inplace=True)'
LOOP = """for block in self.modules():
            if isinstance(block, QuantizableBottleneck):
                block.fuse_model(is_qat)"""

WRONG |= {
    # fusion
    "nothing fused": wrong(body(FUSE_NETWORK, "pass"), body(FUSE_BLOCK, "pass")),
    "network fuses nothing": wrong(body(FUSE_NETWORK, "pass")),
    "blocks fuse nothing": wrong(body(FUSE_BLOCK, "pass")),
    "stem not fused": wrong(inside(FUSE_NETWORK, STEM_FUSED, "pass")),
    "stem without ReLU": wrong(inside(FUSE_NETWORK, '["conv1", "bn1", "relu"]', '["conv1", "bn1"]')),
    "shortcut not fused": wrong(inside(FUSE_BLOCK, "if self.downsample is not None:", "if False:")),
    "conv3 not fused": wrong(inside(FUSE_BLOCK, ', ["conv3", "bn3"]]', "]")),
    "conv1 not fused": wrong(inside(FUSE_BLOCK, '[["conv1", "bn1", "relu1"], ', "[")),
    "ReLUs not fused": wrong(inside(FUSE_BLOCK, GROUPS, GROUPS.replace(', "relu1"', "").replace(', "relu2"', ""))),
    "relu2 not fused": wrong(inside(FUSE_BLOCK, ', "relu2"', "")),
    "only the first block": wrong(inside(FUSE_NETWORK, EACH, EACH + "\n                break")),
    "only layer1": wrong(inside(FUSE_NETWORK, "in self.modules()", "in self.layer1")),
    "only the first block of each stage": wrong(
        inside(FUSE_NETWORK, LOOP, "for stage in (self.layer1, self.layer2, self.layer3, self.layer4):\n            stage[0].fuse_model(is_qat)")
    ),
    "layer4 forgotten": wrong(
        inside(FUSE_NETWORK, LOOP, "for stage in (self.layer1, self.layer2, self.layer3):\n            for block in stage:\n                block.fuse_model(is_qat)")
    ),
    "blocks not fused": wrong(inside(FUSE_NETWORK, LOOP, "pass")),
    "BatchNorm dropped": wrong(
        inside(FUSE_BLOCK, "fuse(self, groups, inplace=True)", "self.bn1 = self.bn2 = self.bn3 = nn.Identity()")
    ),
    "bn3 dropped": wrong(
        inside(FUSE_BLOCK, ', ["conv3", "bn3"]]', "]\n        self.bn3 = nn.Identity()")
    ),
    "stem's BatchNorm dropped": wrong(inside(FUSE_NETWORK, STEM_FUSED, "self.bn1 = nn.Identity()")),
    "shortcut's BatchNorm dropped": wrong(inside(FUSE_BLOCK, 'fuse(self.downsample, ["0", "1"], inplace=True)', "self.downsample[1] = nn.Identity()")),
    "ReLU dropped": wrong(inside(FUSE_BLOCK, "fuse(self, groups, inplace=True)", "fuse(self, [group[:2] for group in groups], inplace=True)\n        self.relu1 = nn.Identity()")),
    "always fuse_modules": wrong(inside(FUSE_BLOCK, CHOICE, "fuse = tq.fuse_modules"), inside(FUSE_NETWORK, CHOICE, "fuse = tq.fuse_modules")),
    "always fuse_modules_qat": wrong(inside(FUSE_BLOCK, CHOICE, "fuse = tq.fuse_modules_qat"), inside(FUSE_NETWORK, CHOICE, "fuse = tq.fuse_modules_qat")),
    "blocks always fuse_modules": wrong(inside(FUSE_BLOCK, CHOICE, "fuse = tq.fuse_modules")),
    "blocks always fuse_modules_qat": wrong(inside(FUSE_BLOCK, CHOICE, "fuse = tq.fuse_modules_qat")),
    "stem always fuse_modules": wrong(inside(FUSE_NETWORK, CHOICE, "fuse = tq.fuse_modules")),
    "is_qat not passed on": wrong(inside(FUSE_NETWORK, EACH, "block.fuse_model()")),
    "is_qat inverted": wrong(inside(FUSE_BLOCK, CHOICE, "fuse = tq.fuse_modules if is_qat else tq.fuse_modules_qat"), inside(FUSE_NETWORK, CHOICE, "fuse = tq.fuse_modules if is_qat else tq.fuse_modules_qat")),
    "QAT fused in eval mode": wrong(
        inside(FUSE_NETWORK, CHOICE, "self.eval()\n        fuse = tq.fuse_modules"), inside(FUSE_BLOCK, CHOICE, "fuse = tq.fuse_modules")
    ),
    "QAT fused in eval mode, then trained": wrong(
        inside(FUSE_NETWORK, CHOICE, "self.eval()\n        fuse = tq.fuse_modules"), inside(FUSE_BLOCK, CHOICE, "fuse = tq.fuse_modules"),
        inside(FUSE_NETWORK, EACH, EACH + "\n        self.train(is_qat)"),
    ),
    "QAT not fused": wrong(inside(FUSE_NETWORK, CHOICE, "if is_qat:\n            return\n        " + CHOICE)),
    "PTQ not fused": wrong(inside(FUSE_NETWORK, CHOICE, "if not is_qat:\n            return\n        " + CHOICE)),
    "fused twice": wrong(inside(FUSE_NETWORK, EACH, EACH + "\n                block.fuse_model(is_qat)")),
    "conv1 in two lists": wrong(inside(FUSE_BLOCK, '["conv3", "bn3"]]', '["conv3", "bn3"], ["conv1", "bn1"]]')),
    "a copy is fused": wrong(inside(FUSE_BLOCK, "fuse(self, groups, inplace=True)", "self = fuse(self, groups)"), inside(FUSE_BLOCK, '["0", "1"], inplace=True', '["0", "1"]')),
    "a copy of the stem is fused": wrong(inside(FUSE_NETWORK, STEM_FUSED, 'fuse(self, ["conv1", "bn1", "relu"])')),
    "a copy of the shortcut is fused": wrong(inside(FUSE_BLOCK, '["0", "1"], inplace=True', '["0", "1"]')),
    "one ReLU shared": wrong(
        text(RESNET, "self.relu2 = nn.ReLU()", "self.relu2 = self.relu1"),
        inside(FUSE_BLOCK, '"bn2", "relu2"', '"bn2"'),
    ),
    "one ReLU shared, in two lists": wrong(text(RESNET, "self.relu2 = nn.ReLU()", "self.relu2 = self.relu1")),
    "relu1 serves twice, fused once": wrong(
        inside(BLOCK, "self.relu2(", "self.relu1("), inside(FUSE_BLOCK, '"bn2", "relu2"', '"bn2"')
    ),
    "ReLU fused behind conv3": wrong(inside(FUSE_BLOCK, '["conv3", "bn3"]]', '["conv3", "bn3", "relu2"]]'), inside(FUSE_BLOCK, '"bn2", "relu2"', '"bn2"')),
    "ReLU fused behind the shortcut": wrong(
        inside(FUSE_BLOCK, '["0", "1"], inplace=True)', '["0", "1"], inplace=True)\n            self.downsample.append(nn.ReLU())')
    ),
    "wrong name": wrong(inside(FUSE_BLOCK, '"relu1"', '"relu3"')),
    "wrong name in the stem": wrong(inside(FUSE_NETWORK, '"relu"', '"relu1"')),
    "shortcut taken for granted": wrong(inside(FUSE_BLOCK, "if self.downsample is not None:", "if True:")),
    "names of the shortcut": wrong(inside(FUSE_BLOCK, '["0", "1"]', '["conv", "bn"]')),
    "order of names": wrong(inside(FUSE_BLOCK, '["conv3", "bn3"]', '["bn3", "conv3"]')),
    "wrong pairs": wrong(inside(FUSE_BLOCK, GROUPS, GROUPS.replace('"bn1"', '"bn_"').replace('"bn2"', '"bn1"').replace('"bn_"', '"bn2"'))),
    "weights changed": wrong(inside(FUSE_NETWORK, CHOICE, CHOICE + "\n        self.fc.weight.data *= 2")),
    "prepares as well": wrong(inside(FUSE_NETWORK, EACH, EACH + "\n        self.qconfig = tq.default_qconfig\n        tq.prepare(self, inplace=True)")),
    "weights frozen": wrong(inside(FUSE_NETWORK, EACH, EACH + "\n        self.requires_grad_(False)")),
    "returns a fused copy": wrong(inside(FUSE_NETWORK, STEM_FUSED, "import copy\n        self = copy.deepcopy(self)\n        " + STEM_FUSED)),
    # stubs, one at a time
    "stub scale_approximate": wrong(body(SCALE, STUB)),
    "stub block forward": wrong(body(BLOCK, STUB)),
    "stub add_relu": wrong(body(ADD, STUB)),
    "stub block fuse_model": wrong(body(FUSE_BLOCK, STUB)),
    "stub network forward": wrong(body(NETWORK, STUB)),
    "stub network fuse_model": wrong(body(FUSE_NETWORK, STUB)),
    "only part 3": wrong(*(body(f, STUB) for f in (BLOCK, ADD, FUSE_BLOCK, NETWORK, FUSE_NETWORK))),
    "only part 2": wrong(*(body(f, STUB) for f in (SCALE, BLOCK, ADD, NETWORK))),
    "only part 1": wrong(*(body(f, STUB) for f in (SCALE, FUSE_BLOCK, FUSE_NETWORK))),
    # files
    "syntax error in resnet.py": wrong(inside(NETWORK, "x = self.quant(x)", "x = self.quant(x")),
    "syntax error in observer.py": wrong(inside(SCALE, "else:", "else")),
    "no resnet.py": wrong(removed(RESNET)),
    "no observer.py": wrong(removed(OBSERVER)),
    "missing module in resnet.py": wrong(above(RESNET, "import tensorflow\n")),
    "missing module in observer.py": wrong(below(OBSERVER, "from utils import helper")),
    "observer imports resnet with an error": wrong(below(OBSERVER, "from lab3 import resnet"), removed(RESNET)),
    "observer class renamed": wrong(text(OBSERVER, "CusQuantObserver", "MyObserver")),
    "network class renamed": wrong(text(RESNET, "QuantizableResNet", "ResNet")),
    "block class renamed": wrong(text(RESNET, "QuantizableBottleneck", "Bottleneck")),
    "scale_approximate renamed": wrong(text(OBSERVER, "def scale_approximate", "def approximate_scale")),
    "fuse_model renamed": wrong(text(RESNET, "def fuse_model", "def fuse")),
    "add_relu renamed": wrong(text(RESNET, "def add_relu", "def add")),
    "module renamed": wrong(text(RESNET, "skip_add_relu", "ff")),
    "error at import": wrong(above(RESNET, "raise RuntimeError('not today')\n")),
    "empty observer.py": wrong(),
    "exit at import": wrong(below(RESNET, "raise SystemExit(0)")),
}
